"""A table as print has it: cut, written, and its columns measured. Shared by report.pdf and report.docx.

Belongs here: what both do in the same way before either lays anything out. Does not: pages, type and colours
(pdf.py, docx.py), how a value is written (notation.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reports import notation
from reports.charts import svg
from reports.model import Chart, Column, Table, Value

MOST_ROWS = 60
WIDEST, WIDEST_WRAPPED = 19.0, 33.0  # em that a column may ask for
PADDING = 0.95  # em of a cell's two sides
BAR = 6.0  # em of a bar beside a number
LATIN = 0.57  # em of a letter or digit, on average
SHORT_HEADING = 5  # Chinese characters that a heading keeps in one line
LONGEST_WORD = 18  # characters without a place to break a line
BREAK = "\u200b"  # zero width space
TONES = {
    "missing": "bad", "returned": "bad", "critical": "bad", "incomplete": "warn", "late": "warn",
    "complete_late": "warn", "unreadable": "warn", "unsealed": "warn",
}  # fmt: skip

_HAN = "\u2e80-\u9fff\uf900-\ufaff"
_WIDE = re.compile(rf"[{_HAN}\u3000-\u303f\uff00-\uff60]")
_NARROW = re.compile("[0-9a-ln-v x-z.,:;/()\\[\\]_+-]")
_JOINT = re.compile(rf"(?<=[{_HAN}])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[{_HAN}])")
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
    """A table ready to be laid out: the rows that are shown, and the width in em that each column asks for."""

    rows: list[list[Cell]]
    widths: list[float]
    notes: list[str]

    @property
    def width(self) -> float:
        """The width of all columns, in em."""
        return sum(self.widths)


def breakable(text: str) -> str:
    """The text with places to break in words longer than any column, such as addresses and hashes."""
    return _LONG_WORD.sub(lambda word: _BREAKS.sub(rf"\1{BREAK}", word[0]).rstrip(BREAK), text)


def ems(text: str) -> float:
    """How wide a text is, near enough: a Chinese character is an em, and stands a quarter off from Latin."""
    if text.isascii():
        return LATIN * max(map(len, text.split("\n")))
    lines = text.split("\n")
    return max(
        (wide := len(_WIDE.findall(line))) + LATIN * (len(line) - wide) + len(_JOINT.findall(line)) / 4
        for line in lines
    )


def in_one_line(cell: Cell, room: float) -> bool:
    """Whether a cell certainly needs no second line in so many em: every character taken for a wide one of its kind."""
    if "\n" in cell.text:
        return False
    narrow = len(_NARROW.findall(cell.text))
    wide = len(_WIDE.findall(cell.text)) + len(_JOINT.findall(cell.text)) / 4
    rest = len(cell.text) - narrow - len(_WIDE.findall(cell.text))
    bar = BAR if cell.share is not None else 0.0
    return wide + narrow * 0.6 + rest * 0.9 + bar <= room


def _heading(title: str) -> float:
    """The least width of a heading: its longest word; of Chinese, half of it or a short one whole."""
    if _WIDE.search(title):
        return min(ems(title), max(SHORT_HEADING, ems(title) / 2 + 0.5))
    return max((ems(word) * 1.08 for word in title.split()), default=0.0)


def _cell(value: Value, column: Column, decimals: int | None, lang: str) -> Cell:
    text = notation.written(value, column.kind, lang, column.codes, decimals)
    share = None
    if column.bar and isinstance(value, int | float):
        share = round(min(max(value / column.bar, 0.0), 1.0), 4)
    return Cell(breakable(text), TONES.get(str(value), "") if column.kind == "state" else "", share)


def printed(table: Table, lang: str, most_rows: int = MOST_ROWS) -> Printed:
    """A table cut at `most_rows`, its values written, its columns measured, and the notes that go below it."""
    shown = table.rows[:most_rows]
    columns, widths = [], []
    for i, column in enumerate(table.columns):
        values = [row[i] for row in shown]
        decimals = None if column.kind == "text" else notation.decimals_of(values, column.kind)
        cells = [_cell(value, column, decimals, lang) for value in values]
        limit = WIDEST_WRAPPED if column.wide else WIDEST
        content = max((ems(cell.text) for cell in cells), default=0.0)
        heading = max(_heading(column.title), 0.85 * ems(notation.unit_of(column)))
        columns.append(cells)
        bar = BAR if column.bar else 0.0
        widths.append(round(max(min(content, limit) + bar, heading) + PADDING, 3))
    rows = [list(row) for row in zip(*columns, strict=True)]
    notes = [note for note in (table.note, notation.whereabouts(table, len(shown), lang)) if note]
    return Printed(rows, widths, notes)


def months(periods: Iterable[str], lang: str) -> list[tuple[str, str]]:
    """The months of a matrix as headings: the year, above the first of each, and the month."""
    headings, before = [], ""
    for period in periods:
        year, _, month = period.partition("-")
        headings.append((notation.year_name(year, lang) if year != before else "", notation.month_name(month, lang)))
        before = year
    return headings


def drawing(chart: Chart, lang: str, width: int) -> str:
    """A chart as SVG, so many pixels wide; nothing where it has no figure."""
    return svg(chart, lang, width) if any(v is not None for s in chart.series for v in s.values) else ""
