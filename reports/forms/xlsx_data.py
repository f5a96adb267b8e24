"""The tables of data/ as sheets of report.xlsx, one each, under the key that the table has there.

Belongs here: which tables there is room for, their rows as cells, the way from a row to its unit. Does not: what the
tables hold and how they are protected (reports/publishing/tables.py): they are read from the version's own files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlsxwriter.utility import xl_range_abs

from expectations.language import language
from reports.forms.xlsx_book import (
    FIRST_ROW,
    HEADING_ROW,
    LINED,
    NAVY,
    Book,
    Page,
    heading_width,
    headings,
    notes,
    open_sheet,
    safe,
    set_up,
    text_width,
)
from reports.forms.xlsx_rows import RowsSheet, moment, number, start_of, truth
from reports.text import formats

if TYPE_CHECKING:
    import polars as pl

MOST_CELLS = 600_000
"""Cells of all tables of data/ that a workbook holds, so that a spreadsheet opens it in 20 seconds (reports.md)."""
MEASURED = 200  # rows by which a column's width is found
NARROWEST, WIDEST, LONGEST_HEADING = 8, 40, 16  # in digits
UNITS, UNIT = "units", "unit_code"
SENT, FILE = "submissions", "file"
OF_MONTH = ("carried_from", "reported_in")  # the month of the form that a row stood in, where it is not the period's
IN_SIGHT = 2  # columns that stay when the sheet moves


@cache
def data_tables() -> tuple[str, ...]:
    """The keys of the tables that data/ may have, in the order of their sheets: that of glossary.yaml."""
    return (*formats.glossary()["tables"], *formats.glossary()["sheets"])


def data_sheets(book: Book, folder: Path, pages: Mapping[str, str], period: str) -> Iterator[tuple[str, str, int]]:
    """A sheet for each table of a folder of data/: its anchor, its title for the contents, how many rows there are.

    The table of units is first, as the others lead to it. From there, and from the name of the file in which a row
    stood, the way goes on to the page that the unit has of the period (`pages`, their addresses by unit). A table is
    whole or not there: where all of them are more than MOST_CELLS, the largest are left to data/, and their sheets and
    the contents say so.
    """
    files = {key: path for key in data_tables() if (path := folder / f"{key}.parquet").exists()}
    sizes = _sizes(files)
    shown = _with_room(sizes)
    frames = _read(files, shown)
    ways = _ways(frames, pages, period)
    for key, frame in frames.items():
        rows = sizes[key][0]
        title = _title("table", key, "", book.lang)
        source = f"data/{key}.csv"
        told = book.words["data_table" if key in shown else "left_to_data"].format(source=source, rows=f"{rows:,}")
        if key in shown and (column := _leads_to_pages(key, frame, ways)):
            hint = book.words["unit_pages"].format(column=_title("column", key, column, book.lang))
            told += language(book.lang).between_sentences + hint
        page = open_sheet(book, f"data/{key}", key, f"{key}  {title}", told)
        _fill(book, page, key, frame, ways)
        if not frame.height and key in shown:
            notes(book, page.sheet, FIRST_ROW, [book.words["nothing"]])
        yield f"data/{key}", f"{key}  {title}" + ("" if key in shown else f"  {told}"), rows


@dataclass(frozen=True, slots=True)
class _Ways:
    """Where the cells of a row lead to: its unit's row, and its unit's page, both by unit."""

    rows: Mapping[str, str]
    pages: Mapping[str, str]
    period: str


def _ways(frames: Mapping[str, pl.DataFrame], pages: Mapping[str, str], period: str) -> _Ways:
    """The ways of a version's rows. Only units that have sent something have a page."""
    units, sent = ([*frames[key][UNIT]] if key in frames else [] for key in (UNITS, SENT))
    rows = {code: f"internal:'{UNITS}'!A{FIRST_ROW + n}" for n, code in enumerate(units, start=1)}
    found = {code: f"external:{pages[code]}" for code in dict.fromkeys(sent) if code in pages}
    return _Ways(rows, found, period)


def _leads_to_pages(key: str, frame: pl.DataFrame, ways: _Ways) -> str:
    """The column of a table whose cells lead to units' pages; "" where none does."""
    column = UNIT if key == UNITS else FILE
    return column if ways.pages and {UNIT, column} <= {*frame.columns} else ""


def _addresses(frame: pl.DataFrame, column: str, ways: _Ways) -> list[str | None]:
    """Where the cells of that column lead to, row by row. What an earlier month's form says, that month's page told."""
    months = [frame[name] for name in OF_MONTH if name in frame.columns]
    carried = zip(*months, strict=True) if months else [()] * frame.height
    return [
        ways.pages.get(unit or "") if cell and not {*of} - {ways.period, None} else None
        for unit, cell, of in zip(frame[UNIT], frame[column], carried, strict=True)
    ]


def _read(files: Mapping[str, Path], shown: Collection[str]) -> dict[str, pl.DataFrame]:
    """The tables; of those that are not shown, the columns alone."""
    import polars as pl  # noqa: PLC0415 - wanted here alone

    tables = [pl.scan_parquet(p, parallel="none", n_rows=None if k in shown else 0) for k, p in files.items()]
    return dict(zip(files, pl.collect_all(tables), strict=True))


