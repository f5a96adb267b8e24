"""Which units the report marks as under key supervision, to the day (003, article 9)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.periods import last_day
from assets.instance.register import FOREVER, Register, Unit
from assets.month.references import _is_supervised

UNIT = Unit("U", "单位", "C", "unit", "county", frozenset(), (), "2020-01", FOREVER, 2)


def register(starts: tuple[date, ...] = (), penalties: tuple[date, ...] = ()) -> Register:
    return Register((UNIT,), (), "2020-01", frozenset(), {}, {"U": penalties}, {"U": starts}, "test")


@pytest.mark.parametrize(
    ("period", "start", "marked"),
    [
        ("2026-10", date(2025, 10, 31), False),  # a year to the day
        ("2026-10", date(2025, 11, 1), True),
        ("2026-10", date(2026, 10, 31), True),
        ("2026-10", date(2026, 11, 1), False),  # has not begun
        ("2025-02", date(2024, 2, 29), False),  # the year of a leap day ends on the 28th
        ("2025-02", date(2024, 3, 1), True),
        ("2028-02", date(2027, 2, 28), False),
    ],
)
def test_a_service_is_new_for_a_year_to_the_day(period: str, start: date, marked: bool) -> None:
    assert _is_supervised(register(starts=(start,)), UNIT, period) is marked


@pytest.mark.parametrize(
    ("penalty", "marked"), [(date(2021, 1, 1), True), (date(2026, 10, 31), True), (date(2026, 11, 1), False)]
)
def test_a_penalty_marks_from_its_month_on(penalty: date, marked: bool) -> None:
    assert _is_supervised(register(penalties=(penalty,)), UNIT, "2026-10") is marked


@given(st.dates(date(2020, 1, 1), date(2029, 1, 1)), st.integers(2020, 2030), st.integers(1, 12))
def test_new_is_within_365_or_366_days(start: date, year: int, month: int) -> None:
    period = f"{year}-{month:02d}"
    days = last_day(period) - start
    marked = _is_supervised(register(starts=(start,)), UNIT, period)
    if days < timedelta(0) or days > timedelta(366):
        assert not marked
    elif days < timedelta(365):
        assert marked
