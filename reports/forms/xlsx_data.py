"""The tables of data/ as sheets of report.xlsx, one each, under the key that the table has there.

Belongs here: which tables there is room for, their rows as cells, the way from a row to its unit. Does not: what the
tables hold and how they are protected (reports/publishing/tables.py): they are read from the version's own files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    LONGEST_TEXT,
    NAVY,
    Book,
    Page,
    disarm,
    heading_width,
    headings,
    notes,
    open_sheet,
    set_up,
    text_width,
)
from reports.text import formats

if TYPE_CHECKING:
    import polars as pl

MOST_CELLS = 600_000
"""Cells of all tables of data/ that a workbook holds, so that a spreadsheet opens it in 20 seconds (reports.md)."""
MOST_LINKS = 60_000  # of a sheet: Excel has 65,530
MEASURED = 200  # rows by which a column's width is found
NARROWEST, WIDEST, LONGEST_HEADING = 8, 40, 16  # in digits
UNITS, UNIT = "units", "unit_code"
IN_SIGHT = 2  # columns that stay when the sheet moves


@cache
def data_tables() -> tuple[str, ...]:
    """The keys of the tables that data/ may have, in the order of their sheets: that of glossary.yaml."""
    return (*formats.glossary()["tables"], *formats.glossary()["sheets"])


def data_sheets(book: Book, folder: Path) -> Iterator[tuple[str, str, int]]:
    """A sheet for each table of a folder of data/: its anchor, its title for the contents, how many rows there are.

    The table of units is first, as the others lead to it. A table is whole or not there: where all of them are more
    than MOST_CELLS, the largest are left to data/, and their sheets and the contents say so.
    """
    import polars as pl  # noqa: PLC0415 - wanted here alone

    files = {key: path for key in data_tables() if (path := folder / f"{key}.parquet").exists()}
    sizes = {key: _size(pl.scan_parquet(path)) for key, path in files.items()}
    shown = _with_room(sizes)
    rows_of_units: dict[str, int] = {}
    for key, path in files.items():
        frame = pl.read_parquet(path) if key in shown else pl.read_parquet(path, n_rows=0)
        rows = sizes[key][0]
        title = _title("table", key, "", book.lang)
        source = f"data/{key}.csv"
        told = book.words["data_table" if key in shown else "left_to_data"].format(source=source, rows=f"{rows:,}")
        if key == UNITS and UNIT in frame.columns:
            rows_of_units = {code: FIRST_ROW + n for n, code in enumerate(frame[UNIT].to_list())}
        page = open_sheet(book, f"data/{key}", key, f"{key}  {title}", told)
        _fill(book, page, key, frame, rows_of_units)
        if not frame.height and key in shown:
            notes(book, page.sheet, FIRST_ROW, [book.words["nothing"]])
        yield f"data/{key}", f"{key}  {title}" + ("" if key in shown else f"  {told}"), rows


def _size(table: pl.LazyFrame) -> tuple[int, int]:
    """How many rows and how many cells a table has."""
    import polars as pl  # noqa: PLC0415 - wanted here alone

    rows = int(table.select(pl.len()).collect().item())
    return rows, rows * len(table.collect_schema())


def _with_room(sizes: Mapping[str, tuple[int, int]]) -> frozenset[str]:
    """The tables that are shown: that of units, then the smallest first, as long as there is room."""
    shown, room = set(), MOST_CELLS
    for key in sorted(sizes, key=lambda k: (k != UNITS, sizes[k][1], k)):
        if sizes[key][1] <= room:
            shown.add(key)
            room -= sizes[key][1]
    return frozenset(shown)


def _fill(book: Book, page: Page, key: str, frame: pl.DataFrame, rows_of_units: Mapping[str, int]) -> None:
    """The headings and rows of a table: filters, frozen headings, a name for the whole of it (data_KEY)."""
    sheet = page.sheet
    titles = [_title("column", key, name, book.lang) for name in frame.columns]
    headings(book, page, HEADING_ROW, titles, [dtype.is_numeric() for dtype in frame.dtypes], LONGEST_HEADING)
    last = max(HEADING_ROW + frame.height, FIRST_ROW), max(frame.width - 1, 0)
    for i, name in enumerate(frame.columns):
        linked = rows_of_units if name == UNIT and key != UNITS and frame.height <= MOST_LINKS else {}
        values = _values(frame[name], name)
        width = max((text_width(v) if isinstance(v, str) else len(str(v)) for v in values[:MEASURED]), default=0)
        width = max(width, heading_width(titles[i], LONGEST_HEADING))
        page.widen(i, min(max(width + 2, NARROWEST), WIDEST))
        _column(book, page, i, values, linked)
    sheet.autofilter(HEADING_ROW, 0, *last)
    sheet.freeze_panes(FIRST_ROW, IN_SIGHT)
    book.file.define_name(f"data_{key}", f"='{page.name}'!{xl_range_abs(HEADING_ROW, 0, *last)}")
    page.close()
    set_up(book, sheet)


def _values(column: pl.Series, name: str) -> list[Any]:
    """The values of a column as cells hold them: texts that are moments as such, texts disarmed."""
    from reports.publishing.datapackage import MOMENTS  # noqa: PLC0415 - brings polars

    made: dict[Any, Any] = {}  # what is there often is made once
    values = column.to_list()
    for value in values:
        if isinstance(value, str) and value not in made:
            made[value] = _moment(value) if name in MOMENTS else disarm(formats.clean(value)[:LONGEST_TEXT])
    return [made[value] if isinstance(value, str) else value for value in values]


def _moment(text: str) -> datetime | str:
    """A moment of ISO 8601 without its zone, as in the other sheets; anything else as it is."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return disarm(formats.clean(text)[:LONGEST_TEXT])


def _column(book: Book, page: Page, i: int, values: list[Any], rows_of_units: Mapping[str, int]) -> None:
    """The cells of a column, each as what it is: number, date, truth or text. The code of a unit leads to its row."""
    sheet, tongue = page.sheet, language(book.lang)
    text = book.format(indent=1, **LINED)
    number = book.format(align="right", **LINED)
    day = book.format(num_format=tongue.excel_day, align="left", **LINED)
    moment = book.format(num_format=tongue.excel_moment, align="left", **LINED)
    link = book.format(font_color=NAVY, underline=1, indent=1, **LINED)
    for row, value in enumerate(values, start=FIRST_ROW):
        if value is None:
            continue
        if isinstance(value, str):
            if value in rows_of_units:
                sheet.write_url(row, i, f"internal:'{UNITS}'!A{rows_of_units[value] + 1}", link, string=value)
            else:
                sheet.write_string(row, i, value, text)
        elif isinstance(value, bool):
            sheet.write_boolean(row, i, value, text)
        elif isinstance(value, int | float):
            sheet.write_number(row, i, value, number)
        else:
            sheet.write_datetime(row, i, value, moment if isinstance(value, datetime) else day)


def _title(what: str, key: str, name: str, lang: str) -> str:
    """A table's or a column's name in glossary.yaml."""
    from reports.publishing.datapackage import column_titles, table_titles  # noqa: PLC0415 - brings polars

    titles = table_titles(key, formats.glossary()) if what == "table" else column_titles(key, name, formats.glossary())
    return titles[lang]
