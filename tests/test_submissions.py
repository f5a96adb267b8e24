"""Whose a mail is, which month it speaks of, which form stands (system.md, Mail; rules ENV and CVR)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.periods import Deadline
from assets.instance.register import load_register
from assets.instance.warehouse import Warehouse, model, open_warehouse
from assets.month.submissions import Booked, Booking, Mail, book
from expectations.catalogue import load_catalogue
from pipelines.new_home import SAMPLE

ZONE = ZoneInfo("Asia/Shanghai")
SENDER = "county01001@oa.example"
UNIT, NAME = "EX-15-01-001", "青川盟第1旗县分公司"
BOOKING = Booking(load_register(SAMPLE / "register"), load_catalogue(), Deadline(), frozenset({"2026.1"}))
numbers = itertools.count()


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def form(kind: str = "annex2", *, rows: int = 1, readable: bool = True, **cover: str | None) -> dict[str, Any]:
    values: dict[str, str | None] = {
        "unit_code": UNIT, "unit_name": NAME, "period": "2026-10", "prepared_by": "王强", "phone": "13900001111",
        "prepared_on": "2026-11-02", "manager": "赵敏", "form_version": "2026.1", "has_exposed_assets": "是",
        "has_app_launches": "是", "has_incidents": "是", **cover,
    }  # fmt: skip
    entries = {
        key: {"text": value, "value": value if value != "?" else None, "readable": value != "?", "cell": "B3"}
        for key, value in values.items()
        if value is not None
    }
    tables = {s.key: {"title": s.title, "rows": rows, "columns": {}} for s in BOOKING.catalogue.form(kind).sheets}
    period = entries.get("period", {}).get("value")
    return {
        "form": kind, "form_id": f"form-{next(numbers)}", "number": 1, "file": "附件.xlsx", "readable": readable,
        "period": period, "cover": json.dumps(entries) if readable else "{}", "tables": json.dumps(tables) if readable else "{}",
    }  # fmt: skip


def mail(*forms: dict[str, Any], sender: str = SENDER, at: str = "2026-11-02T10:00", **over: Any) -> Mail:
    name = f"mail-{next(numbers)}"
    return Mail(name, sender, when(at), over.pop("trusted", True), 0, forms=list(forms), **over)


def rules(booked: Booked) -> list[str]:
    return sorted(f.fault.rule_id for f in booked.findings)


def booked(*mails: Mail, period: str = "2026-10") -> Booked:
    return book(mails, period, BOOKING)


def test_a_form_is_booked_under_the_unit_on_its_cover() -> None:
    result = booked(mail(form()))
    (submission,) = result.submissions
    assert (submission.unit_code, submission.returned, rules(result)) == (UNIT, False, [])


def test_a_unit_above_files_for_one_below() -> None:
    result = booked(mail(form(), sender="office01@oa.example"))
    assert result.submissions[0].unit_code == UNIT
    assert rules(result) == []


def test_a_stranger_holds_the_mail_and_nothing_of_it_counts() -> None:
    result = booked(mail(form(), sender="stranger@elsewhere.example"))
    assert result.submissions == []
    assert result.mails[0]["held"]
    assert [(f.unit_code, f.fault.rule_id) for f in result.findings] == [("", "ENV-01")]


def test_a_unit_that_has_ended_is_a_stranger() -> None:
    assert rules(booked(mail(form(), sender="closed@oa.example"))) == ["ENV-01"]


@pytest.mark.parametrize(
    ("cover", "rule"),
    [
        ({"unit_code": None}, "CVR-01"),
        ({"unit_code": "EX-99"}, "CVR-01"),
        ({"unit_code": "EX-15-01"}, "CVR-01"),
        ({"unit_code": "EX-15-01-002"}, "CVR-02"),
        ({"period": None}, "CVR-04"),
        ({"period": "?"}, "CVR-04"),
        ({"period": "2026-11"}, "CVR-05"),
        ({"period": "2026-07"}, "CVR-05"),
        ({"form_version": "2025.1"}, "WBK-06"),
        ({"has_app_launches": "否"}, "CVR-07"),
    ],
)
def test_a_wrong_cover_returns_the_form_to_the_sender(cover: dict[str, str | None], rule: str) -> None:
    result = booked(mail(form(**cover)))
    assert [(s.unit_code, s.returned) for s in result.submissions] == [(UNIT, True)]
    assert rules(result) == [rule]


@pytest.mark.parametrize("flag", ["是", None, "?"])
def test_an_empty_sheet_without_a_word_returns_the_form(flag: str | None) -> None:
    result = booked(mail(form(rows=0, has_exposed_assets=flag, has_app_launches="否")))
    assert "CVR-08" in rules(result)
    assert result.submissions[0].returned


def test_a_nil_return_is_a_statement() -> None:
    result = booked(mail(form(rows=0, has_exposed_assets="否", has_app_launches="否")))
    assert (result.submissions[0].returned, result.submissions[0].nil, rules(result)) == (False, True, [])


@pytest.mark.parametrize(
    ("cover", "rule"),
    [({"unit_name": "别的名字"}, "CVR-03"), ({"manager": None}, "CVR-06"), ({"phone": "?"}, "CVR-06")],
)
def test_a_smaller_fault_of_the_cover_is_flagged_and_the_form_stands(cover: dict[str, str | None], rule: str) -> None:
    result = booked(mail(form(**cover)))
    assert (result.submissions[0].returned, rules(result)) == (False, [rule])


def test_a_name_is_compared_without_width_and_white_space() -> None:
    assert rules(booked(mail(form(unit_name=" 青川盟第１旗县 分公司")))) == []


SENT = st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(["annex2", "annex3"]), st.integers(0, 3), st.booleans())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path_factory.mktemp("submissions")) as opened:
        yield opened


@given(forms=st.lists(SENT, max_size=12))
def test_the_latest_form_that_is_not_returned_is_effective(
    warehouse: Warehouse, forms: list[tuple[str, str, int, bool]]
) -> None:
    """Held against the words of system.md; of forms received at once the mail's name decides."""
    sent = [
        {
            "period": "2026-10", "unit_code": unit, "form": form, "form_id": str(i), "mail": f"m{i:02d}", "number": 1,
            "received_at": when(f"2026-11-0{1 + day}T10:00"), "returned": returned,
        }
        for i, (unit, form, day, returned) in enumerate(forms)
    ]  # fmt: skip
    schema: dict[str, Any] = dict.fromkeys(("period", "unit_code", "form", "form_id", "mail"), pl.String) | {
        "number": pl.Int64, "received_at": pl.Datetime("us", "Asia/Shanghai"), "returned": pl.Boolean,
    }  # fmt: skip
    warehouse.put("core.booked_forms", pl.DataFrame(sent, schema=schema))
    rows = warehouse.rows(model("settled/submissions"), {"period": "2026-10"})
    status = {r["form_id"]: r["status"] for r in rows}
    assert status.keys() == {s["form_id"] for s in sent}
    for form in sent:
        rivals = sorted(
            (s for s in sent if (s["unit_code"], s["form"]) == (form["unit_code"], form["form"])),
            key=lambda s: (s["received_at"], s["mail"]),
        )
        standing = [s for s in rivals if not s["returned"]]
        if standing and form is standing[-1]:
            assert status[form["form_id"]] == "effective"
        else:
            assert status[form["form_id"]] == ("returned" if form is rivals[-1] else "replaced")


