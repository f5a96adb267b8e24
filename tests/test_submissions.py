"""Whose a mail is, which month it speaks of, which form stands (system.md, Mail; rules ENV and CVR)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.periods import Deadline
from assets.instance.register import load_register
from assets.instance.warehouse import Warehouse, model, open_warehouse
from assets.month.booking import plain_findings
from assets.month.look_back import Sent, slips_among, used_before
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


def test_what_is_wrong_on_a_cover_is_told_under_the_title_that_its_sheet_has() -> None:
    """A cover known by its labels (WBK-07) bears another title, under which it is marked."""
    sent = form(period=None)
    cover = json.loads(sent["cover"])
    sent["cover"] = json.dumps({key: {**entry, "sheet": "Sheet1"} for key, entry in cover.items()})
    assert [(f.fault.rule_id, f.fault.sheet) for f in booked(mail(sent)).findings] == [("CVR-04", "Sheet1")]
    assert [f.fault.sheet for f in booked(mail(form(period=None))).findings] == ["填报信息"]


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


@pytest.mark.parametrize("kind", ["annex3", "annex6"])
def test_a_form_that_cannot_be_declared_empty_is_never_nil(kind: str) -> None:
    """An annex 3 without a row was shown as 零报告, beside the finding that its answers are owed."""
    result = booked(mail(form(kind, rows=0, has_incidents="否")))
    assert [(s.form, s.returned, s.nil) for s in result.submissions] == [(kind, False, False)]


@pytest.mark.parametrize(
    ("cover", "rule"),
    [({"unit_name": "别的名字"}, "CVR-03"), ({"manager": None}, "CVR-06"), ({"phone": "?"}, "CVR-06")],
)
def test_a_smaller_fault_of_the_cover_is_flagged_and_the_form_stands(cover: dict[str, str | None], rule: str) -> None:
    result = booked(mail(form(**cover)))
    assert (result.submissions[0].returned, rules(result)) == (False, [rule])


def test_a_name_is_compared_without_width_and_white_space() -> None:
    assert rules(booked(mail(form(unit_name=" 青川盟第１旗县 分公司")))) == []


SENT = st.tuples(
    st.sampled_from(["u1", "u2"]),
    st.sampled_from(["annex2", "annex3"]),
    st.integers(0, 3),
    st.booleans(),
    st.frozensets(st.sampled_from(["CVR-07", "CVR-08", "CVR-03"])),  # what a steward waives
)

FAULT = ("period", "form_id", "rule_id", "finding_id")
DECISION = ("period", "kind", "key", "finding_id")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path_factory.mktemp("submissions")) as opened:
        effects = [("CVR-07", "return"), ("CVR-08", "return"), ("CVR-03", "flag")]
        opened.put("core.rules", pl.DataFrame(effects, schema=["rule_id", "effect"], orient="row"))
        yield opened


@given(forms=st.lists(SENT, max_size=12))
def test_the_latest_form_that_is_not_returned_is_effective(
    warehouse: Warehouse, forms: list[tuple[str, str, int, bool, frozenset[str]]]
) -> None:
    """Held against the words of system.md; of forms received at once the mail's name decides."""
    sent = [
        {
            "period": "2026-10", "unit_code": unit, "form": form, "form_id": str(i), "mail": f"m{i:02d}", "number": 1,
            "received_at": when(f"2026-11-0{1 + day}T10:00"), "returned": returned,
        }
        for i, (unit, form, day, returned, _) in enumerate(forms)
    ]  # fmt: skip
    schema: dict[str, Any] = dict.fromkeys(("period", "unit_code", "form", "form_id", "mail"), pl.String) | {
        "number": pl.Int64, "received_at": pl.Datetime("us", "Asia/Shanghai"), "returned": pl.Boolean,
    }  # fmt: skip
    warehouse.put("core.booked_forms", pl.DataFrame(sent, schema=schema))
    faults = [
        {"period": "2026-10", "form_id": s["form_id"], "rule_id": rule, "finding_id": f"{s['form_id']}{rule}"}
        for s in sent
        for rule in ("CVR-03", *(("CVR-07", "CVR-08") if s["returned"] else ()))
    ]
    warehouse.put("core.plain_findings", pl.DataFrame(faults, schema=dict.fromkeys(FAULT, pl.String)))
    waived = [
        {"period": "2026-10", "kind": "waive", "key": f"{s['form_id']}{rule}", "finding_id": f"{s['form_id']}{rule}"}
        for s, (*_, rules) in zip(sent, forms, strict=True)
        for rule in rules
    ]
    warehouse.put("core.decisions", pl.DataFrame(waived, schema=dict.fromkeys(DECISION, pl.String)))
    for form, (*_, rules) in zip(sent, forms, strict=True):
        form["returned"] &= not {"CVR-07", "CVR-08"} <= rules  # all that returned it was waived
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


