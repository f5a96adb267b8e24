"""What a disk that is full, or that may not be written, is said to be: in words, with what to do.

Belongs here: knowing such a fault by whatever library it came through. Does not: who is told (the command line, the
log of a run).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)
# What SQLite says itself; DuckDB, and all else, say what the operating system says.
SQLITE_FULL = "database or disk is full"
SQLITE_FAILED = "disk I/O error"  # where a file beside the database cannot grow, and where a disk is broken
LEAST_FREE = 1 << 20  # bytes: a disk with fewer is full
SQLITE_READ_ONLY = ("readonly database", "unable to open database file")


def disk_fault(error: BaseException, root: Path) -> str:
    """What is wrong with the disk of a home and what to do, where an error has come of that; else ""."""
    for one in _chain(error):
        said, number = str(one), one.errno if isinstance(one, OSError) else None
        where = _place(one, root)
        is_full = number in NO_ROOM or SQLITE_FULL in said or says(said, NO_ROOM)
        if is_full or (SQLITE_FAILED in said and shutil.disk_usage(root).free < LEAST_FREE):
            return (
                f"no room is left on the disk of {where}: make some (`sixth prune` lists what can go), "
                "then run it again; it goes on where it was"
            )
        of_libraries = number is None and (any(words in said for words in SQLITE_READ_ONLY) or says(said, NO_RIGHT))
        if of_libraries or (number in NO_RIGHT and Path(where).is_relative_to(root) and _is_named(one)):
            why = os.strerror(number) if number else said.strip().splitlines()[0]
            return (
                f"{where} cannot be written ({why}): mount its disk for writing, or let it belong to the account that "
                f"runs Sixth (now user id {os.getuid()}), then run it again; it goes on where it was"
            )
    return ""


def says(text: str, numbers: tuple[int, ...]) -> bool:
    """Whether a text has what the operating system says of one of some errors."""
    return any(os.strerror(number) in text for number in numbers)


def _is_named(error: BaseException) -> bool:
    """Whether an error says of which file it is: without, it may be of anything, such as a semaphore of the system."""
    return bool(getattr(error, "filename", None))


def _place(error: BaseException, root: Path) -> str:
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    return str(named) if isinstance(named, str | os.PathLike) else str(root)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of, the first cause last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
