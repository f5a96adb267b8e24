"""What the cells of an .xlsx file are read as, and that no other program would say otherwise."""

from __future__ import annotations

import io
import re
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from assets.instance.limits import Limits
from assets.intake.workbooks.ooxml import _parsed_strings, _plain_strings
from assets.intake.workbooks.workbook import Cell, Sheet, WorkbookUnreadable, read_workbook
from tests.workbooks.made_workbooks import (
    STRICT_MAIN,
    STRICT_RELATIONS,
    sheet_xml,
    string_item,
    xlsx,
    xlsx_parts,
    zipped,
)

LIMITS = Limits()


def only_sheet(content: bytes) -> Sheet:
    [sheet] = read_workbook(content, "附件2.xlsx", LIMITS).sheets
    return sheet


def cells(sheet: Sheet) -> dict[tuple[int, int], Cell]:
    """The cells that are not blank, by 1-based row and column."""
    return {
        (row, column): value
        for row, line in enumerate(sheet.rows, sheet.first_row)
        for column, value in enumerate(line, sheet.first_column)
        if value not in (None, "")
    }


def row(inner: str, number: int = 1) -> str:
    return f'<row r="{number}">{inner}</row>'


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="A1"><v>12.50</v></c>', 12.5),
        ('<c r="A1" t="n"><v>1E+3</v></c>', 1000.0),
        ('<c r="A1"><v>&#49;2</v></c>', 12.0),
        ('<c r="A1"><v>1<!-- a comment -->2</v></c>', 12.0),
        ('<c r="A1"><v>1<![CDATA[2]]></v></c>', 12.0),
        ('<c r="A1"><v>0x10</v></c>', "0x10"),
        ('<c r="A1"><v>1_000</v></c>', "1_000"),
        ('<c r="A1" t="b"><v>1</v></c>', True),
        ('<c r="A1" t="b"><v>false</v></c>', False),
        ('<c r="A1" t="d"><v>2026-10-08</v></c>', date(2026, 10, 8)),
        ('<c r="A1" t="d"><v>2026-10-08T14:30:00</v></c>', datetime(2026, 10, 8, 14, 30)),
        ('<c r="A1" t="d"><v>14:30:00</v></c>', time(14, 30)),
        ('<c r="A1" t="d"><v>十月</v></c>', "十月"),
        ('<c r="A1" t="d"><v>2026-10-08T14:30:00Z</v></c>', "2026-10-08T14:30:00Z"),
        ('<c r="A1" t="str"><f>A2</f><v>网络部</v></c>', "网络部"),
        ('<c r="A1" t="inlineStr"><is><t>&lt;网络&amp;安全&gt;</t></is></c>', "<网络&安全>"),
        ('<c r="A1" t="inlineStr"><is><r><t>网络</t></r><r><rPr><b/></rPr><t>安全</t></r></is></c>', "网络安全"),
        ('<c r="A1" t="inlineStr"><is><t>王</t><rPh sb="0" eb="1"><t>wang</t></rPh></is></c>', "王"),
        ('<c r="A1" t="inlineStr"><is><t>甲_x000D_乙_x005F_x000D_</t></is></c>', "甲\r乙_x000D_"),
        ('<c r="A1" t="inlineStr"><is><t>_xD83D_</t></is></c>', "_xD83D_"),
        ("<c r='A1' t='n'\n><v>7</v></c >", 7.0),
        ('<x:c xmlns:x="x" r="A1"><x:v>7</x:v></x:c>', 7.0),
    ],
)
def test_a_cell_is_read_as_what_its_type_says(cell: str, value: Cell) -> None:
    assert only_sheet(xlsx(row(cell))).rows == [[value]]


