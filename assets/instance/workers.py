"""Worker processes: one warmed process that they are forked from, a pool for our own work, and crews that may die.

Files that strangers sent are worked on in processes that may die, so that the run does not. A crash, a hang or a
runaway allocation ends the worker, never the caller, and costs the task that caused it and no other. Why not pebble or
concurrent.futures: their workers share one queue, so which task a worker died of is pieced together from messages that
may come too late; pebble was seen to blame an innocent one while the parent was busy. Here each worker has a pipe of
its own and answers task by task: the first one unanswered is the guilty.

Belongs here: the workers, their memory and their limits. Does not: what the work is; the process in which Great
Expectations lives (expectations/validating.py, which knows nothing of an instance).
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import connection, forkserver, get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")

# Of glibc, mallopt(3). Without it the memory of every picture went back to the system and was asked for again: a fifth
# of a scan's time, and more where two processes do so at once.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": 64 << 20, "MALLOC_MMAP_THRESHOLD_": 32 << 20}  # bytes
AHEAD = 3  # tasks on their way a worker, so that memory stays flat however many there are
RARELY = (100_000, 20, 20)  # a report leaves some 20,000 objects behind that only the collector frees

_CLOCK_PER_PROCESSOR = 6  # seconds of the clock that a second of work may take
_SERVER_GONE = 0.25  # seconds in which the system clears a killed process away: until then it seems to run
_MEMORY_EXIT = 70
"""Exit code of a worker that met its memory limit; what is left of such a process is not to be trusted."""


_STILLBORN = 5
"""So many workers may be killed from outside (as the kernel does when memory is short) before they are ready."""

_is_worker = False


def warm(modules: Sequence[str]) -> None:
    """Let the process that workers are forked from import `modules`, on the other core, while this one goes on.

    There is one such process for all workers of a run: what it has not imported, every worker would.
    """
    for name, kept in KEPT_MEMORY.items():
        os.environ.setdefault(name, str(kept))
    get_context("forkserver").set_forkserver_preload(list(modules))
    forkserver.ensure_running()


def in_order(
    function: Callable[[T], R],
    tasks: Iterable[tuple[K, T]],
    modules: Sequence[str],
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[tuple[K, R]]:
    """Our own work on all cores: (key, task) in, (key, function(task)) out, in the order of `tasks`.

    `modules` are imported before workers are forked. Tasks are read no faster than results are taken. What `function`
    raises is raised here.
    """
    workers = os.cpu_count() or 1
    context = get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    with ProcessPoolExecutor(workers, context, _settled, (initializer, initargs)) as pool:
        waiting: deque[tuple[K, Future[R]]] = deque()
        for key, task in tasks:
            waiting.append((key, pool.submit(function, task)))
            if len(waiting) > AHEAD * workers:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def _settled(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    """Look for garbage seldom, and never among what was imported: it took a tenth of the time of a report."""
    gc.freeze()
    gc.set_threshold(*RARELY)
    if initializer:
        initializer(*initargs)


@dataclass(frozen=True, slots=True)
class Died:
    """What a task without a result has instead.

    `reason` is a code of expectations/reasons.yaml (crashed, timeout, memory), `detail` English, for logs.
    """

    reason: str
    detail: str


@dataclass(slots=True)
class _Job(Generic[T]):
    number: int
    task: T
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker(Generic[T]):
    process: Any  # of the forkserver context, which typeshed gives no common type
    pipe: connection.Connection
    ready: bool = False
    jobs: deque[_Job[T]] = field(default_factory=deque)  # sent and not yet answered


def run_isolated(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    batch: int,
    seconds_per_task: float,
    memory_bytes: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[tuple[T, R | Died]]:
    """Each task with function(task), in the order of `tasks`, read no faster than results are taken.

    `function` and `initializer` (run once in each worker) belong to modules; they, tasks and results can
    be pickled. Tasks are sent `batch` at a time. One that its worker dies of runs once more, alone, in
    another; when that dies too, or when `function` raises, its result is Died. A task may take
    `seconds_per_task` of processor time (six times that by the clock: a busy machine must not change what
    becomes of a file; see also restart_clock), and `memory_bytes` of address space on top of what a worker has when it
    is ready. Raises RuntimeError where a worker cannot be made ready, or is killed again and again before it is.
    """
    context = get_context("forkserver")  # fork would copy locks that other threads of this process hold
    context.set_forkserver_preload(["__main__", function.__module__])

    setup = {
        "seconds": seconds_per_task,
        "memory_bytes": memory_bytes,
        "initializer": initializer,
        "initargs": initargs,
    }

    def hired() -> _Worker[T]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, function), kwargs=setup, daemon=True)
        for left in reversed(range(_STILLBORN)):
            try:
                process.start()
                break
            except (EOFError, ConnectionError):  # the server that forks was killed at that moment; it comes anew
                if not left:
                    raise
                time.sleep(_SERVER_GONE)
        theirs.close()  # so that the worker's end is the only one, and its death is the end of the pipe
        return _Worker(process, ours)

    jobs = (_Job(number, task) for number, task in enumerate(tasks))
    again: deque[_Job[T]] = deque()
    begun: deque[_Job[T]] = deque()  # and not yet handed out, in order
    results: dict[int, R | Died] = {}
    crew: list[_Worker[T]] = []
    stillborn = 0
    try:
        while True:
            while begun and begun[0].number in results:
                job = begun.popleft()
                yield job.task, results.pop(job.number)
            idle = [worker for worker in crew if not worker.jobs]
            while again or len(begun) <= 2 * workers * batch:
                if not idle and len(crew) == workers:
                    break
                if again:
                    share = [again.popleft()]
                else:
                    share = list(islice(jobs, batch))
                    begun.extend(share)
                if not share:
                    break
                if not idle:
                    crew.append(hired())
                    idle.append(crew[-1])
                _send(idle.pop(), share)
            busy: dict[object, _Worker[T]] = {worker.pipe: worker for worker in crew if worker.jobs}
            if not busy:
                return
            for pipe in connection.wait([worker.pipe for worker in busy.values()]):
                worker = busy[pipe]
                try:
                    answer = worker.pipe.recv()
                except (EOFError, OSError) as end:
                    crew.remove(worker)
                    died = _cause_of_death(worker)
                    if not worker.ready:
                        stillborn += 1
                        if worker.process.exitcode != -signal.SIGKILL or stillborn > _STILLBORN:
                            told = f"no worker can be made ready: {died.detail}; see its traceback above"
                            raise RuntimeError(told) from end
                        again.extend(worker.jobs)
                        continue
                    job = worker.jobs.popleft()
                    job.deaths += 1
                    again.extend(worker.jobs)
                    if job.deaths == 1:
                        again.append(job)
                    else:
                        results[job.number] = died
                else:
                    if worker.ready:
                        results[worker.jobs.popleft().number] = answer
                    worker.ready = True
    finally:
        for worker in crew:
            worker.pipe.close()
            worker.process.kill()
            worker.process.join()


def _send(worker: _Worker[T], jobs: list[_Job[T]]) -> None:
    worker.jobs.extend(jobs)
    with contextlib.suppress(OSError):  # it has died, and will be found so
        worker.pipe.send([job.task for job in jobs])


def _cause_of_death(worker: _Worker[Any]) -> Died:
    worker.pipe.close()
    worker.process.join()
    code = worker.process.exitcode
    if code == _MEMORY_EXIT:
        return Died("memory", "the worker met its memory limit")
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return Died("timeout", "the worker met its time limit")
    return Died("crashed", f"the worker ended with {signal.Signals(-code).name if code < 0 else code}")


def _work(
    pipe: connection.Connection,
    function: Callable[[T], object],
    *,
    seconds: float,
    memory_bytes: int,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """The life of a worker: answer each task of each batch that comes through `pipe`, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    for alarm in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(alarm, signal.SIG_DFL)  # death; a handler would wait for library code to return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if initializer:
        initializer(*initargs)
    global _is_worker  # noqa: PLW0603 - a process becomes one once
    _is_worker = True
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        pipe.send(None)
        while True:
            for task in pipe.recv():
                _set_timers(seconds)
                try:
                    answer = function(task)
                except MemoryError:
                    raise
                except BaseException:  # a panic of Rust code is no Exception
                    answer = Died("crashed", traceback.format_exc())
                _set_timers(0)
                pipe.send(answer)
    except MemoryError:
        os._exit(_MEMORY_EXIT)
    except (EOFError, BrokenPipeError):
        return


def restart_clock(seconds: float) -> None:
    """Allow the task that this worker is at `seconds` more, whatever it has used; nothing in any other process.

    For a task that is made of many files, each of which has the same time, whichever others it came with.
    """
    if _is_worker:
        _set_timers(seconds)


def _set_timers(seconds: float) -> None:
    """Have the kernel end this process after so much work; 0 calls it off."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * _CLOCK_PER_PROCESSOR)