def _sizes(files: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """How many rows and how many cells each table has."""
    import polars as pl  # noqa: PLC0415 - wanted here alone

    tables = [pl.scan_parquet(path) for path in files.values()]
    counted = pl.collect_all([table.select(pl.len()) for table in tables])
    rows = [frame.item() for frame in counted]
    return {key: (n, n * len(t.collect_schema())) for key, n, t in zip(files, rows, tables, strict=True)}


def _with_room(sizes: Mapping[str, tuple[int, int]]) -> frozenset[str]:
    """The tables that are shown: that of units, then the smallest first, as long as there is room."""
    shown, room = set(), MOST_CELLS
    for key in sorted(sizes, key=lambda k: (k != UNITS, sizes[k][1], k)):
        if sizes[key][1] <= room:
            shown.add(key)
            room -= sizes[key][1]
    return frozenset(shown)


def _fill(book: Book, page: Page, key: str, frame: pl.DataFrame, ways: _Ways) -> None:
    """The headings and rows of a table: filters, frozen headings, a name for the whole of it (data_KEY)."""
    sheet = page.sheet
    titles = [_title("column", key, name, book.lang) for name in frame.columns]
    headings(book, page, HEADING_ROW, titles, [dtype.is_numeric() for dtype in frame.dtypes], LONGEST_HEADING)
    last = max(HEADING_ROW + frame.height, FIRST_ROW), max(frame.width - 1, 0)
    to_units, to_pages = UNIT in frame.columns and key != UNITS, _leads_to_pages(key, frame, ways)
    links = {*([UNIT] if to_units else []), to_pages}
    columns = [_cells(book, sheet, i, column, link=column.name in links) for i, column in enumerate(frame)]
    for i, (title, cells) in enumerate(zip(titles, columns, strict=True)):
        page.widen(i, min(max(cells.width + 2, heading_width(title, LONGEST_HEADING) + 2, NARROWEST), WIDEST))
    sheet.put_table(FIRST_ROW, [cells.cells for cells in columns])
    if to_units:
        addresses = [ways.rows.get(code or "") for code in frame[UNIT].to_list()]
        sheet.link_runs(FIRST_ROW, frame.columns.index(UNIT), addresses)
    if to_pages:
        sheet.link_runs(FIRST_ROW, frame.columns.index(to_pages), _addresses(frame, to_pages, ways))
    sheet.autofilter(HEADING_ROW, 0, *last)
    sheet.freeze_panes(FIRST_ROW, IN_SIGHT)
    book.file.define_name(f"data_{key}", f"='{page.name}'!{xl_range_abs(HEADING_ROW, 0, *last)}")
    page.close()
    set_up(book, sheet)


@dataclass(frozen=True, slots=True)
class _Cells:
    """A column as cells, and how wide the first of them are, in digits."""

    cells: Sequence[str]
    width: int


def _cells(book: Book, sheet: RowsSheet, i: int, column: pl.Series, *, link: bool) -> _Cells:
    """The i-th column as cells, each as what it is: number, date, truth or text, texts that are moments as such, all
    other disarmed. One that leads somewhere looks like it.
    """
    import polars as pl  # noqa: PLC0415 - wanted here alone

    from reports.publishing.datapackage import MOMENTS  # noqa: PLC0415 - brings polars

    tongue, blue = language(book.lang), {"font_color": NAVY, "underline": 1} if link else {}

    def start(**look: Any) -> str:
        return start_of(i, book.format(**look, **LINED))

    def texts(values: Sequence[str]) -> list[str]:
        return sheet.texts(safe(values), start(indent=1, **blue))

    def at(value: datetime) -> str:
        return moment(value, start(num_format=tongue.excel_moment, align="left"))

    values = column.to_list()
    distinct = dict.fromkeys(values)  # what is there often is made once
    there = [value for value in distinct if value is not None and value != ""]
    cells: list[str]
    if not there:
        cells = []
    elif column.dtype == pl.String and column.name in MOMENTS:
        cells = [at(found) if (found := _moment(text)) else texts([text])[0] for text in there]
    elif column.dtype == pl.String:
        cells = texts(there)
    elif column.dtype == pl.Boolean:
        begun = start(indent=1, **blue)
        cells = [truth(value, begun) for value in there]
    elif column.dtype.is_numeric():
        begun = start(align="right")
        cells = [number(value, begun) for value in there]
    elif column.dtype == pl.Date:
        begun = start(num_format=tongue.excel_day, align="left")
        cells = [moment(value, begun) for value in there]
    else:
        cells = [at(value) for value in there]
    known = {None: "", "": "", **dict(zip(there, cells, strict=True))}
    shown = set(values[:MEASURED]) - {None}
    width = max((text_width(v) if isinstance(v, str) else len(str(v)) for v in shown), default=0)
    if len(distinct) == 1:
        return _Cells([known[values[0]]] * len(values), width)
    return _Cells([known[value] for value in values], width)


def _moment(text: str) -> datetime | None:
    """A moment of ISO 8601 without its zone, as in the other sheets; None of anything else."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _title(what: str, key: str, name: str, lang: str) -> str:
    """A table's or a column's name in glossary.yaml."""
    from reports.publishing.datapackage import column_titles, table_titles  # noqa: PLC0415 - brings polars

    titles = table_titles(key, formats.glossary()) if what == "table" else column_titles(key, name, formats.glossary())
    return titles[lang]
