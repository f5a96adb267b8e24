"""report.xlsx as another program reads it. Belongs here: what the workbook holds. Does not: its figures' origin."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reports.forms.xlsx import render_xlsx, section_names
from reports.forms.xlsx_book import FIRST_ROW, HEADING_ROW, HEADINGS_BELOW, disarm, sheet_name
from reports.forms.xlsx_data import data_tables
from reports.model import Chart, Column, Report, Series, Table
from reports.publishing.tables import FORMULA_START
from reports.text import formats as notation
from tests.reports import made_reports, reading
from tests.reports.reading import block_of

# Sparklines and bars are kept by spreadsheets, not by openpyxl.
HOSTILE = made_reports.hostile_table().title
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")


def opened(report: Report) -> Any:
    return openpyxl.load_workbook(io.BytesIO(render_xlsx(report)), rich_text=False)


@pytest.fixture(scope="module")
def book() -> Any:
    return opened(made_reports.full())


def sheet_of(book: Any, title: str) -> Any:
    """The sheet whose title in A1 ends so."""
    return next(s for s in book if str(s["A1"].value).endswith(title))


def test_it_opens_on_the_contents_which_lead_to_every_sheet(book: Any) -> None:
    first = book.worksheets[0]
    assert book.active is first
    assert first.title == "目录"
    assert first["A1"].value == "网络安全月报 2026年10月"
    targets = {cell.hyperlink.location for row in first.iter_rows() for cell in row if cell.hyperlink}
    assert targets >= {f"'{s.title}'!A1" for s in book.worksheets[1:]}
    for target in targets:
        name, _, cell = target.rpartition("!")
        assert book[name.strip("'")][cell].value, target
    report = made_reports.full()
    for title in (b.title for s in report.sections for b in s.blocks):
        sheet, row = block_of(book, title)
        assert f"'{sheet.title}'!A{row - HEADINGS_BELOW - 1}" in targets
    for sheet in book.worksheets[1:]:
        assert sheet["A3"].hyperlink.location == "'目录'!A1"


def test_the_contents_say_which_report_it_is_and_what_matters(book: Any) -> None:
    written = "\n".join(str(c.value) for row in book.worksheets[0].iter_rows() for c in row if c.value is not None)
    for text in ("截止报告（v1）", "2026年11月6日 00:00", "集团", *made_reports.full().headlines):
        assert text in written


def test_a_provisional_supplement_says_so_and_opens_with_its_changes() -> None:
    book = opened(made_reports.provisional())
    written = [str(c.value) for row in book.worksheets[0].iter_rows() for c in row if c.value is not None]
    assert any("甲分公司、乙分公司" in text and "暂定报告" in text for text in written)
    changes = book.worksheets[1]
    assert changes["A1"].value == "与 v1 相比的变化"
    rows = [[c.value for c in row] for row in changes.iter_rows(min_row=FIRST_ROW + 1, max_row=FIRST_ROW + 3)]
    assert rows[0][:3] == ["按时完整单位", 20, 21]
    assert rows[1][:3] == ["自查符合率（%）", None, 87.25]
    assert "乙分公司" in rows[1][3]


SHEETS = ["目录", "主要指标", "报送情况", "暴露面资产", "安全事件", "自查结果", "第三方保密协议", "附录"]


def test_every_section_has_a_sheet_whose_name_never_changes(book: Any) -> None:
    """There was one a table and one a chart, under titles that are computed and months: 61 for 24 units."""
    assert book.sheetnames == SHEETS
    later = replace(made_reports.full(units=3), header=made_reports.header(period="2026-11", version="v3"))
    assert opened(later).sheetnames == SHEETS
    supplement = opened(made_reports.provisional()).sheetnames
    assert supplement == ["目录", "变化", *SHEETS[1:]]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sheets_of_sections_and_of_data_have_names_of_their_own(lang: str) -> None:
    names = [*section_names(lang).values(), *data_tables(), *opened(made_reports.empty()).sheetnames[:2]]
    assert len({name.lower() for name in names}) == len(names)
    assert section_names("zh")["rectification"] == "问题整改"
    assert section_names("en")["rectification"] == "Rectification 2"  # the table of data/ has its key


def test_a_table_with_its_own_values() -> None:
    report = made_reports.full()
    book = opened(report)
    table = next(t for t in report.tables() if t.anchor == "units")
    sheet, first = block_of(book, table.title)
    headings = [str(c.value).split("\n")[0] for c in sheet[first - 1]]
    assert headings[: len(table.columns)] == [c.title for c in table.columns]
    for row, cells in zip(table.rows, sheet.iter_rows(min_row=first), strict=False):
        for value, column, cell in zip(row, table.columns, cells, strict=False):
            expect(value, column, cell)


def expect(value: Any, column: Column, cell: Any) -> None:
    if value is None:
        assert cell.value is None
    elif column.kind == "percent":
        assert cell.value == pytest.approx(value / 100)
        assert cell.number_format.endswith("%")
    elif column.kind in notation.NUMBERS:
        assert cell.value == pytest.approx(value)
        assert not isinstance(cell.value, str)
    elif column.kind == "datetime":
        assert cell.value == value.replace(tzinfo=None)
        assert cell.is_date
    elif column.kind == "state":
        assert cell.value == notation.name("states", value, "zh")
    elif column.kind == "bool":
        assert cell.value == ("是" if value else "否")
    elif column.kind == "mail":
        assert value.startswith(cell.value)
    else:
        assert cell.value == value


def test_dates_are_dates(book: Any) -> None:
    sheet, first = block_of(book, HOSTILE)
    cell = sheet.cell(first, 3)
    assert cell.value == datetime(2026, 10, 1)
    assert cell.number_format == "yyyy-mm-dd"


def test_texts_that_would_run_are_disarmed_and_no_cell_is_a_formula(book: Any) -> None:
    sheet, first = block_of(book, HOSTILE)
    texts = [sheet.cell(first + n, 2).value for n in range(len(made_reports.HOSTILE))]
    assert texts[:4] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)"]
    assert "A&B <0.5%" in texts
    for each in book:
        for row in each.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not re.match(FORMULA_START, str(cell.value)) or not isinstance(cell.value, str)
                assert not cell.hyperlink or not cell.hyperlink.target


@given(st.text(max_size=20))
def test_disarming_is_that_of_the_data_files(text: str) -> None:
    assert disarm(text) == ("'" + text if re.match(FORMULA_START, text) else text)


@given(st.lists(st.text(min_size=0, max_size=60), max_size=40))
def test_sheet_names_are_legal_and_unlike_each_other(titles: list[str]) -> None:
    names: list[str] = []
    for title in titles:
        names.append(sheet_name(title, names))
    assert len({n.lower() for n in names}) == len(names)
    for name in names:
        assert 0 < len(name) <= 31
        assert not re.search(r"[\[\]:*?/\\]", name)
        assert not name.startswith("'")
        assert not name.endswith("'")


def test_headings_are_frozen_filtered_and_repeated_in_print(book: Any) -> None:
    report = made_reports.full()
    table = next(t for t in report.tables() if t.anchor == "units")
    sheet = sheet_of(opened(made_reports.with_table(table)), "只有一节")
    assert sheet.freeze_panes == "C7"  # a wide table keeps its names as well
    assert sheet.auto_filter.ref == "A6:L30"
    changes = opened(made_reports.provisional())["变化"]
    assert changes.freeze_panes == "A5"
    assert changes.auto_filter.ref == "A4:D7"
    assert changes.print_title_rows == "$4:$4"
    assert book["暴露面资产"].freeze_panes == "A4"  # of several tables the title and the way back
    sheet, first = block_of(book, HOSTILE)
    assert sheet.auto_filter.ref == f"A{first - 1}:D{first + len(made_reports.HOSTILE) - 1}"


def test_every_sheet_is_set_up_for_print(book: Any) -> None:
    for sheet in book.worksheets[1:]:
        assert sheet.page_setup.orientation == "landscape"
    for sheet in book:
        assert sheet.page_setup.paperSize == 9
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.page_setup.fitToWidth in {None, 1}  # 1 where it is not said
        assert "&P" in sheet.oddFooter.center.text
        assert "&N" in sheet.oddFooter.center.text


def test_charts_are_native_and_drawn_from_the_cells_beside_them(book: Any) -> None:
    report = made_reports.full()
    charts = [b for s in report.sections for b in s.blocks if isinstance(b, Chart)]
    for chart in charts:
        sheet, first = block_of(book, chart.title)
        drawn = [c for c in sheet._charts if c.anchor._from.row == first - 2]
        if chart.kind == "heat":
            assert not drawn
            assert sheet.cell(first, 1).value == "NSW"
            assert sheet.cell(first, 4).value == 72.5
            continue
        assert len(drawn) == 1
        assert drawn[0].anchor.to is None or drawn[0].anchor.to.row < next_block(sheet, first)
        for n, (label, value) in enumerate(zip(chart.labels, chart.series[0].values, strict=True)):
            assert sheet.cell(first + n, 1).value == label
            assert sheet.cell(first + n, 2).value == value
        series = drawn[0].series
        last = first + len(chart.labels) - 1
        assert series[0].val.numRef.f.replace("'", "") == f"{sheet.title}!$B${first}:$B${last}"
    trend, first = block_of(book, charts[0].title)
    assert [trend.cell(r, 3).value for r in range(first, first + 12)] == [400] * 12


def next_block(sheet: Any, row: int) -> int:
    """The row, counted from 0, of the first title below a row; a million where there is none."""
    titles = (c.row - 1 for (c,) in sheet.iter_rows(min_row=row, max_col=1) if re.match(r"[表图]\d", str(c.value)))
    return next(titles, 1_000_000)


def test_the_matrix_is_readable_without_colour(book: Any) -> None:
    matrix = made_reports.matrix(24)
    sheet, first = block_of(book, matrix.title)
    short = {**notation.marks("zh"), "late+2": 2, "": ""}
    for n, (unit, states) in enumerate(matrix.rows, start=first):
        assert sheet.cell(n, 1).value == unit
        assert [sheet.cell(n, 2 + m).value or "" for m in range(12)] == [short[s] for s in states]
    late = next(c for row in sheet.iter_rows(min_row=first) for c in row if c.value == 2)
    assert late.number_format == "+0"
    key = {sheet.cell(first - 2, c).value: sheet.cell(first - 2, c + 1).value for c in range(2, 12, 2)}
    assert key == {short["late+2"] if mark == "+2" else mark: told for _, mark, told in notation.matrix_key("zh")}


def test_headline_figures_stand_beside_last_periods(book: Any) -> None:
    sheet = sheet_of(book, "主要指标")
    first = [c.value for c in sheet[FIRST_ROW + 1]]
    assert first[:2] == ["按时完整率", pytest.approx(0.9722)]
    assert first[3:5] == [pytest.approx(0.955), pytest.approx(1.72)]
    assert [sheet.cell(HEADING_ROW + 1, c).value for c in (8, 19)] == ["2025-11", "2026-10"]
    assert sheet.cell(FIRST_ROW + 3, 2).value == 0
    assert sheet.cell(FIRST_ROW + 4, 2).value is None


def test_the_trend_of_a_span_names_its_months() -> None:
    """They were called -2, -1, 0: periods before, which they are not."""
    report = replace(made_reports.full(), header=made_reports.header(period="2026H2"))
    sheet = sheet_of(opened(report), "主要指标")
    assert [c.value for c in sheet[HEADING_ROW + 1]][7:] == list(made_reports.MONTHS)


def test_a_nought_is_a_figure_and_not_the_dash_that_stands_for_none(book: Any) -> None:
    sheet = sheet_of(book, "主要指标")
    formats = {c.number_format for s in book.worksheets for row in s.iter_rows() for c in row if c.value == 0}
    assert formats
    assert not any("–" in f for f in formats)
    assert sheet.cell(FIRST_ROW + 3, 2).value == 0


def test_a_short_table_is_printed_on_one_page() -> None:
    for units, height in ((24, None), (300, 0)):  # one page is not said; nought is as many as it takes
        sheet = sheet_of(opened(made_reports.with_table(made_reports.units_table(units))), "只有一节")
        assert sheet.page_setup.fitToHeight == height


def test_percentages_have_the_axis_of_the_other_forms() -> None:
    """It was left to the reader's program, which drew 90.1 and 89.8 as a fall from the top to the bottom."""
    line = Chart("rate", "line", "符合率", "%", ("2026-09", "2026-10"), (Series("符合率", (90.11, 89.77)),), unit="%")
    with zipfile.ZipFile(io.BytesIO(render_xlsx(made_reports.with_blocks(line)))) as package:
        drawn = package.read("xl/charts/chart1.xml").decode()
    assert '<c:max val="100.0"/><c:min val="80.0"/>' in drawn


