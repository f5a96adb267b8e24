"""report.xlsx: a contents sheet, a sheet a section, a sheet a table of data/, for those who sort, filter and count on.

Sheets have names that are the same in every month and version, so that other workbooks can refer to them.
Belongs here: which sheets there are and what is on those of sections. Does not: look and cells (xlsx_book.py), charts
(xlsx_charts.py), the sheets of data/ (xlsx_data.py), what the tables hold (reports/report/).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

from expectations.language import language
from reports.forms.svg_charts import HEAT, HEAT_TOP
from reports.forms.xlsx_book import (
    CONTENTS,
    EMPHASIS,
    FIRST_ROW,
    FROZEN_ROWS,
    GREY,
    HEADING_ROW,
    HEADINGS_BELOW,
    LINE,
    LINED,
    NAVY,
    RED,
    SIZE,
    TALLEST,
    TEAL,
    Book,
    Page,
    disarm,
    heading_format,
    heading_width,
    headings,
    lines_of,
    notes,
    number_format,
    open_sheet,
    plain,
    set_up,
    sheet_name,
    signed_format,
    text_width,
    widest,
    words_in,
    write,
)  # fmt: skip
from reports.forms.xlsx_charts import ROW_HEIGHT, height_of, native_chart
from reports.forms.xlsx_data import data_sheets, data_tables
from reports.forms.xlsx_file import TextsBook
from reports.forms.xlsx_rows import RowsSheet, start_of
from reports.model import Chart, Column, Kpi, Matrix, Report, Section, Series, Table, Value
from reports.text import formats

FILLS = {
    "on_time": "#D9E6F2", "late": "#F6B98A", "incomplete": "#FBE3A1", "returned": "#E9C6DB", "missing": RED,
}  # fmt: skip
BAD = frozenset({"missing", "returned", "critical", "不符合", "高"})
WIDEST, WIDEST_WRAPPED, NARROWEST = 40, 64, 8  # in digits, as spreadsheets count
CONTENTS_WIDTHS = (24, 88, 9)
WIDE_TABLE = 8  # columns; from here on the first ones stay in sight
LONGEST_HEADING = 16  # in digits; longer ones take two lines
ONE_PAGE = 30  # rows of a table that is printed on one page
IN_SIGHT = 3  # columns at most
LONGEST_LINK = 255  # characters of a link's text


Block = Table | Chart | Matrix
Extent = tuple[int, int, int, int]  # first row (the headings), first column, last row, last column


def _section_sheet(book: Book, section: Section, name: str, numbered: Sequence[tuple[Block, str]]) -> None:
    """A section: its tables and charts below one another, each with its title; the longest of them can be filtered."""
    page = open_sheet(book, f"section/{section.key}", name, section.title, section.headline)
    sheet, extents = page.sheet, []
    if not numbered:
        for text in section.sentences or (book.words["nothing"],):
            words_in(sheet, page.row, 0, text, book.format())
            page.row += 1
    for block, number in numbered:
        book.places[block.anchor] = page.name, page.row
        title = book.format(bold=True, font_size=12, font_color=NAVY)
        words_in(sheet, page.row, 0, f"{number}  {block.title}", title)
        page.row += HEADINGS_BELOW
        if (extent := _BLOCKS[type(block)](book, page, block)) and not isinstance(block, Chart):
            extents.append(extent)
        page.row += 1
    if extents:
        sheet.autofilter(*max(extents, key=lambda extent: extent[2] - extent[0]))
    alone = numbered[0][0] if len(numbered) == 1 else None
    if isinstance(alone, Table | Matrix) and extents:
        columns = _columns_in_sight(alone.columns) if isinstance(alone, Table) else 1
        sheet.freeze_panes(extents[0][0] + 1, columns)
    else:
        sheet.freeze_panes(FROZEN_ROWS, 0)
    page.close()
    set_up(book, sheet, one_page=page.row <= ONE_PAGE + HEADING_ROW + HEADINGS_BELOW)


def _changes_sheet(book: Book, table: Table, intro: str) -> None:
    """What a supplement changes."""
    page = open_sheet(book, table.anchor, book.words["change_sheet"], table.title, intro)
    extent = _table(book, page, table)
    if extent:
        page.sheet.autofilter(*extent)
        page.sheet.freeze_panes(FIRST_ROW, _columns_in_sight(table.columns))
    page.close()
    set_up(book, page.sheet, one_page=len(table.rows) <= ONE_PAGE)


def _table(book: Book, page: Page, table: Table) -> Extent | None:
    """A table from the page's next row on, and what stands below it."""
    top, extent = page.row, None
    if table.rows:
        _fill(book, page, table, top)
        extent = top, 0, top + len(table.rows), len(table.columns) - 1
    else:
        words_in(page.sheet, top, 0, table.empty or book.words["nothing"], book.format())
    end = top + max(len(table.rows), 0) + 1
    page.row = notes(book, page.sheet, end, (table.note, formats.whereabouts(table, len(table.rows), book.lang)))
    return extent