def test_shared_strings_are_joined_from_their_runs_without_the_phonetic_ones() -> None:
    strings = [
        string_item("单位编码"),
        '<si><r><t>网络</t></r><r><rPr><b/></rPr><t xml:space="preserve"> 部</t></r></si>',
        '<si><t>王</t><rPh sb="0" eb="1"><t>wang</t></rPh><phoneticPr fontId="1"/></si>',
        "<si/>",
    ]
    inner = "".join(f'<c r="{letter}1" t="s"><v>{number}</v></c>' for number, letter in enumerate("ABCD"))
    assert cells(only_sheet(xlsx(row(inner), strings=strings))) == {(1, 1): "单位编码", (1, 2): "网络 部", (1, 3): "王"}


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ('<c r="B2" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="B2" t="e"><v>#SPILL!</v></c>', "#SPILL!"),
        ('<c r="B2"><f>A1+B1</f></c>', "=A1+B1"),
        ('<c r="B2"><f>A1+B1</f><v/></c>', "=A1+B1"),
        ('<c r="B2"><f>A1+B1</f><v></v></c>', "=A1+B1"),
        ('<c r="B2" s="1"><f t="shared" si="0"/></c>', "="),
        ('<c r="B2"><v>1e999</v></c>', "#NUM!"),
        ('<c r="B2"><v>NaN</v></c>', "#NUM!"),
        ('<c r="B2" s="1"><v>-INF</v></c>', "#NUM!"),
    ],
)
def test_a_cell_that_has_no_value_to_read_is_named_and_lies_inside_the_rows(cell: str, error: str) -> None:
    sheet = only_sheet(xlsx(row('<c r="A1"><v>1</v></c>') + row(cell, 2), formats=["yyyy-mm-dd"]))
    assert sheet.errors == {(2, 2): error}
    assert sheet.rows == [[1.0, None], [None, None]]


def test_a_sheet_of_nothing_but_an_error_has_the_row_of_the_error() -> None:
    sheet = only_sheet(xlsx(row('<c r="C7" t="e"><v>#REF!</v></c>', 7)))
    assert (sheet.first_row, sheet.first_column, sheet.rows) == (7, 3, [[None]])


def test_a_formula_calculated_to_nothing_is_blank_and_no_fault() -> None:
    sheet = only_sheet(xlsx(row('<c r="A1" t="str"><f>IF(B1="","",B1)</f><v></v></c><c r="B1"><v>1</v></c>')))
    assert (sheet.rows, sheet.errors) == ([[1.0]], {})


@pytest.mark.parametrize(
    ("shows", "value"),
    [
        ("14", date(2026, 10, 8)),
        ("27", date(2026, 10, 8)),
        ("31", date(2026, 10, 8)),
        ("36", date(2026, 10, 8)),
        ("50", date(2026, 10, 8)),
        ("58", date(2026, 10, 8)),
        ("46", timedelta(46303)),
        ("[h]:mm", timedelta(46303)),
        ("[$-804]yyyy年m月d日", date(2026, 10, 8)),
        ("[DBNum1][$-804]yyyy年m月d日", date(2026, 10, 8)),
        ("yyyy/mm/dd;@", date(2026, 10, 8)),
        ("aaaa", date(2026, 10, 8)),
        ("0", 46303.0),
        ("49", 46303.0),
        ("General", 46303.0),
        ('0.00" days"', 46303.0),
        ("#,##0\\d", 46303.0),
        ("[Red]0.00", 46303.0),
        ("0.00E+00", 46303.0),
        ("_ ¥* #,##0.00_d", 46303.0),
        ("0;[h]:mm", 46303.0),
    ],
)
def test_a_number_is_a_date_where_its_format_shows_one(shows: str, value: Cell) -> None:
    assert only_sheet(xlsx(row('<c r="A1" s="1"><v>46303</v></c>'), formats=[shows])).rows == [[value]]


def test_serials_count_from_the_epoch_of_the_workbook() -> None:
    content = xlsx(row('<c r="A1" s="1"><v>44841</v></c>'), formats=["14"], epoch=1904)
    workbook = read_workbook(content, "a.xlsx", LIMITS)
    assert (workbook.epoch, workbook.sheets[0].rows) == (1904, [[date(2026, 10, 8)]])


def test_cells_without_references_follow_one_another() -> None:
    rows = "<row><c><v>1</v></c><c><v>2</v></c></row>"
    rows += '<row r="4"><c r="C4"><v>3</v></c><c><v>4</v></c></row><row><c><v>5</v></c></row>'
    assert cells(only_sheet(xlsx(rows))) == {(1, 1): 1.0, (1, 2): 2.0, (4, 3): 3.0, (4, 4): 4.0, (5, 1): 5.0}


def test_rows_and_cells_in_any_order_find_their_places() -> None:
    rows = row('<c r="B2"><v>4</v></c><c r="A2"><v>3</v></c>', 2) + row('<c r="A1"><v>1</v></c>')
    assert only_sheet(xlsx(rows)).rows == [[1.0, None], [3.0, 4.0]]


def test_a_merged_area_has_its_value_in_the_first_cell_only() -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = "附件2", "序号"
    book.active.merge_cells("A1:D1")
    assert cells(only_sheet(saved(book))) == {(1, 1): "附件2", (2, 1): "序号"}


