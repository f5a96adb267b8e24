"""The clock: now, the moment at which a run takes place, the last run's, behind which none goes back, and the first's.

commands.md, `--as-of`; outputs.md, published/; system.md, The register (months on record). Belongs here: reading and
fixing the moment, booking it beside the ledger, with the first run's and the months that runs were asked for, refusing
an earlier one. Does not: what depends on it (cut-offs: periods.py, the record: assets/month/settle.py), what a run does
by it.

A run has one clock. `--as-of` sets it, as the tag `sixth/as_of`; of a run without the tag it is the moment at which it
first had the home open, and the tag is set then: a tick of the schedule may have waited for another run. Every later
step, whatever process it runs in, and every re-execution read it: a report must not say 02:45 of mails that were
collected at 02:44, and no mail may enter between two steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.instance.durable import write_durably
from assets.instance.home import Home
from assets.instance.periods import parse_time

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

AS_OF = "sixth/as_of"


class ClockBehind(Exception):
    """A run was asked to take place before the last one; the message says what to do instead."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Booked:
    """What is booked of a home's runs: the clock of the last one, of the first that was booked, and the months that
    runs were asked for by name, in order.
    """

    as_of: datetime | None = None
    first: datetime | None = None
    asked: tuple[str, ...] = ()


def now() -> datetime:
    """The machine's clock, aware."""
    return datetime.now().astimezone()


def clock_of(run: DagsterRun, instance: DagsterInstance) -> datetime:
    """The clock of a run, which it keeps from here on: its own, else that of the run it re-executes, else now.

    ValueError where the tag `sixth/as_of` is no moment with its offset.
    """
    if AS_OF in run.tags:
        return parse_time(run.tags[AS_OF])
    first = run.root_run_id or run.run_id
    stored = instance.get_run_by_id(first)
    clock = parse_time(stored.tags[AS_OF]) if stored and AS_OF in stored.tags else now()
    for run_id in {first, run.run_id}:
        if instance.has_run(run_id):
            instance.add_run_tags(run_id, {AS_OF: clock.isoformat()})
    return clock


def last_run(home: Home) -> datetime | None:
    """The clock of the home's last run; None where there was none yet."""
    return booked(home).as_of


def first_run(home: Home) -> datetime | None:
    """The clock of the home's first run that was booked; None where there was none yet."""
    return booked(home).first


def booked(home: Home) -> Booked:
    """What is booked of the home's runs."""
    try:
        told = json.loads(_file(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Booked()
    last, first = parse_time(told["as_of"]), parse_time(told.get("first", told["as_of"]))
    return Booked(last, first, tuple(told.get("asked", ())))


def take_clock(home: Home, as_of: datetime, period: str = "") -> None:
    """Let a run begin at `as_of`, and book that it did; `period`: the month that it is asked for, where it is for one.

    Raises ClockBehind where the last one was later.
    """
    so_far = booked(home)
    before = so_far.as_of
    if before is not None and as_of < before:
        raise ClockBehind(
            f"--as-of {as_of.isoformat(timespec='seconds')} lies before {before.isoformat(timespec='seconds')}, "
            "the clock of this home's last run; with --replay a run shows the figures of that time, publishing nothing"
        )
    asked = sorted({*so_far.asked, period} - {""})
    if as_of == before and asked == [*so_far.asked]:
        return
    first = so_far.first or as_of
    told = {"first": first.isoformat(), "as_of": as_of.isoformat(), **({"asked": asked} if asked else {})}
    file = _file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, json.dumps(told) + "\n")


def _file(home: Home) -> Path:
    return home.warehouse / "last_run.json"
