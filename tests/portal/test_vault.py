"""The vault: unmasked rows by request and another person's approval alone, within scope, tables, time and number."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from assets.instance.home import Home
from assets.ledger import audit, people, unmasking
from assets.ledger.people import Person
from assets.ledger.unmasking import UnmaskingError
from reports.portal.shape import VAULT, unmasked_tables
from reports.portal.shared import Portal
from reports.portal.vault import write_vaults
from tests.portal.made_portal import CARRIER, OTHER_PROVINCE, PROVINCE, Browser, portal_of
from tests.reports.settled_sample import LAST, Sample

NOW = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
REASON = "核对安全事件责任人，已与省公司沟通"
ASKED = {"period": LAST, "scope": PROVINCE, "table": ["exposed_assets", "app_launches"], "reason": REASON}


@pytest.fixture(scope="module")
def portal(home: Home, sample: Sample) -> Iterator[Portal]:
    write_vaults(sample.work, home.portal / VAULT, wanted=True)
    with portal_of(home) as made:
        made.settings = replace(made.settings, vault=True)
        now = datetime.now(UTC)
        people.add_user(made.ledger, "both", "Both", "hash", "tests", now)  # may ask, and may answer others
        for role in ("reader", "steward"):
            people.grant(made.ledger, "both", role, CARRIER, "tests", now)
        yield made


@pytest.fixture
def two(ledger: Engine) -> tuple[Person, Person]:
    """Two people of the ledger."""
    for name in ("wang", "li"):
        people.add_user(ledger, name, name.title(), "hash", "tests", NOW)
    return tuple(Person(n, name, name.title(), ()) for n, name in ((1, "wang"), (2, "li")))  # type: ignore[return-value]


def asked(portal: Portal, name: str = "provincial_reader", **over: Any) -> int:
    """The number of a request that somebody has made."""
    assert Browser(portal, name).post("/unmasked", ASKED | over).status_code == 303
    return unmasking.requests(portal.reader)[0].id


def test_a_request_lives_by_the_answer_of_another(ledger: Engine, two: tuple[Person, Person]) -> None:
    wang, li = two
    number = unmasking.ask(ledger, wang, LAST, PROVINCE, ["exposed_assets"], REASON, NOW)
    for why, refused in (
        ("own", lambda: unmasking.answer(ledger, wang, number, approves=True, now=NOW)),
        ("beyond", lambda: unmasking.answer(ledger, li, number, approves=True, hours=25, now=NOW)),
        ("beyond", lambda: unmasking.answer(ledger, li, number, approves=True, downloads=4, now=NOW)),
        ("unknown", lambda: unmasking.answer(ledger, li, number + 1, approves=True, now=NOW)),
        ("waiting", lambda: unmasking.take(ledger, wang, number, NOW)),
    ):
        with pytest.raises(UnmaskingError) as error:
            refused()
        assert error.value.why == why
    unmasking.answer(ledger, li, number, approves=True, hours=2, downloads=2, now=NOW)
    with pytest.raises(UnmaskingError, match="answered"):
        unmasking.answer(ledger, li, number, approves=False, now=NOW)
    with pytest.raises(UnmaskingError, match="unknown"):
        unmasking.take(ledger, li, number, NOW)
    assert unmasking.take(ledger, wang, number, NOW).tables == ("exposed_assets",)
    (one,) = unmasking.requests(ledger, wang.id)
    assert [one.state(NOW + timedelta(hours=h)) for h in (1, 2)] == ["open", "over"]
    with pytest.raises(UnmaskingError, match="over"):
        unmasking.take(ledger, wang, number, NOW + timedelta(hours=2))
    unmasking.take(ledger, wang, number, NOW)
    with pytest.raises(UnmaskingError, match="used"):
        unmasking.take(ledger, wang, number, NOW)
    assert [line.act for line in audit.latest(ledger, 4)] == [
        "download unmasked", "download unmasked", "approve unmasked", "ask unmasked",
    ]  # fmt: skip


def test_the_latest_requests_are_those_of_the_scopes_asked_for(
    ledger: Engine, two: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of the latest of everybody: many of another province hid one that waits."""
    wang, li = two
    mine = unmasking.ask(ledger, wang, LAST, PROVINCE, ["exposed_assets"], REASON, NOW)
    others = [unmasking.ask(ledger, li, LAST, OTHER_PROVINCE, ["exposed_assets"], REASON, NOW) for _ in range(3)]
    monkeypatch.setattr(unmasking, "SHOWN", 2)
    assert [asked.id for asked in unmasking.requests(ledger, within={LAST: [PROVINCE]})] == [mine]
    assert [asked.id for asked in unmasking.requests(ledger, within={LAST: [OTHER_PROVINCE]})] == others[:0:-1]
    assert [asked.id for asked in unmasking.requests(ledger, within={"2026-01": [PROVINCE]})] == []
    assert unmasking.requests(ledger, within={}) == []
    assert [asked.asked_by for asked in unmasking.requests(ledger, wang.id)] == [wang.display]