def slips(*mails: Mail, period: str = "2026-09") -> list[str]:
    """The forms that are slips among the mails, by the place of their mail."""
    places = {m.mail: i for i, m in enumerate(mails)}
    return [f"{places[mail]}:{form_id}" for mail, form_id in slips_among(mails, period, BOOKING)]


def of_september(at: str, *, returned: bool = False, **over: Any) -> Mail:
    cover = {"period": "2026-09", **({"form_version": "2025.1"} if returned else {}), **over.pop("cover", {})}
    return mail(form(**cover), at=at, **over)


IN_TIME, LATE, LATER = "2026-10-03T10:00", "2026-11-02T10:00", "2026-11-03T10:00"


def test_last_months_month_on_the_cover_never_displaces_a_good_return() -> None:
    good, slip = of_september(IN_TIME), of_september(LATE)
    (found,) = slips(good, slip)
    assert found == f"1:{slip.forms[0]['form_id']}"
    slip.slips.add(slip.forms[0]["form_id"])
    assert booked(slip, period="2026-09").mails == []
    result = booked(slip, period="2026-10")
    assert [(s.period, s.returned) for s in result.submissions] == [("2026-10", True)]
    (finding,) = result.findings
    assert (finding.fault.rule_id, finding.fault.value, finding.fault.expected, finding.fault.column) == (
        "CVR-09", "2026-09", "2026-10", "报送月份",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("over", "is_slip"),
    [
        ({}, True),
        ({"subject": "2026年9月网络安全月报（更正）"}, False),
        ({"subject": "补 报：九月"}, False),
        ({"subject": "修订版"}, False),
        ({"subject": "Fw: 重报"}, False),
        ({"cover": {"submission_kind": "更正"}}, False),
        ({"cover": {"submission_kind": "首报"}}, True),
    ],
)
def test_a_correction_says_so(over: dict[str, Any], is_slip: bool) -> None:
    assert bool(slips(of_september(IN_TIME), of_september(LATE, **over))) == is_slip


def test_a_late_return_is_no_slip_where_nothing_good_came_earlier() -> None:
    assert slips(of_september(LATE)) == []
    assert slips(of_september(IN_TIME, returned=True), of_september(LATE)) == []
    assert len(slips(of_september(IN_TIME, returned=True), of_september(LATE), of_september(LATER))) == 1
    assert slips(of_september(IN_TIME), of_september("2026-10-31T23:59")) == []  # within the window: replaces it


def test_a_return_that_a_steward_let_stand_is_not_displaced_either() -> None:
    waived_return, late = of_september(IN_TIME, returned=True), of_september(LATE)
    ids = plain_findings(booked(waived_return, period="2026-09"), "2026-09")["finding_id"]
    assert slips_among([waived_return, late], "2026-09", BOOKING) == []
    found = slips_among([waived_return, late], "2026-09", BOOKING, frozenset(ids))
    assert found == [(late.mail, late.forms[0]["form_id"])]


def test_another_form_or_unit_is_no_rival() -> None:
    other = mail(form("annex3", period="2026-09"), at=IN_TIME)
    assert slips(other, of_september(LATE)) == []
    above = mail(
        form(period="2026-09", unit_code="EX-15-01-002", unit_name="x"), sender="office01@oa.example", at=IN_TIME
    )
    assert slips(above, of_september(LATE)) == []


