"""A marked workbook has its marks where they belong, and everything else as it was.

Belongs here: marking of workbooks by several programs, and of packages that are odd or hostile. Does not: what is
marked (test_feedback.py), reopening in LibreOffice (test_libreoffice.py).
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from assets.instance.limits import Limits
from assets.intake.forms import read_explanations
from assets.intake.workbooks.workbook import read_workbook
from reports.feedback.marking.listing import list_workbook
from reports.feedback.marking.shapes import CHECK, FILLS, MUST, Mark
from reports.feedback.marking.workbook import mark_workbook
from tests.feedback.made_books import (
    MARKS,
    OTHER,
    SHEET,
    by_hand,
    by_openpyxl,
    by_xlsxwriter,
    entry,
    feedback_sheet,
    parts,
    rewritten,
    with_threaded_comment,
)
from tests.workbooks.made_workbooks import STRICT_MAIN, STRICT_RELATIONS, sheet_xml, xlsx_parts, zipped

MAKERS = {"openpyxl": by_openpyxl, "xlsxwriter": by_xlsxwriter}
ONE = (Mark(SHEET, "B2", MUST, "强制 · 一"),)


def marked(content: bytes, marks: object = MARKS, *entries: object) -> bytes:
    result = mark_workbook(content, marks, feedback_sheet(*(entries or (entry(),))))  # type: ignore[arg-type]
    assert result is not None
    return result


def opened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def noted(sheet: Worksheet) -> dict[str, str]:
    return {c.coordinate: c.comment.text for row in sheet.iter_rows() for c in row if c.comment}


def filled(sheet: Worksheet) -> dict[str, str]:
    kinds = {colour: kind for kind, colour in FILLS.items()}
    found = {c.coordinate: c.fill.fgColor.rgb for row in sheet.iter_rows() for c in row if c.fill.fill_type == "solid"}
    return {cell: kinds[rgb] for cell, rgb in found.items() if rgb in kinds}


def values(sheet: Worksheet) -> dict[str, object]:
    return {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}


def as_intake_reads(content: bytes) -> list[object]:
    return [s for s in read_workbook(content, "x.xlsx", Limits()).sheets if s.title != "反馈"]


# ------------------------------------------------------------------------------------------------------ the marks
@pytest.mark.parametrize("maker", MAKERS)
def test_marked_cells_are_filled_and_noted_and_no_others(maker: str) -> None:
    book = opened(marked(MAKERS[maker]()))
    assert filled(book[SHEET]) == {"C3": MUST, "B2": CHECK, "F9": MUST}
    assert filled(book[OTHER]) == {"A2": CHECK}
    notes = noted(book[SHEET])
    assert notes["C3"] == "【反馈】\n强制 · 不在可选范围（GEN-03）"
    assert notes["F9"].startswith("【反馈】")
    assert notes["B2"].startswith("用户自己的批注\n【反馈】\n核实 · 一\n")
    assert notes["B2"].endswith("核实 · 二")


@pytest.mark.parametrize("maker", MAKERS)
def test_what_was_in_the_workbook_is_still_there(maker: str) -> None:
    content = MAKERS[maker]()
    before, after = opened(content), opened(marked(content))
    assert after.sheetnames == ["反馈", *before.sheetnames]
    assert set(after.defined_names) == set(before.defined_names)
    for sheet in before:
        twin = after[sheet.title]
        assert values(twin) == values(sheet)
        assert twin.sheet_state == sheet.sheet_state
        assert twin.print_title_rows == sheet.print_title_rows
        assert twin.print_area == sheet.print_area
        assert set(twin.defined_names) == set(sheet.defined_names)
        assert [(d.sqref, d.formula1) for d in twin.data_validations.dataValidation] == [
            (d.sqref, d.formula1) for d in sheet.data_validations.dataValidation
        ]
        assert twin.protection.sheet == sheet.protection.sheet
        assert twin.merged_cells.ranges == sheet.merged_cells.ranges
        assert len(twin._images) == len(sheet._images)
        assert len(twin._charts) == len(sheet._charts)


@pytest.mark.parametrize("maker", MAKERS)
def test_parts_without_marks_keep_their_bytes(maker: str) -> None:
    content = MAKERS[maker]()
    before, after = parts(content), parts(marked(content, ONE))
    changed = {name for name in before if before[name] != after.get(name)}
    sheets = {name for name in before if re.fullmatch(r"xl/worksheets/(_rels/)?sheet1\.xml(\.rels)?", name)}
    notes = {name for name in before if "omment" in name or name.endswith(".vml")}
    allowed = {"[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"}
    selected = {name for name in changed if b'tabSelected="1"' in before[name] and b"tabSelected" not in after[name]}
    assert changed <= allowed | sheets | notes | selected
    for name in selected - sheets:
        assert before[name].replace(b' tabSelected="1"', b"") == after[name]
    assert before.keys() <= after.keys()


@pytest.mark.parametrize("maker", MAKERS)
def test_a_marked_cell_keeps_everything_of_its_style_but_the_fill(maker: str) -> None:
    content = MAKERS[maker]()
    before, after = opened(content)[SHEET]["C3"], opened(marked(content))[SHEET]["C3"]
    assert after.number_format == before.number_format
    assert repr(after.border) == repr(before.border)
    assert repr(after.font) == repr(before.font)
    assert repr(after.protection) == repr(before.protection)
    assert repr(after.alignment) == repr(before.alignment)


def test_only_the_list_is_selected_and_shown_first() -> None:
    content = marked(by_xlsxwriter())
    selected = [name for name, part in parts(content).items() if b'tabSelected="1"' in part]
    assert len(selected) == 1
    assert opened(content).active.title == "反馈"


def test_a_cell_without_a_style_takes_that_of_its_column() -> None:
    assert opened(marked(by_xlsxwriter()))[SHEET]["F9"].number_format == "0.0"


def test_a_mark_inside_a_merged_range_is_seen_at_its_first_cell() -> None:
    book = opened(marked(by_openpyxl(), [Mark(SHEET, "F11", MUST, "强制")]))
    assert filled(book[SHEET]) == {"E10": MUST}
    assert "E10" in noted(book[SHEET])


def test_marks_that_have_no_place_are_left_out() -> None:
    odd = [Mark("没有的表", "A1", MUST, "x"), Mark(SHEET, "", MUST, "x"), Mark(SHEET, "A0", MUST, "x"), *ONE]
    assert filled(opened(marked(by_openpyxl(), odd))[SHEET]) == {"B2": MUST}


def test_a_title_is_found_whatever_its_width_and_spaces() -> None:
    book = openpyxl.Workbook()
    book.active.title = "ＡＰＰ上线 情况 "
    file = io.BytesIO()
    book.save(file)
    assert "A1" in noted(opened(marked(file.getvalue(), [Mark("APP上线情况", "A1", MUST, "x")])).worksheets[1])


def test_the_same_arguments_give_the_same_bytes() -> None:
    content = by_xlsxwriter()
    assert marked(content) == marked(content)
    assert list_workbook(feedback_sheet(entry())) == list_workbook(feedback_sheet(entry()))


# --------------------------------------------------------------------------------------------------- marking again
@pytest.mark.parametrize("maker", MAKERS)
def test_marking_again_adds_nothing(maker: str) -> None:
    once = marked(MAKERS[maker]())
    assert marked(once) == once


@pytest.mark.parametrize("maker", MAKERS)
def test_earlier_marks_are_gone_when_all_is_right(maker: str) -> None:
    content = MAKERS[maker]()
    before = opened(content)
    after = opened(marked(marked(content), [], entry(2)))
    assert after.sheetnames == ["反馈", *before.sheetnames]
    for sheet in before:
        assert filled(after[sheet.title]) == {}
        assert noted(after[sheet.title]) == noted(sheet)
        for row in sheet.iter_rows():
            for cell in row:
                colour = after[sheet.title][cell.coordinate].fill.fgColor.rgb
                assert colour == cell.fill.fgColor.rgb


def test_parts_of_earlier_notes_do_not_pile_up() -> None:
    content = by_hand('<row r="1"><c r="A1"><v>1</v></c></row>')
    first = marked(content, [Mark(SHEET, "A1", MUST, "x")])
    clean = marked(first, [])
    assert not [name for name in parts(clean) if "omment" in name or name.endswith(".vml")]
    assert b"legacyDrawing" not in parts(clean)["xl/worksheets/sheet1.xml"]


def test_marks_are_known_again_after_another_program_saved_the_workbook() -> None:
    book = opened(marked(by_openpyxl()))
    book[SHEET]["C3"].value = "符合"
    file = io.BytesIO()
    book.save(file)
    again = opened(marked(file.getvalue(), [Mark(SHEET, "F9", MUST, "强制 · 必填（GEN-01）")]))
    assert again.sheetnames[:2] == ["反馈", SHEET]
    assert again.sheetnames.count("反馈") == 1
    assert filled(again[SHEET]) == {"F9": MUST}
    assert again[SHEET]["C3"].fill.fgColor.rgb == "FFDDEBF7"  # as it was before the first mark
    assert noted(again[SHEET])["B2"] == "用户自己的批注"
    assert "C3" not in noted(again[SHEET])


def test_names_of_sheets_follow_when_the_list_is_taken_out_and_put_in_again() -> None:
    content = by_xlsxwriter()
    before = opened(content)
    for after in (opened(marked(content)), opened(marked(marked(content)))):
        for sheet in before:
            assert after[sheet.title].print_title_rows == sheet.print_title_rows
            assert after[sheet.title].print_area == sheet.print_area


def test_a_sheet_of_the_units_own_that_is_called_the_same_stays() -> None:
    book = openpyxl.Workbook()
    book.active.title = SHEET
    book.create_sheet("反馈")["A1"] = "上级的反馈意见"
    file = io.BytesIO()
    book.save(file)
    once = marked(file.getvalue(), ONE)
    twice = opened(marked(once, ONE))
    assert [t.strip() for t in twice.sheetnames] == ["反馈", SHEET, "反馈"]
    assert twice["反馈"]["A1"].value == "上级的反馈意见"
    assert marked(once, ONE) == once


# ------------------------------------------------------------------------------------------------- the sheet 反馈
def test_every_line_links_to_its_cell_and_says_what_to_do() -> None:
    sheet = opened(marked(by_openpyxl(), MARKS, entry(1), entry(2, kind=CHECK, cell="B2"))).worksheets[0]
    rows = [[c.value for c in row] for row in sheet.iter_rows(min_row=6)]
    assert [r[:6] for r in rows] == [
        ["1", "强制", f"{SHEET} C3", "问题1", "改正\n示例：符合", "GEN-03"],
        ["2", "核实", f"{SHEET} B2", "问题2", "改正\n示例：符合", "GEN-03"],
    ]
    assert [sheet.cell(r, 3).hyperlink.location for r in (6, 7)] == [f"'{SHEET}'!C3", f"'{SHEET}'!B2"]
    assert [sheet.column_dimensions[c].hidden for c in "GHI"] == [False, True, True]
    assert not sheet["G7"].protection.locked


@pytest.mark.parametrize("make", [lambda s: mark_workbook(by_openpyxl(), MARKS, s), list_workbook])
def test_explanations_are_read_back_with_what_they_explain(make: object) -> None:
    entries = (entry(1), entry(2, kind=CHECK), entry(3, kind=CHECK, explanation="租用云主机"))
    content = make(feedback_sheet(*entries))  # type: ignore[operator]
    book = opened(content)
    sheet = book["反馈"]
    row = next(r for r in sheet.iter_rows() if r[0].value == "2")
    row[6].value = "经地址转换，合同 2026-017"
    file = io.BytesIO()
    book.save(file)
    told = [(e.finding_id, e.subject, e.text) for e in read_explanations(read_workbook(file.getvalue(), "x", Limits()))]
    assert told == [
        (f"{2:012x}", f"{2:016x}", "经地址转换，合同 2026-017"),
        (f"{3:012x}", f"{3:016x}", "租用云主机"),
    ]


def test_texts_cannot_run_and_always_fit() -> None:
    nasty = replace(
        entry(),
        problem="=cmd|' /C calc'!A0",
        remedy="+1\x00\x0b_x0041_",
        place="@SUM(A1)",
        explanation="-1" + "长" * 40_000,
    )
    for content in (mark_workbook(by_openpyxl(), MARKS, feedback_sheet(nasty)), list_workbook(feedback_sheet(nasty))):
        assert content is not None
        row = next(r for r in opened(content)["反馈"].iter_rows() if r[0].value == "1")
        rows = read_workbook(content, "x", Limits()).sheets[0].rows
        told = next(r for r in rows if r[0] == "1")
        assert told[2:5] == ["'@SUM(A1)", "'=cmd|' /C calc'!A0", "'+1_x0041_"]
        assert all(c.data_type == "s" for c in row if c.value)
        assert len(row[6].value) <= 32_767


def test_a_line_of_many_findings_keeps_as_many_ids_as_a_cell_holds() -> None:
    many = replace(entry(), subjects=tuple(f"{n:016x}" for n in range(5000)))
    (row,) = [r for r in opened(marked(by_openpyxl(), [], many)).worksheets[0].iter_rows() if r[0].value == "1"]
    ids = row[8].value.split(" ")
    assert 1800 < len(ids) < 2000
    assert ids == [f"{n:016x}" for n in range(len(ids))]


# ---------------------------------------------------------------------------------------------------- odd packages
def test_a_workbook_without_styles_gets_some() -> None:
    book = opened(marked(by_hand('<row r="2"><c r="B2"><v>1</v></c></row>'), ONE))
    assert filled(book[SHEET]) == {"B2": MUST}


@pytest.mark.parametrize("cell", ["A1", "B1", "C1", "D1", "A2", "B3", "C4", "A7"])
def test_cells_and_rows_that_do_not_say_where_they_are_keep_their_places(cell: str) -> None:
    rows = "<row><c><v>1</v></c><c><v>2</v></c></row><row/><row r='3'><c r='B3'><v>3</v></c><c><v>4</v></c></row>"
    content = by_hand(rows)
    after = marked(content, [Mark(SHEET, cell, MUST, "x")])
    assert as_intake_reads(after) == as_intake_reads(content)
    assert filled(opened(after)[SHEET]) == {cell: MUST}


@pytest.mark.parametrize(
    "target", ["/xl/worksheets/sheet1.xml", "/xl//worksheets/./sheet1.xml", "..\\xl\\worksheets\\sheet1.xml"]
)
def test_part_names_in_every_spelling_are_found(target: str) -> None:
    content = by_hand('<row r="2"><c r="B2"><v>1</v></c></row>', target=target)
    after = marked(content, ONE)
    (sheet,) = as_intake_reads(after)
    assert [sheet] == as_intake_reads(content)
    assert b"legacyDrawing" in parts(after)["xl/worksheets/sheet1.xml"]


def test_names_in_another_case_are_the_same_part() -> None:
    content = rewritten(by_openpyxl(), {}, {"xl/worksheets/sheet1.xml": "xl/Worksheets/Sheet1.xml"})
    after = parts(marked(content, ONE))
    assert "xl/Worksheets/Sheet1.xml" in after
    assert "xl/worksheets/sheet1.xml" not in after


def test_a_sheet_with_a_namespace_prefix_is_marked() -> None:
    content = by_hand('<x:row r="2"><x:c r="B2"><x:v>1</x:v></x:c></x:row>', prefix="x")
    assert filled(opened(marked(content, ONE))[SHEET]) == {"B2": MUST}


def test_what_may_not_stand_before_the_notes_follows_them() -> None:
    tail = '<pageMargins left="1" right="1" top="1" bottom="1" header="0" footer="0"/><extLst><ext uri="{X}"/></extLst>'
    sheet = parts(marked(by_hand('<row r="2"/>', tail=tail), ONE))["xl/worksheets/sheet1.xml"]
    assert sheet.index(b"pageMargins") < sheet.index(b"legacyDrawing") < sheet.index(b"extLst")


def test_a_threaded_comment_stays_and_its_cell_is_filled() -> None:
    content = with_threaded_comment()
    after = marked(content, ONE)
    thread = "xl/threadedComments/threadedComment1.xml"
    assert parts(after)[thread] == parts(content)[thread]
    assert filled(opened(after)[SHEET]) == {"B2": MUST}


def test_a_drawing_of_notes_that_is_no_xml_is_added_to() -> None:
    content = by_openpyxl()
    name = next(n for n in parts(content) if n.endswith(".vml"))
    torn = parts(content)[name].replace(b"</xml>", b"<v:shape id='button'><br></v:shape></xml>")
    after = parts(marked(rewritten(content, {name: torn}), MARKS))[name]
    assert b"<v:shape id='button'><br></v:shape>" in after
    assert after.count(b'ObjectType="Note"') == 4


def test_macros_stay_and_the_kind_of_workbook_with_them() -> None:
    content = by_openpyxl()
    kind = b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
    types = parts(content)["[Content_Types].xml"].replace(
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", kind
    )
    after = parts(marked(rewritten(content, {"[Content_Types].xml": types, "xl/vbaProject.bin": b"\xd0\xcf macro"})))
    assert after["xl/vbaProject.bin"] == b"\xd0\xcf macro"
    assert kind in after["[Content_Types].xml"]


def test_parts_that_cannot_be_unpacked_are_carried_along() -> None:
    content = rewritten(by_openpyxl(), {"xl/media/bomb.bin": b"\0" * 3_000_000})
    after = marked(content)
    assert parts(after)["xl/media/bomb.bin"] == b"\0" * 3_000_000


def test_no_more_notes_than_a_sheet_can_bear() -> None:
    marks = [Mark(SHEET, f"A{row}", MUST, "强制") for row in range(2, 1502)]
    book = opened(marked(by_openpyxl(), marks))
    assert len(filled(book[SHEET])) == 1500
    assert sum("【反馈】" in text for text in noted(book[SHEET]).values()) == 1000


# ------------------------------------------------------------------------------------------------ what is refused
def strict() -> bytes:
    sheet = sheet_xml("", namespace=STRICT_MAIN)
    own = xlsx_parts(sheet, titles=[SHEET], namespace=STRICT_MAIN, relations=STRICT_RELATIONS)
    return zipped(own)


def with_dtd() -> bytes:
    own = parts(by_openpyxl())["xl/worksheets/sheet1.xml"]
    body = own[own.index(b"<worksheet") :]
    dtd = b'<!DOCTYPE worksheet [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    return rewritten(by_openpyxl(), {"xl/worksheets/sheet1.xml": dtd + body})


def bomb() -> bytes:
    return rewritten(by_openpyxl(), {"xl/worksheets/sheet1.xml": b" " * 30_000_000})


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK", b"\xd0\xcf\x11\xe0" + b"\0" * 600, b"a,b\n1,2\n", zipped({"a.txt": "x"}), strict(), with_dtd(), bomb(),
        rewritten(by_openpyxl(), {"[Content_Types].xml": None}), rewritten(by_openpyxl(), {"xl/workbook.xml": b"<a/>"}),
        rewritten(by_openpyxl(), {"xl/worksheets/sheet1.xml": b"<worksheet"}),
        rewritten(by_openpyxl(), {"xl/styles.xml": b"\xff\xfe\0"}),
        by_hand('<row r="x"><c r="B2"/></row>'), by_hand('<row r="2"><c r="B2" s="many"/></row>'),
    ],
)  # fmt: skip
def test_what_cannot_be_marked_is_none_and_never_raises(content: bytes) -> None:
    assert mark_workbook(content, MARKS, feedback_sheet(entry())) is None


PLAIN = by_openpyxl()
ONCE = marked(PLAIN)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_packages_never_raise(data: st.DataObject) -> None:
    content = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    mark_workbook(bytes(content), MARKS, feedback_sheet(entry()))


_XML = [n for n in parts(ONCE) if n.endswith((".xml", ".rels", ".vml"))]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_XML), st.data())
def test_parts_with_anything_cut_out_or_put_in_never_raise(name: str, data: st.DataObject) -> None:
    part = bytearray(parts(ONCE)[name])
    start = data.draw(st.integers(0, len(part)))
    end = data.draw(st.integers(start, min(len(part), start + 60)))
    part[start:end] = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b'r="A1"', b"<row/>", b"</c>", b'"', b"-1"]))
    )
    mark_workbook(rewritten(ONCE, {name: bytes(part)}), MARKS, feedback_sheet(entry()))


# --------------------------------------------------------------------------------------------------------- any book
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
_VALUES = st.one_of(
    st.none(), _WORDS, st.integers(-(10**9), 10**9), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
_PLACES = st.tuples(st.integers(1, 12), st.integers(1, 30))
_CELLS = st.dictionaries(_PLACES, _VALUES, max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(_CELLS, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), _PLACES, st.sampled_from([MUST, CHECK])), max_size=12),
    _WORDS,
)
def test_any_workbook_says_the_same_before_and_after(
    grids: list[dict[tuple[int, int], object]], wanted: list[tuple[int, tuple[int, int], str]], text: str
) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for n, grid in enumerate(grids):
        sheet = book.create_sheet(f"表{n}")
        for (row, column), value in grid.items():
            cell = sheet.cell(row, column)
            cell.value = value  # type: ignore[assignment]
            cell.data_type = "s" if isinstance(value, str) else cell.data_type
    file = io.BytesIO()
    book.save(file)
    content = file.getvalue()
    marks = [
        Mark(f"表{n}", f"{openpyxl.utils.get_column_letter(column)}{row}", kind, text)
        for n, (row, column), kind in wanted
    ]
    once = marked(content, marks)
    assert as_intake_reads(once) == as_intake_reads(content)
    assert marked(once, marks) == once
    after = opened(once)
    for n in range(len(grids)):
        cells = {m.cell for m in marks if m.sheet == f"表{n}"}
        assert set(filled(after[f"表{n}"])) == cells == set(noted(after[f"表{n}"]))
    assert zipfile.ZipFile(io.BytesIO(once)).testzip() is None


# -------------------------------------------------------------------------------------- above conditional formats
def with_conditional_formats() -> bytes:
    """A workbook whose own rule colours its empty cells, as the blank forms do."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet(SHEET)
        sheet.write_string(0, 0, "检查项编号")
        yellow = book.add_format({"bg_color": "#FFF2B8"})
        sheet.conditional_format("A2:F20", {"type": "blanks", "format": yellow})
        sheet.conditional_format("B2:B20", {"type": "data_bar", "data_bar_2010": True})
        book.add_worksheet(OTHER).write_string(0, 0, "问题编号")
    return file.getvalue()