def test_the_database_itself_holds_what_was_granted(ledger: Engine, two: tuple[Person, Person]) -> None:
    wang, li = two
    granted, refused, open_one = (
        unmasking.ask(ledger, wang, LAST, PROVINCE, ["exposed_assets"], REASON, NOW) for _ in range(3)
    )
    unmasking.answer(ledger, li, granted, approves=True, now=NOW)
    unmasking.answer(ledger, li, refused, approves=False, now=NOW)
    unmasking.take(ledger, wang, granted, NOW)
    at, late = (moment.strftime("%Y-%m-%d %H:%M:%S.000000") for moment in (NOW, NOW + timedelta(days=1)))
    for statement in (
        f"insert into unmask_answers values (9, {open_one}, {wang.id}, true, '', 1, '{at}', '{late}')",  # their own
        f"insert into unmask_downloads values (9, {granted}, '{at}')",  # one too many
        f"insert into unmask_downloads values (9, {refused}, '{at}')",
        f"insert into unmask_downloads values (9, {open_one}, '{at}')",
        "update unmask_answers set downloads = 99",
        "delete from unmask_downloads",
        "update unmask_requests set scope = 'EX'",
    ):
        with pytest.raises(DBAPIError), ledger.begin() as connection:
            connection.execute(text(statement))


def test_rows_are_fetched_as_granted_and_are_those_that_were_entered(portal: Portal, sample: Sample) -> None:
    number = asked(portal)
    reader, steward = Browser(portal, "provincial_reader"), Browser(portal, "provincial")
    assert "等待批准" in steward.get("/approvals").text
    assert REASON in steward.get("/approvals").text
    assert reader.post(f"/unmasked/{number}").status_code == 409
    assert steward.post(f"/approvals/{number}", {"act": "approve", "hours": "99", "downloads": "1"}).status_code == 422
    approved = {"act": "approve", "hours": "4", "downloads": "1", "remark": "已核实"}
    assert steward.post(f"/approvals/{number}", approved).status_code == 303
    assert steward.post(f"/approvals/{number}", approved).status_code == 409
    assert "前还可下载 1 次" in reader.get("/unmasked").text
    answer = reader.post(f"/unmasked/{number}")
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert sorted(packed.namelist()) == ["README.txt", "app_launches.csv", "exposed_assets.csv"]
    assert "不得转发" in packed.read("README.txt").decode()
    rows = list(csv.DictReader(io.StringIO(packed.read("exposed_assets.csv").decode("utf-8-sig"))))
    entered = sample.warehouse.rows(
        "select owner, owner_phone from marts.exposed_assets where period = $p and unit_code like 'EX-15%'", {"p": LAST}
    )
    assert {(r["owner"], r["owner_phone"].lstrip("'")) for r in rows} == {
        (r["owner"] or "", r["owner_phone"] or "") for r in entered
    }
    assert {r["unit_code"][:5] for r in rows} == {PROVINCE}
    assert not any("**" in r["owner"] for r in rows)
    assert reader.post(f"/unmasked/{number}").status_code == 409  # once was granted
    told = [line for line in audit.latest(portal.reader, 9) if "unmasked" in line.act]
    assert [(line.who, line.act, line.outcome) for line in told] == [
        ("provincial_reader", "download unmasked", "done"),
        ("provincial", "approve unmasked", "refused"),
        ("provincial", "approve unmasked", "done"),
        ("provincial", "approve unmasked", "refused"),
        ("provincial_reader", "ask unmasked", "done"),
    ]