def test_two_files_of_a_form_in_one_late_mail_are_no_rivals() -> None:
    two = mail(form(period="2026-09"), form(period="2026-09"), at=LATE)
    assert slips(two) == []


def test_a_nil_return_in_words_displaces_nothing_either() -> None:
    said = mail(subject="2026年9月零报告", at=LATE)
    (found,) = slips(of_september(IN_TIME), said)
    said.slips.add(found.partition(":")[2])
    result = booked(said, period="2026-10")
    assert [(s.form, s.period, s.returned) for s in result.submissions] == [("annex2", "2026-10", True)]
    assert rules(result) == ["CVR-09"]
    assert booked(said, period="2026-09").submissions == []


def told_of_two(*forms: dict[str, Any]) -> list[tuple[str, str, str]]:
    for number, each in enumerate(forms, 1):
        each |= {"number": number, "file": f"file{number}.xlsx"}
    result = booked(mail(*forms))
    return [(f.fault.file, f.fault.expected, f.form_id) for f in result.findings if f.fault.rule_id == "ENV-08"]


def test_two_files_of_one_form_are_told_with_the_one_that_does_not_count() -> None:
    first, second, third = form(), form(), form()
    assert told_of_two(first, second) == [("file1.xlsx", "附件2", second["form_id"])]
    assert [t[0] for t in told_of_two(first, second, third)] == ["file1.xlsx", "file2.xlsx"]
    assert told_of_two(form(), form("annex3")) == []


def test_a_returned_file_does_not_count_before_a_good_one() -> None:
    good, bad = form(), form(form_version="2025.1")
    assert told_of_two(bad, good) == [("file1.xlsx", "附件2", good["form_id"])]
    assert told_of_two(good, bad) == []  # the last is returned, which says so itself


def test_our_marked_copy_come_back_as_it_was_is_no_return() -> None:
    back = form()
    sent = mail(back, form("annex3"), unaltered={back["form_id"]: "2026-11-01 10:00"}, scans=[scan()])
    result = booked(sent)
    assert [(s.form, s.returned) for s in result.submissions] == [("annex3", False)]
    (finding,) = result.findings
    assert (finding.unit_code, finding.fault.rule_id, finding.fault.file) == (UNIT, "ENV-11", "附件.xlsx")
    assert finding.fault.expected == "2026-11-01 10:00"


def test_a_marked_copy_of_an_earlier_month_is_told_in_the_month_in_which_it_came_back() -> None:
    back = form(period="2026-09")
    sent = mail(back, unaltered={back["form_id"]: "2026-10-03 10:00"})
    assert booked(sent, period="2026-09").mails == []
    assert rules(booked(sent)) == ["ENV-11"]


def test_a_marked_copy_with_explanations_alone_is_told_nothing() -> None:
    back = form()
    sent = mail(back, unaltered={back["form_id"]: "2026-11-01 10:00"}, explains=True)
    assert (booked(sent).submissions, rules(booked(sent))) == ([], [])


@pytest.mark.parametrize(
    ("forms", "unaltered"),
    [
        ([(1, "x", False), (2, "x", True)], ["f2"]),
        ([(1, "x", False), (2, "y", True)], []),  # mended
        ([(1, "x", False), (2, "x", False)], []),  # the unit's own file once more
        ([(1, "x", False), (2, "y", True), (3, "x", True)], ["f3"]),  # a stale copy after the correction
        ([(2, "x", True)], []),
        ([(-5, "x", False), (2, "x", True)], []),  # it had come before the month was over, and could not count
    ],
)
def test_a_form_is_unaltered_where_an_earlier_mail_says_the_same(
    warehouse: Warehouse, forms: list[tuple[int, str, bool]], unaltered: list[str]
) -> None:
    received = datetime(2026, 11, 1, tzinfo=UTC)
    mails = [(f"m{i}", received + timedelta(days=day), "2026-10") for i, (day, _, _) in enumerate(forms)]
    time = {"received_at": pl.Datetime("us", "UTC")}
    warehouse.put(
        "core.mail_periods", pl.DataFrame(mails, ["mail", "received_at", "period"], schema_overrides=time, orient="row")
    )
    rows = [
        (f"m{i}", f"f{day}", "annex2", "2026-10", content, answer) for i, (day, content, answer) in enumerate(forms)
    ]
    warehouse.put(
        "staging.forms", pl.DataFrame(rows, ["mail", "form_id", "form", "period", "content", "is_answer"], orient="row")
    )
    found = warehouse.rows(model("settled/unaltered_forms"), {"timezone": "Asia/Shanghai"})
    assert [r["form_id"] for r in found] == unaltered


