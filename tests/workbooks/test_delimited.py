"""What the text of a .csv file is read as."""

from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.intake.workbooks.workbook import Sheet, WorkbookUnreadable, read_workbook

LIMITS = Limits()
TABLE = '序号,资产名称,开放端口\r\n1,门户网站,"80,443"\r\n2,𠮷野系统,8080\r\n'
ROWS = [["序号", "资产名称", "开放端口"], ["1", "门户网站", "80,443"], ["2", "𠮷野系统", "8080"]]


def only_sheet(content: bytes, name: str = "暴露面资产新增.csv") -> Sheet:
    workbook = read_workbook(content, name, LIMITS)
    assert (workbook.format, workbook.epoch, workbook.macros) == ("csv", 1900, False)
    [sheet] = workbook.sheets
    return sheet


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        TABLE.encode("gb18030"),
        TABLE.encode("utf-16"),
        codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-8 with mark", "GB18030", "UTF-16", "UTF-16, big end first"],
)
def test_the_encoding_is_told_by_the_bytes(content: bytes) -> None:
    assert only_sheet(content).rows == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_told_by_the_first_rows(delimiter: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["附件2 网络暴露面资产, 2026年10月; 月报表"])
    writer.writerows(ROWS)
    assert only_sheet(file.getvalue().encode()).rows[1:] == ROWS


@pytest.mark.parametrize(
    ("name", "title"),
    [("暴露面资产新增.csv", "暴露面资产新增"), ("a\\b/APP上线情况.v2.CSV", "APP上线情况.v2"), ("x", "x"), ("", "")],
)
def test_the_sheet_is_titled_by_the_stem_of_the_name(name: str, title: str) -> None:
    assert only_sheet(TABLE.encode(), name).title == title


def test_blank_lines_count_and_short_rows_are_filled_up() -> None:
    sheet = only_sheet(b"a,b,c\n\n,x\n")
    assert (sheet.first_row, sheet.rows) == (1, [["a", "b", "c"], [None] * 3, [None, "x", None]])


def test_a_column_alone_is_a_table_where_the_name_says_so() -> None:
    assert only_sheet("单位编码\n001\n".encode()).rows == [["单位编码"], ["001"]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'a,"b\nc,d\n', "damaged"),
        (b'a,"b"c,d\n', "damaged"),
        (b"a,b\n" + b"x" * 200_000 + b",y\n", "damaged"),
        (b"a,b\n\x00\x01,c\n", "not_workbook"),
        (b"\x81\x20\xff\xff,b\n", "not_workbook"),
        (b"," * 20_000 + b"x\n", "too_many_cells"),
        ((b"," * 16_000 + b"x\n") + b"\n" * 10_000 + b"y\n", "cells_far_apart"),
    ],
    ids=["open quote", "text after quote", "endless cell", "NUL", "no encoding", "endless row", "far apart"],
)
@pytest.mark.parametrize("limit", [131_072, 1 << 30], ids=["", "with another limit of the csv module"])
def test_text_that_is_no_table_ends_as_its_reason(content: bytes, reason: str, limit: int) -> None:
    before = csv.field_size_limit(limit)  # for the whole process: frictionless raises it
    try:
        with pytest.raises(WorkbookUnreadable, match=reason):
            only_sheet(content)
    finally:
        csv.field_size_limit(before)


CELL = st.text(
    st.characters(codec="gb18030", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n,;\"'\t"), max_size=8
)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=5), st.sampled_from(["utf-8-sig", "gb18030"])
)
def test_what_was_written_comes_back(rows: list[list[str]], encoding: str) -> None:
    width = max(map(len, rows))
    rows = [["序号"] * width, *(row + [""] * (width - len(row)) for row in rows)]
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    sheet = only_sheet(file.getvalue().encode(encoding))
    found = [["" if value is None else value for value in line] for line in sheet.rows]
    while not any(rows[-1]):
        rows.pop()
    assert found == rows
