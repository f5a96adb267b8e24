"""A reader's pages: what is published within the scopes granted, and nothing else; the same by token."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.instance.home import Home
from assets.ledger import audit, people
from assets.ledger.decisions import record
from pipelines.cli import app as command_line
from reports.portal.shared import Portal
from tests.made_decisions import waiver
from tests.portal.made_portal import CARRIER, OTHER_PROVINCE, PROVINCE, Browser, portal_of, served
from tests.reports.settled_sample import LAST, Sample

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def put_version(home: Home, sample: Sample, scope: str, version: str, **over: Any) -> None:
    folder = home.published / LAST / scope / version
    (folder / "data").mkdir(parents=True)
    summary = {
        **sample.summary(LAST, scope),
        "as_of": f"2026-11-0{5 + int(version[1:])}T00:30:00+08:00",
        "cutoff": "2026-11-06T00:00:00+08:00",
    }
    summary["units"] = {**summary["units"], **over.pop("units", {})}
    manifest = {"decisions": over.pop("decisions", []), "mails": over.pop("mails", [])}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for form in ("html", "xlsx", "docx", "pdf"):
        (folder / f"report.{form}").write_text(f"{scope} {version} {form}", encoding="utf-8")
    for table in ("units", "findings"):
        (folder / "data" / f"{table}.csv").write_text(f"{scope} {table}", encoding="utf-8")


@pytest.fixture(scope="module")
def portal(home: Home, sample: Sample) -> Iterator[Portal]:
    for scope in (CARRIER, PROVINCE, "EX-15-01", OTHER_PROVINCE, "EX-16-01"):
        put_version(home, sample, scope, "v1")
    with portal_of(home) as made:
        (decision,) = record(made.ledger, [waiver("f1", NOW)], NOW)
        mails = [{"sha256": "ab" * 32, "received_at": "2026-11-06T08:00:00+08:00", "unit": "EX-15-01-001", "copies": 0}]
        put_version(home, sample, CARRIER, "v2", units={"missing": 5}, mails=mails, decisions=[{"key": decision.key}])
        yield made


def test_the_page_shows_the_version_that_stands_and_what_it_changed(portal: Portal) -> None:
    page = Browser(portal, "reader").get(f"/reports?period={LAST}").text
    for form in ("html", "xlsx", "docx", "pdf", "csv", "json", "manifest"):
        assert f'href="/reports/{LAST}/EX/v2/{form}"' in page
    assert "v2 比 v1 改了什么" in page
    assert "未报单位" in page
    assert waiver("f1", NOW).reason in page
    assert "新到 1 封邮件" in page
    assert "5 家未报" in page
    english = Browser(portal, "reader").get(f"/reports?period={LAST}&lang=en").text
    assert "What v2 changed in v1" in english


def test_files_are_handed_out_as_they_lie_there_and_it_is_told(portal: Portal) -> None:
    browser = Browser(portal, "reader")
    answer = browser.get(f"/reports/{LAST}/EX/v1/pdf")
    assert answer.text == "EX v1 pdf"
    assert answer.headers["content-disposition"] == f'attachment; filename="{LAST}-EX-v1.pdf"'
    packed = zipfile.ZipFile(BytesIO(browser.get(f"/reports/{LAST}/EX/v2/csv").content))
    assert packed.read("findings.csv") == b"EX findings"
    assert [line.what for line in audit.latest(portal.reader, 2)] == [f"{LAST}/EX/v2/csv", f"{LAST}/EX/v1/pdf"]


def test_nothing_out_of_scope_is_there(portal: Portal) -> None:
    browser = Browser(portal, "provincial_reader")
    nothing = browser.get("/nowhere").content
    assert "EX-15-01" in browser.get("/reports").text
    assert "EX-16" not in browser.get("/reports").text
    for path in (
        f"/reports/{LAST}/EX/v1/html",
        f"/reports/{LAST}/EX-16/v1/html",
        f"/reports/{LAST}/EX-15/v2/html",
        f"/reports/{LAST}/EX-15/v1/exe",
        f"/reports/{LAST}/EX-15/../html",
        f"/reports/{LAST}/EX-15/v1/..%2Fmanifest",
        "/reports/2026-08/EX-15/v1/html",
        f"/reports?period={LAST}&scope=EX-16",
        "/reports?period=2026-08",
    ):
        answer = browser.get(path)
        assert (answer.status_code, answer.content) == (404, nothing), path
    assert browser.get(f"/reports/{LAST}/EX-15/v1/html").status_code == 200


def made_token(browser: Browser, **data: Any) -> str:
    page = browser.post("/tokens", {"scope": "EX-15", "days": "30", **data}).text
    return (
        page.partition(people.TOKEN_PREFIX)[2].partition("<")[0]
        and people.TOKEN_PREFIX + page.partition(people.TOKEN_PREFIX)[2].partition("<")[0]
    )


def test_a_token_fetches_within_its_scope_until_it_is_revoked(portal: Portal) -> None:
    browser = Browser(portal, "reader")
    token = made_token(browser)
    assert token not in browser.get("/tokens").text  # shown once

    def pulled(**query: str) -> Any:
        client = Browser(portal).client
        return client.get("/pull", params={"period": LAST, **query}, headers={"authorization": f"Bearer {token}"})

    assert pulled().text == "EX-15 v1 html"
    assert pulled(scope="EX-15-01", format="pdf").text == "EX-15-01 v1 pdf"
    for out in (
        {"scope": "EX"},
        {"scope": "EX-16"},
        {"period": "2026-08"},
        {"version": "v2"},
        {"format": "exe"},
        {"scope": "../EX"},
    ):
        assert pulled(**out).status_code == 404, out
    assert Browser(portal).client.get("/pull", params={"period": LAST}).status_code == 401
    for path in ("/reports", "/tokens", f"/reports/{LAST}/EX/v1/html"):
        answer = Browser(portal).client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 303  # a token is for fetching alone
    assert browser.post("/tokens", {"scope": "EX-15", "days": "181"}).status_code == 422
    assert browser.post("/tokens", {"scope": "NOWHERE", "days": "1"}).status_code == 404
    (held, *_) = (t for t, _ in people.tokens(portal.reader))
    assert Browser(portal, "provincial_reader").post("/tokens", {"revoke": str(held.id)}).status_code == 404
    for none in ("99999999999999999999", "4711", "x", "-1"):
        assert browser.post("/tokens", {"revoke": none}).status_code == 404, none
    assert browser.post("/tokens", {"revoke": str(held.id)}).status_code == 303
    assert pulled().status_code == 401


def test_who_loses_a_scope_fetches_nothing_there_any_more(portal: Portal) -> None:
    now = datetime.now(UTC)
    people.add_user(portal.ledger, "leaver", "", "hash", "tests", now)
    people.grant(portal.ledger, "leaver", "reader", OTHER_PROVINCE, "tests", now)
    token = people.add_token(portal.ledger, "leaver", OTHER_PROVINCE, 30, "tests", now)
    headers = {"authorization": f"Bearer {token}"}
    assert Browser(portal).client.get("/pull", params={"period": LAST}, headers=headers).status_code == 200
    people.grant(portal.ledger, "leaver", "reader", OTHER_PROVINCE, "tests", now, gives=False)
    assert Browser(portal).client.get("/pull", params={"period": LAST}, headers=headers).status_code == 404


def test_the_command_line_pulls_from_a_portal(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(*arguments: str, check: int = 0) -> str:
        done = CliRunner().invoke(command_line, ["pull", "--period", LAST, "--out", str(tmp_path), *arguments])
        assert done.exit_code == check, done.output
        return done.output

    with served(portal) as url:
        pull("--url", url, check=2)
        monkeypatch.setenv("SIXTH_TOKEN", made_token(Browser(portal, "reader")))
        assert pull("--url", url, "--format", "pdf").strip() == str(tmp_path / f"{LAST}-EX-15-v1.pdf")
        assert (tmp_path / f"{LAST}-EX-15-v1.pdf").read_text(encoding="utf-8") == "EX-15 v1 pdf"
        assert "404" in pull("--url", url, "--scope", "EX", check=2)
        assert "https alone" in pull("--url", "http://portal.example", check=2)
