"""The outbox: mails as files that appear whole, where no server is configured.

Belongs here: writing, flushing and tidying. Does not: sending by a server (smtp.py).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assets.instance.durable import sync

AT_ONCE = 64  # mails that go into the outbox together: as many wait for the disk once
FLUSHING = 8  # threads that wait for the disk
UNFINISHED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail to be sent: its file's name in the outbox, its bytes and their digest."""

    file_name: str
    recipient: str
    content: bytes
    sha256: str


def put_in_outbox(outbox: Path, mails: Sequence[Outgoing]) -> list[str]:
    """Write mails into the outbox, each whole or not at all; the sha256 of what is there. One that is there is left.

    No file has its name before its bytes are on disk, and none is told before its name is: the folder is written once
    for all. Who takes mails out of the outbox must have them until the ledger says sent: one that is gone is written
    again.
    """
    outbox.mkdir(parents=True, exist_ok=True)
    there: dict[str, str] = {}
    written: dict[Path, Path] = {}
    try:
        for mail in mails:
            path = outbox / mail.file_name
            try:
                there[mail.file_name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except FileNotFoundError:
                temporary = outbox / f".{mail.file_name}.{os.getpid()}"
                written[temporary] = path
                temporary.write_bytes(mail.content)
        _flush(list(written))
        for temporary, path in written.items():
            temporary.replace(path)
    except BaseException:
        for temporary in written:
            temporary.unlink(missing_ok=True)
        raise
    if written:
        _flush([outbox])
    return [there.get(mail.file_name, mail.sha256) for mail in mails]


def _flush(paths: Sequence[Path]) -> None:
    """Wait until files or folders are on disk; many at once, which the disk takes together."""
    if len(paths) == 1:
        sync(paths[0])
    elif paths:
        with ThreadPoolExecutor(FLUSHING) as pool:
            list(pool.map(sync, paths))


def tidy_outbox(outbox: Path) -> None:
    """Remove what runs that were killed left half written, more than an hour ago."""
    for left in outbox.glob(".*.eml.*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - UNFINISHED_SECONDS:
                left.unlink()
