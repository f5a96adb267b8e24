"""A worker that dies costs the task that it died of, and no other."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from assets.instance.workers import Died, restart_clock, run_isolated
from tests.workbooks import tasks
from tests.workbooks.tasks import act, children

pytestmark = pytest.mark.slow

MIB = 1 << 20
DEADLY = {
    "kill": "crashed",
    "abort": "crashed",
    "exit": "crashed",
    "hang": "timeout",
    "hang in C": "timeout",
    "wait": "timeout",
    "allocate": "memory",
    "grow": "memory",
    "raise": "crashed",
    "panic": "crashed",
}


def run(jobs: Iterable[tuple[str, int]], **options: Any) -> Iterator[tuple[tuple[str, int], int | Died]]:
    settings = {"workers": 2, "batch": 4, "seconds_per_task": 20.0, "memory_bytes": 256 * MIB} | options
    return run_isolated(act, jobs, **settings)


@pytest.mark.parametrize(("deed", "reason"), DEADLY.items())
def test_the_task_that_its_worker_dies_of_is_told_and_the_others_have_their_results(deed: str, reason: str) -> None:
    jobs = [("work", 0), ("work", 1), (deed, 2), ("work", 3), ("work", 4), ("work", 5)]
    results = list(run(jobs, seconds_per_task=0.2 if reason == "timeout" else 20.0))
    assert [job for job, _ in results] == jobs
    died = results.pop(2)[1]
    assert isinstance(died, Died)
    assert died.reason == reason
    assert [result for _, result in results] == [0, 1, 3, 4, 5]


def test_a_single_task_is_isolated_too() -> None:
    [(_, died)] = run([("abort", 0)])
    assert died == Died("crashed", "the worker ended with SIGABRT")


def test_the_detail_of_an_exception_is_its_traceback() -> None:
    [(_, died)] = run([("raise", 7)])
    assert isinstance(died, Died)
    assert "ValueError: task 7" in died.detail


@pytest.mark.parametrize("busy", [False, True], ids=["idle parent", "busy parent"])
def test_among_many_deaths_every_innocent_task_has_its_result_in_order(busy: bool) -> None:
    """A parent whose threads fight for the interpreter is where pools with a shared queue blame the wrong task."""
    chance = random.Random(6)
    deeds = [*["work"] * 6, "sleep", "kill", "abort", "exit", "raise"]
    jobs = [(chance.choice(deeds), number) for number in range(60)]
    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            sum(range(1000))

    spinner = threading.Thread(target=spin)
    if busy:
        spinner.start()
    try:
        results = list(run(jobs))
    finally:
        done.set()
        if busy:
            spinner.join()
    assert [job for job, _ in results] == jobs
    for (deed, number), result in results:
        assert result == number if deed in ("work", "sleep") else isinstance(result, Died)


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    [(_, result)] = run_isolated(
        tasks.be_killed_once,
        [tmp_path / "mark"],
        workers=1,
        batch=1,
        seconds_per_task=20,
        memory_bytes=256 * MIB,
    )
    assert result == "survived"


@pytest.mark.parametrize(("killed", "survives"), [(1, True), (100, False)])
def test_a_worker_killed_while_it_is_made_ready_is_replaced_but_not_for_ever(
    tmp_path: Path, killed: int, survives: bool
) -> None:
    results = run_isolated(
        act,
        [("work", 0), ("work", 1)],
        workers=1,
        batch=1,
        seconds_per_task=20,
        memory_bytes=256 * MIB,
        initializer=tasks.be_killed_at_first,
        initargs=(tmp_path, killed),
    )
    if survives:
        assert [result for _, result in results] == [0, 1]
    else:
        with pytest.raises(RuntimeError, match="SIGKILL"):
            list(results)


def test_a_server_that_is_killed_while_it_makes_a_worker_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    start = ForkServerProcess.start
    tries: list[object] = []

    def interrupted(process: ForkServerProcess) -> None:
        tries.append(process)
        if len(tries) < 3:
            raise (BrokenPipeError if len(tries) == 1 else EOFError)
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", interrupted)
    assert [result for _, result in run([("work", 0)])] == [0]
    assert len(tries) == 3


def test_a_server_that_was_killed_between_two_workers_comes_anew() -> None:
    results = run([("work", 0), ("exit", 1), ("work", 2)], workers=1, batch=1)
    assert next(results) == (("work", 0), 0)
    server = forkserver._forkserver._forkserver_pid  # children of other tests have children, too
    assert server in children(os.getpid())
    os.kill(server, signal.SIGKILL)
    (_, died), (_, last) = results
    assert isinstance(died, Died)
    assert last == 2


def test_a_clock_that_is_restarted_times_each_part_of_a_task() -> None:
    settings = {"workers": 1, "batch": 1, "seconds_per_task": 0.4, "memory_bytes": 256 * MIB}
    jobs = ["restarts", "does not", "restarts, then hangs"]
    outcomes = [result for _, result in run_isolated(tasks.work_in_parts, jobs, **settings)]  # type: ignore[arg-type]
    assert outcomes[0] == "done"
    assert [outcome.reason for outcome in outcomes[1:] if isinstance(outcome, Died)] == ["timeout", "timeout"]


def test_outside_of_a_worker_there_is_no_clock() -> None:
    restart_clock(0.001)
    assert signal.getitimer(signal.ITIMER_PROF) == signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_tasks_are_read_no_faster_than_results_are_taken() -> None:
    taken = 0

    def source() -> Iterator[tuple[str, int]]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield "work", number

    results = run(source(), batch=5)
    assert [next(results)[1] for _ in range(10)] == [*range(10)]
    assert taken <= 10 + 2 * 2 * 5 + 5
    results.close()  # type: ignore[attr-defined]


def test_no_tasks_no_results() -> None:
    assert list(run([])) == []


def test_leaving_early_ends_the_workers() -> None:
    before = len(multiprocessing.active_children())
    results = run([("work", 0), ("hang", 1), ("work", 2)], batch=1)
    assert next(results) == (("work", 0), 0)
    assert len(multiprocessing.active_children()) == before + 2
    results.close()  # type: ignore[attr-defined]
    assert len(multiprocessing.active_children()) == before


def test_a_worker_that_waits_for_work_is_not_timed() -> None:
    results = run_isolated(
        tasks.process_id, range(2), workers=1, batch=1, seconds_per_task=0.05, memory_bytes=256 * MIB
    )
    first = next(results)[1]
    time.sleep(0.5)  # longer than a task may take
    assert [result for _, result in results] == [first]


def test_workers_are_prepared_before_their_first_task() -> None:
    results = run_isolated(
        tasks.tell_prepared,
        range(3),
        workers=2,
        batch=1,
        seconds_per_task=20,
        memory_bytes=256 * MIB,
        initializer=tasks.prepare,
        initargs=("settings",),
    )
    assert [result for _, result in results] == [["settings"]] * 3


def test_a_worker_that_cannot_be_prepared_stops_the_run() -> None:
    results = run_isolated(
        tasks.tell_prepared,
        range(3),
        workers=2,
        batch=1,
        seconds_per_task=20,
        memory_bytes=256 * MIB,
        initializer=tasks.fail_to_prepare,
    )
    with pytest.raises(RuntimeError, match="no worker can be made ready"):
        list(results)


def test_an_error_of_the_source_of_tasks_is_the_callers() -> None:
    def source() -> Iterator[tuple[str, int]]:
        yield "work", 0
        raise KeyError("register")

    with pytest.raises(KeyError, match="register"):
        list(run(source()))
