"""What people's files did to Sixth, each kind with further examples: through the real readers, booking and rules.

The inputs are a template filled in right with one thing done to it, as the trial found it in the field.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml
import openpyxl
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

import reports.blank
from assets.instance.limits import Limits
from assets.instance.register import Register, load_register
from assets.intake.forms import OUR_PAGES, RecognisedForm, recognise
from assets.intake.values import clean_text, says_nothing
from assets.intake.workbooks.workbook import Sheet, Workbook, read_workbook
from expectations.catalogue import Catalogue, load_catalogue
from pipelines.new_home import SAMPLE
from reports.feedback.checking import check_files
from tests.templates.filled_forms import (
    FIRST_ROW,
    HEADINGS,
    PERIOD,
    cell,
    changed,
    cover_cell,
    filled_forms,
    put,
    saved,
)

CATALOGUE = load_catalogue()
NOW = datetime(2026, 11, 3, tzinfo=UTC)
ASSETS, APPS = "暴露面资产新增", "APP上线情况"
NAME2, NAME3 = "附件2 青川盟第1旗县分公司 2026-10.xlsx", "附件3 青川盟第1旗县分公司 2026-10.xlsx"
Finding = tuple[str, str, str]  # rule, cell, value


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def register() -> Register:
    return load_register(SAMPLE / "register")


@pytest.fixture(scope="module")
def annexes(catalogue: Catalogue, register: Register) -> dict[str, bytes]:
    """Annexes filled in right, the second one with two assets and an app; `nil`: annex 2 with nothing new."""
    unit = next(u for u in register.tree(PERIOD).units if u.level == "unit")
    nil = filled_forms(unit, catalogue, register, nil=True, only=("annex2",))
    return {**filled_forms(unit, catalogue, register), "nil": nil["annex2"]}


@pytest.fixture(scope="module")
def usual(annexes: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Finding]]:
    """What is found in the forms as they are."""
    return {key: set(found(annexes[key], NAME2, tmp_path_factory.mktemp(key))) for key in ("annex2", "annex3", "nil")}


def found(content: bytes, name: str, folder: Path) -> list[Finding]:
    """The findings of a file that comes alone, warnings that it lacks company aside."""
    path = folder / name
    path.write_bytes(content)
    return [(f["rule_id"], f["cell"], f["value"]) for f in check_files([path], now=NOW).findings]


def read(content: bytes, catalogue: Catalogue, name: str = NAME2) -> RecognisedForm:
    (form,) = recognise(read_workbook(content, name, Limits()), name, catalogue, Limits())
    return form


def assets_of(content: bytes, catalogue: Catalogue) -> Any:
    return read(content, catalogue).tables[0]


def sheet_of(book: openpyxl.Workbook, title: str = ASSETS) -> Worksheet:
    sheet: Worksheet = book[title]
    return sheet


def move_column_first(sheet: Worksheet, column: int) -> None:
    """Put a column before all others, formats aside."""
    for row in range(HEADINGS, FIRST_ROW + 10):
        values = [sheet.cell(row, c).value for c in range(1, sheet.max_column + 1)]
        values.insert(0, values.pop(column - 1))
        for c, value in enumerate(values, 1):
            sheet.cell(row, c).value = value


# ------------------------------------------------------------------------------------- A1: rows that begin like a note
@pytest.mark.parametrize(
    "names",
    [
        ("注册中心统一认证平台", "说明书下载站"),
        ("备注管理系统", "注销服务"),
        ("合计费平台", "签字版管理系统"),
        ("注 旧门户", "填表说明站"),
    ],
)
def test_an_asset_whose_name_begins_like_a_note_is_a_row(
    annexes: dict[str, bytes], catalogue: Catalogue, names: tuple[str, str]
) -> None:
    form = catalogue.sheets["exposed_assets"]

    def rename(book: openpyxl.Workbook) -> None:
        for row, name in enumerate(names, FIRST_ROW):
            put(sheet_of(book), form, row, {"seq": None, "asset_name": name})

    table = assets_of(changed(annexes["annex2"], rename), catalogue)
    assert table.values["asset_name"] == [*names]
    assert table.skipped == {}


def test_a_remark_in_the_first_column_makes_no_note_of_a_row(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    form = catalogue.sheets["exposed_assets"]

    def remark_first(book: openpyxl.Workbook) -> None:
        sheet = sheet_of(book)
        put(sheet, form, FIRST_ROW, {"remark": "说明：与市场部共用出口地址"})
        put(sheet, form, FIRST_ROW + 1, {"remark": "注：已安排 11 月下线"})
        move_column_first(sheet, len(form.columns))

    table = assets_of(changed(annexes["annex2"], remark_first), catalogue)
    assert len(table.rows) == 2
    assert table.values["remark"] == ["说明:与市场部共用出口地址", "注:已安排 11 月下线"]


# --------------------------------------------------------------------- A3, B7, D24: sheets and headings known otherwise
def retitled(titles: Callable[[int, str], str]) -> Callable[[openpyxl.Workbook], None]:
    def change(book: openpyxl.Workbook) -> None:
        for number, sheet in enumerate(book.worksheets, 1):
            sheet.title = titles(number, sheet.title)

    return change


@pytest.mark.parametrize(
    "titles", [lambda n, _: f"Sheet{n}", lambda _, t: f"{t} - 表格 1", lambda n, t: f"{n}.{t}", lambda n, _: f"新建{n}"]
)
def test_sheets_with_other_titles_are_known_by_headings_and_labels(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], tmp_path: Path, titles: Callable[[int, str], str]
) -> None:
    file = changed(annexes["annex2"], retitled(titles))
    told = set(found(file, NAME2, tmp_path)) - usual["annex2"]
    assert [rule for rule, _, _ in told] == ["WBK-07"] * 3


def test_pages_of_ours_are_known_by_how_they_begin_in_every_language() -> None:
    words = yaml.safe_load((Path(reports.blank.__file__).parent / "blank_forms.yaml").read_text(encoding="utf-8"))
    assert {line for key in ("notes_title", "signature_title") for line in words[key].values()} == set(OUR_PAGES)


def test_the_signature_page_is_never_the_cover(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    """It repeats what the cover says; without a cover it says nothing."""

    def drop(book: openpyxl.Workbook) -> None:
        del book["填报信息"]
        book["签字盖章页"].title = "Sheet9"

    form = read(changed(annexes["annex2"], drop), catalogue)
    assert [(f.rule_id, f.value) for f in form.faults] == [("WBK-01", "填报信息")]


@pytest.mark.parametrize("name", [NAME2, "月报.xlsx"])
def test_a_workbook_that_hints_at_a_form_and_yields_none_is_returned(
    annexes: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    def spoil(book: openpyxl.Workbook) -> None:
        retitled(lambda n, _: f"Sheet{n}")(book)
        for sheet in book.worksheets:
            for row in sheet.iter_rows(min_row=HEADINGS, max_row=HEADINGS):
                for place in (at for at in row[:3] if isinstance(at, Cell)):
                    place.value = "列"

    assert [rule for rule, _, _ in found(changed(annexes["annex2"], spoil), name, tmp_path)] == ["ENV-09"]


def test_a_table_of_the_units_own_beside_its_form_is_no_form(annexes: dict[str, bytes], tmp_path: Path) -> None:
    """Headings alone hint at a form only where the mail has no other file of that form."""
    own = openpyxl.Workbook()
    own["Sheet"].append(
        ["资产名称", "资产类型", "公网IP地址", "责任人", "责任人电话", "所属系统", "暴露原因", "等保级别"]
    )
    own["Sheet"].append(["门户", "网站", "203.0.113.9", "张三", "13812345678", "门户", "对外服务", "三级"])
    files = {NAME2: annexes["annex2"], "资产台账.xlsx": saved(own)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    together = check_files([tmp_path / name for name in files], now=NOW).findings
    assert {f["rule_id"] for f in together if f["file"] == "资产台账.xlsx"} == {"WBK-03"}
    alone = check_files([tmp_path / "资产台账.xlsx"], now=NOW)
    assert ([f["rule_id"] for f in alone.findings], alone.is_rejected) == (["ENV-09"], True)


def test_a_workbook_that_hints_at_nothing_is_only_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["姓名", "电话"])
    book.active.append(["张三", "13812345678"])
    assert {rule for rule, _, _ in found(saved(book), "通讯录.xlsx", tmp_path)} == {"WBK-03"}


def test_a_list_of_findings_under_the_name_of_a_form_hints_at_nothing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "反馈"
    book.active.append(["finding_id", "subject", "情况说明"])
    assert "ENV-09" not in {rule for rule, _, _ in found(saved(book), NAME2, tmp_path)}


def test_a_heading_is_compared_as_values_are_cleaned(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], tmp_path: Path
) -> None:
    otherwise = {
        "公网IP地址": "公网 ip 地址",
        "域名或URL": "域名或url",
        "ICP备案号": "icp备案号（必填）",
        "责任人*": "责任人\u200b",
        "责任人电话*": "\ufeff责任人电话【必填】",
        "资产名称*": "资产\u00ad名 称＊",
        "所属系统*": "所属系统（含（二级）系统）：*",
    }

    def change(book: openpyxl.Workbook) -> None:
        for there, written in otherwise.items():
            (place,) = (c for c in sheet_of(book)[HEADINGS] if c.value == there)
            place.value = written

    assert set(found(changed(annexes["annex2"], change), NAME2, tmp_path)) == usual["annex2"]


@pytest.mark.parametrize(
    "otherwise",
    [
        {ASSETS: "暴露面资产新增\u200b", APPS: "APP 上线情况(10月)", "填报信息": "填报信息（10月）"},
        {ASSETS: "暴露面资产新增 ", APPS: "app上线情况"},
        {APPS: "ＡＰＰ上线情况"},
    ],
)
def test_a_sheet_title_is_compared_as_values_are_cleaned(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], tmp_path: Path, otherwise: dict[str, str]
) -> None:
    def change(book: openpyxl.Workbook) -> None:
        for title, written in otherwise.items():
            sheet = book[title]
            sheet.title = "between"  # openpyxl takes its own title in another case for a second one
            sheet.title = written

    file = changed(annexes["annex2"], change)
    assert {rule for rule, _, _ in found(file, NAME2, tmp_path)} == {rule for rule, _, _ in usual["annex2"]}


@pytest.mark.parametrize("label", ["单位编码\u200b", "单位编码＊：", " 单位 编码（必填）", "\ufeff单位编码"])
def test_a_label_of_the_cover_is_compared_as_values_are_cleaned(
    annexes: dict[str, bytes], catalogue: Catalogue, label: str
) -> None:
    def change(book: openpyxl.Workbook) -> None:
        sheet = book["填报信息"]
        place = cover_cell(sheet, catalogue.form("annex2"), "unit_code")
        sheet[f"A{place[1:]}"].value = label

    assert read(changed(annexes["annex2"], change), catalogue).cover["unit_code"].value


def test_a_numbered_copy_of_a_sheet_is_told_and_the_sheet_itself_is_read(
    annexes: dict[str, bytes], catalogue: Catalogue
) -> None:
    def copy(book: openpyxl.Workbook) -> None:
        again = book.copy_worksheet(book[ASSETS])
        again.title = f"{ASSETS} (2)"
        book.move_sheet(again, -(len(book.worksheets) - 1))

    form = read(changed(annexes["annex2"], copy), catalogue)
    assert [(f.rule_id, f.value) for f in form.faults] == [("WBK-03", f"{ASSETS} (2)")]
    assert form.tables[0].title == ASSETS


def test_a_heading_that_comes_twice_names_the_first(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    form = catalogue.sheets["exposed_assets"]

    def twice(book: openpyxl.Workbook) -> None:
        sheet_of(book).cell(HEADINGS, len(form.columns) + 1).value = "责任人电话（备用）"

    (fault,) = read(changed(annexes["annex2"], twice), catalogue).faults
    at = [c.key for c in form.columns].index("owner_phone")
    assert (fault.rule_id, fault.expected) == ("WBK-03", openpyxl.utils.get_column_letter(at + 1))


def test_cells_beside_the_table_without_a_heading_are_told(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    beside = len(catalogue.sheets["exposed_assets"].columns) + 2
    file = changed(annexes["annex2"], lambda b: setattr(sheet_of(b).cell(FIRST_ROW, beside), "value", "已下线"))
    letter = openpyxl.utils.get_column_letter(beside)
    assert [(f.rule_id, f.cell) for f in read(file, catalogue).faults] == [("WBK-03", f"{letter}{FIRST_ROW}")]


def test_a_missing_column_is_told_once_and_what_follows_from_it_is_not(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], catalogue: Catalogue, tmp_path: Path
) -> None:
    form = catalogue.sheets["app_launches"]

    def drop(book: openpyxl.Workbook) -> None:
        sheet = sheet_of(book, APPS)
        put(sheet, form, FIRST_ROW + 1, {c.key: sheet[cell(sheet, form, c.key, FIRST_ROW)].value for c in form.columns})
        sheet.delete_cols([c.key for c in form.columns].index("platform") + 1)

    told = [f for f in found(changed(annexes["annex2"], drop), NAME2, tmp_path) if f not in usual["annex2"]]
    assert [rule for rule, _, _ in told if rule in ("WBK-02", "GEN-01", "GEN-05")] == ["WBK-02"]


def test_hidden_sheets_of_wps_are_not_told(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    def add(book: openpyxl.Workbook) -> None:
        sheet = book.create_sheet("WpsReserved_CellImgList")
        sheet["A1"] = "ID_1"
        sheet.sheet_state = "veryHidden"

    assert read(changed(annexes["annex2"], add), catalogue).faults == []


# ------------------------------------------------------------------------------------------------- B6, C14: rows of none
NOTHING: list[list[Any]] = [
    ["无"],
    [None, "无"],
    [None, "本月无新增"],
    [1, "无", "/", "-", "—", "无"],
    [None, "（本月无）"],
    [None, "暂无"],
    [None, "无新增资产"],
    [None, "零报告"],
    [None, "本单位10月份没有新增暴露面资产。"],
    [1, "不涉及", "/"],
    [None, "（无）"],
    ["【无】"],
    [None, "不涉及暴露面资产。"],
    [None, "十月份无新增"],
    ["——", "／", "－"],
    [None, None, None, "无", None, "无"],
]


def enter_nothing(*rows: list[Any]) -> Callable[[openpyxl.Workbook], None]:
    """Rows that say that there is nothing, one below the other."""

    def enter(book: openpyxl.Workbook) -> None:
        for number, row in enumerate(rows, FIRST_ROW):
            for column, value in enumerate(row, 1):
                sheet_of(book).cell(number, column).value = value

    return enter


@pytest.mark.parametrize("row", NOTHING)
def test_a_row_that_says_there_is_nothing_is_none(
    annexes: dict[str, bytes], catalogue: Catalogue, row: list[Any]
) -> None:
    form = read(changed(annexes["nil"], enter_nothing(row)), catalogue)
    assert (form.faults, form.tables[0].rows) == ([], [])


def test_of_rows_that_say_there_is_nothing_no_rule_says_anything(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], tmp_path: Path
) -> None:
    assert set(found(changed(annexes["nil"], enter_nothing(*NOTHING)), NAME2, tmp_path)) == usual["nil"]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("closing", [None, "以下空白"]),
        ("closing", ["合计", None, None, None, 4]),
        (
            "closing",
            [
                None,
                "合  计",
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                3,
            ],
        ),
        ("closing", [None, "填表人：张三", None, None, None, "审核人：李四", *[None] * 8, "填表日期：2026年11月2日"]),
        ("closing", ["制表：王五", None, None, "单位负责人（签字）："]),
        ("closing", [None, "——以下空白——"]),
        ("closing", ["复核人：", None, None, None, None, "日期：2026年11月2日"]),
        ("closing", [None, None, None, None, None, None, "2026年11月2日"]),
        ("closing", ["第1页 共2页"]),
        ("closing", ["合计", *[None] * 17, "=SUM(S5:S6)"]),
        ("closing", ["合计", 2, None, "2项"]),
        ("closing", [None, None, "共计：2项"]),
        ("closing", [None, "审批人：", *[None] * 10, "日期："]),
        ("closing", [None, *[None] * 7, "填报单位（盖章）："]),
        ("closing", [None, "（以下无正文）"]),
        ("note", ["注：数字取自资产台账"]),
        ("note", [None, "（注：高危漏洞以扫描报告为准）"]),
        ("note", ["说明：", None, "本表由网络部填写"]),
        ("heading", None),
    ],
)
def test_totals_signatures_notes_and_headings_below_the_table_are_no_rows(
    annexes: dict[str, bytes], catalogue: Catalogue, kind: str, row: list[Any] | None
) -> None:
    below = FIRST_ROW + 2

    def enter(book: openpyxl.Workbook) -> None:
        sheet = sheet_of(book)
        values = row or [c.value for c in sheet[HEADINGS]]
        for column, value in enumerate(values, 1):
            sheet.cell(below, column).value = value

    table = assets_of(changed(annexes["annex2"], enter), catalogue)
    assert table.rows == [FIRST_ROW, FIRST_ROW + 1]
    assert table.skipped == {kind: [below]}


@pytest.mark.parametrize(
    "row",
    [
        [None, "无线网管平台"],
        ["合计", "门户网站", "网站"],
        [None, "签字盖章平台", "业务系统"],
        ["说明", 3, "网站"],
        [None, "未上线项目管理系统"],
        [None, "不涉及个人信息的网站"],
        [None, "（无）线网管"],
        ["合计", "2号门户", 3],
        ["合计", "=A1"],
    ],
)
def test_a_row_with_what_the_form_requires_is_data_whatever_it_begins_with(
    annexes: dict[str, bytes], catalogue: Catalogue, row: list[Any]
) -> None:
    def enter(book: openpyxl.Workbook) -> None:
        for column, value in enumerate(row, 1):
            sheet_of(book).cell(FIRST_ROW + 2, column).value = value

    assert assets_of(changed(annexes["annex2"], enter), catalogue).rows == [FIRST_ROW, FIRST_ROW + 1, FIRST_ROW + 2]


# ------------------------------------------------------------------------------------------------ A4: shown is not stored
@pytest.mark.parametrize(
    ("form", "key", "value", "shown_as", "text"),
    [
        ("exposed_assets", "ports", 22443, "#,##0", "22,443"),
        ("exposed_assets", "ports", 80443, "[$-804]#,##0;-#,##0", "80,443"),
        ("exposed_assets", "ports", 8443, "General", "8443"),
        ("exposed_assets", "asset_name", 8, '"门户"000', "门户008"),
        ("exposed_assets", "owner_phone", 13900001111, "000-0000-0000", "139-0000-1111"),
        ("exposed_assets", "owner_phone", 4711234567, "0000-0000000", "0471-1234567"),
        ("exposed_assets", "mlps_no", 7, "00000", "00007"),
        ("app_launches", "version", 1.1, "0.00", "1.10"),
        ("app_launches", "version", 2, "0.0", "2.0"),
        ("app_launches", "package_id", date(2026, 10, 1), "yyyy-m", None),
    ],
)
def test_a_number_is_read_as_it_is_shown(
    annexes: dict[str, bytes], catalogue: Catalogue, form: str, key: str, value: Any, shown_as: str, text: str | None
) -> None:
    sheet_form = catalogue.sheets[form]

    def enter(book: openpyxl.Workbook) -> None:
        sheet = sheet_of(book, sheet_form.title)
        place = sheet[cell(sheet, sheet_form, key, FIRST_ROW)]
        place.value, place.number_format = value, shown_as

    table = next(t for t in read(changed(annexes["annex2"], enter), catalogue).tables if t.sheet.key == form)
    assert table.texts[key][0] == (text or table.texts[key][0])
    assert table.texts[key][0] is not None


@pytest.mark.parametrize(
    ("value", "shown_as", "code"),
    [
        (date(2026, 10, 1), "yyyy-m", "2026-10"),
        (date(2026, 10, 2), 'm"月"d"日"', "10月2日"),
        (date(2026, 10, 1), "mmm-yy", "OCT-26"),
        (8, '"WT-2026-"000', "WT-2026-008"),
        (7, "000", "007"),
        (202610001, "General", "202610001"),
        (150101199001011234, "General", "1.50101E+17"),
        (202610.1, "General", "202610.1"),
    ],
)
def test_a_code_is_read_as_it_is_shown_dates_too(
    annexes: dict[str, bytes], catalogue: Catalogue, value: Any, shown_as: str, code: str
) -> None:
    form = catalogue.sheets["rectification"]

    def enter(book: openpyxl.Workbook) -> None:
        place = book[form.title][cell(book[form.title], form, "issue_no", FIRST_ROW)]
        place.value, place.number_format = value, shown_as

    table = next(t for t in read(changed(annexes["annex3"], enter), catalogue).tables if t.sheet.key == form.key)
    assert table.values["issue_no"] == [code]


def test_high_risk_ports_in_a_number_cell_are_seen(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], catalogue: Catalogue, tmp_path: Path
) -> None:
    form = catalogue.sheets["exposed_assets"]

    def enter(book: openpyxl.Workbook) -> None:
        place = sheet_of(book)[cell(sheet_of(book), form, "ports", FIRST_ROW)]
        place.value, place.number_format = 22443, "#,##0"

    told = set(found(changed(annexes["annex2"], enter), NAME2, tmp_path)) - usual["annex2"]
    assert {(rule, value) for rule, _, value in told} == {("AST-03", "22")}


# --------------------------------------------------------------------------------------- B8: cells that decide nothing
@pytest.mark.parametrize(
    ("annex", "form", "entered"),
    [
        (
            "annex2",
            "exposed_assets",
            [
                ("seq", 0, "=ROW()-4", "WBK-08"),
                ("remark", 0, "#N/A", "WBK-08"),
                ("reason", 0, "#REF!", "WBK-04"),
                ("ports", 1, "=A1&B1", "WBK-04"),
            ],
        ),
        (
            "annex3",
            "self_check",
            [
                ("evidence", 0, '=_xlfn.DISPIMG("ID_5BA4",1)', "WBK-08"),
                ("evidence", 1, "#NAME?", "WBK-08"),
                ("result", 2, "#NAME?", "WBK-04"),
            ],
        ),
    ],
)
def test_an_error_costs_its_row_only_where_the_cell_is_needed(
    annexes: dict[str, bytes],
    usual: dict[str, set[Finding]],
    catalogue: Catalogue,
    tmp_path: Path,
    annex: str,
    form: str,
    entered: list[tuple[str, int, str, str]],
) -> None:
    sheet_form, expected = catalogue.sheets[form], set()

    def enter(book: openpyxl.Workbook) -> None:
        sheet = book[sheet_form.title]
        for key, row, value, rule in entered:
            place = cell(sheet, sheet_form, key, FIRST_ROW + row)
            sheet[place].value = value
            expected.add((rule, place))

    told = set(found(changed(annexes[annex], enter), NAME3, tmp_path)) - usual[annex]
    assert {(rule, place) for rule, place, _ in told if rule.startswith(("WBK", "GEN"))} == expected


def test_a_picture_of_wps_written_as_text_is_no_content(annexes: dict[str, bytes], catalogue: Catalogue) -> None:
    form = catalogue.sheets["self_check"]

    def enter(book: openpyxl.Workbook) -> None:
        place = book[form.title][cell(book[form.title], form, "evidence", FIRST_ROW)]
        place.value, place.data_type = '=DISPIMG("ID_5BA4",1)', "s"

    table = read(changed(annexes["annex3"], enter), catalogue).tables[0]
    assert (table.values["evidence"][0], table.error_cells[0]) == (None, ["evidence"])


# --------------------------------------------------------------------------------------------------- C13: merged cells
def test_an_empty_cell_under_a_merged_one_says_so(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], catalogue: Catalogue, tmp_path: Path
) -> None:
    form = catalogue.sheets["exposed_assets"]

    def merge(book: openpyxl.Workbook) -> None:
        sheet = sheet_of(book)
        for key in ("owner", "owner_phone"):
            sheet.merge_cells(f"{cell(sheet, form, key, FIRST_ROW)}:{cell(sheet, form, key, FIRST_ROW + 1)}")
        sheet.merge_cells("A1:C1")

    path = tmp_path / NAME2
    path.write_bytes(changed(annexes["annex2"], merge))
    told = [f for f in check_files([path], now=NOW).findings if f["rule_id"] == "GEN-01"]
    letter = openpyxl.utils.get_column_letter([c.key for c in form.columns].index("owner") + 1)
    assert told[0]["cell"] == f"{letter}{FIRST_ROW + 1}"
    at = f"{letter}{FIRST_ROW}"
    assert told[0]["message"] == f"本行的必填项“责任人”没有填写（这一格与 {at} 合并，内容只在 {at} 中）。"
    assert len(told) == 2


def test_an_empty_cell_beside_a_merged_one_says_so(
    annexes: dict[str, bytes], catalogue: Catalogue, tmp_path: Path
) -> None:
    form = catalogue.sheets["exposed_assets"]
    path = tmp_path / NAME2

    def merge(book: openpyxl.Workbook) -> None:
        owner, phone = (cell(sheet_of(book), form, key, FIRST_ROW) for key in ("owner", "owner_phone"))
        sheet_of(book).merge_cells(f"{owner}:{phone}")

    path.write_bytes(changed(annexes["annex2"], merge))
    (told,) = (f for f in check_files([path], now=NOW).findings if f["rule_id"] == "GEN-01")
    assert (told["column"], told["expected"]) == ("责任人电话", f"M{FIRST_ROW}")


# ----------------------------------------------------------------------------------------- B10, C12: encrypted workbooks
def encrypted(content: bytes, password: str) -> bytes:
    file = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(content)).encrypt(password, file)
    return file.getvalue()


def test_a_workbook_under_the_password_of_excel_itself_is_read(
    annexes: dict[str, bytes], usual: dict[str, set[Finding]], tmp_path: Path
) -> None:
    assert set(found(encrypted(annexes["annex2"], "VelvetSweatshop"), NAME2, tmp_path)) == usual["annex2"]


# ----------------------------------------------------------------------------------------------------- nothing is gone
HEADS = ("指标编号", "完成数", None, "应完成数", "自己加的列", "备注", "序号")
CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "注",
            "注：",
            "说明：见附件",
            "合计",
            "无",
            "/",
            "本月无新增",
            "审核人：李四",
            "IND-01",
            "指标编号",
            "完成数",
            "\u200b",
        ]
    ),
    st.sampled_from([0.0, 1.0, 12.5, True, date(2026, 10, 8)]),
    st.text(max_size=6),
)


@given(st.lists(st.lists(CELLS, min_size=len(HEADS), max_size=len(HEADS)), max_size=6))
@example([["注册中心", *[None] * 6]])
@example([[None, None, "已下线", None, None, None, None]])
@example([[None, None, None, None, "已下线", None, None]])
def test_no_row_with_anything_in_it_is_gone(rows: list[list[Any]]) -> None:
    """Every row is read, told as skipped, or beside a column that is told."""
    sheets = [*(Sheet(s.title, 1, 1, [[c.zh for c in s.columns]], {}, True) for s in CATALOGUE.form("annex3").sheets)]
    sheets[3] = Sheet("工作指标", 1, 1, [[*HEADS], *rows], {}, True)
    (form,) = recognise(Workbook(sheets, 1900, False, "xlsx"), "x.xlsx", CATALOGUE, Limits())
    table = next(t for t in form.tables if t.sheet.key == "indicators")
    aside = [HEADS.index("自己加的列")] + [i for i, h in enumerate(HEADS) if h is None]
    told = {row for of_kind in table.skipped.values() for row in of_kind}
    assert not told & set(table.rows)
    for number, row in enumerate(rows, 2):
        there = [c for i, c in enumerate(row) if i != 6 or not isinstance(c, float)]
        if not all(c is None or (isinstance(c, str) and says_nothing(c)) for c in there):
            assert number in told or number in table.rows, row
    # What is read is what was entered, cell by cell.
    for at, number in enumerate(table.rows):
        for key, column in (("indicator_code", 0), ("numerator", 1), ("denominator", 3), ("remark", 5)):
            entered = clean_text(rows[number - 2][column])[0]
            assert (table.texts[key][at] or "") == ("" if entered in ("", "/", "-", "—") else entered) or says_nothing(
                entered
            )
    unknown = {f.column for f in form.faults if f.rule_id == "WBK-03"}
    assert "自己加的列" in unknown
    assert ("C" in unknown) == any(rows[n - 2][2] is not None and str(rows[n - 2][2]).strip() for n in table.rows)
    assert aside


@given(st.data())
def test_a_cell_alone_in_any_column_of_any_table_is_not_gone(data: st.DataObject) -> None:
    """Whatever stands alone in a row is read, or its row is told as skipped; and beside other cells it is read."""
    form = data.draw(st.sampled_from([*CATALOGUE.sheets.values()]))
    at = data.draw(st.integers(0, len(form.columns) - 1))
    entered = data.draw(CELLS.filter(lambda cell: cell is not None))
    row: list[Any] = [None] * len(form.columns)
    row[at] = entered
    beside = [*row]
    always = [n for n, c in enumerate(form.columns) if c.required == "always" and n != at][:2]
    for n in always:
        beside[n] = "x"
    rows = [[c.zh for c in form.columns], row, beside]
    sheets = [Sheet(s.title, 1, 1, [[c.zh for c in s.columns]], {}, True) for s in CATALOGUE.form(form.form).sheets]
    sheets = [Sheet(form.title, 1, 1, rows, {}, True) if s.title == form.title else s for s in sheets]
    (read_form,) = recognise(Workbook(sheets, 1900, False, "xlsx"), "x.xlsx", CATALOGUE, Limits())
    table = next(t for t in read_form.tables if t.sheet.key == form.key)
    told = {n for of_kind in table.skipped.values() for n in of_kind}
    # A number under 序号 says nothing, however it is written.
    is_number = form.columns[at].key == "seq" and (not isinstance(entered, str) or any(c.isnumeric() for c in entered))
    if not (says_nothing(entered) or is_number):
        assert 2 in told or 2 in table.rows
    if 3 in told:  # 注： under a heading that every row must fill: a note beside a mark, told as one
        assert form.columns[at].required == "always"
        return
    assert 3 in table.rows
    text = table.texts[form.columns[at].key][table.rows.index(3)]
    assert text == clean_text(entered)[0] or says_nothing(entered)