def _fill(book: Book, page: Page, table: Table, top: int) -> None:
    """The headings and rows of a table, its columns as wide and its rows as high as they need."""
    sheet, first = page.sheet, top + 1
    brackets = "\n（{}）" if language(book.lang).full_width else "\n({})"
    titles = [c.title + (brackets.format(c.unit) if c.unit else "") for c in table.columns]
    values = list(zip(*table.rows, strict=True))
    right = [formats.is_numeric(c, own) for c, own in zip(table.columns, values, strict=True)]
    headings(book, page, top, titles, right, LONGEST_HEADING)
    marked = [n in table.emphasis for n in range(len(table.rows))]
    lines, columns = [1] * len(table.rows), []
    for i, (column, own) in enumerate(zip(table.columns, values, strict=True)):
        base = _column_style(book, table, i)
        limit = WIDEST_WRAPPED if column.wide else WIDEST
        width = heading_width(titles[i], LONGEST_HEADING)
        looks: dict[tuple[bool, bool, bool], str] = {}
        keys = list(zip(map(type, own), own, marked, strict=True))
        cells: dict[tuple[type, Value, bool], str] = {}
        heights: dict[tuple[type, Value, bool], int] = {}
        for key in dict.fromkeys(keys):  # what is there often is made once
            _, known, emphasis = key
            value = plain(known, column.kind, book.lang, column.codes)
            kind = (
                isinstance(value, int | float) and column.kind not in formats.NUMBERS,
                emphasis,
                column.kind == "state" and known in BAD,
            )
            if kind not in looks:
                looks[kind] = start_of(i, book.format(**_cell_style(base, *kind)))
            shown = value if isinstance(value, str) else formats.written(known, column.kind, book.lang)
            width = max(width, text_width(shown))
            cells[key] = sheet.cell(value, looks[kind])
            if column.wide:
                heights[key] = lines_of(shown, limit - 3)
        columns.append([cells[key] for key in keys])
        if column.wide:
            lines = [max(count, heights[key]) for count, key in zip(lines, keys, strict=True)]
        page.widen(i, min(max(width + 2, NARROWEST), limit))
        if column.bar:
            full = column.bar / 100 if column.kind == "percent" else column.bar
            bar = {"type": "data_bar", "bar_color": "#9DBAD3", "bar_solid": True, "bar_border_color": "#9DBAD3"}
            scale = {"min_type": "num", "min_value": 0, "max_type": "num", "max_value": full}
            sheet.conditional_format(first, i, top + len(table.rows), i, bar | scale)
    sheet.put_table(first, columns)
    for n, count in enumerate(lines):
        if count > 1:
            sheet.set_row(first + n, min(LINE * count + 3, TALLEST))


def _column_style(book: Book, table: Table, i: int) -> dict[str, Any]:
    column = table.columns[i]
    style: dict[str, Any] = {**LINED, "valign": "top" if any(c.wide for c in table.columns) else "vcenter"}
    if column.kind in formats.NUMBERS:
        decimals = formats.decimals_of([row[i] for row in table.rows], column.kind)
        return style | {"num_format": number_format(column.kind, decimals), "align": "right"}
    if column.kind in {"date", "datetime"}:
        style["num_format"] = (
            language(book.lang).excel_day if column.kind == "date" else language(book.lang).excel_moment
        )
    return style | {"align": "left", "indent": 1, "text_wrap": column.wide}


