"""What is known of a mail that is not in it: where it was seen, when a server had it, when it was first seen.

One line of JSON a sighting, in `archive/receipts.jsonl`, only ever appended to: with the archive it restores the index
of sightings (seen.py) exactly. Belongs here: writing and reading those lines. Does not: what they mean (seen.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FILE = "receipts.jsonl"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mail at a place (`key` within `source`); `instead_of` the place that it has moved from. Times are aware."""

    source: str
    key: str
    sha256: str
    received_at: datetime | None = None
    seen_at: datetime | None = None
    instead_of: str = ""


def append(archive: Path, receipts: Iterable[Receipt]) -> None:
    """Write receipts durably. A line that a kill cuts short is begun anew, on a line of its own."""
    lines = b"".join(
        json.dumps(
            {name: told for name in Receipt.__slots__ if (told := _as_text(getattr(receipt, name)))}, ensure_ascii=False
        ).encode()
        + b"\n"
        for receipt in receipts
    )
    if not lines:
        return
    archive.mkdir(parents=True, exist_ok=True)
    with (archive / FILE).open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def read(archive: Path) -> Iterator[Receipt]:
    """The receipts in the order in which they were written; a line that a kill cut short is none."""
    try:
        raw = (archive / FILE).read_bytes()
    except FileNotFoundError:
        return
    for line in raw.splitlines():
        try:
            told = json.loads(line)
            yield Receipt(
                told["source"],
                told["key"],
                told["sha256"],
                _as_time(told.get("received_at")),
                _as_time(told.get("seen_at")),
                told.get("instead_of", ""),
            )
        except (ValueError, KeyError, TypeError):
            continue


def _as_text(told: str | datetime | None) -> str:
    return told.isoformat() if isinstance(told, datetime) else told or ""


def _as_time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
