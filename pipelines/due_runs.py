"""Which months a run is due for, asked of the home: deadline reports that are not there, units' own cut-offs passed.

Belongs here: plain functions of the home's folders, its register, the ledger and the clock, which a sensor asks every
minute. Does not: asking for the run (sensors.py), what a run publishes (reports/publishing/).

A report that is not there is asked for, not a moment that has come: so it comes minutes after the cut-off, whatever
calendar.yaml says of it, after an outage of any length, and again after a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assets.instance.clock import first_run, last_run
from assets.instance.closed_months import closed_months
from assets.instance.home import Home
from assets.instance.periods import Deadline, between
from assets.instance.register import Register, load_register
from assets.instance.settings import Settings, load_settings
from assets.ledger.decisions import all_decisions, in_force
from assets.ledger.opening import FILE, open_reader

AFTER_CUTOFF = timedelta(minutes=2)  # mails of the last moment have arrived by then
WINDOW = timedelta(days=31)
LastLook = Callable[[str], datetime | None]
"""The clock of the last run that succeeded for a period; None where there was none."""


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that is due for a period. `key`: the same run is asked for once, so that a failure is tried hourly."""

    period: str
    key: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions rest on: the home as it is now. Raises RegisterError, SettingsError."""

    home: Home
    register: Register
    settings: Settings
    deadline: Deadline


def asked(home: Home) -> Asked:
    """Read register and settings. Raises RegisterError, SettingsError."""
    register, settings = load_register(home.register), load_settings(home.register / "settings.yaml")
    return Asked(home, register, settings, settings.deadline(register))


def is_clock_behind(home: Home, now: datetime) -> bool:
    """Whether the machine's clock stands before the last run's, so that a run would be refused."""
    last = last_run(home)
    return last is not None and now < last


def without_deadline_report(of: Asked, now: datetime) -> list[str]:
    """The periods whose cut-off is past by `now` and that have no deadline report, the oldest first.

    Those that the home has to do with: the one whose window is open, those whose cut-off came after the home's first
    run, those of which anything is published. A home without any run has none: its first is the nightly's or a
    person's, once the register is filled in.
    """
    begun = first_run(of.home)
    if begun is None:
        return []
    closed, is_open = set(closed_months(of.home)), of.deadline.window_period(now)
    return [
        period
        for period in between(of.register.first_period, is_open)
        if period not in closed
        and (cutoff := of.deadline.cutoff(period)) <= now
        and (period == is_open or cutoff > begun or (of.home.published / period).is_dir())
    ]


def due_deadline_reports(of: Asked, now: datetime) -> list[DueRun]:
    """A run for every period that has no deadline report minutes after its cut-off, the oldest first.

    Where the report waits for the mailbox it is asked for every hour, and at once when it is to go out anyway.
    """
    due = []
    for period in without_deadline_report(of, now - AFTER_CUTOFF):
        anyway = ":anyway" if now >= of.deadline.publish_anyway(period) else ""
        due.append(DueRun(period, f"deadline:{period}:{_hour(now)}{anyway}"))
    return due


def due_own_cutoffs(of: Asked, now: datetime, last_look: LastLook) -> Iterator[DueRun]:
    """A run for every closed month in which a unit's own cut-off has passed since a run last looked at the month.

    No report waits for a unit that was given longer; but what it sent by then is to stand in a supplement in minutes.
    """
    if not of.settings.ledger_url and not (of.home.warehouse / FILE).is_file():
        return
    with open_reader(of.home.warehouse, of.settings.ledger_url) as ledger:
        standing = in_force(all_decisions(ledger), now)
    closed = set(closed_months(of.home))
    passed: dict[str, datetime] = {}
    for decision in standing:
        if decision.kind == "extend" and decision.until and now - WINDOW < decision.until <= now - AFTER_CUTOFF:
            passed[decision.period] = max(decision.until, passed.get(decision.period, decision.until))
    for period, until in sorted(passed.items()):
        looked = last_look(period)
        if period in closed and (looked is None or looked < until):
            yield DueRun(period, f"own:{period}:{until.astimezone(UTC):%Y-%m-%dT%H:%M}:{_hour(now)}")


def _hour(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%dT%H}"
