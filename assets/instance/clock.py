"""The clock of a home's runs, which goes forward only: nothing older is published after something younger.

commands.md, `--as-of`; outputs.md, published/. Belongs here: the moment of the last run, kept beside the ledger, and
refusing an earlier one. Does not: what a run does by its clock.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.periods import parse_time


class ClockBehind(Exception):
    """A run was asked to take place before the last one; the message says what to do instead."""

    exit_status = 2


def last_run(home: Home) -> datetime | None:
    """The clock of the home's last run; None where there was none yet."""
    try:
        return parse_time(json.loads(_file(home).read_text(encoding="utf-8"))["as_of"])
    except FileNotFoundError:
        return None


def take_clock(home: Home, as_of: datetime) -> None:
    """Let a run begin at `as_of`, and book that it did. Raises ClockBehind where the last one was later."""
    before = last_run(home)
    if before is not None and as_of < before:
        raise ClockBehind(
            f"--as-of {as_of.isoformat(timespec='seconds')} lies before {before.isoformat(timespec='seconds')}, "
            "the clock of this home's last run; with --replay a run shows the figures of that time, publishing nothing"
        )
    if as_of == before:
        return
    file = _file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as written:
        written.write(json.dumps({"as_of": as_of.isoformat()}) + "\n")
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(file)


def _file(home: Home) -> Path:
    return home.warehouse / "last_run.json"