def test_a_sheet_that_says_it_has_no_part_is_left_out() -> None:
    """As Excel lists a module of macros of its fifth version; one that names a part that is missing is damaged."""
    parts = xlsx_parts(sheet_xml(row('<c r="A1"><v>1</v></c>')))
    listing = str(parts["xl/workbook.xml"]).replace(
        "</sheets>", '<sheet name="Module1" sheetId="9" r:id="{}"/></sheets>'
    )
    workbook = read_workbook(zipped(parts | {"xl/workbook.xml": listing.format("")}), "a.xlsm", LIMITS)
    assert [sheet.title for sheet in workbook.sheets] == ["表1"]
    with pytest.raises(WorkbookUnreadable, match="damaged"):
        read_workbook(zipped(parts | {"xl/workbook.xml": listing.format("s9")}), "a.xlsm", LIMITS)


def test_hidden_rows_columns_and_sheets_are_data() -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["B2"] = 1, 2
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.create_sheet("隐藏").sheet_state = "hidden"
    book.create_sheet("深藏").sheet_state = "veryHidden"
    book["隐藏"]["A1"] = "x"
    sheets = read_workbook(saved(book), "a.xlsx", LIMITS).sheets
    assert [(sheet.title, sheet.visible) for sheet in sheets] == [("Sheet", True), ("隐藏", False), ("深藏", False)]
    assert (cells(sheets[0]), cells(sheets[1])) == ({(1, 1): 1.0, (2, 2): 2.0}, {(1, 1): "x"})


def test_strict_ooxml_is_read() -> None:
    part = sheet_xml(row('<c r="A1" t="s"><v>0</v></c>'), namespace=STRICT_MAIN)
    kinds: dict[str, Any] = {"relations": STRICT_RELATIONS, "namespace": STRICT_MAIN}
    assert only_sheet(zipped(xlsx_parts(part, strings=[string_item("严格")], **kinds))).rows == [["严格"]]


def test_a_part_in_utf_16_is_read() -> None:
    part = '<?xml version="1.0" encoding="UTF-16"?><worksheet><sheetData>' + row('<c r="A1"><v>7</v></c>')
    parts = xlsx_parts((part + "</sheetData></worksheet>").encode("utf-16"))
    assert only_sheet(zipped(parts)).rows == [[7.0]]


def test_parts_elsewhere_are_found_by_their_relations() -> None:
    parts = xlsx_parts(sheet_xml(row('<c r="A1"><v>7</v></c>')))
    parts["XL/daten/Blatt.xml"] = parts.pop("xl/worksheets/sheet1.xml")
    links = str(parts["xl/_rels/workbook.xml.rels"]).replace("worksheets/sheet1.xml", "/xl/Daten/blatt.xml")
    parts["xl/_rels/workbook2.xml.rels"] = links
    parts["xl/workbook2.xml"] = parts.pop("xl/workbook.xml")
    parts["_rels/.rels"] = str(parts["_rels/.rels"]).replace("xl/workbook.xml", "/xl/workbook2.xml")
    del parts["xl/_rels/workbook.xml.rels"]
    assert only_sheet(zipped(parts)).rows == [[7.0]]


def test_chart_sheets_are_left_out() -> None:
    parts = xlsx_parts(sheet_xml(row('<c r="A1"><v>7</v></c>')), sheet_xml(""))
    parts["xl/_rels/workbook.xml.rels"] = re.sub(
        r'/worksheet"( Target="worksheets/sheet2)', r'/chartsheet"\1', str(parts["xl/_rels/workbook.xml.rels"])
    )
    assert [sheet.title for sheet in read_workbook(zipped(parts), "a.xlsx", LIMITS).sheets] == ["表1"]