def test_nothing_is_asked_or_answered_beyond_one_s_scope(portal: Portal) -> None:
    reader = Browser(portal, "provincial_reader")
    for over in ({"scope": CARRIER}, {"scope": OTHER_PROVINCE}, {"period": "2026-08"}, {"scope": "NOWHERE"}):
        assert reader.post("/unmasked", ASKED | over).status_code == 404, over
    for over in ({"table": []}, {"table": ["indicators", "findings"]}, {"reason": "无"}):
        assert reader.post("/unmasked", ASKED | over).status_code == 422, over
    whole = asked(portal, "reader", scope=CARRIER)
    assert Browser(portal, "reader").post("/unmasked", ASKED | {"scope": CARRIER}).status_code == 409  # it waits
    assert Browser(portal, "provincial").post(f"/approvals/{whole}", {"act": "approve"}).status_code == 404
    assert Browser(portal, "provincial_reader").post(f"/unmasked/{whole}").status_code == 404
    assert Browser(portal, "steward").post(f"/approvals/{whole}", {"act": "refuse"}).status_code == 303
    assert Browser(portal, "reader").post(f"/unmasked/{whole}").status_code == 409
    for none in ("999", "x", "9" * 20):
        assert Browser(portal, "steward").post(f"/approvals/{none}", {"act": "refuse"}).status_code == 404, none


def test_nobody_approves_their_own_and_who_loses_a_scope_fetches_nothing(portal: Portal) -> None:
    number = asked(portal, "both", scope=OTHER_PROVINCE)
    approved = {"act": "approve", "hours": "1", "downloads": "3"}
    assert Browser(portal, "both").post(f"/approvals/{number}", approved).status_code == 422
    assert "自己的申请要由另一个人批准" in Browser(portal, "both").get("/approvals").text
    assert Browser(portal, "steward").post(f"/approvals/{number}", approved).status_code == 303
    browser, now = Browser(portal, "both"), datetime.now(UTC)
    assert browser.post(f"/unmasked/{number}").status_code == 200
    people.grant(portal.ledger, "both", "reader", CARRIER, "tests", now, gives=False)
    people.grant(portal.ledger, "both", "reader", PROVINCE, "tests", now)
    assert browser.post(f"/unmasked/{number}").status_code == 404
    assert unmasking.requests(portal.reader)[0].taken == 1


def test_without_the_setting_there_is_no_vault(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, sample: Sample, tmp_path: Path
) -> None:
    folder = tmp_path / VAULT
    assert write_vaults(sample.work, folder, wanted=True) != []
    assert write_vaults(sample.work, folder, wanted=True) == []
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    write_vaults(sample.work, folder, wanted=False)
    assert not folder.exists()
    monkeypatch.setattr(portal, "settings", replace(portal.settings, vault=False))
    reader, steward = Browser(portal, "reader"), Browser(portal, "steward")
    assert reader.get("/unmasked").status_code == reader.post("/unmasked", ASKED).status_code == 404
    assert steward.get("/approvals").status_code == 404
    assert "/unmasked" not in reader.get("/account").text
    assert set(unmasked_tables(portal.catalogue)) >= {"exposed_assets", "app_launches", "self_check"}
