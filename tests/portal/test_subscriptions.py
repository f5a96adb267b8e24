"""Subscriptions: asked for on the portal, mailed by what mails register/recipients.csv, as a link or encrypted alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from assets.instance.home import Home
from assets.instance.recipients import Recipient
from assets.instance.settings import NoticeSettings
from assets.ledger import audit, people, subscriptions
from assets.ledger.people import Person
from assets.ledger.queue import Entry, enqueue
from assets.ledger.subscriptions import SubscriptionError
from reports.notices.run import _subscribed
from reports.portal.shared import Portal
from tests.portal.made_portal import CARRIER, OTHER_PROVINCE, PROVINCE, Browser, portal_of
from tests.reports.settled_sample import LAST, Sample

NOW = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
WAYS = NoticeSettings(report_link="https://portal.example/{period}/{scope}", zip_password_env="SIXTH_ZIP")
LIST = "security-list@oa.example"
WANTED = {
    "scope": PROVINCE, "mailbox": LIST, "name": "安全处", "way": "zip", "form": ["pdf", "xlsx"], "when": "always"
}  # fmt: skip


@pytest.fixture(scope="module")
def portal(home: Home) -> Iterator[Portal]:
    with portal_of(home) as made:
        made.settings = replace(made.settings, notices=WAYS)
        yield made


def test_the_mailer_gets_who_still_may_have_it_and_nothing_in_the_open(ledger: Engine, sample: Sample) -> None:
    tree = sample.work.register.tree(LAST)
    people.add_user(ledger, "liu", "刘海", "hash", "tests", NOW)
    people.grant(ledger, "liu", "reader", PROVINCE, "tests", NOW)
    liu = Person(1, "liu", "刘海", ())
    subscriptions.subscribe(ledger, liu, PROVINCE, "a@oa.example", "甲", ["html", "pdf"], "always", NOW)
    subscriptions.subscribe(ledger, liu, "EX-15-01", "b@oa.example", "乙", [], "deadline", NOW)
    subscriptions.subscribe(ledger, liu, CARRIER, "c@oa.example", "丙", ["pdf"], "always", NOW)  # beyond the grant
    with pytest.raises(SubscriptionError, match="there"):
        subscriptions.subscribe(ledger, liu, PROVINCE, "a@oa.example", "甲", [], "deadline", NOW)

    def due(at: datetime = NOW, **how: Any) -> list[tuple[str, str, tuple[str, ...], str]]:
        found = subscriptions.subscribed(ledger, tree, at, **{"encrypted": True, **how})
        return [(r.scope, r.mailbox, r.forms, r.when) for r in found]

    both = [(PROVINCE, "a@oa.example", ("html", "pdf"), "always"), ("EX-15-01", "b@oa.example", (), "deadline")]
    assert due() == both
    assert [forms for _, _, forms, _ in due(encrypted=False)] == [(), ()]
    assert due(NOW - timedelta(days=1)) == []
    (first, *_) = subscriptions.standing(ledger, NOW)
    with pytest.raises(SubscriptionError, match="unknown"):
        subscriptions.end(ledger, Person(2, "li", "", ()), first.id, NOW)
    subscriptions.end(ledger, liu, first.id, NOW)
    assert due() == both[1:]
    with pytest.raises(DBAPIError), ledger.begin() as connection:
        connection.execute(text("delete from subscriptions"))
    people.disable(ledger, "liu", "tests", NOW)
    assert due() == []


def test_a_reader_subscribes_within_scope_and_the_register_s_domains(portal: Portal) -> None:
    browser = Browser(portal, "provincial_reader")
    for status, over in (
        (404, {"scope": OTHER_PROVINCE}),
        (404, {"when": "daily"}),
        (422, {"mailbox": "list@elsewhere.example"}),
        (422, {"mailbox": "a@oa.example, b@oa.example"}),
        (422, {"way": "plain"}),
        (422, {"form": []}),
        (422, {"name": "甲\r\nBcc: x"}),
    ):
        assert browser.post("/subscriptions", WANTED | over).status_code == status, over
    assert browser.post("/subscriptions", WANTED).status_code == 303
    assert browser.post("/subscriptions", WANTED | {"way": "link"}).status_code == 409
    (mine,) = subscriptions.standing(portal.reader, datetime.now(UTC))
    assert (mine.forms, mine.wanted) == ("xlsx;pdf", "always")
    mails = [
        Entry("r1", "report", LAST, PROVINCE, LIST, "<receipt@sixth>"),
        Entry("r2", "report", LAST, CARRIER, LIST, "<of the carrier@sixth>"),
    ]
    enqueue(portal.ledger, LAST, ["report"], mails, NOW)
    page = browser.get("/subscriptions").text
    assert LIST in page
    assert "加密压缩包：Excel、PDF" in page
    assert page.count(f"· {LIST}") == 1  # what went there of a scope that is not theirs is not told
    other = Browser(portal, "reader")
    assert LIST not in other.get("/subscriptions").text
    assert other.post("/subscriptions", {"end": str(mine.id)}).status_code == 404
    assert browser.post("/subscriptions", {"end": str(mine.id)}).status_code == 303
    assert subscriptions.standing(portal.reader, datetime.now(UTC)) == []
    told = [line.act for line in audit.latest(portal.reader, who="provincial_reader") if "subscri" in line.act]
    assert told == ["end subscription", "subscribe"]


def test_a_run_mails_to_who_is_on_the_file_and_who_subscribed_each_mailbox_once(portal: Portal, sample: Sample) -> None:
    ids = {user.name: user.id for user, _ in people.users(portal.reader)}
    who = Person(ids["reader"], "reader", "Reader", ())
    for mailbox in ("a@oa.example", "b@oa.example"):
        subscriptions.subscribe(portal.ledger, who, CARRIER, mailbox, "甲", ["pdf"], "always", NOW)
    on_file = (Recipient(CARRIER, "甲", "a@oa.example", ("html",), "always", 2),)
    session: Any = SimpleNamespace(home=portal.home, settings=portal.settings)
    found = _subscribed(session, replace(sample.work, as_of=NOW), LAST, on_file)
    assert [(r.mailbox, r.forms) for r in found] == [("b@oa.example", ("pdf",))]
    session.settings = replace(portal.settings, notices=NoticeSettings())
    found = _subscribed(session, replace(sample.work, as_of=NOW), LAST, on_file)
    assert [(r.mailbox, r.forms) for r in found] == [("b@oa.example", ())]  # no password: never in the open


def test_who_is_on_the_file_already_is_told(portal: Portal) -> None:
    file = portal.home.register / "recipients.csv"
    file.write_text(f"scope,name,mailbox,forms,when\n{PROVINCE},安全处,{LIST},pdf,always\n", encoding="utf-8")
    assert Browser(portal, "reader").post("/subscriptions", WANTED).status_code == 409
    file.unlink()


def test_without_link_and_password_there_is_no_subscribing(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "settings", replace(portal.settings, notices=NoticeSettings()))
    browser = Browser(portal, "reader")
    assert "还没有设置报告链接或压缩包口令" in browser.get("/subscriptions").text
    assert browser.post("/subscriptions", WANTED).status_code == 422