def test_every_label_of_a_chart_is_drawn_or_deleted() -> None:
    """The last one was neither, which the schema of charts does not allow."""
    with zipfile.ZipFile(io.BytesIO(render_xlsx(made_reports.full()))) as package:
        charts = [package.read(n).decode() for n in package.namelist() if n.startswith("xl/charts/chart")]
    labels = [label for chart in charts for label in re.findall(r"<c:dLbl>(.*?)</c:dLbl>", chart)]
    assert labels
    assert all("<c:delete " in label or "<c:show" in label for label in labels)


def test_an_empty_table_says_so() -> None:
    sheet, first = block_of(opened(made_reports.full()), "第三方保密协议")
    assert sheet.cell(first - 1, 1).value == "本月没有第三方保密协议到期。"


def test_a_cut_table_says_where_the_rest_is(book: Any) -> None:
    sheet, _ = block_of(book, HOSTILE)
    assert any("4,000" in str(r[0].value) and "data/findings.csv" in str(r[0].value) for r in sheet.iter_rows())


def test_an_empty_month_and_one_of_many_units_can_be_written() -> None:
    assert opened(made_reports.empty()).sheetnames == ["目录", "主要指标", "报送情况", "附录"]
    sheet, first = block_of(opened(made_reports.full(units=300)), "各单位报送情况")
    assert sheet.cell(first + 299, 1).value == "NM-299"