def _cell_style(base: dict[str, Any], number: bool, emphasis: bool, bad: bool) -> dict[str, Any]:
    """The style of a cell of a column: of a number in a column of text, of a row that matters, of a bad state."""
    style = dict(base)
    if number:
        style |= {"align": "right", "indent": 0}
    if emphasis:
        style |= {"bold": True, "bg_color": EMPHASIS}
    if bad:
        style |= {"font_color": RED, "bold": True}
    return style


def _columns_in_sight(columns: Sequence[Column]) -> int:
    """How many columns stay when a wide table moves: those up to the first that names something."""
    if len(columns) < WIDE_TABLE:
        return 0
    named = next((i for i, c in enumerate(columns[:IN_SIGHT]) if c.kind == "text" and not c.wide), 0)
    return named + 1


def _matrix(book: Book, page: Page, matrix: Matrix) -> Extent | None:
    """The states of the last months from the page's next row on, below the key to them."""
    sheet, top = page.sheet, page.row
    for i, (state, mark, told) in enumerate(formats.matrix_key(book.lang)):
        _put_state(book, sheet, top - 1, 1 + 2 * i, state, mark)
        words_in(sheet, top - 1, 2 + 2 * i, told, book.format())
    titles = [book.words["organisation"], *matrix.periods]
    headings(book, page, top, titles, [False] * len(titles))
    for n, (unit, states) in enumerate(matrix.rows, start=top + 1):
        words_in(sheet, n, 0, unit, book.format(indent=1, **LINED))
        for i, state in enumerate(states, start=1):
            if state:
                _put_state(book, sheet, n, i, *formats.in_matrix(state, book.lang)[:2])
    page.widen(0, widest((unit for unit, _ in matrix.rows), least=14, most=WIDEST))
    for i in range(1, len(matrix.periods) + 1):
        page.widen(i, 9)
    end = top + 1 + len(matrix.rows)
    if not matrix.rows:
        words_in(sheet, end, 0, book.words["nothing"], book.format(indent=1))
    note = formats.cut_note(matrix.total, len(matrix.rows), "", book.lang)
    page.row = notes(book, sheet, max(end, top + 2), [note])
    return (top, 0, end - 1, len(matrix.periods)) if matrix.rows else None


def _put_state(book: Book, sheet: Worksheet, row: int, column: int, state: str, mark: str) -> None:
    """A state of the matrix; the days of a late one as a number, that can be sorted and added."""
    if state == "late":
        sheet.write_number(row, column, int(mark), _state_format(book, state, num_format="+0"))
    else:
        sheet.write_string(row, column, mark, _state_format(book, state))


def _state_format(book: Book, state: str, **more: Any) -> Format:
    return book.format(
        align="center", bg_color=FILLS.get(state, "#FFFFFF"), border=1, border_color="#FFFFFF",
        font_color="#FFFFFF" if state == "missing" else "#1B2733", bold=state != "on_time", **more,
    )  # fmt: skip


