"""The answer's content: which findings make a line, in which words, as page, as text, and on the workbooks.

Belongs here: feedback.py and folding.py. Does not: marking (test_marking.py), folders (test_feedback_folders.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.feedback.answer import (
    Feedback,
    SentForm,
    SentWorkbook,
    Wording,
    feedback_html,
    feedback_of,
    feedback_text,
    marks_of,
    ranges,
    sheet_of,
)
from reports.feedback.grouping import MANY, Line
from reports.feedback.marking.shapes import CHECK, MUST
from tests.feedback.made_findings import CATALOGUE, COVER, WORKBOOKS, finding, unit


def feedback(*findings: Mapping[str, Any], lang: str = "zh", state: str = "complete", **more: Any) -> Feedback:
    return feedback_of(unit(state, **more), findings, WORKBOOKS, CATALOGUE, lang)


def told(*findings: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The rule of each line, and the rules told with it."""
    return [(line.first.rule_id, [f.rule_id for f in line.follow]) for line in feedback(*findings).lines]


# ------------------------------------------------------------------------------------------------ knock-on findings
def test_a_column_that_is_missing_is_not_also_empty_in_every_row() -> None:
    missing = finding("WBK-02", form="annex2", sheet="exposed_assets", sheet_key="", column="reason", column_key="")
    empty = [finding("GEN-01", "exposed_assets", "reason", row=r) for r in (5, 6)]
    other = finding("GEN-01", "exposed_assets", "owner", "M5", 5)
    assert told(missing, *empty, other) == [("WBK-02", ["GEN-01", "GEN-01"]), ("GEN-01", [])]


def test_an_item_whose_code_is_wrong_is_not_also_missing() -> None:
    wrong = finding("CHK-01", "self_check", "item_code", "A9", 9, value="NSW-99")
    absent = finding("CHK-02", "self_check", "item_code", expected="NSW-09")
    assert told(wrong, absent) == [("CHK-01", ["CHK-02"])]
    line = feedback(wrong, absent).lines[0]
    assert "NSW-09" in Wording(CATALOGUE, "zh", "2026-10").follow(line)


def test_more_missing_items_than_wrong_codes_are_told_for_themselves() -> None:
    wrong = finding("GEN-01", "self_check", "item_code", "A9", 9)
    absent = [finding("CHK-02", "self_check", "item_code", expected=f"NSW-0{n}") for n in (1, 2)]
    assert told(wrong, *absent) == [("GEN-01", []), ("CHK-02", []), ("CHK-02", [])]


def test_each_wrong_code_hides_one_absence() -> None:
    wrong = [finding("KPI-01", "indicators", "indicator_code", f"A{r}", r) for r in (5, 6)]
    absent = [finding("KPI-04", "indicators", "indicator_code", expected=f"IND-0{n}") for n in (1, 2)]
    assert told(*wrong, *absent) == [("KPI-01", ["KPI-04"]), ("KPI-01", ["KPI-04"])]


def test_a_wrong_value_is_not_also_warned_of() -> None:
    error = finding("REC-02", "rectification", "due_on", "H5", 5)
    warning = finding("REC-03", "rectification", "due_on", "H5", 5, value="2026-10-01")
    elsewhere = finding("REC-03", "rectification", "due_on", "H6", 6, value="2026-10-01")
    assert told(error, warning, elsewhere) == [("REC-02", ["REC-03"]), ("REC-03", [])]


def test_warnings_on_a_repeated_row_are_told_of_the_first_row_only() -> None:
    repeated = finding("GEN-05", "exposed_assets", "public_ip", "D9", 9, expected="5")
    warnings = [finding("AST-03", "exposed_assets", "ports", f"E{r}", r, value="22") for r in (5, 9)]
    error = finding("AST-05", "exposed_assets", "online_on", "O9", 9)
    assert told(repeated, *warnings, error) == [("GEN-05", ["AST-03"]), ("AST-05", []), ("AST-03", [])]


def test_another_form_is_never_a_cause() -> None:
    wrong = finding("CVR-04", form="annex2", sheet="exposed_assets", sheet_key="", cell="B6")
    late = finding("CHK-07", "self_check", "checked_on", "J5", 5)
    assert told(wrong, late) == [("CVR-04", []), ("CHK-07", [])]


