"""Months reported on: their bounds, their window, their cut-off. Times are aware; dates are local.

A period is text, `2026-10`. Its window is the calendar month after it (system.md, Mail).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def is_period(text: str) -> bool:
    """Whether text is a month as `2026-10`."""
    return PERIOD.fullmatch(text) is not None


def first_day(period: str) -> date:
    """The first day of the period."""
    return date(int(period[:4]), int(period[5:]), 1)


def last_day(period: str) -> date:
    """The last day of the period."""
    start = first_day(period)
    return start.replace(day=monthrange(start.year, start.month)[1])


def following(period: str) -> str:
    """The period after this one."""
    return f"{last_day(period) + timedelta(days=1):%Y-%m}"


def preceding(period: str) -> str:
    """The period before this one."""
    return f"{first_day(period) - timedelta(days=1):%Y-%m}"


def between(first: str, last: str) -> Iterator[str]:
    """The periods from first to last, both included; none where last lies before first."""
    while first <= last:
        yield first
        first = following(first)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When returns are due: the day and local time in the month after the period (settings).

    `exceptions` are the cut-offs that differ, by period: a local date, or a moment (register, calendar.yaml).
    """

    timezone: str = "Asia/Shanghai"
    day: int = 6
    at: time = time(0, 0)
    exceptions: Mapping[str, date | datetime] = field(default_factory=dict, hash=False)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of cut-offs, months and report times."""
        return ZoneInfo(self.timezone)

    def cutoff(self, period: str) -> datetime:
        """The moment from which a mail is late: received exactly then is late."""
        due = self.exceptions.get(period, first_day(following(period)).replace(day=self.day))
        if isinstance(due, datetime):
            return due.replace(tzinfo=self.zone) if due.tzinfo is None else due.astimezone(self.zone)
        return datetime.combine(due, self.at, self.zone)

    def window_period(self, received_at: datetime) -> str:
        """The period whose window a moment lies in."""
        return preceding(f"{received_at.astimezone(self.zone):%Y-%m}")

    def is_over(self, period: str, moment: datetime) -> bool:
        """Whether the period had ended by that moment, local time."""
        return moment.astimezone(self.zone).date() > last_day(period)
