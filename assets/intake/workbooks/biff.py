"""Reads .xls, and .et of WPS, by xlrd: pure Python, it survives damaged files that abort other readers.

Belongs here: BIFF cells. Does not: the OLE container (ole.py), what a cell's value means.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from math import isfinite

import xlrd

from assets.instance.limits import Limits
from assets.intake.workbooks.ole import SIGNATURE, OleFile
from assets.intake.workbooks.serial import moment
from assets.intake.workbooks.sheet import (
    MOST_MERGED,
    PLACE_BITS,
    Cell,
    Merged,
    Room,
    Sheet,
    Workbook,
    WorkbookUnreadable,
    arranged,
)
from assets.intake.workbooks.shown import BUILT_IN, ShownNumber, with_format

# Records ([MS-XLS] 2.4.21, 2.4.28, 2.4.103, 2.4.168).
_BOF, _BOUNDSHEET, _EOF, _MERGED = 0x809, 0x85, 0x0A, 0xE5
_WORKSHEET, _MACRO_SHEET = 0, 1
_MOST_SCANNED = 4_000_000  # bytes of a sheet whose merged ranges are looked for
# What a workbook says beside its cells: nothing of it is read here, and xlrd gives up a whole file over an odd one.
_BESIDE_CELLS = {
    xlrd.book.Book: (
        "handle_name",
        "names_epilogue",
        "handle_externname",
        "handle_externsheet",
        "handle_supbook",
        "handle_obj",
    ),
    xlrd.sheet.Sheet: (
        "handle_hlink",
        "handle_quicktip",
        "handle_obj",
        "handle_msodrawingetc",
        "handle_txo",
        "handle_note",
        "handle_feat11",
    ),
}
for _kind, _handlers in _BESIDE_CELLS.items():
    for _handler in _handlers:
        setattr(_kind, _handler, lambda *_: None)


_put_cell = xlrd.sheet.Sheet.put_cell_ragged


def _put_cell_with_format(
    sheet: xlrd.sheet.Sheet, row: int, column: int, kind: int | None, value: Cell, style: int | None
) -> None:
    """Put a number in its place together with the format that shows it; xlrd gives numbers the kind None.

    xlrd tells formats only together with every blank cell that is formatted, of which a file can name millions.
    """
    if kind is None and isinstance(value, float) and style is not None and style < len(sheet.book.xf_list):
        key = sheet.book.xf_list[style].format_key
        known = sheet.book.format_map.get(key)
        code = BUILT_IN.get(str(key), known.format_str if known else "")
        value = with_format(value, code) if code else value
    _put_cell(sheet, row, column, kind, value, style)


xlrd.sheet.Sheet.put_cell_ragged = _put_cell_with_format


def read_biff(content: bytes, limits: Limits) -> Workbook:
    """The workbook in `content`, an OLE file or a bare BIFF stream. Raises WorkbookUnreadable.

    What xlrd cannot tell: formulas without a value, and lengths of time ([h]:mm), which come as dates.
    """
    stream, macros = content, False
    if content.startswith(SIGNATURE):
        container = OleFile(content)
        if "encryptedpackage" in container.names:
            raise WorkbookUnreadable("encrypted", "an encrypted package")
        name = next((name for name in ("workbook", "book") if name in container.names), None)
        if name is None:
            raise WorkbookUnreadable("not_workbook", "an OLE file without a workbook stream")
        stream = container.stream(name)
        macros = "_vba_project_cur" in container.names or any(kind == _MACRO_SHEET for kind, _ in _listed(stream))
    try:
        book = xlrd.open_workbook(file_contents=stream, logfile=io.StringIO(), ragged_rows=True, on_demand=True)
        if book.nsheets > limits.workbook_sheets:
            raise WorkbookUnreadable("too_many_sheets", f"{book.nsheets} sheets")
        epoch = 1904 if book.datemode else 1900
        room = Room(limits.workbook_cells, limits.workbook_extent)
        sheets = []
        begins = [begin for kind, begin in _listed(stream) if kind == _WORKSHEET]
        for number in range(book.nsheets):
            merged = _merged(stream, begins[number]) if number < len(begins) else ()
            sheets.append(_sheet(book.sheet_by_index(number), epoch, room, merged))
            book.unload_sheet(number)
    except (WorkbookUnreadable, MemoryError):
        raise
    except Exception as error:  # xlrd raises what the damage leads to: struct.error, IndexError, AssertionError ...
        reason = "encrypted" if "encrypted" in str(error) else "damaged"
        raise WorkbookUnreadable(reason, f"xlrd: {type(error).__name__}: {error}") from error
    return Workbook(sheets, epoch, macros, "xls")


def _sheet(source: xlrd.sheet.Sheet, epoch: int, room: Room, merged: Iterable[Merged]) -> Sheet:
    places: list[int] = []
    values: list[Cell] = []
    errors: dict[tuple[int, int], str] = {}
    for row in range(source.nrows):
        kinds = source.row_types(row)
        for column, value in enumerate(source.row_values(row)):
            kind = kinds[column]
            if value == "" or kind in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                continue
            meaning: Cell = value
            if kind == xlrd.XL_CELL_ERROR:
                errors[row + 1, column + 1] = xlrd.error_text_from_code.get(value, f"#{value}")
                continue
            if kind == xlrd.XL_CELL_BOOLEAN:
                meaning = bool(value)
            elif kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
                if not isfinite(value):
                    errors[row + 1, column + 1] = "#NUM!"
                    continue
                if kind == xlrd.XL_CELL_DATE:
                    meaning = moment(value, epoch, "date")
                    if isinstance(value, ShownNumber):
                        meaning = with_format(meaning, value.format)
            places.append((row + 1) << PLACE_BITS | (column + 1))
            values.append(meaning)
    title, visible = source.name, source.visibility == 0
    return arranged(title, places, values, errors, visible=visible, room=room, merged=merged)


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The records of the part of a stream that begins at `at`: kind, and where its data begin and end."""
    depth = 0
    while at + 4 <= len(stream):
        record, length = struct.unpack_from("<HH", stream, at)
        yield record, at + 4, min(at + 4 + length, len(stream))
        depth += (record == _BOF) - (record == _EOF)
        if depth <= 0:
            return
        at += 4 + length


def _listed(stream: bytes) -> list[tuple[int, int]]:
    """The kind of each sheet that the workbook's global records list, and where it begins in the stream."""
    return [
        (stream[begin + 5], struct.unpack_from("<I", stream, begin)[0])
        for record, begin, end in _records(stream, 0)
        if record == _BOUNDSHEET and end - begin > 5
    ]


def _merged(stream: bytes, at: int) -> tuple[Merged, ...]:
    """The merged ranges of the sheet that begins at `at`; xlrd tells them only with every formatted blank cell."""
    found: list[Merged] = []
    for record, begin, end in _records(stream, at):
        if begin - at > _MOST_SCANNED or len(found) >= MOST_MERGED:
            break
        if record == _MERGED:
            for place in range(begin + 2, end - 7, 8):
                top, bottom, left, right = struct.unpack_from("<4H", stream, place)
                found.append((top + 1, left + 1, bottom + 1, right + 1))
    return tuple(found)
