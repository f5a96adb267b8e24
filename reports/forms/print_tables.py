"""A table as print has it: cut, written, and its columns measured. Shared by report.pdf and report.docx.

Belongs here: what both do in the same way before either lays anything out. Does not: pages, type and colours
(pdf.py, docx.py), how a value is written (formats.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reports.forms.svg_charts import svg
from reports.model import Chart, Column, Table, Value
from reports.text import formats

MOST_ROWS = 40
WIDEST, WIDEST_WRAPPED = 19.0, 33.0  # em that a column may ask for
PADDING = 1.0  # em of a cell's two sides
BAR = 6.0  # em of a bar beside a number
LATIN = 0.57  # em of a letter or digit, on average
LEAST_WRAPPED, LEAST = 14.0, 6.0  # em that a column of long text, and one of names, shrinks to
COMFORT = 0.45  # of the way from the least width to the asked one: a smaller type is better than less
ROOMY = 0.55  # of the page: narrower tables keep the width that they ask for
SHORT_TABLE = 15  # rows
SHORT_HEADING = 5  # Chinese characters that a heading keeps in one line
SMALLER = 0.85  # of the type of a heading, that of the unit below it
BOLDER = 1.05  # how much wider bold type may be than `ems` says
LONGEST_WORD = 14  # characters without a place to break a line
BREAK = "\u200b"  # zero width space
TONES = {
    "missing": "bad", "returned": "bad", "critical": "bad", "incomplete": "warn", "late": "warn",
    "complete_late": "warn", "unreadable": "warn", "reused": "warn", "unsealed": "warn",
}  # fmt: skip

HAN = "\u2e80-\u9fff\uf900-\ufaff"
_WIDE = re.compile(rf"[{HAN}\u3000-\u303f\uff00-\uff60]")
_JOINT = re.compile(rf"(?<=[{HAN}])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[{HAN}])")
_WORD = re.compile("[!-~]+")
_PIECE = re.compile("（[^）]*）|[!-~]+|.")  # of a heading: what no line breaks
_LONG_WORD = re.compile(rf"[!-~]{{{LONGEST_WORD + 1},}}")
_BREAKS = re.compile(rf"([/._?&=,;:@-]|[!-~]{{{LONGEST_WORD}}})")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as text, how it is meant (good | bad | warn | nothing), and for a bar how much of it is full (0 to 1)."""

    text: str
    tone: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """A table ready to be laid out: its rows as shown, and of each column the width asked for and the least, in em."""

    rows: tuple[tuple[Cell, ...], ...]
    asked: tuple[float, ...]
    least: tuple[float, ...]
    barred: tuple[bool, ...]  # columns that may have bars beside their numbers, for which the widths have no room
    wide: tuple[bool, ...]  # columns of long text, which give way before names do
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a table lies on a page: the size of its type, whether the page is turned, its columns' widths in points."""

    size: float
    turned: bool
    widths: tuple[float, ...]


def breakable(text: str) -> str:
    """The text with places to break in words longer than any column, such as addresses and hashes."""
    if len(text) <= LONGEST_WORD:
        return text
    return _LONG_WORD.sub(lambda word: _BREAKS.sub(rf"\1{BREAK}", word[0]).rstrip(BREAK), text)


@lru_cache(maxsize=16_384)  # names and headings come back in most tables
def ems(text: str) -> float:
    """How wide a text is, near enough: a Chinese character is an em, and stands a quarter off from Latin."""
    if text.isascii():
        return LATIN * max(map(len, text.split("\n")))
    lines = text.split("\n")
    return max(
        (wide := len(_WIDE.findall(line))) + LATIN * (len(line) - wide) + len(_JOINT.findall(line)) / 4
        for line in lines
    )


def _heading(title: str) -> float:
    """The least width of a heading: its longest word; of Chinese, half of it or a short one whole."""
    if _WIDE.search(title):
        return BOLDER * min(ems(title), max(SHORT_HEADING, ems(title) / 2 + 0.5))
    return max((ems(word) * 1.08 for word in title.split()), default=0.0)


def _cell(value: Value, column: Column, decimals: int | None, lang: str) -> Cell:
    text = formats.written(value, column.kind, lang, column.codes, decimals)
    share = None
    if column.bar and isinstance(value, int | float):
        share = round(min(max(value / column.bar, 0.0), 1.0), 4)
    return Cell(breakable(text), TONES.get(str(value), "") if column.kind == "state" else "", share)