def test_an_open_question_goes_with_the_empty_sheet_that_it_is_about() -> None:
    empty = finding("CVR-08", form="annex2", sheet="exposed_assets", sheet_key="")
    question = finding("CVR-06", form="annex2", cell="B11", column="")
    question["column"] = "本月有无新增暴露面资产"
    phone = finding("CVR-06", form="annex2", cell="B7")
    phone["column"] = "联系电话"
    assert told(empty, question, phone) == [("CVR-08", ["CVR-06"]), ("CVR-06", [])]


def test_what_follows_is_said_and_not_marked() -> None:
    error = finding("REC-02", "rectification", "due_on", "H5", 5)
    warning = finding("REC-03", "rectification", "due_on", "H5", 5, value="2026-10-01")
    answer = feedback(error, warning)
    (mark,) = marks_of(answer, WORKBOOKS[1])
    assert (mark.cell, mark.kind) == ("H5", MUST)
    assert "REC-03" not in mark.text
    assert "整改逾期 1 处" in feedback_text(answer)


# ------------------------------------------------------------------------------------------------------ many of a kind
def many(number: int) -> list[dict[str, Any]]:
    return [
        finding("GEN-03", "self_check", "result", f"C{r}", r, value="基本符合", expected="符合、不符合")
        for r in range(5, 5 + number)
    ]


def test_sixteen_of_a_kind_in_a_column_become_one_line() -> None:
    assert len(feedback(*many(MANY - 1)).lines) == MANY - 1
    (line,) = feedback(*many(MANY)).lines
    wording = Wording(CATALOGUE, "zh", "2026-10")
    assert wording.place(line, with_form=False) == "自查结果 C5:C20，共 16 处"
    assert "“基本符合”" in wording.fault(line.findings)
    assert len(marks_of(feedback(*many(MANY)), WORKBOOKS[1])) == MANY


def test_lines_of_different_columns_and_sheets_stay_apart() -> None:
    others = [finding("GEN-03", "rectification", "status", f"I{r}", r, value="x", expected="y") for r in range(5, 20)]
    assert len(feedback(*many(MANY), *others).lines) == 1 + len(others)


def test_values_that_differ_are_left_out_of_the_sentence_and_it_still_reads_well() -> None:
    rows = [finding("GEN-03", "self_check", "result", f"C{r}", r, value=f"v{r}", expected="符合") for r in range(5, 25)]
    (line,) = feedback(*rows).lines
    assert (
        Wording(CATALOGUE, "zh", "2026-10").fault(line.findings)
        == "您在本列“自查结果”中填写的内容不在可选范围之内（符合）。"
    )


def test_rows_of_a_column_that_is_not_there_are_counted() -> None:
    rows = [finding("AST-07", "exposed_assets", "scanned_on", row=r) for r in range(5, 30)]
    (line,) = feedback(*rows).lines
    assert Wording(CATALOGUE, "zh", "2026-10").place(line, with_form=True) == "附件2 · 暴露面资产新增 共 25 处"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["C5"], ["C5"]),
        (["C5", "C6", "C7"], ["C5:C7"]),
        (["C5", "C7", "C8", "D9"], ["C5", "C7:C8", "D9"]),
        (["", "C5"], ["C5"]),
    ],
)
def test_cells_are_told_as_ranges(cells: list[str], expected: list[str]) -> None:
    assert ranges(cells) == expected


_RULES = sorted(CATALOGUE.rules.keys() & CATALOGUE.texts["messages"].keys())
_COLUMNS = [(s.key, c.key) for s in CATALOGUE.sheets.values() for c in s.columns]


