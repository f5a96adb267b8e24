"""Partitions: a period a partition, which exists from the moment the month is over."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from assets.instance.clock import now


def monthly(first_period: str, timezone: str, clock: datetime | None = None) -> dg.MonthlyPartitionsDefinition:
    """Months from the first on record to the last that is over, `2026-10`.

    With the built-in end_offset 0 the latest partition is the month whose window is open, for schedules and the web
    pages alike (findings/dagster.md, A3). `clock`, the --as-of of a run, may be ahead of the machine's: then the
    months up to it exist as well.
    """
    zone = ZoneInfo(timezone)
    today = now().astimezone(zone)
    ahead = 0
    if clock is not None:
        local = clock.astimezone(zone)
        ahead = max(0, (local.year - today.year) * 12 + local.month - today.month)
    return dg.MonthlyPartitionsDefinition(start_date=first_period, fmt="%Y-%m", timezone=timezone, end_offset=ahead)
