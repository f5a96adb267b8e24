"""Months, windows and cut-offs (system.md, Words and Mail)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from assets.instance import periods
from assets.instance.periods import Deadline

months = st.builds(lambda y, m: f"{y}-{m:02d}", st.integers(2000, 2099), st.integers(1, 12))


@given(months)
def test_following_and_preceding_undo_each_other(period: str) -> None:
    assert periods.preceding(periods.following(period)) == period
    assert periods.last_day(period) + timedelta(days=1) == periods.first_day(periods.following(period))


@given(months)
def test_the_window_of_a_period_is_the_month_after_it_in_local_time(period: str) -> None:
    deadline = Deadline()
    cutoff = deadline.cutoff(period)
    assert deadline.window_period(cutoff) == period
    first = datetime.combine(periods.first_day(periods.following(period)), cutoff.timetz())
    assert deadline.window_period(first) == period
    assert deadline.window_period(first - timedelta(seconds=1)) == periods.preceding(period)


def test_a_month_is_over_at_local_midnight() -> None:
    deadline = Deadline()
    assert not deadline.is_over("2026-10", datetime(2026, 10, 31, 15, 59, tzinfo=UTC))
    assert deadline.is_over("2026-10", datetime(2026, 10, 31, 16, 0, tzinfo=UTC))


def test_a_report_waits_for_the_mailbox_until_the_first_such_time_from_the_cutoff_on() -> None:
    deadline = Deadline(exceptions={"2026-11": datetime(2026, 12, 9, 18), "2026-12": datetime(2027, 1, 6, 6)})
    waits = {period: f"{deadline.publish_anyway(period):%d %H:%M}" for period in ("2026-10", "2026-11", "2026-12")}
    assert waits == {"2026-10": "06 06:00", "2026-11": "10 06:00", "2026-12": "06 06:00"}
