"""Which notices a moment is for: reminders so many days before a cut-off, overdue notices after it.

Belongs here: the clock alone, so that it can be asked where nothing else is. Does not: who is to be told (due.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from assets.instance.periods import Deadline
from assets.instance.settings import NoticeSettings

OVERDUE_DAYS_AT_LEAST = 7


def slot_of(
    deadline: Deadline,
    period: str,
    as_of: datetime,
    settings: NoticeSettings,
    *,
    asked: bool = False,
    begun: datetime | None = None,
) -> str | None:
    """Which notices the moment is for: `3` or `1` (a reminder, so many days before), `overdue`, or None
    (then, too, when the period is not over).

    A day that was missed is made up for until the next one, and overdue notices as long as the window is open; after
    an outage over its end also later, for `receipt_days` after the cut-off, where the home had `begun` to run by then.
    When a person has `asked` for it, the time before the first reminder is `early`, and all time after the cut-off is
    for overdue notices.
    """
    cutoff, today = deadline.cutoff(period), as_of.astimezone(deadline.zone).date()
    if not deadline.is_over(period, as_of):
        return None
    if as_of < cutoff:
        reached = [days for days in settings.reminder_days if today >= cutoff.date() - timedelta(days=days)]
        if reached:
            return str(min(reached))
        return "early" if asked else None
    since = cutoff.date() + timedelta(days=settings.overdue_days)
    is_open = deadline.window_period(as_of) == period or today <= since + timedelta(days=OVERDUE_DAYS_AT_LEAST)
    if begun is not None and begun < cutoff:
        is_open = is_open or as_of <= cutoff + timedelta(days=settings.receipt_days)
    return "overdue" if asked or (today >= since and is_open) else None