def test_without_a_readable_month_the_window_decides() -> None:
    unreadable = mail(form(readable=False), at="2026-11-30T23:59", faults=[])
    assert booked(unreadable).submissions[0].period == "2026-10"
    assert booked(unreadable, period="2026-11").submissions == []


def test_a_late_form_of_an_earlier_month_belongs_to_its_own_month() -> None:
    late = mail(form(period="2026-09"), at="2026-11-02T10:00")
    assert booked(late).mails == []
    assert [s.returned for s in booked(late, period="2026-09").submissions] == [False]


def scan(state: str = "sealed") -> dict[str, Any]:
    return {"number": 2, "file": "扫描件.pdf", "state": state, "reason": ""}


def test_a_scan_belongs_to_the_forms_beside_it_else_to_the_sender() -> None:
    beside = booked(mail(form(), sender="office01@oa.example", scans=[scan()]))
    alone = booked(mail(scans=[scan()]))
    assert [s["unit_code"] for s in beside.scans] == [UNIT] == [s["unit_code"] for s in alone.scans]
    assert rules(alone) == []


def test_a_mail_with_nothing_in_it_is_told() -> None:
    assert rules(booked(mail())) == ["ENV-02"]


def test_a_mail_without_a_trusted_time_is_told() -> None:
    assert rules(booked(mail(form(), trusted=False))) == ["ENV-05"]


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("2026年10月零报告", ""),
        ("青川盟第1旗县 2026-10 网络安全零报告", ""),
        ("月报", "\n  我单位10月份零报告。\n此致"),
        ("月报", "零报告"),
    ],
)
def test_a_mail_may_say_nil_by_itself(subject: str, text: str) -> None:
    result = booked(mail(subject=subject, text_start=text))
    (submission,) = result.submissions
    assert (submission.form, submission.unit_code, submission.nil, submission.returned) == ("annex2", UNIT, True, False)
    assert rules(result) == ["ENV-07"]


@pytest.mark.parametrize("subject", ["本月并非零报告", "关于零报告的通知", "第二行才说"])
def test_other_words_about_nil_returns_say_nothing(subject: str) -> None:
    result = booked(mail(subject=subject, text_start="请查收\n零报告"))
    assert (result.submissions, rules(result)) == ([], ["ENV-02"])


def test_a_nil_mail_for_a_month_that_is_not_over_is_returned() -> None:
    result = booked(mail(subject="2026-11 零报告"), period="2026-11")
    assert (result.submissions[0].returned, rules(result)) == (True, ["CVR-05"])


def test_a_workbook_goes_before_what_the_subject_says() -> None:
    result = booked(mail(form(), subject="2026-10 零报告"))
    assert [s.nil for s in result.submissions] == [False]
    assert rules(result) == []