def shown_fills(sheet: Worksheet, cell: str) -> list[str]:
    """The fills that conditional formats give a cell, the one that is seen first."""
    rules = [
        (rule.priority, rule.dxf.fill.bgColor.rgb)
        for block, own in sheet.conditional_formatting._cf_rules.items()
        if any(cell in r for r in block.sqref.ranges)
        for rule in own
        if rule.dxf
    ]
    return [colour for _, colour in sorted(rules)]


def test_a_mark_is_seen_above_the_conditional_formats_of_the_sheet() -> None:
    content = marked(with_conditional_formats(), MARKS)
    sheet = opened(content)[SHEET]
    assert {cell: shown_fills(sheet, cell)[0] for cell in ("C3", "B2", "F9")} == {
        "C3": FILLS[MUST], "B2": FILLS[CHECK], "F9": FILLS[MUST],
    }  # fmt: skip
    assert shown_fills(sheet, "D4") == ["FFFFF2B8"]
    assert not opened(content)[OTHER].conditional_formatting


def test_such_a_mark_goes_when_the_cell_is_mended_and_the_rules_of_the_sheet_stay_as_they_were() -> None:
    before = with_conditional_formats()
    again = marked(marked(before, MARKS), [])
    part = "xl/worksheets/sheet1.xml"

    def rules(content: bytes) -> list[bytes]:
        return re.findall(rb"<(?:x14:)?cfRule[^>]*>", parts(content)[part])

    assert rules(again) == rules(before)
    assert marked(marked(before, MARKS), MARKS) == marked(before, MARKS)
