"""A workbook under way: its look, its sheets' names, how a value becomes a cell, print set-up.

Belongs here: what every sheet of report.xlsx shares. Does not: which sheets there are and what is on them (xlsx.py),
native charts (native_charts.py), how values are written as text (notation.py).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from expectations.language import language
from reports.forms.xlsx_rows import RowsSheet
from reports.model import Value
from reports.text import formats as notation

SIZE = 10
NAVY, TEAL, RED, ORANGE, GREY = "#12436D", "#14655E", "#A4161A", "#C4501B", "#5F6B76"
RULE, PALE, EMPHASIS = "#D5DBE1", "#EDF3F7", "#FBEDEC"
LINED: Mapping[str, Any] = {"bottom": 4, "bottom_color": RULE}
HEADING_ROW = 3  # counted from 0: title, subtitle, way back, headings
FIRST_ROW = HEADING_ROW + 1
LONGEST_TEXT = 16_000  # characters; a cell holds 32,767 units of UTF-16
LONGEST_SHEET_NAME = 31
ROW, LINE, TALLEST = 17.0, 15.0, 400.0  # points
CONTENTS = ""  # the anchor of the first sheet
HEADINGS_BELOW = 2  # rows from a block's title to its headings; between them stands what it is about
FROZEN_ROWS = HEADING_ROW  # of a sheet of several tables: its title and the way back stay in sight

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # as in data/: reports/publishing/tables.py, which would bring polars here
_NOT_IN_SHEET_NAMES = re.compile("[][:*?/\\\\\x00-\x1f\U00010000-\U0010ffff]")  # the last are two units each


@dataclass
class Book:
    """The workbook: where each anchor is, as a sheet's name and a row, and its formats, once each."""

    file: xlsxwriter.Workbook
    lang: str
    footer: str
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    formats: dict[tuple[tuple[str, Any], ...], Format] = field(default_factory=dict)

    @property
    def words(self) -> Mapping[str, str]:
        """The fixed labels in the language of the report."""
        return notation.labels(self.lang)

    def format(self, **properties: Any) -> Format:
        """The format with these properties over the house's own."""
        key = tuple(sorted(properties.items()))
        if key not in self.formats:
            base = {"font_name": language(self.lang).screen_font, "font_size": SIZE, "valign": "vcenter"}
            self.formats[key] = self.file.add_format({**base, **properties})
        return self.formats[key]

    def link(self, anchor: str) -> str:
        """The address of an anchor's cell within the file."""
        name, row = self.places[anchor]
        return f"internal:'{name}'!A{row + 1}"


@dataclass
class Page:
    """A sheet of tables below one another: the next free row, and of each column the width that its widest needs."""

    sheet: RowsSheet
    name: str
    row: int = HEADING_ROW
    widths: dict[int, float] = field(default_factory=dict)

    def widen(self, column: int, width: float) -> None:
        """A column is at least so wide."""
        self.widths[column] = max(width, self.widths.get(column, 0))

    def close(self) -> None:
        """Set the widths."""
        for column, width in self.widths.items():
            self.sheet.set_column(column, column, width)


def disarm(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would run it as a formula, as in data/."""
    return "'" + text if text.startswith(_FORMULA) else text


def safe(texts: Sequence[str]) -> Sequence[str]:
    """Texts as cells hold them: without what no file can hold, not too long, disarmed. Most are so: a look will do."""
    if (
        all(len(text) <= LONGEST_TEXT and not text.startswith(_FORMULA) for text in texts)
        and "".join(texts).isprintable()
    ):
        return texts
    return [disarm(notation.clean(text)[:LONGEST_TEXT]) for text in texts]


@lru_cache(maxsize=16_384)  # names and headings come back in most tables
def text_width(text: str) -> int:
    """How wide a text is, in digits: a Chinese character is as wide as two; of several lines, the widest."""
    if text.isascii():
        return max(map(len, text.split("\n")))
    lines = text.split("\n")
    return max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in lines)


def widest(texts: Iterable[str], *, least: int, most: int) -> int:
    """The width of a column of these texts, with some air, within bounds."""
    return min(max(max(map(text_width, texts), default=0) + 2, least), most)


def lines_of(text: str, width: int) -> int:
    """How many lines a text takes in a column so many digits wide."""
    return sum(max(1, math.ceil(text_width(line) / width)) for line in text.split("\n"))


def sheet_name(title: str, taken: Iterable[str]) -> str:
    """A legal name for a sheet, of at most 31 characters, unlike those taken in any case of letters."""
    plain = _NOT_IN_SHEET_NAMES.sub(" ", notation.clean(title))
    base = " ".join(plain.split()).strip("' ")[:LONGEST_SHEET_NAME].strip("' ") or "-"
    lower = {t.lower() for t in taken} | {"history"}
    name, n = base, 1
    while name.lower() in lower:
        n += 1
        tail = f" {n}"
        name = base[: LONGEST_SHEET_NAME - len(tail)] + tail
    return name


def number_format(kind: str, decimals: int) -> str:
    """The format of a column of numbers. A nought is a figure: a dash stands for none in the other forms."""
    digits = "#,##0" + ("." + "0" * decimals if decimals else "")
    if kind == "percent":
        return digits.replace("#,##", "") + "%"
    if kind in {"points", "delta"}:
        return signed_format(digits)
    return digits


def signed_format(digits: str) -> str:
    """The format of a difference: with its sign."""
    return f"+{digits};-{digits};{digits}"


def plain(value: Value, kind: str, lang: str, codes: str = "") -> Value:
    """What a cell holds: numbers and dates as such, percentages as fractions, all else as disarmed text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, bool | str):
        return disarm(notation.written(value, kind, lang, codes)[:LONGEST_TEXT])
    if isinstance(value, int | float) and kind == "percent":
        return round(value / 100, 8)
    return value