def _chart(book: Book, page: Page, chart: Chart) -> None:
    """The figures of a chart, and the chart beside them; of a heat map, the figures shaded."""
    sheet, top = page.sheet, page.row
    words_in(sheet, top - 1, 0, chart.subtitle, book.format(font_color=GREY))
    heat = chart.kind == "heat"
    target = None
    if chart.target is not None and not heat:
        target = Series(book.words["target"], (chart.target,) * len(chart.labels))
    series = [*chart.series, *([target] if target else [])]
    names, columns = [s.name for s in series], [s.values for s in series]
    labels = list(chart.labels)
    if heat:  # has the series below one another
        names, labels, columns = labels, names, list(zip(*columns, strict=True))
    headings(book, page, top, [book.words["category"], *names], [False] + [True] * len(names))
    figures = number_format("decimal", formats.decimals_of([v for c in columns for v in c], "decimal"))
    style = book.format(num_format=figures, align="right", **LINED)
    for n, label in enumerate(labels, start=top + 1):
        words_in(sheet, n, 0, label, book.format(indent=1, **LINED))
        for i, values in enumerate(columns, start=1):
            write(sheet, n, i, plain(values[n - top - 1], "decimal", book.lang), style)
    end = top + 1 + len(labels)
    page.widen(0, widest(labels, least=12, most=WIDEST))
    for i, name in enumerate(names, start=1):
        page.widen(i, widest([name], least=11, most=24))
    if labels and heat:
        _shade(book, sheet, (top + 1, 1, end - 1, len(names)), chart.unit)
    elif any(v is not None for c in columns for v in c):
        sheet.insert_chart(top, len(names) + 2, native_chart(book, chart, target, figures))
        end = max(end, top + height_of(chart) // ROW_HEIGHT + 1)
    source = book.words["source"].format(source=chart.source) if chart.source else ""
    page.row = notes(book, sheet, end, [source])


def _shade(book: Book, sheet: Worksheet, cells: Extent, unit: str) -> None:
    """The cells of a heat map by size: percentages as in the other forms, the worst loud."""
    if unit != "%":
        sheet.conditional_format(*cells, {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#7FA8CC"})
        return
    sheet.conditional_format(*cells, {"type": "blanks", "stop_if_true": True})
    for bound, ground, ink in HEAT:
        shade = book.file.add_format({"bg_color": ground, "font_color": ink})
        rule = {"type": "cell", "criteria": "<", "value": bound, "format": shade, "stop_if_true": True}
        sheet.conditional_format(*cells, rule)
    top = book.file.add_format({"bg_color": HEAT_TOP[0], "font_color": HEAT_TOP[1]})
    sheet.conditional_format(*cells, {"type": "cell", "criteria": ">=", "value": HEAT[-1][0], "format": top})


def _kpi_sheet(book: Book, report: Report) -> None:
    """The headline figures: this period's, last period's, the change, and the months behind them."""
    words, kpis, months = book.words, report.kpis, len(report.months)
    page = open_sheet(book, "kpis", words["kpis"], words["kpis"], report.title)
    sheet = page.sheet
    keys = ("kpi", "value", "unit", "before", "change", "detail", "trend")
    titles = [*(words[key] for key in keys), *report.months]
    headings(book, page, HEADING_ROW, titles, [key in {"value", "before", "change"} for key in keys] + [True] * months)
    first = len(keys)
    for n, kpi in enumerate(kpis, start=FIRST_ROW):
        digits = number_format(kpi.kind, formats.decimals_of([kpi.value, kpi.before], kpi.kind))
        number: dict[str, Any] = {"num_format": digits, "align": "right", **LINED}
        points = digits.replace("%", f'" {words["points"]}"')
        change = {**number, "num_format": signed_format(points), "font_color": _tone(kpi)}
        words_in(sheet, n, 0, kpi.label, book.format(bold=True, indent=1, **LINED))
        write(sheet, n, 1, plain(kpi.value, kpi.kind, book.lang), book.format(bold=True, **number))
        words_in(sheet, n, 2, "" if kpi.kind == "percent" else kpi.unit, book.format(indent=1, **LINED))
        write(sheet, n, 3, plain(kpi.before, kpi.kind, book.lang), book.format(**number))
        write(sheet, n, 4, plain(_change(kpi), "points", book.lang), book.format(**change))
        words_in(sheet, n, 5, kpi.detail, book.format(font_color=GREY, indent=1, **LINED))
        sheet.write_blank(n, 6, None, book.format(**LINED))
        for i, value in enumerate(kpi.trend, start=first):
            write(sheet, n, i, plain(value, kpi.kind, book.lang), book.format(**number))
        if sum(v is not None for v in kpi.trend) > 1:
            cells = f"'{page.name}'!{xl_range(n, first, n, first + months - 1)}"
            sheet.add_sparkline(n, 6, {"range": cells, "last_point": True, "series_color": NAVY, "last_color": NAVY})
        sheet.set_row(n, 20)
    for i, width in enumerate((widest((k.label for k in kpis), least=12, most=WIDEST), 12, 10, 14, 20)):
        sheet.set_column(i, i, width)
    sheet.set_column(5, 5, widest((k.detail for k in kpis), least=10, most=WIDEST))
    sheet.set_column(6, 6, 16)
    sheet.set_column(first, first + months, 9)
    sheet.freeze_panes(FIRST_ROW, 1)
    sheet.print_area(0, 0, FIRST_ROW + len(kpis), first - 1)
    set_up(book, sheet)


def _change(kpi: Kpi) -> float | None:
    """By how much a figure differs from last period's; None where one of the two is not there."""
    if isinstance(kpi.value, int | float) and isinstance(kpi.before, int | float):
        return round(kpi.value - kpi.before, 6)
    return None


def _tone(kpi: Kpi) -> str:
    return {"good": TEAL, "bad": RED}.get(formats.change_of(kpi, "en")[1], GREY)


def _contents(book: Book, report: Report, sheet: Worksheet, links: Sequence[Link]) -> None:
    """The first sheet: which report it is, what it says, and the way to every other sheet."""
    words = book.words
    sheet.set_row(0, 30)
    words_in(sheet, 0, 0, report.title, book.format(bold=True, font_size=18, font_color=NAVY))
    row = 0
    for label, text in formats.identity(report.header):
        row += 1
        words_in(sheet, row, 0, label, book.format(font_color=GREY))
        words_in(sheet, row, 1, text, book.format())
    if report.provisional:
        row += 2
        note = book.format(bold=True, font_color=RED, text_wrap=True, valign="top", bg_color=EMPHASIS)
        _across(sheet, row, f"{words['provisional']}{words['colon']}{report.provisional}", note)
    row = _points(book, sheet, row, words["headlines"], report.headlines, report.headline_anchors)
    moves = [f"{words[move.kind].capitalize()}{words['colon']}{move.text}" for move in report.moves]
    row = _points(book, sheet, row, words["moves"], moves, ()) + 2
    for i, title in enumerate((words["section"], words["contents"], words["rows"])):
        words_in(sheet, row, i, title, heading_format(book, right=i == 2))
    link = book.format(font_color=NAVY, underline=1, indent=1, **LINED)
    for way in links:
        row += 1
        if way.chapter:
            whole = disarm(formats.clean(way.chapter))[:LONGEST_LINK]
            sheet.write_url(row, 0, book.link(way.sheet), link, string=whole)
        else:
            sheet.write_blank(row, 0, None, book.format(**LINED))
        if way.anchor:
            sheet.write_url(row, 1, book.link(way.anchor), link, string=disarm(formats.clean(way.title))[:LONGEST_LINK])
        else:
            words_in(sheet, row, 1, way.title, book.format(indent=1, **LINED))
        figure = book.format(align="right", num_format="#,##0", **LINED)
        write(sheet, row, 2, way.rows, figure)
    for i, width in enumerate(CONTENTS_WIDTHS):
        sheet.set_column(i, i, width)
    set_up(book, sheet, upright=True)
    sheet.set_tab_color(NAVY)
    sheet.activate()
    sheet.set_first_sheet()


def _points(book: Book, sheet: Worksheet, row: int, heading: str, points: Sequence[str], anchors: Sequence[str]) -> int:
    """Sentences below a heading, each with the way to the sheet that it speaks of; the last row."""
    if not points:
        return row
    row += 2
    words_in(sheet, row, 0, heading, book.format(bold=True, font_size=12, font_color=NAVY))
    for i, point in enumerate(points):
        row += 1
        _across(sheet, row, point, book.format(text_wrap=True, valign="top"))
        if i < len(anchors) and anchors[i] in book.places and anchors[i] != CONTENTS:
            arrow = book.format(font_color=NAVY, align="center", valign="top")
            sheet.write_url(row, 3, book.link(anchors[i]), arrow, string="→", tip=book.places[anchors[i]][0])
    return row


def _across(sheet: Worksheet, row: int, text: str, style: Format) -> None:
    """A text over the width of the contents, its row as high as it needs."""
    sheet.merge_range(row, 0, row, 2, "", style)
    words_in(sheet, row, 0, text, style)
    sheet.set_row(row, LINE * lines_of(text, sum(CONTENTS_WIDTHS) - 8) + 3)


_BLOCKS: dict[type, Callable[[Book, Page, Any], Extent | None]] = {Table: _table, Matrix: _matrix, Chart: _chart}


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the contents: a block, or a sheet. `chapter`: said on the first line of a sheet alone."""

    chapter: str
    sheet: str
    anchor: str
    title: str
    rows: int | None


@cache
def section_names(lang: str) -> Mapping[str, str]:
    """The name of every section's sheet, by its key: the same whatever sections a report has (glossary.yaml)."""
    words = formats.labels(lang)
    taken = [words["contents"], words["change_sheet"], words["kpis"], *data_tables()]
    names: dict[str, str] = {}
    for key in formats.glossary()["sections"]:
        names[key] = sheet_name(formats.name("sections", key, lang), [*taken, *names.values()])
    return names


def render_xlsx(report: Report) -> bytes:
    """The report as a workbook. The same report, with the same tables of data/, gives the same bytes.

    Sheets: contents, changes (of a supplement), headline figures, then one a section with its tables and charts, in the
    report's order, with the numbers that they have in the other forms; then one a table of data/. Percentages are held
    as fractions, times without zone.
    """
    header, words = report.header, formats.labels(report.header.lang)
    buffer = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }  # fmt: skip
    report_title = formats.clean(report.title)
    title = f"{report_title} {header.version}".replace("&", "&&")[:120]
    page = words["page"].format(page="&P", pages="&N")
    with TextsBook(buffer, options) as file:
        made = header.as_of.replace(tzinfo=None)
        file.set_properties({"title": report_title, "created": made, "comments": header.software})
        file.set_size(2400, 1500)
        file.formats[0].set_font_name(language(header.lang).screen_font)
        file.formats[0].set_font_size(SIZE)
        book = Book(file, header.lang, f"&L&8 {title}&C&8 {page}&R&8 {header.as_of:%Y-%m-%d}")
        book.places[CONTENTS] = words["contents"], 0
        contents = file.add_worksheet(words["contents"], worksheet_class=RowsSheet)
        links: list[Link] = []
        if report.changes:
            intro = words["changes_intro"].format(version=header.before_version, n=report.changes.total)
            _changes_sheet(book, report.changes, intro)
            anchor = report.changes.anchor
            links.append(Link(words["change"], anchor, anchor, report.changes.title, report.changes.total))
        if report.kpis:
            _kpi_sheet(book, report)
            links.append(Link(words["kpis"], "kpis", "kpis", words["kpis"], len(report.kpis)))
        links += _sections(book, report)
        if report.data:
            chapter = words["data_tables"]
            for anchor, title, rows in data_sheets(book, report.data, report.pages, header.period):
                links.append(Link(chapter, anchor, anchor, title, rows))
                chapter = ""
        _contents(book, report, contents, links)
    return buffer.getvalue()


def _sections(book: Book, report: Report) -> Iterator[Link]:
    """A sheet a section, also of one that has nothing to show, and the lines of the contents that lead there."""
    names = section_names(book.lang)
    of_section: dict[str, list[tuple[Block, str]]] = {}
    for section, block, number in formats.blocks(report):
        of_section.setdefault(section.key, []).append((block, number))
    for section in (*report.sections, *report.annexes):
        numbered = of_section.get(section.key, [])
        taken = [name for name, _ in book.places.values()]
        _section_sheet(book, section, names.get(section.key) or sheet_name(section.title, taken), numbered)
        anchor, chapter = f"section/{section.key}", section.title
        if not numbered:
            yield Link(chapter, anchor, "", section.headline, None)
        for block, number in numbered:
            rows = len(block.labels) if isinstance(block, Chart) else len(block.rows)
            yield Link(chapter, anchor, block.anchor, f"{number}  {block.title}", rows)
            chapter = ""
