"""One cell's raw value read as a typed value (spec/system.md, section "Values").

Belongs here: normalising text, what counts as missing, every spelling that a column type accepts, the form a
value is kept in, and the keys by which two addresses or versions are the same. Does not: whether a value is
allowed (the rules in expectations/), or where the cell stands (assets/workbooks).
"""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

import idna

from assets.intake.workbooks.shown import Shown, ShownDate, ShownMoment, ShownNumber, general, shown

Version = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one cell says.

    `value` is typed: int, float (decimal; percent in points, 99.5), date, datetime (naive, local, in whole
    seconds), bool, else str. `text` is the cleaned text as entered, None when missing. `readable` is False
    when there is text that is no value of the column's type (GEN-02, for codes GEN-03). `cleaned` says that
    invisible control or bidirectional characters were removed (GEN-06).
    """

    value: object | None
    text: str | None
    readable: bool
    cleaned: bool


# ---------------------------------------------------------------------------------------------------- text

_EXCEL_CELL_LENGTH = 32_767
_PIECE = 1_000
_LINE_WHITE_SPACE = frozenset("\t\n\v\f\r")
_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})
_DASHES = "-‐‑‒–—―−"
_TO_HYPHEN = str.maketrans(dict.fromkeys(_DASHES, "-"))
_NOTHING_ENTERED = frozenset({"", "/", *_DASHES, "--", "——"})
_NONE = "无"
_SAYING_NOTHING = _NOTHING_ENTERED | {_NONE}


def words_for_nothing(column_type: str, codes: tuple[str, ...] = (), *, required_never: bool = False) -> frozenset[str]:
    """The texts that stand for a missing value in a column, the empty one among them (system.md, Values).

    无 stays where it is a code or an answer, and in a text column that is not required.
    """
    none_is_a_value = column_type == "bool" or _NONE in codes or (column_type == "text" and required_never)
    return _NOTHING_ENTERED if none_is_a_value else _SAYING_NOTHING


def says_nothing(raw: object) -> bool:
    """Whether a cell is empty, or has only /, - or 无 in it, which stand for a missing value."""
    if raw is None or not isinstance(raw, str):
        return raw is None
    if raw and raw[0].isalnum() and raw[0] != _NONE:
        return False  # most cells, spared the cleaning
    return clean_text(raw)[0] in _SAYING_NOTHING


def clean_text(raw: object) -> tuple[str, bool]:
    """Return a cell's text in NFKC, trimmed, inner white space as one space, and whether GEN-06 applies.

    GEN-06 is for control, format (zero-width, bidirectional) and lone surrogate characters that were removed.
    Numbers and dates become what a person would have typed: 12.0 is "12", dates are ISO, times "14:30".
    """
    lines, cleaned = _visible_lines(raw)
    return " ".join(lines.split()), cleaned


def _visible_lines(raw: object) -> tuple[str, bool]:
    """Clean as `clean_text` does, with white space left as it is: a line break separates codes in a list."""
    text = (raw if isinstance(raw, str) else _typed_by_hand(raw))[:_EXCEL_CELL_LENGTH]
    if not text.isascii():
        text = _nfkc(text)
    if text.isprintable():
        return text, False
    kept = "".join(
        mark for mark in text if mark in _LINE_WHITE_SPACE or unicodedata.category(mark) not in _REMOVED_CATEGORIES
    )
    if len(kept) == len(text):
        return kept, False
    return _nfkc(kept), True  # what was removed may have kept two marks apart


def _nfkc(text: str) -> str:
    """Normalise in pieces: on a long run of combining marks NFKC takes quadratic time."""
    if len(text) <= _PIECE:
        return unicodedata.normalize("NFKC", text)
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return "".join(unicodedata.normalize("NFKC", piece) for piece in pieces)


def _typed_by_hand(raw: object) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, int):
        return str(raw) if raw.bit_length() <= 128 else f"{raw:#x}"  # str() refuses integers of 4,300 digits
    if isinstance(raw, float):
        return _number_text(raw)
    if isinstance(raw, datetime):
        return _moment_text(raw)
    if isinstance(raw, date):
        return raw.isoformat()
    if isinstance(raw, time):
        return _clock_text(raw)
    if isinstance(raw, timedelta):
        seconds = round(raw.total_seconds())
        hours, rest = divmod(abs(seconds), 3600)
        return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"
    return str(raw)


def _number_text(number: float) -> str:
    """Write 15 significant digits, all that a spreadsheet shows: 0.1 + 0.2 is 0.3."""
    shown = f"{number:.15g}"
    if not math.isfinite(number) or not (number == 0 or 1e-13 < abs(number) < 1e21):
        return shown
    plain = f"{number:.0f}" if number.is_integer() else format(Decimal(shown), "f")
    return "0" if plain == "-0" else plain


def _clock_text(clock: time) -> str:
    return clock.strftime("%H:%M:%S" if clock.second else "%H:%M")


def _moment_text(moment: datetime) -> str:
    naive = moment.replace(tzinfo=None, microsecond=0)
    if moment.microsecond >= 500_000 and naive < datetime.max.replace(microsecond=0):
        naive += timedelta(seconds=1)  # 14:29:59.999999 is how a spreadsheet keeps 14:30
    day = naive.date().isoformat()
    return f"{day} {_clock_text(naive.time())}" if naive.time() != time.min else day


# ------------------------------------------------------------------------------------------------- numbers

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_INT = re.compile(rf"([+-]?{_DIGITS})(?:\.0*)?")
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)")
_LONGEST_NUMBER = 24  # characters, separators and all
_LARGEST_INT = 10**18 - 1  # 18 digits fit the tables' 64-bit integers
_LARGEST_DECIMAL = 10**15 - 1
_DECIMAL_PLACES = 12


def _int(text: str) -> int | None:
    if len(text) > _LONGEST_NUMBER or not (match := _INT.fullmatch(text.translate(_TO_HYPHEN))):
        return None
    number = int(match[1].replace(",", ""))
    return number if abs(number) <= _LARGEST_INT else None


def _exact(text: str) -> Decimal | None:
    if len(text) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(text := text.translate(_TO_HYPHEN)):
        return None
    number = Decimal(text.replace(",", ""))
    return number if abs(number) <= _LARGEST_DECIMAL else None


def _decimal(text: str) -> float | None:
    number = _exact(text)
    return None if number is None else _nearest(number)


def _percent(text: str) -> float | None:
    if text.endswith("%"):
        return _decimal(text[:-1].rstrip())
    number = _exact(text)
    if number is None:
        return None
    return _nearest(number * 100 if 0 <= number <= 1 else number)


def _nearest(number: Decimal) -> float:
    """Keep what writing the number out (15 digits) gives back."""
    return float(f"{round(number, _DECIMAL_PLACES):.15g}")


# --------------------------------------------------------------------------------------------------- dates

_AROUND_SEPARATOR = re.compile(r" ?([-/.年月日时分秒:]) ?")
_DAY = (
    r"(?P<year>[0-9]{4})(?:(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
    r"|年(?P<month2>[0-9]{1,2})月(?P<day2>[0-9]{1,2})日|(?P<month3>[0-9]{2})(?P<day3>[0-9]{2}))"
)
_CLOCK = (
    r"(?:(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    r"|(?P<hour2>[0-9]{1,2})时(?P<minute2>[0-9]{1,2})分(?:(?P<second2>[0-9]{1,2})秒)?)"
)
_MOMENT = re.compile(rf"{_DAY}(?:(?:[T ]|(?<=日)){_CLOCK})?")
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
_DAY_ZERO = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}
_SERIAL_YEARS = range(1990, 2100)  # a bare number outside these years is no date
_FIRST_YEAR = 1900  # nothing earlier can be a spreadsheet's date
_MONTH = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2})|年([0-9]{1,2})月份?|([0-9]{2}))")
_CUT_SHORT_MONTH = re.compile(r"[0-9]{4}\.1")


def _moment(text: str, day_zero: datetime) -> datetime | None:
    text = _AROUND_SEPARATOR.sub(r"\1", text.translate(_TO_HYPHEN))
    if match := _MOMENT.fullmatch(text):
        part = {name: int(found) for name, found in match.groupdict().items() if found and name != "mark"}
        try:
            moment = datetime(
                part["year"],
                part.get("month", part.get("month2", part.get("month3", 0))),
                part.get("day", part.get("day2", part.get("day3", 0))),
                part.get("hour", part.get("hour2", 0)),
                part.get("minute", part.get("minute2", 0)),
                part.get("second", part.get("second2", 0)),
            )
        except ValueError:
            return None
        return moment if moment.year >= _FIRST_YEAR else None
    if _SERIAL.fullmatch(text):
        moment = day_zero + timedelta(seconds=round(float(text) * 86_400))
        return moment if moment.year in _SERIAL_YEARS else None
    return None


def _period(text: str, day_zero: datetime) -> str | None:
    match = _MONTH.fullmatch(_AROUND_SEPARATOR.sub(r"\1", text.translate(_TO_HYPHEN)))
    if not match:
        moment = _moment(text, day_zero)
        return None if moment is None else f"{moment:%Y-%m}"
    year, month = int(match[1]), int(match[2] or match[3] or match[4])
    return f"{year:04}-{month:02}" if year >= _FIRST_YEAR and 1 <= month <= 12 else None


# --------------------------------------------------------------------------------------------------- codes

_TRUE = frozenset({"是", "有", "Y", "YES", "TRUE", "1", "√", "✓"})
_FALSE = frozenset({"否", _NONE, "N", "NO", "FALSE", "0", "×", "✗"})
_BETWEEN_CODES = re.compile(r"[、,;/\n\v\f\r\u2028\u2029]")


def _bool(text: str) -> bool | None:
    word = text.upper()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def _spelling(code: str) -> str:
    return "".join(unicodedata.normalize("NFKC", code).split()).casefold()


def _code_parser(codes: tuple[str, ...], read_as: tuple[tuple[str, str], ...] = ()) -> Callable[[str], str | None]:
    by_spelling = {_spelling(word): code for word, code in (*zip(codes, codes, strict=True), *read_as)}
    return lambda text: by_spelling.get(_spelling(text))


def _code_list_parser(codes: tuple[str, ...]) -> Callable[[str], str | None]:
    one = _code_parser(codes)

    def parse(lines: str) -> str | None:
        found = {one(part) for part in _BETWEEN_CODES.split(lines) if part.strip()}
        return "、".join(code for code in codes if code in found) if found and None not in found else None

    return parse


def _code(text: str) -> str:
    return _nfkc("".join(text.split()).translate(_TO_HYPHEN).upper())


# ------------------------------------------------------------------------------- phones, addresses, versions

_COUNTRY = re.compile(r"(?:\+|00)?86-?")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(0(?:10|2[0-9]|[3-9][0-9]{2}))-?([0-9]{7,8}|[0-9]{3,4}-[0-9]{4})(?:[-转]([0-9]{1,6}))?")
_IP = re.compile(r"([0-9A-Fa-f.:]{2,45})(?:/([0-9]{1,3}))?")
_LARGEST_BLOCK = 256
_AROUND_RANGE = re.compile(r" ?([-~]) ?")
_BETWEEN_PORTS = re.compile(r"[,、;/ ]")
_PORTS = re.compile(r"([0-9]{1,5})(?:[-~]([0-9]{1,5}))?")
_GROUPED = re.compile(r"[0-9],0[0-9]{2}(?![0-9])")  # 8,080 is no port 80: a number format shows 8080 so
_LAST_PORT = 65_535
_URL = re.compile(
    r"(?:(https?)://)?(\[[0-9a-f:.]+\]|[^\s/?#:@\[\]\\]+)(?::([0-9]{1,5}))?([/?#][^\s<>\"\\^`{|}、]*)?",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_LONGEST_HOST = 253
_DEFAULT_PORT = {"http": 80, "https": 443}
_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,9}(?:-[a-z][a-z0-9.-]{0,49})?)")


def _phone(text: str) -> str | None:
    """Keep digits; an extension stands after a hyphen: 04711234567-123."""
    number = re.sub(r"[ ()]", "", text.translate(_TO_HYPHEN)).removesuffix(".0")
    country = _COUNTRY.match(number)
    if country:
        number = number[country.end() :]
    if _MOBILE.fullmatch(digits := number.replace("-", "")):
        return digits
    if country and not number.startswith("0"):
        number = f"0{number}"  # +86 471 ... is how 0471 ... is written from abroad
    landline = _LANDLINE.fullmatch(number) or _LANDLINE.fullmatch(number.replace("-", ""))
    if not landline:
        return None
    area, subscriber, extension = landline.groups()
    return f"{area}{subscriber.replace('-', '')}{f'-{extension}' if extension else ''}"


def _ip(text: str) -> str | None:
    match = _IP.fullmatch(text)
    if not match:
        return None
    try:
        address = ipaddress.ip_address(match[1])
        if match[2] is None:
            return str(address)
        block = ipaddress.ip_network((address, int(match[2])), strict=False)
    except ValueError:
        return None
    if block.num_addresses > _LARGEST_BLOCK:
        return None
    return str(address) if block.num_addresses == 1 else str(block)


def _ports(text: str) -> str | None:
    if _GROUPED.search(text):
        return None
    ranges = []
    for part in _BETWEEN_PORTS.split(_AROUND_RANGE.sub(r"\1", text.translate(_TO_HYPHEN))):
        if not part:
            continue
        match = _PORTS.fullmatch(part)
        if not match:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= _LAST_PORT:
            return None
        ranges.append((first, last))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in merged) or None


def _host(text: str) -> str | None:
    try:
        if text.startswith("["):
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        if text[-1].isdigit() and text.isascii():
            return str(ipaddress.IPv4Address(text))
        if len(text) > _LONGEST_HOST:
            return None
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except ValueError:  # idna.IDNAError is one too
        return None
    name = name.removesuffix(".")
    return name if len(name) <= _LONGEST_HOST and _HOST.fullmatch(name) else None


def _url(text: str) -> str | None:
    match = _URL.fullmatch(text)
    if not match:
        return None
    scheme, host, port, path = match[1], _host(match[2]), match[3], match[4] or ""
    if host is None or (port and not 1 <= int(port) <= _LAST_PORT):
        return None
    if "://" in path.partition("?")[0]:
        return None  # two addresses in one cell
    scheme = scheme.lower() if scheme else ""
    if port and int(port) != _DEFAULT_PORT.get(scheme):
        host = f"{host}:{int(port)}"
    return f"{scheme}://{host}{path.removesuffix('/') if path == '/' else path}".removeprefix("://")


def url_key(url: str) -> str:
    """Return host[:port][/path] of a `url` value as read here: two are the same where these are."""
    return re.sub(r"^https?://", "", url)


def _version(text: str) -> str | None:
    match = _VERSION.fullmatch("".join(text.split()).translate(_TO_HYPHEN).lower())
    return match[1] if match else None


def version_key(version: str) -> Version:
    """Return a sort key of a `version` value as read here: 1.9 < 1.10, 1.0 = 1, 1.2-beta < 1.2."""
    numbers, _, suffix = version.partition("-")
    counted = [int(number) for number in numbers.split(".")]
    while counted and counted[-1] == 0:
        counted.pop()
    parts = re.findall(r"[0-9]+|[a-z]+", suffix)
    return (
        tuple(counted),
        not suffix,
        tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts),
    )


# -------------------------------------------------------------------------------------------------- readers

_CACHED_VALUES = 2_048  # a column: some 60 columns are read at a time
_LONGEST_CACHED = 120  # characters
_MOST_EXACT = 10**15 - 1
_BASES: dict[type, type] = {ShownNumber: float, ShownDate: date, ShownMoment: datetime}
_AS_SHOWN = frozenset({"text", "code", "version", "ports", "phone", "url"})
_CACHED_TYPES = frozenset({float, int, bool, date, datetime})
_EMPTY = Reading(None, None, True, False)


def _as_shown(raw: object, kinds: type[Shown] | tuple[type[Shown], ...]) -> object:
    """The characters that the cell shows, where its column takes them for its value; else the cell."""
    if isinstance(raw, kinds):
        seen = shown(raw)
        return raw if seen is None else seen
    if type(raw) is float and math.isfinite(raw) and abs(raw) > _MOST_EXACT:
        return general(raw)  # 150101199001011234 typed into a number cell has lost its last digits
    return raw


class _Kind(NamedTuple):
    parse: Callable[[str], object | None]
    by_line: bool = False


def _kind(
    column_type: str, codes: tuple[str, ...], day_zero: datetime, read_as: tuple[tuple[str, str], ...] = ()
) -> _Kind:
    def day(text: str) -> date | None:
        moment = _moment(text, day_zero)
        return None if moment is None else moment.date()

    kinds = {
        "text": _Kind(lambda text: text),
        "int": _Kind(_int),
        "decimal": _Kind(_decimal),
        "percent": _Kind(_percent),
        "date": _Kind(day),
        "datetime": _Kind(lambda text: _moment(text, day_zero)),
        "period": _Kind(lambda text: _period(text, day_zero)),
        "bool": _Kind(_bool),
        "enum": _Kind(_code_parser(codes, read_as)),
        "enum_list": _Kind(_code_list_parser(codes), by_line=True),
        "phone": _Kind(_phone),
        "ip": _Kind(_ip),
        "ports": _Kind(_ports),
        "url": _Kind(_url),
        "version": _Kind(_version),
        "code": _Kind(_code),
    }
    return kinds[column_type]


def reader(
    column_type: str,
    *,
    codes: tuple[str, ...] = (),
    read_as: tuple[tuple[str, str], ...] = (),
    epoch: int = 1900,
    required_never: bool = False,
) -> Callable[[object], Reading]:
    """Return a function that reads the raw cells of one column; it never raises, and remembers what it read.

    `column_type` is a type of forms.yaml, `codes` the code list of an enum or enum_list, `read_as` other
    words for codes of an enum with the code that each is read as, `epoch` the workbook's own (1900 or 1904),
    `required_never` says that in this text column 无 is a text, not a gap.
    Raises KeyError for a type or an epoch that does not exist.
    """
    parse, by_line = _kind(column_type, codes, _DAY_ZERO[epoch], read_as)
    as_shown: type[Shown] | tuple[type[Shown], ...] | None = None
    if column_type in _AS_SHOWN:
        as_shown = (ShownNumber, ShownDate, ShownMoment) if column_type == "code" else ShownNumber
    missing = words_for_nothing(column_type, codes, required_never=required_never)

    def read_afresh(raw: object) -> Reading:
        lines, cleaned = _visible_lines(raw)
        text = " ".join(lines.split())
        if text in missing:
            return Reading(None, None, True, cleaned) if cleaned else _EMPTY
        if isinstance(raw, float):
            if not math.isfinite(raw):
                return Reading(None, text, False, cleaned)
            if column_type == "period" and _CUT_SHORT_MONTH.fullmatch(text):
                return Reading(None, text, False, cleaned)  # 2026.10 typed into a number cell, or 2026.1
        value = parse(lines if by_line else text)
        return Reading(value, text, value is not None, cleaned)

    cache: dict[object, Reading] = {}

    def read(raw: object) -> Reading:
        if raw is None or raw == "":
            return _EMPTY
        if as_shown:
            raw = _as_shown(raw, as_shown)
        kind = _BASES.get(type(raw), type(raw))
        if kind is str:
            key: object = raw
        elif kind in _CACHED_TYPES:
            key = (kind, raw)  # 1, 1.0 and True are equal
        else:
            return read_afresh(raw)
        known = cache.get(key)
        if known is None:
            known = read_afresh(raw)
            if kind is not str or len(raw) <= _LONGEST_CACHED:  # type: ignore[arg-type]
                if len(cache) >= _CACHED_VALUES:
                    cache.clear()
                cache[key] = known
        return known

    return read


def as_text(value: object | None, column_type: str) -> str:
    """Write a value as read here for messages and tables: ISO dates, 是/否, 99.5%; empty for None."""
    if value is None:
        return ""
    if column_type == "bool":
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{_number_text(value)}{'%' if column_type == 'percent' else ''}"
    if column_type == "datetime" and isinstance(value, datetime):
        return f"{value.date().isoformat()} {_clock_text(value.time())}"
    return _typed_by_hand(value)