def write(sheet: Worksheet, row: int, column: int, value: Value, style: Format) -> None:
    """Put what `plain` gave into a cell."""
    if value is None:
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, style)
    else:
        sheet.write_string(row, column, value, style)


def words_in(sheet: Worksheet, row: int, column: int, text: str, style: Format) -> None:
    """Put a text into a cell, disarmed."""
    sheet.write_string(row, column, disarm(notation.clean(text)[:LONGEST_TEXT]), style)


def open_sheet(book: Book, anchor: str, name: str, title: str, subtitle: str) -> Page:
    """A new sheet with its title in A1, a line on it below, and the way back to the contents."""
    book.places[anchor] = name, 0
    sheet = book.file.add_worksheet(name, worksheet_class=RowsSheet)
    sheet.set_default_row(ROW)
    sheet.set_row(0, 24)
    words_in(sheet, 0, 0, title, book.format(bold=True, font_size=14, font_color=NAVY))
    words_in(sheet, 1, 0, subtitle, book.format(font_color=GREY))
    back = book.format(font_color=NAVY, underline=1)
    sheet.write_url(2, 0, book.link(CONTENTS), back, string=book.words["back"])
    return Page(sheet, name)


def headings(book: Book, page: Page, row: int, titles: Sequence[str], numbers: Sequence[bool], most: int = 99) -> None:
    """The headings of a table, right over numbers; on every printed page where the table alone is on the sheet.

    `most`: the width beyond which a heading is broken into two lines.
    """
    sheet = page.sheet
    for i, (title, is_number) in enumerate(zip(titles, numbers, strict=True)):
        words_in(sheet, row, i, title, heading_format(book, right=is_number))
    lines = max((title.count("\n") + (2 if text_width(title) > most else 1) for title in titles), default=1)
    sheet.set_row(row, 20 if lines == 1 else 15 * lines + 4)
    if row == HEADING_ROW:
        sheet.repeat_rows(row)


def heading_width(title: str, most: int) -> int:
    """The width that a heading needs, with the button of its filter: beyond `most` that of two lines."""
    width = text_width(title)
    longest_word = max(map(text_width, title.split()), default=0) if title.isascii() else 0
    return max(longest_word, width if width <= most else math.ceil(width / 2) + 3) + 3


def heading_format(book: Book, *, right: bool = False) -> Format:
    """The format of a heading."""
    return book.format(
        bold=True, text_wrap=True, valign="bottom", bottom=2, bottom_color=NAVY, bg_color=PALE,
        align="right" if right else "left", indent=0 if right else 1,
    )  # fmt: skip


def notes(book: Book, sheet: Worksheet, row: int, lines: Iterable[str]) -> int:
    """Lines below a table, a row apart from it. `row`: the first free one. Returns that after them."""
    for line in filter(None, lines):
        row += 1
        words_in(sheet, row, 0, line, book.format(font_color=GREY))
    return row + 1


def set_up(book: Book, sheet: Worksheet, *, upright: bool = False, one_page: bool = False) -> None:
    """Print set-up: A4 across or upright, one page wide and if asked one high, page numbers below."""
    sheet.hide_gridlines(2)
    if not upright:
        sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.fit_to_pages(1, int(one_page))
    sheet.set_footer(book.footer)
