"""Forms found by their sheets, headings and labels, rows told from notes (system.md, Tables in a workbook)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from assets.instance.limits import Limits
from assets.intake.forms import RecognisedForm, hinted_form, normalise_heading, read_explanations, recognise
from assets.intake.headings import normalise_title
from assets.intake.workbooks.sheet import Sheet, Workbook
from expectations.catalogue import Catalogue, load_catalogue

COVER = [
    ["附件3 网络安全工作自查情况月报表", None],
    ["单位编码：", "ex-15-01-001"],
    ["单位名称", "青川盟第1旗县分公司"],
    ["报送月份*", "2026年10月"],
    ["填报人", "王强"],
    ["联系电话", 13900001111.0],
    ["填报日期", date(2026, 11, 2)],
    ["单位负责人", "赵敏"],
    ["表单版本", "2026.1"],
    ["本月有无安全事件", "无"],
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def grid(title: str, rows: list[list[Any]], **over: Any) -> Sheet:
    width = max((len(r) for r in rows), default=0)
    padded = [[*r, *[None] * (width - len(r))] for r in rows]
    return Sheet(title, over.get("first_row", 1), over.get("first_column", 1), padded, over.get("errors", {}), True)


def headings(catalogue: Catalogue, sheet: str) -> list[Any]:
    return [c.zh for c in catalogue.sheets[sheet].columns]


def annex3(catalogue: Catalogue, **sheets: Sheet) -> Workbook:
    made = {
        "self_check": grid("自查结果", [headings(catalogue, "self_check")]),
        "rectification": grid("问题整改", [headings(catalogue, "rectification")]),
        "incidents": grid("安全事件", [headings(catalogue, "incidents")]),
        "indicators": grid("工作指标", [headings(catalogue, "indicators")]),
        **sheets,
    }
    return Workbook([grid("填报信息", COVER), *made.values()], 1900, False, "xlsx")


def only(workbook: Workbook, catalogue: Catalogue) -> RecognisedForm:
    (form,) = recognise(workbook, "附件3.xlsx", catalogue, Limits())
    return form


def indicators(catalogue: Catalogue, rows: list[list[Any]], **over: Any) -> RecognisedForm:
    return only(annex3(catalogue, indicators=grid("工作指标", rows, **over)), catalogue)


def test_the_cover_is_read_by_its_labels(catalogue: Catalogue) -> None:
    form = only(annex3(catalogue), catalogue)
    assert form.form == "annex3"
    assert form.cover["unit_code"].value == "EX-15-01-001"
    assert form.cover["period"].value == "2026-10"
    assert form.cover["phone"].value == "13900001111"
    assert form.cover["has_incidents"].value is False
    assert form.cover_cells["period"] == "B4"
    assert not form.faults


def test_a_merged_label_leaves_its_value_further_right(catalogue: Catalogue) -> None:
    cover = [[row[0], None, row[1]] for row in COVER]
    workbook = annex3(catalogue)
    workbook.sheets[0] = grid("填报信息", cover)
    form = only(workbook, catalogue)
    assert form.cover["unit_code"].value == "EX-15-01-001"
    assert form.cover_cells["unit_code"] == "C2"


def test_a_label_and_its_value_may_stand_in_one_cell(catalogue: Catalogue) -> None:
    cover = [["单位编码：ex-15-01-001", None] if row[0] == "单位编码" else row for row in COVER]
    workbook = annex3(catalogue)
    # A note on a field that has its own cell is none of its values.
    workbook.sheets[0] = grid("填报信息", [["报送月份：请按 2026-01 的样子填写", None], *cover])
    form = only(workbook, catalogue)
    assert (form.cover["unit_code"].value, form.cover["period"].value) == ("EX-15-01-001", "2026-10")


@pytest.mark.parametrize(
    "heading",
    [
        "3.完成数",
        "（二）完成数",
        "②完成数",
        "“完成数”",
        "完成数",
        "完成数 *",
        " 完 成\n数（必填）",
        "完成数[整数]",
        "*完成数＊",
    ],
)
def test_headings_are_compared_without_white_space_brackets_and_stars(heading: str) -> None:
    assert normalise_heading(heading) == "完成数"


def test_columns_may_stand_in_any_order_below_titles(catalogue: Catalogue) -> None:
    rows = [["工作指标"], [], ["应完成数", "完成数*", "指标编号"], [200.0, 100.0, "ind-01"]]
    table = indicators(catalogue, rows).tables[3]
    assert table.rows == [4]
    assert (table.values["indicator_code"], table.values["numerator"]) == (["IND-01"], [100])
    assert table.columns["indicator_code"] == ("C", "指标编号")


def test_a_sheet_may_begin_anywhere(catalogue: Catalogue) -> None:
    rows = [["指标编号", "完成数", "应完成数"], ["IND-01", 1.0, 2.0]]
    table = indicators(catalogue, rows, first_row=3, first_column=2).tables[3]
    assert table.rows == [4]
    assert table.columns["numerator"] == ("C", "完成数")


def test_headings_over_two_rows_are_put_together(catalogue: Catalogue) -> None:
    rows = [["指标编号", "数量", None, "备注"], [None, "完成数", "应完成数", None], ["IND-01", 1.0, 2.0, "-"]]
    form = indicators(catalogue, rows)
    assert form.tables[3].rows == [3]
    assert form.tables[3].values["denominator"] == [2]
    assert not form.faults


def test_heading_rows_below_the_tenth_are_not_looked_for(catalogue: Catalogue) -> None:
    found = indicators(catalogue, [["说"] for _ in range(9)] + [["指标编号", "完成数"], ["IND-01", 1.0]])
    assert found.tables[3].rows == [11]
    lost = indicators(catalogue, [["说"] for _ in range(10)] + [["指标编号", "完成数"], ["IND-01", 1.0]])
    assert [f.rule_id for f in lost.faults] == ["WBK-02"]


def test_notes_and_rows_of_nothing_are_no_rows(catalogue: Catalogue) -> None:
    rows = [
        ["指标编号", "完成数", "备注"],
        ["IND-01", 1.0, None],
        [None, None, None],
        [" ", "/", "-"],
        ["注：数字取自系统", None, None],
        ["说明", 3.0, None],
        ["备注： 仅供参考", None, None],
        [None, 2.0, None],
    ]
    assert indicators(catalogue, rows).tables[3].rows == [2, 6, 8]


def test_a_row_with_nothing_but_its_number_is_no_row(catalogue: Catalogue) -> None:
    head = headings(catalogue, "exposed_assets")
    rows = [head, [1.0], [2.0, "系统"], [3.0, "/"]]
    cover = [*COVER[:9], ["本月有无新增暴露面资产", "有"], ["本月有无APP上线", "无"]]
    sheets = [
        grid("填报信息", cover),
        grid("暴露面资产新增", rows),
        grid("APP上线情况", [headings(catalogue, "app_launches")]),
    ]
    form = only(Workbook(sheets, 1900, False, "xlsx"), catalogue)
    assert form.form == "annex2"
    assert form.tables[0].rows == [3]


def test_a_missing_sheet_and_a_missing_required_column_are_faults(catalogue: Catalogue) -> None:
    workbook = annex3(catalogue, indicators=grid("工作指标", [["指标编号", "备注"]]))
    workbook.sheets[:] = [s for s in workbook.sheets if s.title != "安全事件"]
    faults = {(f.rule_id, f.sheet, f.column) for f in only(workbook, catalogue).faults}
    assert faults == {("WBK-01", "安全事件", ""), ("WBK-02", "工作指标", "完成数")}


def test_unknown_columns_and_sheets_are_told(catalogue: Catalogue) -> None:
    workbook = annex3(catalogue, indicators=grid("工作指标", [[*headings(catalogue, "indicators"), "领导批示"]]))
    workbook.sheets.extend([grid("Sheet2", []), grid("附表", [["x"]]), grid("反馈", [["ours"]])])
    faults = [(f.rule_id, f.sheet, f.cell, f.column) for f in only(workbook, catalogue).faults]
    assert faults == [("WBK-03", "工作指标", "F1", "领导批示"), ("WBK-03", "附表", "", "附表")]


def test_error_cells_keep_their_place_and_are_not_read(catalogue: Catalogue) -> None:
    rows = [["指标编号", "完成数"], ["IND-01", None], [None, None]]
    table = indicators(catalogue, rows, errors={(2, 2): "#N/A", (3, 1): "=A1"}).tables[3]
    assert table.rows == [2, 3]
    assert table.texts["numerator"][0] == "#N/A"
    assert table.values["numerator"][0] is None
    assert table.error_cells == [["numerator"], ["indicator_code"]]


def test_removed_characters_are_remembered(catalogue: Catalogue) -> None:
    table = indicators(catalogue, [["指标编号", "完成数"], ["IND-\u202e01", 1.0]]).tables[3]
    assert table.values["indicator_code"] == ["IND-01"]
    assert table.cleaned_cells == [["indicator_code"]]


def test_two_forms_in_one_workbook_share_the_cover(catalogue: Catalogue) -> None:
    workbook = annex3(catalogue)
    workbook.sheets.append(grid("保密协议", [headings(catalogue, "agreements")]))
    forms = recognise(workbook, "合并.xlsx", catalogue, Limits())
    assert [f.form for f in forms] == ["annex3", "annex6"]
    assert not forms[0].faults
    assert not forms[1].faults


def test_of_two_covers_each_form_has_its_own(catalogue: Catalogue) -> None:
    """A spreadsheet numbers the second when sheets are moved into another workbook; the first was taken for both."""
    workbook = annex3(catalogue)
    of_annex3 = workbook.sheets[0]
    workbook.sheets[0] = grid("填报信息", [["单位编码", "EX-15-01-001"], ["报送月份", "2026-09"]])
    workbook.sheets.append(Sheet("填报信息 (2)", 1, 1, of_annex3.rows, {}, True))
    form = only(workbook, catalogue)
    assert (form.cover_title, form.cover["has_incidents"].value) == ("填报信息 (2)", False)
    of_annex3.rows[:] = workbook.sheets[0].rows  # a copy says no more than what it was made of
    assert only(workbook, catalogue).cover_title == "填报信息"


def test_too_many_rows_return_the_form(catalogue: Catalogue) -> None:
    rows = [["指标编号", "完成数"], *[["IND-01", 1.0]] * 11]
    form = recognise(annex3(catalogue, indicators=grid("工作指标", rows)), "x", catalogue, Limits(table_rows=10))[0]
    assert [f.rule_id for f in form.faults] == ["WBK-05"]


def test_a_workbook_without_a_sheet_of_a_form_is_none(catalogue: Catalogue) -> None:
    assert recognise(Workbook([grid("Sheet1", [["x"]])], 1900, False, "xlsx"), "x", catalogue, Limits()) == []


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("附件２ 某县.xlsx", "annex2"),
        ("回复-附件 3.xls", "annex3"),
        ("报表.xlsx", None),
        ("附件二.xlsx", "annex2"),
        ("附件（3）自查.et", "annex3"),
        ("附件-06.xls", "annex6"),
        ("附件十二.xlsx", None),
    ],
)
def test_a_name_hints_at_a_form(catalogue: Catalogue, name: str, form: str | None) -> None:
    assert hinted_form(name, catalogue) == form


def test_explanations_are_read_from_the_feedback_sheet(catalogue: Catalogue) -> None:
    rows = [
        ["反馈"],
        ["序号", "问题", "情况说明", "finding_id", "subject"],
        [1.0, "…", "端口为运维专用，已限源访问", "f1", "s1"],
        [2.0, "…", None, "f2", "s2"],
        [3.0, "C5:C40，共 2 处", "统一由省公司整改", "f3 f4", "s3 s4"],
    ]
    workbook = annex3(catalogue)
    workbook.sheets.insert(0, grid("反馈", rows))
    told = [(e.finding_id, e.subject, e.text) for e in read_explanations(workbook)]
    assert told == [
        ("f1", "s1", "端口为运维专用，已限源访问"),
        ("f3", "s3", "统一由省公司整改"),
        ("f4", "s4", "统一由省公司整改"),
    ]
    assert read_explanations(annex3(catalogue)) == []


def test_a_title_longer_than_any_is_none(catalogue: Catalogue) -> None:
    """One of thousands of brackets in brackets took longer to compare than a file may take to be read."""
    title = "(" * 20_000 + ")" * 20_000
    book = annex3(catalogue)
    book.sheets.append(grid(title, [["a"]]))
    assert [form.form for form in recognise(book, "附件3.xlsx", catalogue, Limits())] == ["annex3"]
    assert normalise_title(title) == ""
