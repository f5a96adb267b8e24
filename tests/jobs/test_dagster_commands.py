"""Dagster's own commands on a home: several runs at once, a process a step, runs killed and taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.instance.clock import take_clock
from assets.instance.home import Home, find_home
from assets.instance.warehouse import open_warehouse
from pipelines.definitions import build_defs
from pipelines.launcher import is_alive, this_process
from reports.publishing.manifest import verify
from reports.publishing.versions import versions
from tests.feedback.made_month import ZONE
from tests.jobs.dagster_home import MONTHS, PERIOD, ROOT, begin, end, filled_home, wait_for

pytestmark = pytest.mark.usefixtures("undrawn")
UNDRAWN = "tests.jobs.undrawn_definitions"  # months at once and killed; what is drawn is a process a step's


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of three months with the mails of two units for the last."""
    return filled_home(tmp_path / "home", monkeypatch)


def execute(period: str, module: str = UNDRAWN) -> subprocess.Popen[str]:
    tags = json.dumps({"dagster/partition": period})
    return begin("dagster", "job", "execute", "-m", module, "-j", "month", "--tags", tags)


def summary(home: Home, period: str) -> dict[str, Any]:
    folder = home.published / period / "C"
    assert versions(folder) == ["v1"]
    assert verify(folder / "v1").is_as_published
    found: dict[str, Any] = json.loads((folder / "v1" / "summary.json").read_text(encoding="utf-8"))
    return found


def as_of(home: Home, period: str) -> datetime:
    """The clock of the report."""
    return datetime.fromisoformat(summary(home, period)["as_of"])


def missing(home: Home, period: str) -> int:
    """The units of which nothing came, as the report of the month says."""
    return int(summary(home, period)["units"]["missing"])


@pytest.mark.outside
def test_two_months_at_once_wait_for_each_other(home: Home) -> None:
    """One of them ended at once: another run held the warehouse."""
    both = [execute(period) for period in MONTHS[1:]]
    for process in both:
        end(process)
    assert (missing(home, MONTHS[1]), missing(home, PERIOD)) == (2, 0)


@pytest.mark.outside
def test_a_process_a_step_publishes_the_same(home: Home, tmp_path: Path) -> None:
    """A check beside a step of its own run found the warehouse held, and failed it."""
    end(execute(PERIOD, "tests.jobs.multiprocess"))
    assert missing(home, PERIOD) == 0
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        (run,) = instance.get_run_records()
        assert run.dagster_run.status == dg.DagsterRunStatus.SUCCESS
        clock = datetime.fromisoformat(run.dagster_run.tags["sixth/as_of"])
    assert as_of(home, PERIOD) == clock


def job() -> dg.JobDefinition:
    """The job of the home that SIXTH_HOME names, found again for a re-execution."""
    return build_defs(find_home(None)).resolve_job_def("month")


def test_a_failed_run_is_taken_up_where_it_failed_with_its_own_clock(home: Home) -> None:
    obstacle = home.published / PERIOD
    obstacle.write_text("a file where the folder belongs", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        options = {"instance": instance, "raise_on_error": False, "tags": {"dagster/partition": PERIOD}}
        failed = dg.execute_job(dg.reconstructable(job), **options)
        assert [e.step_key for e in failed.all_events if e.is_step_failure] == ["published_reports"]
        obstacle.unlink()
        again = dg.execute_job(
            dg.reconstructable(job),
            reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, instance),
            **options,
        )
        assert again.success
        steps = {e.step_key for e in again.all_events if e.is_step_success}
        assert steps == {
            "published_reports", "portal_snapshots", "unit_feedback", "sent_notices", "data_docs", "metrics",
        }  # fmt: skip
        first = instance.get_run_by_id(failed.run_id)
    assert first is not None
    assert as_of(home, PERIOD) == datetime.fromisoformat(first.tags["sixth/as_of"])


def test_a_run_whose_process_was_killed_is_known_to_have_ended() -> None:
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "from pipelines.launcher import *; print(this_process(), flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert sleeper.stdout is not None
    name = sleeper.stdout.readline().strip()
    assert is_alive(name)
    assert is_alive(this_process())
    sleeper.kill()
    sleeper.communicate()
    assert not is_alive(name)
    assert is_alive("another-host|" + name.partition("|")[2])


@contextmanager
def daemon() -> Iterator[None]:
    """Dagster's daemon, which takes runs out of the queue."""
    # Not to a pipe that nobody reads: its runs would wait for it once it is full.
    process = begin("dagster._daemon", "run", "-m", UNDRAWN, told=subprocess.DEVNULL)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def worker_of(instance: dg.DagsterInstance) -> tuple[str, int] | None:
    """The run that works on the warehouse now, and its process."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        begun = [e for e in instance.all_logs(run.run_id) if e.dagster_event and e.dagster_event.is_step_start]
        pids = {e.dagster_event.pid for e in begun if e.dagster_event and e.dagster_event.pid} if begun else set()
        if pids:
            return run.run_id, pids.pop()
    return None


@pytest.mark.outside
def test_a_backfill_of_three_months_goes_through_though_a_run_is_killed_while_it_holds_the_pool(home: Home) -> None:
    take_clock(
        home, datetime(2026, 9, 2, tzinfo=ZONE)
    )  # by its first run every month is on record, whichever is killed
    command = ["dagster", "job", "backfill", "-m", UNDRAWN, "-j", "month", "--noprompt"]
    end(begin(*command, "--partitions", ",".join(MONTHS)))
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance, daemon():
        killed, pid = wait_for(lambda: worker_of(instance))
        os.kill(pid, signal.SIGKILL)

        def ended() -> dict[str, str] | None:
            """How the run of every month ended, once all have."""
            found = {r.tags["dagster/partition"]: r.status.value for r in instance.get_runs()}
            return found if set(found.values()) <= {"SUCCESS", "FAILURE"} else None

        outcome = wait_for(ended)
        run = instance.get_run_by_id(killed)
    assert run is not None
    of_killed = run.tags["dagster/partition"]
    assert outcome == {month: "FAILURE" if month == of_killed else "SUCCESS" for month in MONTHS}
    end(execute(of_killed))  # of a backfill that has handed out all its runs Dagster tries none again
    for month in MONTHS:
        assert missing(home, month) == (0 if month == PERIOD else 2)
    with open_warehouse(home.warehouse) as warehouse:
        assert warehouse.value("select count(*) from core.settled") == len(MONTHS)
