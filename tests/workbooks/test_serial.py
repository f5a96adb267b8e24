"""Which numbers are dates, and which dates they are."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, to_excel

from assets.intake.workbooks.serial import iso_moment, moment
from assets.intake.workbooks.sheet import Cell

EPOCHS = {1900: CALENDAR_WINDOWS_1900, 1904: CALENDAR_MAC_1904}


@pytest.mark.parametrize(
    ("serial", "epoch", "value"),
    [
        (0.0, 1900, time(0)),
        (0.604166667, 1900, time(14, 30)),
        (1.0, 1900, date(1900, 1, 1)),
        (59.0, 1900, date(1900, 2, 28)),
        (60.0, 1900, 60.0),
        (60.5, 1900, 60.5),
        (61.0, 1900, date(1900, 3, 1)),
        (46303.0, 1900, date(2026, 10, 8)),
        (46303.604166667, 1900, datetime(2026, 10, 8, 14, 30)),
        (46302.9999999999, 1900, date(2026, 10, 8)),
        (0.9999999999999, 1900, date(1900, 1, 1)),
        (1.0, 1904, date(1904, 1, 2)),
        (60.0, 1904, date(1904, 3, 1)),
        (2958465.0, 1900, date(9999, 12, 31)),
        (2958466.0, 1900, 2958466.0),
        (20261008.0, 1900, 20261008.0),
        (13800138000.0, 1900, 13800138000.0),
        (1e300, 1900, 1e300),
        (-1.0, 1900, -1.0),
    ],
)
def test_a_serial_is_a_date_or_stays_a_number(serial: float, epoch: int, value: Cell) -> None:
    assert moment(serial, epoch, "date") == value


@pytest.mark.parametrize(
    ("serial", "value"), [(1.25, timedelta(hours=30)), (-0.5, timedelta(hours=-12)), (13800138000.0, 13800138000.0)]
)
def test_a_length_of_time_is_one(serial: float, value: Cell) -> None:
    assert moment(serial, 1900, "elapsed") == value


@given(st.datetimes(datetime(1904, 1, 2), datetime(9999, 12, 31)), st.sampled_from([1900, 1904]))
def test_every_moment_comes_back_to_the_millisecond(when: datetime, epoch: int) -> None:
    when = when.replace(microsecond=when.microsecond // 1000 * 1000)
    found = moment(to_excel(when, EPOCHS[epoch]), epoch, "date")
    assert found == (when.date() if when.time() == time(0) else when)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1900, 1904]),
    st.sampled_from(["date", "elapsed"]),
)
def test_no_number_fails(serial: float, epoch: int, shows: str) -> None:
    value = moment(serial, epoch, shows)  # type: ignore[arg-type]
    assert isinstance(value, date | time | timedelta) or value == serial


@given(st.text(max_size=20))
def test_no_text_fails_as_a_date(text: str) -> None:
    value = iso_moment(text)
    assert isinstance(value, date | time) or value == text
