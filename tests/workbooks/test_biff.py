"""What the cells of an .xls or .et file are read as."""

from __future__ import annotations

import io
import struct
from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from assets.instance.limits import Limits
from assets.intake.mail.kinds import kind_of
from assets.intake.workbooks.workbook import Workbook, read_workbook
from tests.workbooks.made_workbooks import biff, boolean, error, formula, label, number, ole, record, xls, xlsx

LIMITS = Limits()


def read(content: bytes) -> Workbook:
    return read_workbook(content, "附件2.xls", LIMITS)


def test_cells_are_read_as_their_types_say() -> None:
    content = xls(
        label(0, 0, "单位编码") + boolean(0, 1, True) + number(1, 0, 12.5) + formula(1, 1, 7.0),
        label(3, 2, "x"),
        titles=["填报信息", "空"],
    )
    workbook = read(content)
    assert (workbook.format, workbook.epoch, workbook.macros) == ("xls", 1900, False)
    assert [sheet.title for sheet in workbook.sheets] == ["填报信息", "空"]
    assert workbook.sheets[0].rows == [["单位编码", True], [12.5, 7.0]]
    assert (workbook.sheets[1].first_row, workbook.sheets[1].first_column, workbook.sheets[1].rows) == (4, 3, [["x"]])


@pytest.mark.parametrize("built_in", [14, 27, 31, 36, 50, 58])
@pytest.mark.parametrize(("epoch", "serial"), [(1900, 46303.0), (1904, 44841.0)])
def test_serials_are_dates_in_the_epoch_of_the_workbook(built_in: int, epoch: int, serial: float) -> None:
    workbook = read(xls(number(0, 0, serial, 1) + number(0, 1, 0.5, 1), formats=[built_in], epoch=epoch))
    assert (workbook.epoch, workbook.sheets[0].rows) == (epoch, [[date(2026, 10, 8), time(12)]])


@pytest.mark.parametrize(
    ("code", "text"), [(0x00, "#NULL!"), (0x07, "#DIV/0!"), (0x17, "#REF!"), (0x2A, "#N/A"), (0x63, "#99")]
)
def test_error_cells_are_named(code: int, text: str) -> None:
    [sheet] = read(xls(label(0, 0, "x") + error(2, 1, code))).sheets
    assert (sheet.errors, sheet.rows[2][1]) == ({(3, 2): text}, None)


def test_numbers_that_are_none_are_named() -> None:
    [sheet] = read(xls(number(0, 0, float("inf")) + number(0, 1, float("nan")))).sheets
    assert sheet.errors == {(1, 1): "#NUM!", (1, 2): "#NUM!"}


@pytest.mark.parametrize("shift", [9, 12])
@pytest.mark.parametrize("count", [1, 2000, 60_000])
def test_a_workbook_is_found_in_small_and_large_sectors(shift: int, count: int) -> None:
    """One in short sectors, one in some, one that needs a list of tables beyond the header's."""
    text = "单位编码" * (40 if count == 60_000 else 1)
    cells = b"".join(label(row, 0, text) for row in range(count))
    [sheet] = read(ole({"Workbook": biff(cells)}, sector_shift=shift)).sheets
    assert sheet.rows == [[text]] * count


def test_the_stream_of_excel_95_has_another_name() -> None:
    assert read(ole({"BOOK": biff(label(0, 0, "x"))})).sheets[0].rows == [["x"]]


def test_a_stream_outside_a_container_is_read() -> None:
    assert read(biff(label(0, 0, "x"))).sheets[0].rows == [["x"]]


# A name whose formula xlrd does not expect in one, as old programs write; a note with more bytes than it should have.
ODD_NAME = record(0x18, struct.pack("<HBBHHHI", 0, 0, 1, 9, 0, 0, 0) + b"\0A" + b"\x2d" + bytes(8))
ODD_NOTE = record(0x1C, struct.pack("<4HHB", 0, 0, 0, 1, 1, 0) + b"A" + bytes(5))


def test_an_odd_name_or_note_does_not_cost_the_cells() -> None:
    assert read(xls(label(0, 0, "x") + ODD_NOTE, globals_records=ODD_NAME)).sheets[0].rows == [["x"]]


def test_a_table_of_short_sectors_that_is_not_there_is_not_missed() -> None:
    """As some programs write it: the header counts one sector, and nothing is short."""
    content = bytearray(ole({"Workbook": biff(label(0, 0, "x") * 1 + label(1, 0, "y" * 2000))}))
    assert content[60:64] == struct.pack("<I", 0xFFFFFFFE)
    content[64:68] = struct.pack("<I", 1)
    assert read(bytes(content)).sheets[0].rows == [["x"], ["y" * 2000]]


@pytest.mark.parametrize("name", ["附件2.et", "附件2.ett"])
def test_a_workbook_of_wps_is_read_whichever_it_is_inside(name: str) -> None:
    """.et is the container of .xls, and the archive of .xlsx where WPS was told to save that under its own name."""
    old, new = (
        xls(label(0, 0, "单位编码")),
        xlsx('<row r="1"><c r="A1" t="inlineStr"><is><t>单位编码</t></is></c></row>'),
    )
    for content, kind in ((old, "xls"), (new, "xlsx")):
        assert kind_of(name, content, LIMITS.archive_members).name == "workbook"
        workbook = read_workbook(content, name, LIMITS)
        assert (workbook.format, workbook.sheets[0].rows) == (kind, [["单位编码"]])


VALUES = (
    st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text("网络安全abc 1", min_size=1, max_size=9)
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 40), st.integers(0, 9)), VALUES, max_size=20))
def test_calamine_sees_the_same_cells(cells: dict[tuple[int, int], float | bool | str]) -> None:
    records = b""
    for (row, column), value in sorted(cells.items()):
        if isinstance(value, bool):
            records += boolean(row, column, value)
        elif isinstance(value, str):
            records += label(row, column, value)
        else:
            records += number(row, column, value)
    content = xls(records)
    [sheet] = read(content).sheets
    assert {
        (row, column): value
        for row, line in enumerate(sheet.rows, sheet.first_row - 1)
        for column, value in enumerate(line, sheet.first_column - 1)
        if value is not None
    } == cells
    other = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    assert [[value if value is not None else "" for value in line] for line in sheet.rows] == other.to_python()


def test_merged_ranges_of_an_xls_are_told() -> None:
    merged = record(0xE5, struct.pack("<H8H", 2, 4, 6, 12, 12, 1, 1, 0, 3))
    chart = record(0x809, struct.pack("<HHHHII", 0x600, 0x20, 0, 0, 0, 6)) + record(0x0A)
    first, second = read(xls(label(4, 12, "王五") + chart + merged, label(0, 0, "x"))).sheets
    assert first.merged == ((5, 13, 7, 13), (2, 1, 2, 4))
    assert second.merged == ()


@given(st.binary(max_size=300))
def test_whatever_stands_in_a_record_of_merged_ranges_costs_no_cell(data: bytes) -> None:
    (sheet,) = read(xls(label(0, 0, "x") + record(0xE5, data))).sheets
    assert sheet.rows == [["x"]]
