"""Reads .csv: one sheet of texts.

Belongs here: encoding and delimiter. Does not: what a cell's value means.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from assets.instance.limits import Limits
from assets.intake.workbooks.sheet import (
    MAX_COLUMN,
    PLACE_BITS,
    Cell,
    Room,
    Workbook,
    WorkbookUnreadable,
    arranged,
)

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MARKUP = ("<", "MIME-Version:", "{\\rtf")
_TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
_LONGEST_CELL = 131_072  # characters, four times Excel's; the csv module's own limit is whatever a library has made it


def read_delimited(content: bytes, name: str, limits: Limits) -> Workbook:
    """The rows of the text `content`; the sheet is titled by the stem of `name`. Raises WorkbookUnreadable.

    A file that is not named as text must look like a table to be taken for one: a delimiter in most lines.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    text = _decoded(content)
    if text.lstrip().startswith(_MARKUP):
        raise WorkbookUnreadable("format_unsupported", "a web page, XML or RTF")
    delimiter = _delimiter(text)
    if delimiter is None and path.suffix.lower() not in _TEXT_SUFFIXES:
        raise WorkbookUnreadable("not_workbook", "text without columns")
    places: list[int] = []
    values: list[Cell] = []
    try:
        for number, row in enumerate(_rows(text, delimiter or ","), 1):
            if len(row) > MAX_COLUMN or len(places) > limits.workbook_cells:
                raise WorkbookUnreadable("too_many_cells", f"row {number} has {len(row)} columns")
            for column, value in enumerate(row, 1):
                if len(value) > _LONGEST_CELL:
                    raise WorkbookUnreadable("damaged", f"row {number}: a cell of {len(value)} characters")
                if value:
                    places.append(number << PLACE_BITS | column)
                    values.append(value)
    except csv.Error as error:
        raise WorkbookUnreadable("damaged", f"csv: {error}") from error
    room = Room(limits.workbook_cells, limits.workbook_extent)
    return Workbook([arranged(path.stem, places, values, {}, visible=True, room=room)], 1900, False, "csv")


def _decoded(content: bytes) -> str:
    """By the byte order mark, else UTF-8, else GB18030 (which WPS and Excel write in Chinese Windows)."""
    marked = [encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if content.startswith(mark)]
    for encoding in marked or ("utf-8", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise WorkbookUnreadable("not_workbook", "neither a workbook nor text")


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _delimiter(text: str) -> str | None:
    """The delimiter that most of the first rows agree on; None where most have none."""
    best, most = None, 0
    for delimiter in ",;\t":
        try:
            widths = [len(row) for row in islice(_rows(text, delimiter), 20) if row]
        except csv.Error:
            continue
        width, rows = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1 and rows * width > most:
            best, most = delimiter, rows * width
    return best