def test_an_empty_sheet_has_no_rows() -> None:
    sheet = only_sheet(xlsx(""))
    assert (sheet.rows, sheet.errors) == ([], {})


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def written(rows: list[list[Any]]) -> bytes:
    """The rows as XlsxWriter writes them, with shared strings, from B3 on."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
        }
        for index, values in enumerate(rows, 2):
            for place, value in enumerate(values, 1):
                if isinstance(value, str):
                    sheet.write_string(index, place, value)
                elif value is not None:
                    sheet.write(index, place, value, formats.get(type(value)))
    return file.getvalue()


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
VALUES = st.none() | st.booleans() | st.floats(-1e300, 1e300) | st.integers(-(10**15), 10**15)
DATES = st.dates(date(1900, 3, 1), date(2999, 12, 31)) | st.datetimes(datetime(1900, 3, 1), datetime(2999, 12, 31)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
ROWS = st.lists(st.lists(VALUES | TEXTS | DATES, max_size=6), max_size=6)


def as_read(value: Any) -> Any:
    """What a written value is expected back as."""
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_what_xlsxwriter_writes_comes_back(rows: list[list[Any]]) -> None:
    found = cells(only_sheet(written(rows)))
    wanted = {
        (index, place): as_read(value)
        for index, values in enumerate(rows, 3)
        for place, value in enumerate(values, 2)
        if value not in (None, "")
    }
    assert found.keys() == wanted.keys()
    for place, value in wanted.items():
        if isinstance(value, float):
            assert found[place] == pytest.approx(value, rel=1e-15)  # XlsxWriter writes 16 digits
        else:
            assert found[place] == value


UNWRITABLE = re.compile(
    r"[\000-\010\013\014\016-\037\ufffe\uffff]|^[=\s]|\s$|_x"
)  # by openpyxl, or trimmed by calamine


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_calamine_and_openpyxl_see_the_same_cells(rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    for index, values in enumerate(rows, 3):
        for place, value in enumerate(values, 2):
            if not isinstance(value, str) or not UNWRITABLE.search(value):
                book.active.cell(index, place).value = value
    content = saved(book)
    sheet = only_sheet(content)
    source = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    top, left = source.start or (0, 0)
    second = Sheet("", top + 1, left + 1, [list(line) for line in source.to_python()], {}, True)
    assert comparable(sheet) == {
        place: value for place, value in comparable(second).items() if place not in sheet.errors
    }


def comparable(sheet: Sheet) -> dict[tuple[int, int], Cell]:
    """Line ends are one character: expat has XML's own opinion of them, calamine has not."""
    return {
        place: re.sub("\r\n?", "\n", value) if isinstance(value, str) else value
        for place, value in cells(sheet).items()
    }


CELLS = st.sampled_from(
    [
        "<c {r}/>",
        "<c {r} s='1'/>",
        '<c {r} s="1"/>',
        '<c {r} s="1" />',
        "<c {r}><v>{n}</v></c>",
        '<c {r} s="1"><v>{n}</v></c>',
        '<c {r} t="s"><v>1</v></c>',
        '<c {r} s="2" t="s"><v>0</v></c>',
        '<c {r} t="n"><v>1-{n}</v></c>',
        "<c {r}><v>1e{n}</v></c>",
        "<c {r}><f>A1</f></c>",
        "<c {r}><f>A1</f><v>{n}</v></c>",
        '<c {r} t="e"><v>#N/A</v></c>',
        '<c {r} t="str"><v>x{n}</v></c>',
        '<c {r} t="inlineStr"><is><t>y{n}</t></is></c>',
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.lists(st.tuples(CELLS, st.integers(0, 50000)), max_size=6), st.booleans()), max_size=8))
def test_the_short_way_for_plain_cells_reads_what_the_long_way_does(
    rows: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    """A comment between the rows sends all of them the long way."""
    markup = ""
    for index, (row_cells, formatted) in enumerate(rows, 1):
        inner = "".join(
            cell.format(r=f'r="{letter}{index}"', n=number)
            for letter, (cell, number) in zip("ABCDEFGH", row_cells, strict=False)
        )
        height = ' ht="20"' if formatted else ""
        markup += f'<row r="{index}"{height}>{inner}</row>'
    kinds: dict[str, Any] = {"strings": [string_item("甲"), string_item("乙")], "formats": ["14", "[h]:mm"]}
    assert only_sheet(xlsx(markup, **kinds)) == only_sheet(xlsx(markup.replace("<row", "<!-- --><row"), **kinds))


def read_or_refused(markup: str) -> Sheet | None:
    try:
        return only_sheet(xlsx(markup))
    except WorkbookUnreadable:
        return None


TAGS = [
    tag
    for n in (1, 2, 3)
    for tag in (f'<row r="{n}" ht="20">', f'<c r="A{n}"><v>{n}</v></c>', f'<c r="B{n}" s="1"/>', "</row>")
]
ODD = st.sampled_from(
    [
        '<row r="4"/>', '<row r="4" ht="20" />', '<row r="5">', "</row>", '<row r="1048577">', '<row r="0">', "<row>",
        "<row r='6'>", '<row r="7" a="<">', '<row r="7"a="">', '<row r="8" x:y="é">', '<c r="C2"><v>1</v></c>',
        '<c r="XFE2"><v>1</v></c>', '<c r="D1">', "</c>", "<v>1</v>", " ", "\n", "x", "&", "&amp;", "]]>", "\x00", "<",
        "</sheetData><sheetData>",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TAGS)), ODD), max_size=3))
