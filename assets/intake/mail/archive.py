"""The archive: every mail byte for byte, named by its sha256, never changed and never deleted.

Belongs here: writing and reading those files. Does not: where a mail was seen (sightings.py, sources.py).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from assets.instance import durable

INCOMING = ".incoming"
UNFINISHED_SECONDS = 24 * 3600
_counter = itertools.count()


class ArchiveError(Exception):
    """An archived mail is not what its name says."""


def path_of(sha256: str, archive: Path) -> Path:
    """Where a mail lies in the archive: `<first two digits>/<sha256>.eml`."""
    return archive / sha256[:2] / f"{sha256}.eml"


def store(raw: bytes, archive: Path) -> str:
    """Archives a mail durably and gives its sha256; again, or in two processes at once, is harmless."""
    sha256 = write(raw, archive)
    sync([sha256], archive)
    return sha256


def write(raw: bytes, archive: Path) -> str:
    """Archives a mail, but durably only after `sync` of its directory; gives its sha256.

    A mail has its name only once its bytes are on disk, so that a killed run leaves no half of one.
    """
    sha256 = hashlib.sha256(raw).hexdigest()
    path = path_of(sha256, archive)
    with suppress(FileNotFoundError):
        if path.stat().st_size == len(raw):
            return sha256
    incoming = archive / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(exist_ok=True)
    temporary = incoming / f"{sha256}.{os.getpid()}.{next(_counter)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
    try:
        remaining = memoryview(raw)
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
        os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    temporary.replace(path)
    return sha256


def sync(sha256s: Iterable[str], archive: Path) -> None:
    """Makes the names of archived mails survive a power failure."""
    folders = {path_of(sha256, archive).parent for sha256 in sha256s}
    for folder in folders | {archive} if folders else folders:
        durable.sync(folder)


def archived(archive: Path) -> Iterator[tuple[str, datetime]]:
    """Every mail of the archive, by name, with the time (aware) at which it was written."""
    for path in sorted(archive.glob("??/*.eml")):
        yield path.stem, datetime.fromtimestamp(path.stat().st_mtime, UTC)


def tidy(archive: Path) -> None:
    """Removes what runs that were killed left unfinished, more than a day ago."""
    for left in (archive / INCOMING).glob("*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - UNFINISHED_SECONDS:
                left.unlink()


def load(sha256: str, archive: Path) -> bytes:
    """An archived mail. Raises FileNotFoundError, or ArchiveError where the bytes do not match the name."""
    raw = path_of(sha256, archive).read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ArchiveError(f"archived mail {sha256} is damaged")
    return raw
