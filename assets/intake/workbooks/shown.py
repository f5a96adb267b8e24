"""Number formats: the characters that a spreadsheet shows for a number or a date (ECMA-376 part 1, 18.8.30, 18.8.31).

22443 in the format #,##0 is shown as 22,443, and whoever typed two ports sees them there. The column decides whether
that matters (assets/intake/values.py); here is only what is shown. Belongs here: format codes, in the words of a
Chinese Excel. Does not: which numbers are dates (serial.py), what a cell means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from math import isfinite
from typing import NamedTuple, SupportsIndex, TypeVar

LONGEST_FORMAT = 255  # characters; Excel takes no longer ones
GENERAL = "General"
BUILT_IN: dict[str, str] = {
    "0": GENERAL, "1": "0", "2": "0.00", "3": "#,##0", "4": "#,##0.00",
    "5": "¥#,##0;¥-#,##0", "6": "¥#,##0;¥-#,##0", "7": "¥#,##0.00;¥-#,##0.00", "8": "¥#,##0.00;¥-#,##0.00",
    "9": "0%", "10": "0.00%", "11": "0.00E+00",
    "14": "yyyy/m/d", "15": "d-mmm-yy", "16": "d-mmm", "17": "mmm-yy", "18": "h:mm AM/PM", "19": "h:mm:ss AM/PM",
    "20": "h:mm", "21": "h:mm:ss", "22": "yyyy/m/d h:mm", "37": "#,##0 ;(#,##0)", "38": "#,##0 ;(#,##0)",
    "39": "#,##0.00;(#,##0.00)", "40": "#,##0.00;(#,##0.00)", "45": "mm:ss", "48": "##0.0E+0", "49": "@",
    **dict.fromkeys(("27", "36", "50", "52", "57"), 'yyyy"年"m"月"'),
    **dict.fromkeys(("28", "29", "51", "53", "54", "58"), 'm"月"d"日"'),
    "30": "m-d-yy", "31": 'yyyy"年"m"月"d"日"', "32": 'h"时"mm"分"', "33": 'h"时"mm"分"ss"秒"',
    **dict.fromkeys(("34", "55"), '上午/下午h"时"mm"分"'),
    **dict.fromkeys(("35", "56"), '上午/下午h"时"mm"分"ss"秒"'),
}  # fmt: skip
"""The built-in formats by number, as a Chinese Excel shows them; fractions (12, 13) and [h]:mm:ss (46) are not here."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General|G/通用格式)|(?P<noon>AM/PM|A/P|上午/下午)"
    r"|(?P<moment>y+|m+|d+|h+|s+|e+(?![+-])|a{3,4}|(?<=s)\.0+)"
    r"|(?P<power>E[+-])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)")
_WHOLE = frozenset({GENERAL, "@", "G/通用格式"})
_CURRENCY = re.compile(r"\$([^-]*)")
_BEYOND = re.compile(r"dbnum|(?:h+|m+|s+)$", re.IGNORECASE)  # numbers in words, lengths of time
_LONG_DATE, _LONG_TIME = "$-f800", "$-f400"  # the system's own, whatever follows
_MONTHS = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_ZH = "一二三四五六日"
_COMPARED = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b,
}  # fmt: skip


class ShownNumber(float):
    """A number that remembers the format its cell shows it in."""

    __slots__ = ("format",)
    format: str

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way out of a worker process."""
        return with_format, (float(self), self.format)


class ShownDate(date):
    """A date that remembers the format its cell shows it in."""

    __slots__ = ("format",)
    format: str

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way out of a worker process."""
        return with_format, (date(self.year, self.month, self.day), self.format)


class ShownMoment(datetime):
    """A date and time that remembers the format its cell shows it in."""

    __slots__ = ("format",)
    format: str

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        """Survive the way out of a worker process."""
        return with_format, (datetime.combine(self.date(), self.time()), self.format)


Shown = ShownNumber | ShownDate | ShownMoment


T = TypeVar("T")


def with_format(value: T, code: str) -> T | Shown:
    """The value of a cell with the format `code` remembered, where that may show something else than the value.

    Other values than numbers, dates and datetimes come back as they are, and so do numbers that are shown whole.
    """
    made: Shown
    if isinstance(value, datetime):
        made = ShownMoment.combine(value.date(), value.time())
    elif isinstance(value, date):
        made = ShownDate(value.year, value.month, value.day)
    elif isinstance(value, float):
        if code in _WHOLE or (code == "0" and value.is_integer()):
            return value
        made = ShownNumber(value)
    else:
        return value
    made.format = code
    return made


def shown(value: Shown) -> str | None:
    """The characters that the cell shows; None where the format is one that is not known here (fractions, [h])."""
    return _shown(value, value.format)


