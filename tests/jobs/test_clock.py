"""A run has one clock, whatever process asks for it and however often the run is taken up again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.instance import clock
from assets.instance.clock import AS_OF, clock_of

MOMENT = "2026-11-06T02:00:00+08:00"


@dg.op
def look(context: dg.OpExecutionContext) -> str:
    return clock_of(context.run, context.instance).isoformat()


@dg.op
def look_again_and_fail(context: dg.OpExecutionContext, seen: str) -> None:
    now = clock_of(context.run, context.instance).isoformat()
    raise dg.Failure("as if", metadata={"first": seen, "then": now})


@dg.job(executor_def=dg.in_process_executor)
def night() -> None:
    look_again_and_fail(look())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass between any two looks at the machine's clock."""
    first = clock.now()
    moments = iter([first + timedelta(hours=n) for n in range(20)])
    monkeypatch.setattr(clock, "now", lambda: next(moments))


def told(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> tuple[str, str]:
    failure = result.failure_data_for_node("look_again_and_fail")
    assert failure is not None
    assert failure.user_failure_data is not None
    seen = failure.user_failure_data.metadata
    return str(seen["first"].value), str(seen["then"].value)


def test_every_step_and_every_re_execution_has_the_clock_of_the_first(instance: dg.DagsterInstance) -> None:
    """The button pressed an hour later gave a report as of then, of mails that were collected before."""
    run = dg.execute_job(dg.reconstructable(job), instance=instance, raise_on_error=False)
    first, then = told(run)
    assert first == then
    again = dg.execute_job(
        dg.reconstructable(job),
        instance=instance,
        reexecution_options=dg.ReexecutionOptions.from_failure(run.run_id, instance),
        raise_on_error=False,
    )
    assert told(again) == (first, first)
    assert {instance.get_run_by_id(r).tags[AS_OF] for r in (run.run_id, again.run_id)} == {first}  # type: ignore[union-attr]


def test_the_tag_goes_before_any_start(instance: dg.DagsterInstance) -> None:
    run = night.execute_in_process(instance=instance, tags={AS_OF: MOMENT}, raise_on_error=False)
    assert told(run) == (MOMENT, MOMENT)


def test_a_tag_that_is_no_moment_is_told(instance: dg.DagsterInstance) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        night.execute_in_process(instance=instance, tags={AS_OF: "2026-11-06T02:00:00"})


def job() -> dg.JobDefinition:
    """The job, found again by another process or run."""
    return night
