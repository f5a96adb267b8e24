"""What the tests run in worker processes: functions of a module, so that a worker can find them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from assets.instance.limits import Limits
from assets.instance.workers import restart_clock
from assets.intake.workbooks.workbook import Workbook, WorkbookUnreadable, read_workbook


def outcome(content: bytes) -> str:
    """'read', or the reason why not; anything else than WorkbookUnreadable escapes."""
    try:
        read_workbook(content, "附件2.xlsx", Limits())
    except WorkbookUnreadable as unreadable:
        return unreadable.reason
    return "read"


def read(content: bytes) -> Workbook:
    return read_workbook(content, "附件2.xlsx", Limits())


def act(task: tuple[str, int]) -> int:
    """Do to the worker what the task's name says, or return its number."""
    name, number = task
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif name == "abort":
        os.abort()
    elif name == "exit":
        os._exit(3)
    elif name == "hang":
        while True:
            pass
    elif name == "hang in C":
        sum(range(10**15))
    elif name == "wait":
        time.sleep(600)
    elif name == "allocate":
        bytearray(1 << 40)
    elif name == "grow":
        kept = []
        while True:
            kept.append(bytes(1 << 20))
    elif name == "raise":
        raise ValueError(f"task {number}")
    elif name == "panic":
        raise BaseException("as pyo3 raises it")
    elif name == "sleep":
        time.sleep(number / 1000)
    return number


def be_killed_once(mark: Path) -> str:
    """Die the first time, as when somebody else kills the worker."""
    if mark.exists():
        return "survived"
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def be_killed_at_first(folder: Path, times: int) -> None:
    """Die in the first so many processes that get here."""
    number = len(list(folder.iterdir()))
    (folder / str(number)).touch()
    if number < times:
        os.kill(os.getpid(), signal.SIGKILL)


def work_in_parts(how: str) -> str:
    """Three parts of 0.3 s of work, each of which has 0.4 s of its own where the clock is restarted."""
    for _ in range(3):
        if how != "does not":
            restart_clock(0.4)
        until = time.process_time() + 0.3
        while time.process_time() < until or how.endswith("hangs"):
            pass
    return "done"


def process_id(_: int) -> int:
    return os.getpid()


def children(parent: int) -> list[int]:
    """The processes that a process has begun."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return sorted(found)


prepared: list[str] = []


def prepare(word: str) -> None:
    prepared.append(word)


def fail_to_prepare() -> None:
    raise RuntimeError("no settings")


def tell_prepared(_: int) -> list[str]:
    return prepared