@lru_cache(maxsize=10_000)
def _shown(value: float | date, code: str) -> str | None:
    if len(code) > LONGEST_FORMAT or (isinstance(value, float) and not isfinite(value)):
        return None
    try:
        sections = [_section(text) for text in _sections(code)]
        if isinstance(value, float):
            return _shown_number(value, sections)
        return _shown_moment(value, sections[0])
    except (NotImplementedError, InvalidOperation, ValueError):
        return None


class _Section(NamedTuple):
    """One part of a format between semicolons, as (kind, text) pieces, and the condition under which it is used."""

    pieces: tuple[tuple[str, str], ...]
    condition: tuple[str, float] | None


def _sections(code: str) -> list[str]:
    """The parts of a format between the semicolons that are none of its texts."""
    found, begin = [], 0
    for token in _TOKEN.finditer(code):
        if token["plain"] == ";":
            found.append(code[begin : token.start()])
            begin = token.end()
    return [*found, code[begin:]]


def _section(text: str) -> _Section:
    pieces: list[tuple[str, str]] = []
    condition = None
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup or "", token[token.lastgroup or 0]
        if kind == "bracket":
            if told := _CONDITION.fullmatch(value):
                condition = (told[1], float(told[2]))
            elif value.lower() == _LONG_DATE:
                return _section(BUILT_IN["31"])
            elif value.lower() == _LONG_TIME:
                return _section(BUILT_IN["21"])
            elif told := _CURRENCY.match(value):
                pieces.append(("text", told[1]))
            elif _BEYOND.match(value):
                raise NotImplementedError(value)
        elif kind == "space":
            pieces.append(("text", " "))
        elif kind in ("quoted", "escaped"):
            pieces.append(("text", value))
        elif kind == "general":
            pieces.append(("general", value))
        elif kind != "fill":
            pieces.append((kind, value))
    return _Section(tuple(pieces), condition)


# ----------------------------------------------------------------------------------------------------------- numbers
def _shown_number(value: float, sections: list[_Section]) -> str | None:
    section, signed = _section_for(value, sections)
    if any(kind == "moment" for kind, _ in section.pieces):
        return None  # a number that is no date in a date's format: Excel shows ####
    number = Decimal(f"{value:.15g}")
    sign = "-" if signed and value < 0 else ""
    if not section.pieces:
        return ""
    if any(kind == "general" or text == "@" for kind, text in section.pieces):
        words = (text if kind == "text" else general(abs(value)) for kind, text in section.pieces)
        return _tidy(sign + "".join(words))
    return _tidy(_digits(abs(number), section.pieces, sign))


def _section_for(value: float, sections: list[_Section]) -> tuple[_Section, bool]:
    """The section that shows a number, and whether a minus goes before it."""
    numbers = sections[:3] if len(sections) > 3 else sections
    if any(section.condition for section in numbers):
        for section in numbers:
            if section.condition is None or _COMPARED[section.condition[0]](value, section.condition[1]):
                return section, True
        raise NotImplementedError("no section for the number")
    if value < 0 and len(numbers) > 1:
        return numbers[1], False
    if value == 0 and len(numbers) > 2:
        return numbers[2], False
    return numbers[0], True