@st.composite
def _findings(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for _ in range(draw(st.integers(0, 40))):
        sheet, column = draw(st.sampled_from(_COLUMNS[:14] + _COLUMNS[-40:-20]))
        row = draw(st.integers(0, 6))
        rows.append(
            finding(
                draw(st.sampled_from(_RULES)), sheet, column, f"C{row}" if row and draw(st.booleans()) else "", row,
                status=draw(st.sampled_from(["open", "open", "explained", "waived"])),
            )
        )  # fmt: skip
    return rows


@settings(max_examples=150, deadline=None)
@given(_findings())
def test_every_finding_is_told_exactly_once(rows: list[dict[str, Any]]) -> None:
    answer = feedback(*rows)
    shown = [f.finding_id for line in answer.lines for f in (*line.findings, *line.follow)]
    assert sorted(shown) == sorted(r["finding_id"] for r in rows)
    order = [
        (line.first.is_settled, ["critical", "error", "warning"].index(line.first.severity)) for line in answer.lines
    ]
    assert order == sorted(order)
    for lang in ("zh", "en"):
        html = feedback_html(feedback(*rows, lang=lang), ["附件2.xlsx"])
        assert "{" not in re.sub(r'style="[^"]*"', "", html)


# ------------------------------------------------------------------------------------------------------------ the words
def test_the_page_says_what_became_of_the_return_and_what_is_owed() -> None:
    answer = feedback(
        finding("SIG-01"),
        finding("GEN-01", "self_check", "result", "C5", 5),
        finding("AST-09", "exposed_assets", "protection", "Q5", 5),
        state="incomplete",
        forms=(("annex2", "effective"), ("annex3", "returned"), ("annex6", "not_required")),
    )
    text = feedback_text(answer, ["附件2.xlsx"])
    assert "2026年10月的报送不完整。必须改正 2 处，改正前相应的表或行不计入。请核实 1 处，属实的不必改动。" in text
    assert "尚缺：附件3（已退回，改正后重新报送）、单位负责人签字并盖章的扫描件" in text
    assert "截止时间：11月5日（星期四）24:00（此前收到为按时）" in text
    assert text.index("== 强制 2") < text.index("== 核实 1")


def test_a_return_with_nothing_to_mend_says_so() -> None:
    text = feedback_text(feedback())
    assert "2026年10月的报送完整。没有需要改正或核实的问题。" in text
    assert "尚缺" not in text


@pytest.mark.parametrize("rule_id", _RULES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_rule_can_be_told_in_both_languages(rule_id: str, lang: str) -> None:
    row = finding(
        rule_id, "exposed_assets", "ports", "E5", 5, value="x", expected="y", file="附件2.xlsx", cause="damaged"
    )
    answer = feedback(row, lang=lang)
    texts = CATALOGUE.texts["messages"][rule_id]
    for shown in (feedback_html(answer), feedback_text(answer)):
        assert rule_id in shown
        assert texts["title"][lang] in shown.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")


def test_english_says_what_a_column_wants_in_english() -> None:
    wanted = CATALOGUE.texts["glossary"]["types"]["date"]
    row = finding("GEN-02", "exposed_assets", "online_on", "O5", 5, value="上周", expected=wanted["zh"])
    assert wanted["en"] in feedback_text(feedback(row, lang="en"))


def test_explained_warnings_are_shown_apart_with_what_was_said_and_leave_no_mark() -> None:
    row = finding(
        "AST-02", "exposed_assets", "public_ip", "D5", 5, status="explained", reason="租用云主机，合同 2026-017"
    )
    answer = feedback(row)
    assert "已说明 1" in feedback_text(answer)
    assert "租用云主机，合同 2026-017" in feedback_html(answer)
    assert marks_of(answer, WORKBOOKS[0]) == []
    (entry,) = sheet_of(answer, WORKBOOKS[0], is_marked=True).entries
    assert (entry.severity, entry.explanation, entry.is_open) == ("已说明", "租用云主机，合同 2026-017", True)


def test_what_the_office_waived_is_told_apart_without_a_name_and_asks_for_nothing() -> None:
    row = finding("GEN-02", "exposed_assets", "ports", "E5", 5, value="http", status="waived", reason="王晓燕：已核对")
    answer = feedback(row)
    for told in (feedback_text(answer), feedback_html(answer)):
        assert "已豁免 1" in told
        assert "已豁免，不必更正" in told
        assert "王晓燕" not in told
    assert marks_of(answer, WORKBOOKS[0]) == []
    (entry,) = sheet_of(answer, WORKBOOKS[0], is_marked=True).entries
    assert (entry.severity, entry.remedy, entry.explanation, entry.is_open) == ("已豁免", "已豁免，不必更正", "", False)


class _Outline(HTMLParser):
    """What a page is made of, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_the_page_is_fit_for_a_mail_and_nothing_entered_becomes_markup() -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=y>{{7*7}}"
    row = finding("GEN-02", "exposed_assets", "ports", "E5", 5, value=nasty, expected="端口", file=nasty)
    html = feedback_html(feedback(row, unit_name=nasty), [nasty])
    outline = _Outline()
    outline.feed(html)
    assert outline.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "table",
        "tr",
        "td",
        "th",
        "div",
        "span",
        "h1",
        "h2",
        "ol",
        "li",
    }
    names = {name for name, _ in outline.attributes}
    assert not names & {"src", "href", "class", "id", "onerror"}
    assert not any("url(" in value or "position" in value or "flex" in value for _, value in outline.attributes)
    assert "49" not in html.replace("2026", "")


# -------------------------------------------------------------------------------------------------------- the workbooks
def test_each_workbook_gets_its_own_marks_and_what_is_said_of_the_unit() -> None:
    answer = feedback(
        finding("AST-09", "exposed_assets", "protection", "Q5", 5),
        finding("GEN-01", "self_check", "result", "C7", 7),
        finding("SIG-01"),
    )
    assert [(m.sheet, m.cell, m.kind) for m in marks_of(answer, WORKBOOKS[0])] == [("暴露面资产新增", "Q5", CHECK)]
    assert [(m.sheet, m.cell, m.kind) for m in marks_of(answer, WORKBOOKS[1])] == [("自查结果", "C7", MUST)]
    sheets = [sheet_of(answer, w, is_marked=True) for w in WORKBOOKS]
    assert [[e.rule for e in s.entries] for s in sheets] == [["SIG-01", "AST-09"], ["GEN-01", "SIG-01"]]
    assert "另有 1 处" in sheets[0].lines[0]


@pytest.mark.parametrize("rule_id", ["CVR-07", "CVR-08"])
def test_a_contradiction_between_cover_and_sheet_is_marked_on_the_cover(rule_id: str) -> None:
    row = finding(rule_id, form="annex2", sheet="exposed_assets", sheet_key="", value="3")
    (mark,) = marks_of(feedback(row), WORKBOOKS[0])
    assert (mark.sheet, mark.cell) == ("填报信息", "B11")


def test_a_list_that_stands_alone_leads_nowhere_and_names_its_file() -> None:
    answer = feedback(finding("AST-09", "exposed_assets", "protection", "Q5", 5))
    alone = sheet_of(answer, WORKBOOKS[0], is_marked=False)
    assert alone.entries[0].sheet == ""
    assert any("附件2.xlsx" in line for line in alone.lines)
    assert not any("红色" in line for line in alone.lines)


def test_a_line_of_many_stands_for_all_its_subjects() -> None:
    rows = many(20)
    (entry,) = sheet_of(feedback(*rows), WORKBOOKS[1], is_marked=True).entries
    assert entry.finding_ids == tuple(r["finding_id"] for r in rows)
    assert entry.subjects == tuple(r["subject"] for r in rows)


def test_a_note_says_rule_fault_remedy_and_example() -> None:
    wording = Wording(CATALOGUE, "zh", "2026-10")
    (line,) = feedback(finding("GEN-01", "self_check", "result", "C7", 7)).lines
    assert isinstance(line, Line)
    first, fault, remedy, example = wording.note(line.first).split("\n")
    assert first == "强制 · 必填项为空（GEN-01）"
    assert fault == "本行的必填项“自查结果”没有填写。"
    assert remedy.startswith("怎么改：请补填")
    assert example.startswith("示例：")


def test_rows_that_were_not_read_as_data_are_told_by_sheet_and_kind() -> None:
    tables = {"exposed_assets": {"title": "暴露面资产新增", "skipped": {"note": [20], "closing": [8, 9, 12]}}}
    workbook = SentWorkbook("m" * 64, 1, "附件2.xlsx", (SentForm("annex2", "f2", COVER, json.dumps(tables)),))
    html = feedback_html(feedback_of(unit(), [], (workbook,), CATALOGUE, "zh"))
    assert "暴露面资产新增 第 20 行（说明）、第 8-9、12 行（合计、落款或表示没有的话）" in html
    assert "未作为数据读取" not in feedback_html(feedback())


def test_a_finding_on_a_form_that_is_no_file_says_which_form() -> None:
    """A return said in the mail alone (ENV-07) has neither sheet nor file: its unit got no answer at all."""
    said = finding("ENV-07", form="annex2", value="9 月零报告")
    (line,) = feedback(said).lines
    assert Wording(CATALOGUE, "zh", "2026-10").place(line, with_form=False) == "附件2"
    assert "9 月零报告" in feedback_html(feedback(said))
