"""Months reported on, and spans of them: their bounds, their window, their cut-off. Times are aware; dates are local.

A period is text, `2026-10`. Its window is the calendar month after it (system.md, Mail). A span is a half-year,
`2026H2`, or a year, `2026` (reports.md); its bounds and its cut-off are those of its first and last months.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
SPAN = re.compile(r"(\d{4})(H[12])?")
_SPAN_MONTHS = {"H1": range(1, 7), "H2": range(7, 13), "": range(1, 13)}


def is_period(text: str) -> bool:
    """Whether text is a month as `2026-10`."""
    return PERIOD.fullmatch(text) is not None


def is_span(text: str) -> bool:
    """Whether text is a half-year as `2026H2`, or a year as `2026`."""
    return SPAN.fullmatch(text) is not None


def months_of(period: str) -> tuple[str, ...]:
    """The months of a span in order; of a month itself."""
    if is_period(period):
        return (period,)
    return tuple(f"{period[:4]}-{month:02d}" for month in _SPAN_MONTHS[period[4:]])


def first_day(period: str) -> date:
    """The first day of the period or span."""
    month = months_of(period)[0]
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(period: str) -> date:
    """The last day of the period or span."""
    start = first_day(months_of(period)[-1])
    return start.replace(day=monthrange(start.year, start.month)[1])


def following(period: str) -> str:
    """The period after this one."""
    return f"{last_day(period) + timedelta(days=1):%Y-%m}"


def preceding(period: str) -> str:
    """The period before this one; of a span the span before it."""
    end = first_day(period) - timedelta(days=1)
    if is_period(period):
        return f"{end:%Y-%m}"
    return f"{end:%Y}H{1 + end.month // 7}" if "H" in period else f"{end:%Y}"


def year_before(period: str) -> str:
    """The same period or span of the year before."""
    return f"{int(period[:4]) - 1}{period[4:]}"


def between(first: str, last: str) -> Iterator[str]:
    """The periods from first to last, both included; none where last lies before first."""
    while first <= last:
        yield first
        first = following(first)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When returns are due: the day and local time in the month after the period (settings).

    `exceptions` are the cut-offs that differ, by period: a local date, or a moment (register, calendar.yaml).
    `anyway` is the local time up to which the deadline report waits for a mailbox that cannot be reached.
    """

    timezone: str = "Asia/Shanghai"
    day: int = 6
    at: time = time(0, 0)
    exceptions: Mapping[str, date | datetime] = field(default_factory=dict, hash=False)
    anyway: time = field(default=time(6, 0), repr=False)  # no figure rests on it

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of cut-offs, months and report times."""
        return ZoneInfo(self.timezone)

    def cutoff(self, period: str) -> datetime:
        """The moment from which a mail is late: received exactly then is late. Of a span, that of its last month."""
        month = months_of(period)[-1]
        due = self.exceptions.get(month, first_day(following(month)).replace(day=self.day))
        if isinstance(due, datetime):
            return due.replace(tzinfo=self.zone) if due.tzinfo is None else due.astimezone(self.zone)
        return datetime.combine(due, self.at, self.zone)

    def publish_anyway(self, period: str) -> datetime:
        """When the deadline report is made without the mailbox: at the first such time from the cut-off on."""
        cutoff = self.cutoff(period)
        same_day = datetime.combine(cutoff.date(), self.anyway, self.zone)
        next_day = datetime.combine(cutoff.date() + timedelta(days=1), self.anyway, self.zone)
        return same_day if same_day >= cutoff else next_day

    def put_off(self, period: str, until: datetime | None) -> Deadline:
        """The same with another cut-off of one period, such as a unit's own; itself where there is none."""
        return replace(self, exceptions={**self.exceptions, period: until}) if until else self

    def window_period(self, received_at: datetime) -> str:
        """The period whose window a moment lies in."""
        return preceding(f"{received_at.astimezone(self.zone):%Y-%m}")

    def is_over(self, period: str, moment: datetime) -> bool:
        """Whether the period had ended by that moment, local time."""
        return moment.astimezone(self.zone).date() > last_day(period)


def parse_time(text: str) -> datetime:
    """An ISO 8601 moment with its offset. Raises ValueError where it has none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-11-06T00:30:00+08:00")
    return moment
