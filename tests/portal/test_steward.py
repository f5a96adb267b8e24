"""A steward's pages: the same figures as the worklist's table, decisions taken in scope, and nothing beyond it."""

from __future__ import annotations

import csv
import inspect
import io
import json
import re
import shutil
from datetime import UTC, datetime
from typing import Any

import pytest

from assets.ledger import audit
from assets.ledger import decisions as ledger_decisions
from assets.ledger.decisions import DecisionError, all_decisions
from pipelines import decisions
from pipelines.decisions import Desk, Steward
from reports.portal.deciding import Foreseen, Wanted
from reports.portal.reading import opened
from reports.portal.shared import Portal
from reports.portal.words import texts
from tests.portal.made_portal import CARRIER, OTHER_UNIT, PROVINCE, Browser
from tests.reports.settled_sample import EMPTY, LAST

REASON = "已电话核实，原件属实"
BOX = re.compile(r'name="finding" value="(\w+)"')
ROW = re.compile(r'<a href="/finding/(\w+)')


def found(portal: Portal, where: str, scope: str = CARRIER) -> list[dict[str, Any]]:
    """Findings of the month by a condition."""
    with opened(portal.home.portal, LAST, [scope]) as month:
        return [dict(r) for r in month.db.execute(f"select * from findings where counts and {where} order by seq")]


def decide(browser: Browser, path: str, **data: Any) -> Any:
    return browser.post(path, {"period": LAST, "reason": REASON, **data})