def general(number: float) -> str:
    """As the format General shows a number: whole where it is exact, in powers of ten where digits were lost."""
    if abs(number) >= 1e15 or 0 < abs(number) < 1e-9:
        mantissa, _, power = f"{number:.5E}".partition("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{int(power):+03d}"
    text = format(Decimal(f"{number:.15g}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(number: Decimal, flat: Sequence[tuple[str, str]], sign: str) -> str:
    """A number without its sign in a section of digit places."""
    if any(kind == "plain" and text == "/" for kind, text in flat) and any(text in "?#" for _, text in flat):
        raise NotImplementedError("a fraction")
    places = [at for at, (kind, text) in enumerate(flat) if kind == "plain" and text in "0#?"]
    if not places:
        return sign + "".join(text for _, text in flat)
    point = next((at for at, piece in enumerate(flat) if piece == ("plain", ".")), None)
    power_at = next((at for at, (kind, _) in enumerate(flat) if kind == "power"), None)
    whole = [at for at in places if (point is None or at < point) and (power_at is None or at < power_at)]
    part = [at for at in places if point is not None and at > point and (power_at is None or at < power_at)]
    number *= Decimal(100) ** sum(piece == ("plain", "%") for piece in flat)
    commas = [at for at, piece in enumerate(flat) if piece == ("plain", ",")]
    scaling = [at for at in commas if whole and at > whole[-1] and (point is None or at < point)]
    scaling += [at for at in commas if part and at > part[-1]]
    grouped = any(whole and whole[0] < at < whole[-1] for at in commas)
    number /= Decimal(1000) ** len(scaling)
    exponent, unit, step = 0, Decimal(1).scaleb(-len(part)), max(1, len(whole))
    if power_at is not None and number:
        exponent = (number.adjusted() // step) * step
        if number.scaleb(-exponent).quantize(unit, rounding=ROUND_HALF_UP) >= Decimal(10) ** step:
            exponent += step  # 9.99 in one digit is 1E+1
    rounded = number.scaleb(-exponent).quantize(unit, rounding=ROUND_HALF_UP)
    sign = sign if rounded else ""
    before, _, after = f"{rounded:f}".partition(".")
    before = before.lstrip("0")
    put = _filled_whole(before, [flat[at][1] for at in whole], grouped=grouped)
    shown_at = dict(zip(whole, put, strict=True)) | dict(
        zip(part, _filled_part(after, [flat[at][1] for at in part]), strict=True)
    )
    if power_at is not None:
        shown_at |= _filled_power(exponent, [at for at in places if at > power_at])
    out = [sign]
    for at, (kind, text) in enumerate(flat):
        if at in shown_at:
            out.append(shown_at[at])
        elif kind == "power":
            out.append("E" + ("-" if exponent < 0 else "+" if text[1] == "+" else ""))
        elif kind != "plain" or text != ",":
            out.append(text)
    return "".join(out)


def _filled_whole(digits: str, places: list[str], *, grouped: bool) -> list[str]:
    """What stands in each place before the point; the first one takes all digits that are left."""
    width = max(len(digits), len(places))
    filled = []
    for at in range(width):  # from the right
        place = places[-1 - at] if at < len(places) else "#"
        char = digits[-1 - at] if at < len(digits) else {"0": "0", "?": " "}.get(place, "")
        comma = "," if grouped and at and at % 3 == 0 and char.strip() else ""
        filled.append(char + comma)
    filled.reverse()
    extra = width - len(places)
    return ["".join(filled[: extra + 1]), *filled[extra + 1 :]] if places else []


def _filled_part(digits: str, places: list[str]) -> list[str]:
    """What stands in each place behind the point; # shows no zero that nothing follows."""
    needed = len(digits.rstrip("0"))
    filled = []
    for at, place in enumerate(places):
        char = digits[at] if at < len(digits) else "0"
        filled.append(char if at < needed or place == "0" else " " if place == "?" else "")
    return filled


def _filled_power(exponent: int, places: list[int]) -> dict[int, str]:
    digits = str(abs(exponent)).rjust(len(places), "0")
    cut = len(digits) - len(places) + 1
    return dict(zip(places, [digits[:cut], *digits[cut:]], strict=True)) if places else {}


# ------------------------------------------------------------------------------------------------------------- dates
def _shown_moment(value: date, section: _Section) -> str | None:
    clock = value.time() if isinstance(value, datetime) else time()
    pieces = section.pieces
    if not any(kind in ("moment", "noon") for kind, _ in pieces):
        return None
    out = []
    half = any(kind == "noon" for kind, _ in pieces)
    moments = [text.lower() if kind == "moment" else "" for kind, text in pieces]
    for at, (kind, text) in enumerate(pieces):
        if kind == "noon":
            before, after = text.split("/")
            out.append(before if clock.hour < 12 else after)
        elif kind == "moment":
            out.append(_moment_part(value, clock, moments, at, half=half))
        elif kind == "plain" and text in "0#?@":
            raise NotImplementedError("digits in a date")
        else:
            out.append(text)
    return _tidy("".join(out))


def _moment_part(value: date, clock: time, moments: list[str], at: int, *, half: bool) -> str:
    part = moments[at]
    letter, width = part[0], len(part)
    if letter == ".":
        return f".{clock.microsecond:06d}"[: len(part)]
    if letter == "m" and width <= 2 and _is_minute(moments, at):
        return str(clock.minute).rjust(width, "0")
    if letter in "ye":
        return f"{value.year % 100:02d}" if letter == "y" and width <= 2 else f"{value.year:04d}"
    if letter == "m":
        name = _MONTHS[value.month - 1]
        return str(value.month).rjust(width, "0") if width <= 2 else {3: name[:3], 5: name[0]}.get(width, name)
    if letter == "d":
        name = _DAYS[value.weekday()]
        return str(value.day).rjust(width, "0") if width <= 2 else name[:3] if width == 3 else name
    if letter == "a":
        return ("星期" if width == 4 else "") + _DAYS_ZH[value.weekday()]
    number = (clock.hour + 11) % 12 + 1 if letter == "h" and half else clock.hour if letter == "h" else clock.second
    return str(number).rjust(min(width, 2), "0")


def _is_minute(moments: list[str], at: int) -> bool:
    """Whether an m stands right behind hours or right before seconds, and so for minutes."""
    before = next((m for m in reversed(moments[:at]) if m), "")
    after = next((m for m in moments[at + 1 :] if m), "")
    return before.startswith("h") or after.startswith("s")


def _tidy(text: str) -> str:
    return " ".join(text.split())
