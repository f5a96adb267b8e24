"""Date serials: the numbers that stand for dates in a workbook, and the number formats that say so.

Belongs here: what a stored number means in the workbook's own epoch. Does not: dates written as text.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date, datetime, time, timedelta
from typing import Literal

from assets.intake.workbooks.sheet import Cell

Moment = Literal["", "date", "elapsed"]
"""What a number format shows: no date, a date or time of day, or a length of time such as [h]:mm."""

_BUILT_IN: dict[str, Moment] = {
    str(number): "date" for span in ((14, 22), (27, 36), (45, 47), (50, 58)) for number in range(span[0], span[1] + 1)
}
_BUILT_IN["46"] = "elapsed"
_LITERAL = re.compile(r'"[^"]*"?|[\\_*].')
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]")
_BRACKETS = re.compile(r"\[[^\]]*\]?")
_DATE = re.compile(r"[ymdhs]|e(?![+-])|aaa")
_EPOCHS = {1900: date(1899, 12, 31), 1904: date(1904, 1, 1)}
_EPOCHS_AFTER_FEBRUARY = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}  # Excel counts a 29 February 1900
_DAY_MS = 86_400_000


def built_in_format(number: str) -> Moment:
    """What built-in number format `number` shows (ECMA-376, 18.8.30); 27-36 and 50-58 are Chinese dates."""
    return _BUILT_IN.get(number, "")


def format_shows(code: str) -> Moment:
    """What the number format `code` shows, by its section for positive numbers."""
    bare = _LITERAL.sub("", code.lower()).partition(";")[0]
    if _ELAPSED.search(bare):
        return "elapsed"
    bare = _BRACKETS.sub("", bare).replace("general", "")
    return "date" if _DATE.search(bare) else ""


def moment(serial: float, epoch: int, shows: Moment) -> Cell:
    """What `serial` stands for: a time below one day, a date where no time of day is left, else a datetime
    (to the millisecond), or a timedelta. The number itself where no such date exists: below zero, after 9999,
    the 29 February 1900 that only Excel knows.
    """
    try:
        if shows == "elapsed":
            return timedelta(days=serial)
        days, milliseconds = divmod(round(serial * _DAY_MS), _DAY_MS)
        of_day = timedelta(milliseconds=milliseconds)
        if serial < 0 or (epoch == 1900 and days == 60):
            return serial
        if days == 0:
            return (datetime.min + of_day).time()
        day = (_EPOCHS[epoch] if days < 60 else _EPOCHS_AFTER_FEBRUARY[epoch]) + timedelta(days)
        return datetime.combine(day, time()) + of_day if milliseconds else day
    except (OverflowError, ValueError):
        return serial


def iso_moment(text: str) -> Cell:
    """The date, time or datetime that `text` spells after ISO 8601, as cells of type d do; else the text.

    It stays text with a time zone too, which no workbook program writes or understands.
    """
    for kind in (date, time, datetime):
        with contextlib.suppress(ValueError):
            value = kind.fromisoformat(text)
            return value if getattr(value, "tzinfo", None) is None else text
    return text
