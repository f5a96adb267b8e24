"""Examples put into the month at hand: a clerk who copies one must not copy a month that is long over.

Belongs here: moving the months that a text names. Does not: the texts (expectations/messages.yaml, glossary.yaml),
whose examples all stand in one month.
"""

from __future__ import annotations

import re
from calendar import monthrange
from functools import lru_cache

EXAMPLES_OF = "2026-10"  # the month in which the texts give their examples
_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_ISO = re.compile(r"(?<![\d-])(20\d\d)-(0[1-9]|1[0-2])(?:-(\d\d))?(?![\d])(?!-\d)")
_CHINESE = re.compile(r"(?<!\d)(\d{1,2})( ?)月(?:( ?)(\d{1,2})( ?)日)?")
_ENGLISH = re.compile(rf"(?:(\d{{1,2}}) )?\b({'|'.join(_NAMES)})\b")


@lru_cache(maxsize=1024)
def in_month(text: str, period: str) -> str:
    """The text with every month that it names moved as far as `period` lies from EXAMPLES_OF."""
    by = _number(period) - _number(EXAMPLES_OF)
    if not by:
        return text
    year = int(EXAMPLES_OF[:4])

    def iso(found: re.Match[str]) -> str:
        at = int(found[1]) * 12 + int(found[2]) - 1 + by
        return f"{at // 12}-{at % 12 + 1:02d}" + (f"-{_day(found[3], at):02d}" if found[3] else "")

    def chinese(found: re.Match[str]) -> str:
        at = year * 12 + int(found[1]) - 1 + by
        day = f"{found[3]}{_day(found[4], at)}{found[5]}日" if found[4] else ""
        return f"{at % 12 + 1}{found[2]}月{day}"

    def english(found: re.Match[str]) -> str:
        at = year * 12 + _NAMES.index(found[2]) + by
        return (f"{_day(found[1], at)} " if found[1] else "") + _NAMES[at % 12]

    return _ENGLISH.sub(english, _CHINESE.sub(chinese, _ISO.sub(iso, text)))


def _number(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:]) - 1


def _day(said: str, month: int) -> int:
    """The day in that month, or its last where it is shorter."""
    return min(int(said), monthrange(month // 12, month % 12 + 1)[1])
