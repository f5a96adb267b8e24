"""The tables of data/ as sheets of report.xlsx, read back by another program.

Belongs here: names, cells, links, and what is left out where there is no room. Does not: what the tables hold.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from reports.feedback.folders import address_of
from reports.forms import xlsx_data
from reports.forms.xlsx import render_xlsx
from reports.forms.xlsx_book import FIRST_ROW, HEADING_ROW
from reports.forms.xlsx_file import TextsBook
from tests.reports import made_reports

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")
UNITS = pl.DataFrame(
    {
        "unit_code": ["NM-000", "NM-001", "NM-002"],
        "unit_name": ["甲", "=乙", "丙"],
        "on_time": [True, False, None],
        "first_complete_at": ["2026-11-05T09:04:00+08:00", None, "2026-11-03T08:00:00+08:00"],
        "score": [99.5, 60.0, None],
        "rank": [1, 2, None],
    }
)
ASSETS = pl.DataFrame(
    {
        "unit_code": ["NM-002", "NM-000", ""],
        "asset_name": ["门户\x07", "@SUM(A1)", "x" * 40_000],
        "online_on": [date(2026, 10, 1), None, date(2026, 9, 30)],
        "row": [5, 6, 7],
    }
)
DECISIONS = pl.DataFrame({"key": ["a"], "unit_code": ["NM-001"], "decided_at": ["2026-11-07T10:30:00+08:00"]})
ODD = [
    "",
    " ",
    " 前",
    "后 ",
    "\u3000全角",
    "_x000D_",
    "_x",
    "<r>富</r>",
    "A&B",
    '"',
    "两\n行",
    "\t",
    "\x07",
    "\ufffe",
    "😀",
]
INCIDENTS = pl.DataFrame(schema={"unit_code": pl.String, "row": pl.Int64})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = {"units": UNITS, "exposed_assets": ASSETS, "decisions": DECISIONS, "incidents": INCIDENTS}
    for name, frame in tables.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def opened(folder: Path, lang: str = "zh") -> Any:
    report = replace(made_reports.full(lang), data=folder)
    return openpyxl.load_workbook(io.BytesIO(render_xlsx(report)))


def cells(sheet: Any) -> list[list[Any]]:
    return [[c.value for c in row] for row in sheet.iter_rows(min_row=FIRST_ROW + 1)]


def test_each_table_is_a_sheet_under_its_key_behind_the_sections(folder: Path) -> None:
    book = opened(folder)
    assert book.sheetnames[-4:] == ["units", "decisions", "exposed_assets", "incidents"]
    assert "自查结果" in book.sheetnames
    assert opened(folder, "en").sheetnames[-4:] == book.sheetnames[-4:]
    links = {c.hyperlink.location for row in book["目录"].iter_rows() for c in row if c.hyperlink}
    assert {f"'{name}'!A1" for name in book.sheetnames[-4:]} <= links


def test_cells_are_what_they_are(folder: Path) -> None:
    book = opened(folder)
    assert cells(book["units"]) == [
        ["NM-000", "甲", True, datetime(2026, 11, 5, 9, 4), 99.5, 1],
        ["NM-001", "'=乙", False, None, 60, 2],
        ["NM-002", "丙", None, datetime(2026, 11, 3, 8), None, None],
    ]
    assert [c.value for c in book["units"][HEADING_ROW + 1]][:3] == ["单位编码", "单位", "是否按时"]
    assets = cells(book["exposed_assets"])
    assert assets[0] == ["NM-002", "门户", datetime(2026, 10, 1), 5]
    assert assets[1][1] == "'@SUM(A1)"
    assert assets[2][1].startswith("xxx")
    assert len(assets[2][1]) <= 32_767
    assert book["exposed_assets"].cell(FIRST_ROW + 1, 3).number_format == "yyyy-mm-dd"
    assert book["decisions"].cell(FIRST_ROW + 1, 3).is_date
    assert all(c.data_type != "f" for sheet in book for row in sheet.iter_rows() for c in row)


def test_rows_lead_to_their_unit_and_headings_stay_and_filter(folder: Path) -> None:
    book = opened(folder)
    sheet, units = book["exposed_assets"], book["units"]
    for n in (0, 1):
        cell = sheet.cell(FIRST_ROW + 1 + n, 1)
        name, _, target = cell.hyperlink.location.partition("!")
        assert name == "'units'"
        assert units[target].value == cell.value
    assert not sheet.cell(FIRST_ROW + 3, 1).hyperlink  # of no unit
    assert not units.cell(FIRST_ROW + 1, 1).hyperlink
    assert sheet.freeze_panes == "C5"
    assert sheet.auto_filter.ref == "A4:D7"
    assert book.defined_names["data_exposed_assets"].attr_text == "'exposed_assets'!$A$4:$D$7"


def test_rows_and_units_lead_to_the_pages_of_units_that_have_one(tmp_path: Path) -> None:
    units = ["NM-000", "NM-001", "NM-002"]
    pages = {unit: address_of(unit) for unit in units}
    tables = {
        "units": UNITS,
        "submissions": pl.DataFrame({"unit_code": ["NM-002", "NM-000", ""], "file": ["a.xlsx", "b.xlsx", "c.xlsx"]}),
        "rectification": pl.DataFrame(
            {
                "unit_code": ["NM-000", "NM-000", "NM-000", "NM-001", "NM-002"],
                "carried_from": [None, "2026-10", "2026-09", None, None],
                "file": ["b.xlsx", "b2.xlsx", "b.xlsx", "lost.xlsx", None],
            }
        ),
    }
    for name, frame in tables.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    made = replace(made_reports.full(), data=tmp_path, pages=pages)
    book = openpyxl.load_workbook(io.BytesIO(render_xlsx(made)))

    def leads_to(sheet: str, column: int) -> list[str | None]:
        found = [book[sheet].cell(row, column).hyperlink for row in range(FIRST_ROW + 1, book[sheet].max_row + 1)]
        return [link.target if link else None for link in found]

    first, last = "../../feedback/NM-000/feedback.html", "../../feedback/NM-002/feedback.html"
    assert leads_to("units", 1) == [first, None, last]
    assert leads_to("submissions", 2) == [last, first, None]
    assert leads_to("rectification", 3) == [first, first, None, None, None]  # of an earlier month, of no unit that sent
    assert "编码不译。点击“文件”可打开单位的反馈页" in book["rectification"]["A2"].value
    assert "点击“单位编码”可打开单位的反馈页" in book["units"]["A2"].value
    again = openpyxl.load_workbook(io.BytesIO(render_xlsx(replace(made, pages={}))))
    assert not any(cell.hyperlink for row in again["units"].iter_rows(min_row=FIRST_ROW + 1) for cell in row)
    assert "反馈页" not in again["units"]["A2"].value


def test_a_table_with_no_rows_says_so(folder: Path) -> None:
    sheet = opened(folder)["incidents"]
    assert "本期没有数据。" in [row[0].value for row in sheet.iter_rows()]
    assert sheet.cell(HEADING_ROW + 1, 1).value == "单位编码"


def test_what_there_is_no_room_for_is_left_to_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole or not at all: a sum over part of a table would be false."""
    monkeypatch.setattr(xlsx_data, "MOST_CELLS", UNITS.width * len(UNITS) + DECISIONS.width)
    book = opened(folder)
    assert len(cells(book["units"])) == 3
    assert len(cells(book["decisions"])) == 1
    sheet = book["exposed_assets"]
    assert sheet.cell(FIRST_ROW + 1, 1).value is None
    assert "data/exposed_assets.csv" in sheet["A2"].value
    told = [str(c.value) for row in book["目录"].iter_rows() for c in row]
    assert any("共 3 行，超出本工作簿的容量" in text and "data/exposed_assets.csv" in text for text in told)
    assert not any("超出" in text and "data/units.csv" in text for text in told)


@given(st.lists(st.sampled_from(ODD) | st.text(max_size=8), max_size=8))
def test_texts_are_written_as_xlsxwriter_writes_them(texts: list[str]) -> None:
    made: list[list[tuple[str, bytes]]] = []
    for kind in (xlsxwriter.Workbook, TextsBook):
        buffer = io.BytesIO()
        with kind(buffer, {"in_memory": True}) as book:
            book.set_properties({"created": datetime(2026, 11, 6)})
            sheet = book.add_worksheet()
            for row, text in enumerate(texts):
                sheet.write_string(row, 0, text)
        with zipfile.ZipFile(buffer) as parts:
            made.append([(name, parts.read(name)) for name in parts.namelist()])
    assert made[0] == made[1]


def test_the_same_tables_give_the_same_bytes(folder: Path) -> None:
    report = replace(made_reports.full(), data=folder)
    assert render_xlsx(report) == render_xlsx(report)