def test_labels_are_in_the_language_of_the_report() -> None:
    book = opened(made_reports.full("en"))
    assert book.sheetnames[0] == "Contents"
    assert book.worksheets[1]["A3"].value == "Back to contents"
    sheet, first = block_of(book, "各单位报送情况")
    assert sheet.title == "Returns"
    assert sheet.cell(first + 1, 3).value == "Incomplete"
    assert sheet.cell(first, 5).number_format == "d mmm yyyy hh:mm"


def test_the_same_report_gives_the_same_bytes_in_any_process() -> None:
    here = render_xlsx(made_reports.provisional())
    assert here == render_xlsx(made_reports.provisional())
    assert reading.sha256(here) == reading.rendered_elsewhere("xlsx", "render_xlsx", "provisional")


def test_nothing_leaves_the_file() -> None:
    with zipfile.ZipFile(io.BytesIO(render_xlsx(made_reports.full()))) as package:
        for name in package.namelist():
            if name.endswith(".rels"):
                assert b'TargetMode="External"' not in package.read(name)


def test_a_date_column_may_hold_dates_and_nothing() -> None:
    columns = (Column("day", "日期", "date"),)
    report = made_reports.with_table(Table("t", "日期", columns, ((date(2026, 10, 1),), (None,)), 2))
    sheet, first = block_of(opened(report), "日期")
    assert sheet.cell(first, 1).value == datetime(2026, 10, 1)
    assert sheet.cell(first + 1, 1).value is None


@pytest.mark.outside
def test_libreoffice_reads_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(render_xlsx(made_reports.full()))
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(reading.converted(path, tmp_path)).pages)
    for figure in ("97.22%", "1,234", "NM-023", "2026-11-05 09:04", "410"):
        assert figure in text


@settings(deadline=None)
@given(st.text(), st.text())
@example("0000000000000𐀀𐀀𐀀𐀀𐀀𐀀𐀀𐀀", "")
def test_any_text_gives_a_workbook_that_opens(title: str, text: str) -> None:
    table = Table("t", title, (Column("a", text), Column("b", "说明", wide=True)), ((text, text),), 1)
    chart = Chart("c", "columns", title, text, (text,), (Series(text, (1.0,)),), target=2.0)
    assert opened(made_reports.with_blocks(table, chart)).sheetnames == ["目录", "只有一节"]