def scan(state: str = "sealed") -> dict[str, Any]:
    return {"number": 2, "file": "扫描件.pdf", "state": state, "reason": ""}


def test_a_scan_belongs_to_the_forms_beside_it_else_to_the_sender() -> None:
    beside = booked(mail(form(), sender="office01@oa.example", scans=[scan()]))
    alone = booked(mail(scans=[scan()]))
    assert [s["unit_code"] for s in beside.scans] == [UNIT] == [s["unit_code"] for s in alone.scans]
    assert rules(alone) == []


def test_a_scan_that_was_used_before_says_for_what() -> None:
    sent = mail(form(), scans=[scan()], used={(2, UNIT): "2026-09"})
    (row,) = booked(sent).scans
    assert (row["state"], row["expected"]) == ("reused", "2026-09")


def sent(mail: int, unit: str, period: str = "2026-10", pages: str = "a", name: str = "") -> Sent:
    """A scan of pages named by letters; `name` its bytes, by default the pages' own."""
    return Sent(period, unit, f"m{mail}", 1, when(f"2026-11-{mail:02d}T10:00"), name or pages, frozenset(pages), True)


@pytest.mark.parametrize(
    ("scans", "again"),
    [
        ([sent(1, "u1", "2026-09"), sent(2, "u1")], [1]),  # for another month
        ([sent(1, "u1"), sent(2, "u2")], [1]),  # from another unit
        ([sent(1, "u1"), sent(2, "u1")], []),  # once more for the same
        ([sent(1, "u1"), sent(1, "u2")], []),  # for several units in one mail
        ([sent(1, "u1", "2026-09"), sent(1, "u1")], []),  # for several months in one mail
        ([sent(1, "u1"), sent(1, "u2"), sent(2, "u2")], []),  # and once more for one of them
        ([sent(1, "u1"), sent(2, "u2"), sent(3, "u2")], [1, 2]),  # using it twice does not make it one's own
        ([sent(1, "u1", name="x"), sent(2, "u2", name="y")], [1]),  # another file, the same page
        ([sent(1, "u1", pages="abc"), sent(2, "u2", pages="c")], [1]),  # one of its pages
        ([sent(1, "u1", pages="a"), sent(2, "u2", pages="ab")], []),  # a page that is new
        ([sent(2, "u2"), sent(1, "u1")], [0]),  # in whatever order they are looked at
    ],
)
def test_a_scan_that_came_before_is_used_again(scans: list[Sent], again: list[int]) -> None:
    assert sorted(scans.index(scan) for scan, _ in used_before(scans)) == again


def test_what_a_scan_was_used_for_is_the_units_own_first() -> None:
    first = [sent(1, "u1", "2026-09"), sent(1, "u2", "2026-09")]
    assert [other for _, other in used_before([*first, sent(2, "u2")])] == [first[1]]


def test_a_scan_that_cannot_be_read_is_not_used_again() -> None:
    scans = [sent(1, "u1"), replace(sent(2, "u2"), readable=False)]
    assert used_before(scans) == []


def test_a_mail_with_nothing_in_it_is_told() -> None:
    assert rules(booked(mail())) == ["ENV-02"]


def linked() -> dict[str, Any]:
    names = ("rule_id", "file", "sheet", "cell", "column", "value", "expected", "reason")
    return {
        **dict.fromkeys(names, ""),
        "row": 0,
        "form_id": None,
        "rule_id": "ENV-04",
        "file": "扫描件.pdf",
        "reason": "linked",
    }