def test_the_worklist_shows_what_its_filter_says(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    page = browser.get(f"/worklist?period={LAST}").text
    moving = found(portal, "moves <> 'flag'")
    assert ROW.findall(page) == [f["finding_id"] for f in moving][:100]
    can = [f for f in moving if f["decides"] == "waive"]
    assert BOX.findall(page) == [f["finding_id"] for f in can]
    decidable = len([f for f in moving if f["decides"]])
    assert f"{len(moving)} 项影响数字：{decidable} 项可由您决定" in page
    for query, where in (
        ("moves=flag", "moves = 'flag'"),
        ("rule=GEN-03", "rule_id = 'GEN-03'"),
        ("can=no", "moves <> 'flag' and decides = ''"),
        ("sheet=self_check", "moves <> 'flag' and sheet_key = 'self_check'"),
        ("sheet=-", "moves <> 'flag' and sheet_key = ''"),
        ("unit=EX-15-01-CHA&moves=all", "unit_code = 'EX-15-01-CHA'"),
        (f"scope={PROVINCE}", "moves <> 'flag' and unit_code like 'EX-15%'"),
    ):
        shown = ROW.findall(browser.get(f"/worklist?period={LAST}&{query}").text)
        assert shown == [f["finding_id"] for f in found(portal, where)][:100], query
        rows = list(
            csv.DictReader(io.StringIO(browser.get(f"/worklist.csv?period={LAST}&{query}").content.decode("utf-8-sig")))
        )
        assert [r["问题编号"] for r in rows] == [f["finding_id"] for f in found(portal, where)], query
    assert "没有影响数字的待决定事项" in browser.get("/worklist?period=2026-10&scope=EX-16").text or found(
        portal, "moves <> 'flag'", "EX-16"
    )
    for wrong in ("moves=x", "status=x", "scope=NOWHERE", "unit=NOWHERE", "period=2020-01", "can=maybe"):
        assert browser.get(f"/worklist?{wrong}").status_code == 404, wrong
    assert browser.get(f"/worklist?period={EMPTY}").status_code == 200


def test_how_old_something_is_counts_days_of_the_house(portal: Portal) -> None:
    words, run = portal.words("zh"), datetime(2026, 11, 5, 16, 30, tzinfo=UTC)  # 00:30 of the sixth there
    for since, told in (("2026-11-05T15:59:00+00:00", "1 天"), ("2026-11-05T16:00:00+00:00", ""), (None, "")):
        assert words.age(since, run) == told, since
    assert portal.words("en").age("2026-11-01T00:00:00+00:00", run) == "5 days"
    assert words.age("2026-11-01T00:00:00+00:00", None) == ""


def test_the_version_told_is_the_carrier_s(portal: Portal) -> None:
    published = portal.home.published / LAST
    for scope, version in (("AH", "v7"), (CARRIER, "v2"), (PROVINCE, "v3")):
        (published / scope / version).mkdir(parents=True)
        (published / scope / "latest.json").write_text("{}", encoding="utf-8")
    try:
        page = Browser(portal, "steward").get(f"/worklist?period={LAST}").text
        assert f">{LAST} v2</option>" in page
        assert "v2 已发布" in page
    finally:
        shutil.rmtree(published)


def test_a_province_s_steward_sees_and_decides_there_alone(portal: Portal) -> None:
    browser = Browser(portal, "provincial")
    inside = found(portal, "decides = 'waive' and moves = 'drop'", PROVINCE)
    (outside, *_) = found(portal, "unit_code = 'EX-16-01-001'")
    nowhere = browser.get("/finding/000000000000")
    for path in (
        f"/finding/{outside['finding_id']}",
        f"/units/{OTHER_UNIT}",
        "/worklist?scope=EX",
        "/worklist?unit=EX-16-01-001",
    ):
        answer = browser.get(path)
        assert (answer.status_code, answer.content) == (404, nowhere.content), path
    before = len(all_decisions(portal.ledger))
    both = [inside[0]["finding_id"], outside["finding_id"]]
    gone = decide(browser, "/worklist", finding=["000000000000"])  # of a page that a run has outdated
    assert (gone.status_code, "可能单位已重报" in gone.text) == (404, True)
    assert decide(browser, "/worklist", finding=both).content == gone.content
    assert decide(browser, f"/finding/{outside['finding_id']}", act="waive").status_code == 404
    assert decide(browser, f"/units/{OTHER_UNIT}", act="note").status_code == 404
    assert len(all_decisions(portal.ledger)) == before
    assert "stranger@elsewhere.example" not in browser.get(f"/held?period={LAST}").text
    assert "stranger@elsewhere.example" in Browser(portal, "steward").get(f"/held?period={LAST}").text


def test_a_batch_is_waived_with_one_reason_and_taken_back(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    chosen = [f["finding_id"] for f in found(portal, "rule_id = 'KPI-02'")][:2]
    assert decide(browser, "/worklist", finding=chosen, reason="核实无误").status_code == 422
    assert decide(browser, "/worklist", reason=REASON).status_code == 422
    (refused,) = [f["finding_id"] for f in found(portal, "rule_id = 'GEN-05'")][:1]
    assert decide(browser, "/worklist", finding=[*chosen, refused]).status_code == 422
    assert all_decisions(portal.ledger) == [] or not {d.subject for d in all_decisions(portal.ledger)} & set(chosen)
    done = decide(browser, "/worklist", finding=chosen, through="2026-12", back="/worklist?period=2026-10&rule=KPI-02")
    assert (done.status_code, done.headers["location"]) == (303, "/worklist?period=2026-10&rule=KPI-02&done=2")
    made = [d for d in all_decisions(portal.ledger) if d.subject in chosen]
    assert {(d.kind, d.decided_by, d.reason, d.through) for d in made} == {("waive", "Steward", REASON, "2026-12")}
    assert set(audit.latest(portal.reader, 1)[0].what.split(",")) == {d.key for d in made}
    page = browser.get(f"/worklist?period={LAST}&rule=KPI-02").text
    assert page.count("已决定，下次运行生效") == 2
    assert not set(BOX.findall(page)) & set(chosen)
    # Another steward, who still has the page of before, is told of it and nothing is recorded.
    again = decide(Browser(portal, "provincial"), "/worklist", finding=chosen)
    assert again.status_code == 409
    assert "Steward" in again.text
    taken = decide(Browser(portal, "provincial"), f"/decisions/{made[0].key}", act="take_back")
    assert taken.status_code == 303
    log = browser.get("/decisions").text
    assert made[0].key in log
    assert "撤回" in log
    assert made[0].subject in BOX.findall(browser.get(f"/worklist?period={LAST}&rule=KPI-02").text)


HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def test_a_form_sent_twice_is_recorded_once(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    before = len(all_decisions(portal.ledger))
    (one, two) = found(portal, "decides = 'waive' and status = 'open' and moves = 'flag'")[-2:]
    key = one["finding_id"]

    def sent_twice(path: str, **data: Any) -> None:
        answers = [decide(browser, path, **data) for _ in range(2)]
        assert [a.status_code for a in answers] == [303, 303], answers[1].text
        assert answers[0].headers["location"] == answers[1].headers["location"]

    sent_twice("/worklist", finding=[key])
    other = decide(browser, "/worklist", finding=[key, two["finding_id"]])  # another choice, not a second click
    assert (other.status_code, len(all_decisions(portal.ledger))) == (409, before + 1)
    assert decide(browser, "/worklist", finding=[key], through="2026-12").status_code == 409
    sent_twice(f"/finding/{key}", act="note")
    sent_twice(f"/decisions/{all_decisions(portal.ledger)[before].key}", act="take_back")
    sent_twice("/worklist", finding=[key])  # taken back meanwhile: it is another decision
    made = all_decisions(portal.ledger)[before:]
    assert [d.kind for d in made] == ["waive", "note", "take_back", "waive"]
    decide(browser, f"/decisions/{made[-1].key}", act="take_back")


def test_what_nobody_sees_is_not_recorded(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    long = "长" * 2000
    decide(browser, "/units/EX-15-01-004", act="note", reason=f"已电话\x00核实\x0b，\u202e原件\n属实{long}")
    told = all_decisions(portal.ledger)[-1].reason
    assert (told[:13], len(told)) == ("已电话核实，原件 属实长长", 500)
    assert browser.get("/units/%00%0a").status_code == 404
    assert audit.latest(portal.reader, 1)[0].what == "GET /units/"
    assert browser.client.post("/login", data={"name": "no\x00body", "password": "x"}).status_code == 401


def test_what_a_decision_will_come_to_is_told_within_the_scope_and_nothing_is_recorded(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, *_) = found(portal, "decides = 'waive' and effect = 'drop' and status = 'open'", PROVINCE)
    unit, path = one["unit_code"], "exposed_assets.rows_counted"
    row = {"period": LAST, "fails": 0, "passes": 0, "otherwise": 0, "before": None, "after": None}
    rows = [
        row | {"what": "unit", "subject": unit, "unit_code": unit, "before": "incomplete", "after": "complete late"},
        row | {"what": "score", "subject": unit, "unit_code": unit, "before": 80.7, "after": 95.5},
        row | {"what": "score", "subject": OTHER_UNIT, "unit_code": OTHER_UNIT, "before": 70.11, "after": 71.22},
        row | {"what": "rule", "subject": "GEN-02", "unit_code": unit, "passes": 1},
        row | {"what": "figure", "subject": path, "unit_code": "", "before": 1234, "after": 1235},
    ]
    monkeypatch.setattr(portal.decider, "foresee", lambda wanted: Foreseen(rows))
    before = len(all_decisions(portal.ledger))
    steward, provincial = Browser(portal, "steward"), Browser(portal, "provincial")
    sent = {"finding": one["finding_id"], "step": "foresee", "back": f"/worklist?period={LAST}"}
    whole, cut = (decide(browser, "/worklist", **sent).text for browser in (steward, provincial))
    for told in ("精确", "不完整 → <b>迟报</b>", "80.70 → <b>95.50</b>", "少 1 处"):
        assert told in whole, told
        assert told in cut, told
    for told in ("70.11", "1234"):
        assert told in whole, told
        assert told not in cut, told
    assert len(all_decisions(portal.ledger)) == before
    again = dict(HIDDEN.findall(cut))
    assert "step" not in again
    answer = provincial.client.post("/worklist", data=again)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/worklist?period={LAST}&done=1")
    (made,) = all_decisions(portal.ledger)[before:]
    assert (made.subject, made.reason) == (one["finding_id"], REASON)
    refused = decide(provincial, "/worklist", **sent | {"reason": "核实无误"})
    assert (refused.status_code, "没有记录" in refused.text) == (422, True)


def test_what_was_not_settled_is_told_as_the_most_there_can_be(portal: Portal) -> None:
    one, *_ = found(portal, "decides = 'waive' and effect = 'drop' and status = 'open'", "EX-16")
    page = decide(Browser(portal, "steward"), "/worklist", finding=one["finding_id"], step="foresee")
    assert page.status_code == 200
    assert "还没有结算过的月份" in page.text
    assert "1 处剔除被豁免，至多 1 行恢复计入" in page.text


def test_a_finding_is_drawn_in_its_sheet_with_those_beside_it(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    rows = found(portal, "rule_id = 'GEN-02'")
    page = browser.get(f"/finding/{rows[1]['finding_id']}?period={LAST}&rule=GEN-02").text
    assert rows[1]["value"] in page
    assert f'<th class="R" scope="row">{rows[1]["row"]}</th>' in page
    assert f'rel="prev" href="/finding/{rows[0]["finding_id"]}' in page
    assert f'rel="next" href="/finding/{rows[2]["finding_id"]}' in page
    assert re.search(r"data-target>" + re.escape(rows[1]["value"]), page)
    assert decide(browser, f"/finding/{rows[1]['finding_id']}", act="note").status_code == 303
    assert REASON in browser.get(f"/finding/{rows[1]['finding_id']}?period={LAST}").text
    assert decide(browser, f"/finding/{rows[1]['finding_id']}", act="wipe").status_code == 422


def test_a_held_mail_is_given_to_the_unit_that_it_names(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    page = browser.get(f"/held?period={LAST}").text
    (mail,) = re.findall(r'action="/held/(\w+)"', page)
    assert "EX-15-01-NET" in page
    assert decide(browser, f"/held/{mail}", unit="NOWHERE").status_code == 422
    assert decide(browser, f"/held/{mail}", unit="EX-15-01-006").status_code == 422
    assert decide(Browser(portal, "provincial"), f"/held/{mail}", unit="EX-15-01-NET").status_code == 404
    assert decide(browser, f"/held/{mail}", unit="EX-15-01-NET").status_code == 303
    (made,) = [d for d in all_decisions(portal.ledger) if d.kind == "assign"]
    assert (made.mail, made.unit_code) == (mail, "EX-15-01-NET")
    assert json.loads(made.about)["anyway"] == "no"
    assert "已认领给" in browser.get(f"/held?period={LAST}").text


def test_a_unit_s_cut_off_is_extended_within_its_window(portal: Portal) -> None:
    browser, path = Browser(portal, "steward"), "/units/EX-15-01-012"
    for until, words, english in (
        ("", "请填写延到的日期和时间", "Enter the day and time"),
        (
            "2026-12-24T00:00",
            "延到的时间 2026-12-24 00:00 已过 2026-10 的报送期，须早于 2026-12-01 00:00。没有记录。",
            "2026-12-24 00:00 lies past the window of 2026-10. Enter a time before 2026-12-01 00:00. Nothing was",
        ),
        (
            "2026-11-01T00:00",
            "延到的时间 2026-11-01 00:00 不晚于 2026-10 的总截止 2026-11-06 00:00，请填更晚的时间。没有记录。",
            "2026-11-01 00:00 is not after the general cut-off of 2026-10, 2026-11-06 00:00. Enter a later time.",
        ),
    ):
        for lang, said in (("zh", words), ("en", english)):
            answer = decide(browser, f"{path}?lang={lang}", act="extend", until=until, late="yes")
            assert (answer.status_code, said in answer.text, "--" in answer.text) == (422, True, False), answer.text
    browser.get("/account?lang=zh")
    assert decide(browser, path, act="extend", until="2026-11-20T18:00", late="yes").status_code == 303
    (made,) = [d for d in all_decisions(portal.ledger) if d.kind == "extend"]
    assert made.until.isoformat() == "2026-11-20T10:00:00+00:00"
    page = browser.get(f"{path}?period={LAST}").text
    assert "2026-11-20 18:00" in page
    assert browser.get(f"/units?period={LAST}&state=incomplete").text.count("/units/EX-15") >= 1


def test_who_extends_late_is_told_what_to_tick(portal: Portal) -> None:
    late = Steward("王强", REASON, datetime(2026, 11, 7, tzinfo=UTC))
    until = datetime(2026, 11, 20, 18, tzinfo=portal.zone)
    with pytest.raises(DecisionError, match="2026-11-06 00:00, is past: say --late") as refused:
        Desk(portal.home).extend("EX-15-01-012", LAST, until, late)
    told = {lang: portal.words(lang).say(f"why.{refused.value.why}", **refused.value.told) for lang in ("zh", "en")}
    assert told["zh"] == "2026-10 的总截止 2026-11-06 00:00 已过。确要补批，请勾选“总截止已过，仍予补批”。"
    assert told["en"].startswith("The general cut-off of 2026-10, 2026-11-06 00:00, is past. Tick “grant it")


def test_why_a_decision_is_refused_is_told_in_words_of_the_page(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    (whole, *_) = found(portal, "decides = 'waive' and effect not in ('drop', 'flag') and status = 'open'")
    (known, *_) = found(portal, "decides = 'waive' and effect in ('drop', 'flag') and fault <> '' and status = 'open'")
    for finding, through, words in (
        (whole, "2026-12", f"规则 {whole['rule_id']} 的问题只能逐次豁免，“适用”请选“仅这次提交”。没有记录。"),
        (known, "2026-09", "所选的 2026-09 早于问题所在的 2026-10，请选更晚的月份。没有记录。"),
        (known, "later", "现在不能这样决定，请刷新页面再看。没有记录。"),
    ):
        answer = decide(browser, f"/finding/{finding['finding_id']}", act="waive", through=through)
        assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert decide(browser, f"/finding/{whole['finding_id']}", act="waive").status_code == 303
    (made,) = [d for d in all_decisions(portal.ledger) if d.subject == whole["finding_id"]]
    assert decide(browser, f"/decisions/{made.key}", act="take_back").status_code == 303
    again = decide(browser, f"/decisions/{made.key}?lang=en", act="take_back", reason=f"{REASON}，另行处理")
    assert (again.status_code, f"Decision {made.key} is no longer in force. Reload" in again.text) == (422, True)
    assert portal.decider is not None
    keyless = [{**known, "period": LAST, "fault": ""}]
    with pytest.raises(DecisionError, match="leave --through out") as refused:
        portal.decider.decide(Wanted("waive", "王强", REASON, datetime.now(UTC), rows=keyless, through="2026-12"))
    told = portal.words("zh").say(f"why.{refused.value.why}", **refused.value.told)
    assert told.startswith(f"规则 {known['rule_id']} 指出的这一行没有可辨认的编号")
    for module in (ledger_decisions, decisions):
        for why in re.findall(r'why="(\w+)"', inspect.getsource(module)):
            assert f"why.{why}" in texts(), why


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_there_in_both_languages(portal: Portal, lang: str) -> None:
    browser = Browser(portal, "steward")
    (row, *_) = found(portal, "moves = 'flag' and row > 0")
    (scan, *_) = found(portal, "row <= 0 and unit_code <> ''")
    for path in (
        "/worklist",
        "/units",
        "/held",
        "/decisions",
        "/units/EX-15-01-003",
        f"/finding/{row['finding_id']}",
        f"/finding/{scan['finding_id']}",
    ):
        answer = browser.get(f"{path}?period={LAST}&lang={lang}")
        assert answer.status_code == 200, path
        assert f'<html lang="{"zh" if lang == "zh" else "en"}' in answer.text
        assert len(answer.content) < 200_000


def test_pages_say_words_where_the_data_have_codes(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    page = browser.get(f"/worklist?period={LAST}&sheet=self_check&rule=GEN-03&moves=all").text
    assert 'class="chip">自查结果 ' in page
    assert re.search(r'class="chip">GEN-03 [^<]+ <a', page)
    for none in ("sheet=nowhere", "rule=GEN-99"):
        assert browser.get(f"/worklist?period={LAST}&{none}").status_code == 404, none
    (returned, *_) = found(portal, "effect = 'return' and status = 'open' and unit_code <> ''")
    told = browser.get(f"/units/{returned['unit_code']}?period={LAST}").text
    title = portal.catalogue.rules[returned["rule_id"]].title["zh"]
    assert f'<span class="small">{title}' in told


def test_of_most_of_the_carrier_the_same_is_found_in_another_way(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(portal, "steward")
    for query in (
        "",
        "&moves=all&status=all",
        "&moves=flag",
        "&rule=GEN-03",
        "&sheet=-",
        "&can=no",
        "&after=100&moves=all",
    ):
        path = f"/worklist?period={LAST}{query}"
        pages = []
        for most in (2000, 0):
            monkeypatch.setattr("reports.portal.asked.MOST_OF", most)
            pages.append(browser.get(path).text)
        assert pages[0] == pages[1], query
        assert "EX-15-01" in pages[0]