@lru_cache(maxsize=256)
def printed(table: Table, lang: str) -> Printed:
    """A table cut at MOST_ROWS unless it is whole, its values written, its columns measured, the notes below it.

    Kept, so that the second form of a report need not do it again.
    """
    shown = table.rows if table.whole else table.rows[: table.folded_after or MOST_ROWS]
    columns, asked, least = [], [], []
    for i, column in enumerate(table.columns):
        values = [row[i] for row in shown]
        decimals = None if column.kind == "text" else formats.decimals_of(values, column.kind)
        different = {(type(value), value): value for value in values}
        known = {key: _cell(value, column, decimals, lang) for key, value in different.items()}
        cells = [known[type(value), value] for value in values]
        content = max((ems(cell.text) for cell in known.values()), default=0.0)
        heading = max(_heading(column.title), SMALLER * BOLDER * ems(formats.unit_of(column)))
        wish = max(min(content, WIDEST_WRAPPED if column.wide else WIDEST), heading)
        columns.append(cells)
        asked.append(round(wish + PADDING, 3))
        least.append(round(max(min(wish, _least(column, known.values())), heading) + PADDING, 3))
    notes = (table.note, formats.whereabouts(table, len(shown), lang))
    barred = tuple(bool(column.bar) for column in table.columns)
    wide = tuple(column.wide for column in table.columns)
    rows = tuple(zip(*columns, strict=True))
    return Printed(rows, tuple(asked), tuple(least), barred, wide, tuple(filter(None, notes)))


def balanced(title: str, room: float) -> str:
    """A Chinese heading that is wider than its room in em, in lines of one length: else one character is left over."""
    width = BOLDER * ems(title)
    if width <= room or not _WIDE.search(title):
        return title
    count = math.ceil(width / room)
    lines = [""]
    for piece in _PIECE.findall(title):
        full = BOLDER * (ems(lines[-1]) + ems(piece) / 2) > width / count
        if lines[-1] and full and len(lines) < count:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines)


def with_bars(ready: Printed) -> Printed:
    """The table with room for its bars."""
    room = [BAR if barred else 0.0 for barred in ready.barred]
    asked = tuple(wish + more for wish, more in zip(ready.asked, room, strict=True))
    least = tuple(low + more for low, more in zip(ready.least, room, strict=True))
    return replace(ready, asked=asked, least=least)


def without_bars(ready: Printed) -> Printed:
    """The table with numbers alone where there might be bars."""
    rows = tuple(tuple(c if c.share is None else replace(c, share=None) for c in row) for row in ready.rows)
    return replace(ready, rows=rows)


def _least(column: Column, cells: Iterable[Cell]) -> float:
    """The width below which a column's words would be cut; of numbers and dates all that they ask for."""
    if column.kind not in {"text", "state", "code"}:
        return math.inf
    words = (word for cell in cells for word in _WORD.findall(cell.text))
    return max(LEAST_WRAPPED if column.wide else LEAST, LATIN * max(map(len, words), default=0))


def fit(ready: Printed, sizes: Sequence[float], upright: float, turned: float) -> Fit:
    """The best way to lay a table on a page so many points wide upright and turned.

    Upright in the largest type in which it is comfortable and no name is broken, else in the smallest if no name is; a
    short table in any case, as it is not worth a page of its own. Turned where not even that will do.
    A table of more than about half the page fills it.
    """
    shrunk = sum(low + COMFORT * (wish - low) for low, wish in zip(ready.least, ready.asked, strict=True))
    whole = sum(_names_whole(ready))
    comfortable = max(shrunk, whole)
    squeezed, turned_over = [(sizes[-1], False, sum(ready.least))], [(size, True, comfortable) for size in sizes]
    ways = [*((size, False, comfortable) for size in sizes), (sizes[-1], False, whole)]
    ways += squeezed + turned_over if len(ready.rows) <= SHORT_TABLE else turned_over + squeezed
    ways.append((sizes[-1], True, 0.0))
    for size, across, need in ways:
        room = (turned if across else upright) / size
        if need <= room:
            return Fit(size, across, tuple(round(width * size, 2) for width in _spread(ready, room)))
    raise AssertionError("the last way needs no room")


def _spread(ready: Printed, room: float) -> list[float]:
    """The columns' widths in em: as asked, more where the table then fills its room, less where it must."""
    asked, least = sum(ready.asked), sum(ready.least)
    if asked <= room:
        more = room / asked if asked > room * ROOMY else 1.0
        return [width * more for width in ready.asked]
    if least >= room:
        return [width * room / least for width in ready.least]
    whole = _names_whole(ready)
    low, high = (whole, ready.asked) if sum(whole) <= room else (ready.least, whole)
    part = (room - sum(low)) / (sum(high) - sum(low))
    return [less + part * (more - less) for less, more in zip(low, high, strict=True)]


def _names_whole(ready: Printed) -> Sequence[float]:
    """The widths in which long texts have the least, and all else what it asks for."""
    columns = zip(ready.wide, ready.least, ready.asked, strict=True)
    return [low if wide else wish for wide, low, wish in columns]


def months(periods: Iterable[str], lang: str) -> list[tuple[str, str]]:
    """The months of a matrix as headings: the year, above the first of each, and the month."""
    headings, before = [], ""
    for period in periods:
        year, _, month = period.partition("-")
        headings.append((formats.year_name(year, lang) if year != before else "", formats.month_name(month, lang)))
        before = year
    return headings


def height_of(drawn: str) -> float:
    """How high a chart is, in the pixels of its width."""
    return float(drawn.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def drawing(chart: Chart, lang: str, width: int) -> str:
    """A chart as SVG, so many pixels wide; nothing where it has no figure."""
    return svg(chart, lang, width) if any(v is not None for s in chart.series for v in s.values) else ""