def test_rows_that_are_taken_whole_are_well_formed_ones(odd: list[tuple[int, str]]) -> None:
    """Whatever stands between the tags is read, or refused, as by the long way, which a comment sends it."""
    tags = list(TAGS)
    for at, piece in odd:
        tags.insert(at, piece)
    markup = "".join(tags)
    assert read_or_refused(markup) == read_or_refused("<!-- -->" + markup)


@pytest.mark.parametrize("place", ["XFE1", "ZZZ1", "A1048577", "AAAA1"])
@pytest.mark.parametrize("written", ['<c r="{}"/>', '<c r="{}" s="1"/>'])
def test_blank_cells_outside_a_sheet_are_no_cells_of_it(place: str, written: str) -> None:
    """They were taken out with the plain ones, whose place nobody looked at."""
    markup = row('<c r="B1"><v>1</v></c>' + written.format(place))
    assert read_or_refused(markup) == read_or_refused("<!-- -->" + markup)
    outside = '<row r="1048577"></row>'
    assert read_or_refused(outside + markup) == read_or_refused("<!-- -->" + outside + markup)


def test_a_sheet_of_many_pieces_is_read_whole() -> None:
    """Pieces of 4 MiB are cut between rows, wherever the archive cuts them."""
    count = 150_000
    markup = "".join(f'<row r="{index}"><c r="B{index}"><v>{index}</v></c></row>' for index in range(1, count + 1))
    sheet = only_sheet(xlsx(markup))
    assert [line[0] for line in sheet.rows] == [float(index) for index in range(1, count + 1)]


def test_a_million_formatted_rows_around_one_value_are_no_rows() -> None:
    blank = "".join(
        f'<row r="{index}" s="1" customFormat="1"><c r="A{index}" s="1"/><c r="B{index}" s="1"/></row>'
        for index in range(3, 1_000_001)
    )
    assert only_sheet(xlsx(row('<c r="A1"><v>7</v></c>') + blank)).rows == [[7.0]]


def test_cells_without_places_after_plain_ones_are_refused_rather_than_moved() -> None:
    markup = row('<c r="B1"><v>1</v></c>') + '<row r="2"><c><v>2</v></c></row>'
    with pytest.raises(WorkbookUnreadable, match="damaged"):
        read_workbook(xlsx(markup), "a.xlsx", LIMITS)


@pytest.mark.parametrize(
    "hidden",
    ["<!--{}-->", "<?note {}?>", '<x y="{}"/>', "<x><![CDATA[{}]]></x>"],
    ids=["comment", "note", "value", "text"],
)
@pytest.mark.parametrize("length", [0, 9 << 20], ids=["one piece", "many pieces"])
def test_what_only_looks_like_cells_is_none(hidden: str, length: int) -> None:
    looks = " " * length + row('<c r="A1"><v>1</v></c>') + " " * length + row('<c r="A2"><v>1</v></c>', 2)
    looks = looks.replace("<", "&lt;").replace('"', "&quot;") if "y=" in hidden else looks
    markup = hidden.format(looks) + row('<c r="A3"><v>3</v></c>', 3)
    assert cells(only_sheet(zipped(xlsx_parts(sheet_xml(markup)), level=0))) == {(3, 1): 3.0}


def test_a_row_longer_than_a_piece_is_read() -> None:
    text = "网" * 400_000
    inner = "".join(f'<c r="{letter}1" t="inlineStr"><is><t>{text}</t></is></c>' for letter in "ABCDEF")
    content = zipped(xlsx_parts(sheet_xml(row(inner) + row('<c r="A2"><v>1</v></c>', 2))), level=0)
    assert only_sheet(content).rows == [[text] * 6, [1.0] + [None] * 5]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12), max_size=8), st.booleans())
def test_shared_strings_are_the_same_with_and_without_expat(texts: list[str], keep: bool) -> None:
    space = ' xml:space="preserve"' if keep else ""
    items = "".join(f"<si><t{space}>{escape(text)}</t></si>" for text in texts)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="urn:x" count="1">'
    part = f"{head}{items}</sst>".encode()
    with_comment = f"{head}<!-- not plain -->{items}</sst>".encode()
    quickly = _plain_strings(part)
    assert _plain_strings(with_comment) is None
    try:
        slowly = _parsed_strings(with_comment, "part")
    except WorkbookUnreadable:
        assert quickly is None
    else:
        assert quickly in (None, slowly)
        assert quickly == slowly or any(c in "&<>" for text in texts for c in text)