def test_a_file_that_is_only_linked_to_is_told_where_anything_is_missing() -> None:
    forms = form(), form("annex3")
    assert rules(booked(mail(*forms, faults=[linked()]))) == ["ENV-04"]
    assert rules(booked(mail(forms[0], scans=[scan()], faults=[linked()]))) == ["ENV-04"]
    assert rules(booked(mail(faults=[linked()]))) == ["ENV-02", "ENV-04"]
    assert rules(booked(mail(*forms, scans=[scan()], faults=[linked()]))) == []


def test_a_bounce_is_told_of_the_unit_that_it_did_not_reach() -> None:
    bounce = mail(sender="mailer-daemon@oa.example", bounced=SENDER, bounce_reason="mailbox_full")
    result = booked(bounce)
    assert [(m["unit_code"], m["held"]) for m in result.mails] == [(UNIT, False)]
    (finding,) = result.findings
    assert (finding.unit_code, finding.fault.rule_id, finding.fault.value) == (UNIT, "ENV-10", SENDER)


def test_a_bounce_of_an_address_that_no_unit_has_is_a_strangers_mail() -> None:
    assert rules(booked(mail(sender="mailer-daemon@oa.example", bounced="x@elsewhere.example"))) == ["ENV-01"]


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


@pytest.mark.parametrize(
    ("subject", "month"),
    [
        ("2026年11月2日报送10月零报告", "2026-10"),
        ("11月2日上报：10月份零报告", "2026-10"),
        ("零报告 2026-11-02", "2026-10"),
        ("2026年11月报送10月零报告", "2026-10"),
        ("10月零报告（2026年11月）", "2026-10"),
        ("2026年9月1日至30日零报告", "2026-09"),
        ("9月30日 零报告", "2026-09"),
        ("9月零报告", "2026-09"),
        ("九月份零报告", "2026-09"),
        ("二〇二六年九月零报告", "2026-09"),
        ("2026年九月零报告", "2026-09"),
        ("十一月二日报送十月份零报告", "2026-10"),
        ("零报告 二〇二六年十一月二日", "2026-10"),
        ("零报告 十一月三日", "2026-10"),
        ("零报告 11月三日", "2026-10"),
    ],
)
def test_the_day_on_which_a_nil_mail_was_written_is_not_the_month_that_it_speaks_of(subject: str, month: str) -> None:
    """It was taken for November, which is not over, or for that of the year before."""
    sent = mail(subject=subject)
    assert [(s.period, s.returned) for s in booked(sent, period=month).submissions] == [(month, False)]


def test_a_nil_mail_for_the_month_that_runs_is_none_for_that_of_the_year_before() -> None:
    sent = mail(subject="11月零报告")
    (told,) = [f for f in booked(sent).findings if f.fault.rule_id == "CVR-05"]
    assert told.fault.value == "2026-11"


@pytest.mark.parametrize("subject", ["本月并非零报告", "关于零报告的通知", "第二行才说"])
def test_other_words_about_nil_returns_say_nothing(subject: str) -> None:
    result = booked(mail(subject=subject, text_start="请查收\n零报告"))
    assert (result.submissions, rules(result)) == ([], ["ENV-02"])


@pytest.mark.parametrize("month", ["2026-11", "2027-05", "2026-08", "2019-03"])
def test_a_nil_mail_for_a_month_that_cannot_be_reported_is_returned_in_that_of_its_window(month: str) -> None:
    """Under the month that it names, which no run looks at, it was lost."""
    sent = mail(subject=f"{month} 零报告")
    result = booked(sent)
    assert [
        (s.period, s.returned, f.fault.value) for s, f in zip(result.submissions, result.findings, strict=False)
    ] == [("2026-10", True, month)]
    assert rules(result) == ["CVR-05", "SIG-01"][: len(rules(result))]
    assert booked(sent, period=month).mails == []


def test_a_workbook_goes_before_what_the_subject_says() -> None:
    result = booked(mail(form(), subject="2026-10 零报告"))
    assert [s.nil for s in result.submissions] == [False]
    assert rules(result) == []
