"""What a unit's earlier returns say stands in its next blank forms, and nothing that is over does.

Belongs here: sql/templates through a settled month, and the forms made of it. Does not: how a form looks otherwise.
"""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reports.blank.book import Before
from reports.blank.forms import blank_forms, known_before
from tests.feedback.made_month import Home, drop_mail, home, settled
from tests.templates.filled_forms import FIRST_ROW, HEADINGS, PERIOD, cell, changed, cover_cell, filled_forms

NEXT = "2026-11"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, Before]]:
    """A home whose unit NET sent all forms for October with an incident that goes on, and OTHER none."""
    made = home(tmp_path_factory.mktemp("home"), ("NET", "OTHER"))
    forms = filled_forms(made.unit("NET"), made.catalogue, made.register)

    def going_on(book: openpyxl.Workbook) -> None:
        sheet, form = book["安全事件"], made.catalogue.sheets["incidents"]
        for key in ("resolved_at", "cause", "reviewed", "improvement"):
            sheet[cell(sheet, form, key, FIRST_ROW)].value = None

    forms["annex3"] = changed(forms["annex3"], going_on)
    drop_mail(made, "NET", [(f"{key}.xlsx", content) for key, content in forms.items()])
    with settled(made) as work:
        return made, known_before(work.warehouse, NEXT)


def test_a_unit_is_known_by_what_it_reported_last(told: tuple[Home, dict[str, Before]]) -> None:
    _, before = told
    assert set(before) == {"NET"}
    known = before["NET"]
    assert [(p["issue_no"], p["status"]) for p in known.problems] == [("202610-001", "整改中")]
    assert [(i["incident_no"], i["occurred_at"]) for i in known.incidents] == [("SJ-1", datetime(2026, 10, 8, 14, 30))]
    assert [(a["agreement_no"], a["safeguards"]) for a in known.agreements] == [("BM-1", "脱敏")]
    assert known.cover == {"prepared_by": "张三", "phone": "13812345678", "manager": "李四"}
    assert known.checked_by == "张三"


def test_the_next_forms_are_sent_out_with_it(told: tuple[Home, dict[str, Before]]) -> None:
    made, before = told
    files = blank_forms(made.unit("NET"), NEXT, made.catalogue, made.register, before["NET"], mailbox="wlaq@oa.example")
    books = {
        f.key: openpyxl.load_workbook(io.BytesIO(c)) for f, c in zip(made.catalogue.forms, files.values(), strict=True)
    }

    def row(form: str, sheet: str) -> dict[str, Any]:
        page, definition = books[form][made.catalogue.sheets[sheet].title], made.catalogue.sheets[sheet]
        return {c.key: page[cell(page, definition, c.key, FIRST_ROW)].value for c in definition.columns}

    cover = books["annex2"]["填报信息"]
    fields = {key: cover[cover_cell(cover, made.catalogue.form("annex2"), key)] for key in ("prepared_by", "manager")}
    assert {key: field.value for key, field in fields.items()} == {"prepared_by": "张三", "manager": "李四"}
    assert not any(field.protection.locked for field in fields.values())
    assert row("annex3", "self_check")["checked_by"] == "张三"
    assert row("annex3", "self_check")["checked_on"] is None
    agreement = row("annex6", "agreements")
    assert (agreement["agreement_no"], agreement["breach_clause"], agreement["expires_on"]) == (
        "BM-1", "有", datetime(2028, 10, 7),
    )  # fmt: skip
    incident = row("annex3", "incidents")
    assert (incident["incident_no"], incident["occurred_at"]) == ("SJ-1", datetime(2026, 10, 8, 14, 30))
    assert incident["resolved_at"] is None
    assert "已列在前面" in books["annex6"]["保密协议"].cell(3, 1).value


def test_forms_say_where_to_send_them_and_until_when_in_the_months_own_examples(
    told: tuple[Home, dict[str, Before]],
) -> None:
    made, _ = told
    files = blank_forms(made.unit("NET"), "2027-02", made.catalogue, made.register, mailbox="wlaq@oa.example")
    for content in files.values():
        book = openpyxl.load_workbook(io.BytesIO(content))
        texts = [str(c.value) for sheet in book for row in sheet.iter_rows() for c in row if c.value]
        comments = [c.comment.text for sheet in book for row in sheet.iter_rows() for c in row if c.comment]
        assert any("3月5日（星期五）24:00" in t and "wlaq@oa.example" in t for t in texts)
        assert not [t for t in (*texts, *comments) if "2026-10" in t]
        assert any("2027-02-08" in t for t in (*texts, *comments))


def test_a_home_without_a_run_knows_nothing(tmp_path: Path) -> None:
    made = home(tmp_path, ("NET",))
    files = blank_forms(made.unit("NET"), PERIOD, made.catalogue, made.register)
    page = openpyxl.load_workbook(io.BytesIO(list(files.values())[2]))["保密协议"]
    assert page.cell(HEADINGS + 1, 1).value is None
