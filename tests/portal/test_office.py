"""An office's page: its units, who owes what, who was reminded; and its signature, which holds while the data stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from assets.instance.home import Home
from assets.ledger import audit, signatures
from assets.ledger.people import Person
from assets.ledger.queue import Entry, enqueue
from assets.month.signing import contents_of, sign_offs
from reports.portal.reading import opened
from reports.portal.shared import Portal
from tests.portal.made_portal import OFFICE, OTHER_UNIT, PROVINCE, UNIT, Browser, portal_of
from tests.portal.test_reader import put_version
from tests.reports.settled_sample import LAST, Sample

NOW = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
WHO = Person(1, "qing", "青川盟网络部", (("office", OFFICE),))


@pytest.fixture(scope="module")
def portal(home: Home, sample: Sample) -> Iterator[Portal]:
    put_version(home, sample, OFFICE, "v1")
    with portal_of(home) as made:
        made.settings = replace(made.settings, signing_levels=("city",))
        yield made


def content_of(portal: Portal) -> str:
    with opened(portal.home.portal, LAST, [OFFICE]) as month:
        node = month.one("node", unit_code=OFFICE)
        assert node is not None
        return str(node["content"])


def test_signatures_are_kept_and_the_last_holds(ledger: Engine) -> None:
    signatures.sign(ledger, WHO, LAST, OFFICE, "a", "看过", NOW)
    assert {s: (line.signed_by, line.content) for s, line in signatures.standing(ledger, LAST, NOW).items()} == {
        OFFICE: ("青川盟网络部", "a")
    }
    assert signatures.standing(ledger, "2026-09", NOW) == {}
    assert signatures.standing(ledger, LAST, datetime(2026, 11, 1, tzinfo=UTC)) == {}  # not yet, by that clock
    signatures.take_back(ledger, WHO, LAST, OFFICE, "", NOW)
    assert signatures.standing(ledger, LAST, NOW) == {}
    assert [(line.who, line.act) for line in audit.latest(ledger)] == [("qing", "take signature"), ("qing", "sign")]
    for statement in ("update signatures set signed_by = 'li'", "delete from signatures"):
        with pytest.raises(DBAPIError), ledger.begin() as connection:
            connection.execute(text(statement))


def test_what_is_signed_changes_with_the_units_below_alone(sample: Sample) -> None:
    before = contents_of(sample.warehouse, LAST)
    change = "update marts.unit_results set rows_counted = rows_counted + $by where unit_code = $u and period = $p"
    sample.warehouse.execute(change, {"u": OTHER_UNIT, "p": LAST, "by": 1})
    after = contents_of(sample.warehouse, LAST)
    sample.warehouse.execute(change, {"u": OTHER_UNIT, "p": LAST, "by": -1})
    assert {scope for scope in before if before[scope] != after[scope]} == {"EX", "EX-16", "EX-16-01"}
    assert contents_of(sample.warehouse, LAST) == before


def test_who_is_asked_to_sign_and_has(sample: Sample, ledger: Engine, snapshots: object, portal: Portal) -> None:
    tree = sample.work.register.tree(LAST)
    assert content_of(portal) == contents_of(sample.warehouse, LAST)[OFFICE]  # as the page has it
    for content, by in ((content_of(portal), "青川盟网络部"), ("before the last mail", None)):
        signatures.sign(ledger, WHO, LAST, OFFICE, content, "", NOW)
        found = sign_offs(sample.warehouse, tree, LAST, ["city"], signatures.standing(ledger, LAST, NOW))
        assert [(s.scope, s.signed_by) for s in found] == [(OFFICE, by), ("EX-16-01", None)]


def test_the_page_shows_who_owes_what_and_who_was_reminded(portal: Portal) -> None:
    sent = [
        Entry("k1", "reminder", LAST, UNIT, "unit@oa.example", "<1@x>"),
        Entry("k2", "office_list", LAST, OFFICE, "office@oa.example", "<2@x>"),
        Entry("k3", "overdue", LAST, OTHER_UNIT, "other@oa.example", "<3@x>"),
        Entry("k4", "receipt", LAST, UNIT, "receipt@oa.example", "<4@x>"),
    ]
    enqueue(portal.ledger, LAST, [e.kind for e in sent], sent, NOW)
    page = Browser(portal, "office").get(f"/office?period={LAST}").text
    with opened(portal.home.portal, LAST, [OFFICE]) as month:
        owing = month.db.execute("select count(*) from units where state <> 'complete'").fetchone()[0]
        assert len(month.rows("debtors", lo=0, hi=10_000)) == owing > 3
    assert f"，{owing} 家还有欠项" in page
    assert "附件3退回、1 处必须改" in page
    assert "unit@oa.example" in page
    assert "office@oa.example" in page
    for unseen in ("other@oa.example", "receipt@oa.example", "EX-16", "临江"):
        assert unseen not in page, unseen
    unit = Browser(portal, "office").get(f"/office/{UNIT}?period={LAST}").text
    assert UNIT in unit
    for unseen in ('<form method="post" action="/units', "/worklist", "/finding/"):  # looked at, not decided on
        assert unseen not in unit, unseen


def test_a_month_is_signed_as_it_was_seen_and_no_longer_when_it_changes(portal: Portal) -> None:
    browser, content = Browser(portal, "office"), content_of(portal)
    form = {"period": LAST, "scope": OFFICE, "content": content, "seen": "yes", "act": "sign"}
    for status, over in ((409, {"content": "what was there before"}), (422, {"seen": ""}), (404, {"scope": PROVINCE})):
        assert browser.post("/office", form | over).status_code == status, over
    assert browser.post("/office", form | {"act": "take_back"}).status_code == 422
    assert "尚未签认" in browser.get(f"/office?period={LAST}").text
    assert browser.post("/office", form | {"remark": "逐家核对"}).status_code == 303
    page = browser.get(f"/office?period={LAST}").text
    assert "已确认" in page
    assert "逐家核对" in page
    assert "2026-11-06 00:30 发布 v1" in page  # confirmed and published are two acts
    assert browser.post("/office", form).status_code == 409
    assert Browser(portal, "provincial").post("/office", form).status_code == 404
    reader = Browser(portal, "provincial_reader").get(f"/reports?period={LAST}&scope={OFFICE}").text
    assert "1 处应签认，1 处已签认" in reader
    signatures.sign(portal.ledger, WHO, LAST, OFFICE, "before the last mail", "", datetime.now(UTC))
    assert "此后数据有变动" in browser.get(f"/office?period={LAST}").text
    assert browser.post("/office", form | {"act": "take_back"}).status_code == 303
    assert "尚未签认" in browser.get(f"/office?period={LAST}").text


def test_without_the_setting_nobody_is_asked(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "settings", replace(portal.settings, signing_levels=()))
    browser = Browser(portal, "office")
    assert "不需要签认" in browser.get(f"/office?period={LAST}").text
    form = {"period": LAST, "scope": OFFICE, "content": content_of(portal), "seen": "yes", "act": "sign"}
    assert browser.post("/office", form).status_code == 422
