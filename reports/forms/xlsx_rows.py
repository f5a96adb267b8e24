"""A sheet of many rows, whose XML is written column by column and not cell by cell, as XlsxWriter does.

Belongs here: cells as XML, rows of them, links of runs of rows. Does not: which tables and values (xlsx_data.py).
A month of a city has some 30,000 cells in data/, and all four forms of its report shall take a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from html import escape
from itertools import pairwise
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import CellNumberTuple, CellStringTuple, Worksheet

from reports.model import Value

_EPOCH = date(1899, 12, 30).toordinal()
_DAY = 86_400
_ROW = "\0"  # stands in a cell for the number of its row
_name = cache(xl_col_to_name)


class RowsSheet(Worksheet):
    """A worksheet that takes whole columns beside what is written into it cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        self._tables: list[tuple[int, Sequence[Sequence[str]]]] = []
        self._runs: list[tuple[int, int, int, str]] = []

    def texts(self, values: Iterable[str], start: str) -> list[str]:
        """Texts as cells; each text itself is kept once for the whole workbook."""
        index = self.str_table._get_shared_string_index
        return [f'{start} t="s"><v>{index(value)}</v></c>' for value in values]

    def cell(self, value: Value, start: str) -> str:
        """A value as a cell: number, date or text; of no value an empty one that has the look."""
        if value is None:
            return f"{start}/>"
        if isinstance(value, str):
            return self.texts([value], start)[0]
        return moment(value, start) if isinstance(value, date) else number(value, start)

    def put_table(self, first: int, columns: Sequence[Sequence[str]]) -> None:
        """The cells of a table from row `first` on, column by column, "" for one that is empty; each begins as
        `start_of` its column. Nothing else stands in its rows, and of several tables the upper is put first.
        """
        if columns and columns[0]:
            self._tables.append((first, columns))
            self._check_dimensions(first, 0)
            self._check_dimensions(first + len(columns[0]) - 1, len(columns) - 1)

    def link_runs(self, first: int, column: int, addresses: Sequence[str | None]) -> None:
        """Cells of a column from row `first` on that lead somewhere; a run that leads to the same is one link. An
        address is as XlsxWriter has it: internal:'SHEET'!A1, or external: and a file or page.
        """
        starts = [n for n, place in enumerate(addresses) if n == 0 or place != addresses[n - 1]]
        for start, end in pairwise([*starts, len(addresses)]):
            if (place := addresses[start]) is not None:
                self._runs.append((column, first + start, first + end - 1, place))

    def _write_rows(self) -> None:
        first, last = int(self.dim_rowmin), int(self.dim_rowmax)  # type: ignore[has-type]
        row = first
        for top, columns in self._tables:
            self._write_singly(row, top - 1)
            self._write_table(top, columns)
            row = top + len(columns[0])
        self._write_singly(row, last)
        self.dim_rowmin, self.dim_rowmax = first, last

    def _write_singly(self, first: int, last: int) -> None:
        """Rows that were written cell by cell."""
        self.dim_rowmin, self.dim_rowmax = first, last
        super()._write_rows()

    def _calculate_spans(self) -> None:
        """Rows do not say from which column to which they go: the rows of tables do not, and no program asks."""
        self.row_spans: dict[int, str] = {}

    def _write_cell(self, row: int, col: int, cell: Any) -> None:
        """Headings, labels and figures of charts as XlsxWriter writes them, without its list of attributes."""
        kind = type(cell)
        if cell.format and kind is CellStringTuple:
            self.fh.write(f'{start_of(col, cell.format, row + 1)} t="s"><v>{cell.string}</v></c>')
        elif cell.format and kind is CellNumberTuple:
            self.fh.write(number(cell.number, start_of(col, cell.format, row + 1)))
        else:
            super()._write_cell(row, col, cell)

    def _write_table(self, first: int, columns: Sequence[Sequence[str]]) -> None:
        usual = _height(float(self.default_row_height or 0))
        heights = {row: _height(info.height) for row, info in self.row_info.items() if info.height is not None}
        out = []
        for row, cells in enumerate(zip(*columns, strict=True), start=first):
            number = str(row + 1)
            put = "".join(cells).replace(_ROW, number)
            out.append(f'<row r="{number}" {heights.get(row, usual)}>{put}</row>')
        self.fh.write("".join(out))

    def _write_hyperlinks(self) -> None:
        if not self._runs:
            super()._write_hyperlinks()
            return
        self._xml_start_tag("hyperlinks")
        for row, links in sorted(self.hyperlinks.items()):
            for column, url in sorted(links.items()):
                self._write_hyperlink_internal(row, column, url)
        outside: dict[str, str] = {}  # each place once, however many cells lead there
        for column, start, end, address in self._runs:
            name = _name(column)
            ref = f"{name}{start + 1}" + (f":{name}{end + 1}" if end > start else "")
            kind, _, place = address.partition(":")
            if kind == "external" and place not in outside:
                self.rel_count += 1
                outside[place] = f"rId{self.rel_count}"
                self.external_hyper_links.append(["/hyperlink", place, "External"])
            target = f'r:id="{outside[place]}"' if kind == "external" else f'location="{escape(place)}"'
            self.fh.write(f'<hyperlink ref="{ref}" {target}/>')
        self._xml_end_tag("hyperlinks")


def _height(pixels: float) -> str:
    return f'ht="{pixels * 0.75:.16g}" customHeight="1"'


def start_of(column: int, style: Format, row: int | str = _ROW) -> str:
    """How the cells of a column begin that have a look; if not said, their row is put in where they are written."""
    return f'<c r="{_name(column)}{row}" s="{style._get_xf_index()}"'


def number(value: float, start: str) -> str:
    """A number as a cell."""
    return f"{start}><v>{value:.16G}</v></c>"


def truth(value: bool, start: str) -> str:
    """Yes or no as a cell."""
    return f'{start} t="b"><v>{int(value)}</v></c>'


def moment(value: date | datetime, start: str) -> str:
    """A day, or a moment without its zone, as a cell."""
    days: float = value.toordinal() - _EPOCH
    if isinstance(value, datetime):
        days += (value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6) / _DAY
    return f"{start}><v>{days:.16G}</v></c>"
