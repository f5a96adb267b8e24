"""The portal in a real browser, end to end for each role, in both languages and on a small screen; axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from assets.instance.home import Home
from assets.instance.settings import NoticeSettings
from assets.ledger.decisions import all_decisions
from pipelines.portal_desk import PortalDecider
from reports.portal.reading import opened
from reports.portal.shape import VAULT
from reports.portal.shared import Portal
from reports.portal.uploads import sent_by
from reports.portal.vault import write_vaults
from tests.outside import chromium
from tests.portal.made_portal import UNIT, logged_in, portal_of, served
from tests.portal.test_own import SAMPLE_MAIL
from tests.portal.test_reader import put_version
from tests.reports.settled_sample import LAST, Sample

pytestmark = pytest.mark.outside

AXE = Path(__file__).parents[1] / "reports" / "axe.min.js"
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1360, "height": 900}
WAYS = NoticeSettings(report_link="https://portal.example/{period}/{scope}", zip_password_env="SIXTH_ZIP")
REASON = "已电话核实，原件属实"


@pytest.fixture(scope="module")
def portal(home: Home, sample: Sample) -> Iterator[Portal]:
    for scope in ("EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01"):
        put_version(home, sample, scope, "v1")
    write_vaults(sample.work, home.portal / VAULT, wanted=True)
    with portal_of(home, decider=PortalDecider(home)) as made:
        made.settings = replace(made.settings, signing_levels=("city",), vault=True, notices=WAYS)
        yield made


@pytest.fixture(scope="module")
def url(portal: Portal) -> Iterator[str]:
    with served(portal) as address:
        yield address


Visitor = Callable[..., Any]


@pytest.fixture(scope="module")
def visitor(url: str) -> Iterator[Visitor]:
    """Logs somebody in by the form; a page of theirs. What the browser complains of fails the test."""
    with chromium() as browser:
        complaints: list[str] = []

        def come(name: str, size: dict[str, int] = DESK) -> Any:
            page = browser.new_context(viewport=size, base_url=url).new_page()
            page.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
            return logged_in(page, name)

        yield come
        assert complaints == []


def looked_at(page: Any, path: str) -> None:
    """Nothing for axe to complain of, and nothing sideways."""
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
    page.reload()
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == [], path


def test_a_steward_filters_chooses_and_waives(visitor: Visitor, portal: Portal) -> None:
    page = visitor("steward")
    page.goto(f"/worklist?period={LAST}&can=yes&moves=drop")
    boxes = page.locator("input[name=finding]")
    (first, second) = (boxes.nth(n).get_attribute("value") for n in (0, 1))
    boxes.nth(0).check()
    boxes.nth(1).check()
    assert page.locator("[data-chosen]").text_content() == "2"
    page.fill("#reason", REASON)
    page.click(".batch button[name=step]")
    assert "下面是上限" in page.get_by_role("status").text_content()  # of this home no month is settled
    assert "2 处剔除被豁免，至多 2 行恢复计入" in page.inner_text("main")
    assert all_decisions(portal.ledger) == []
    page.click("main form .btn >> nth=0")
    assert page.get_by_role("status").text_content().startswith("已记录 2 项决定")
    assert {d.subject for d in all_decisions(portal.ledger)} == {first, second}
    page.goto(f"/finding/{first}?period={LAST}&can=yes&moves=drop")
    page.keyboard.press("j")
    page.wait_for_url(f"**/finding/{second}?**")
    page.keyboard.press("k")
    page.wait_for_url(f"**/finding/{first}?**")
    page.fill("#back-reason", "原件与电子版不符")
    page.click(".side .btn")
    assert {d.kind for d in all_decisions(portal.ledger)} == {"waive", "take_back"}
    page.goto("/worklist")
    page.select_option("#f-period", "2026-09")
    page.wait_for_url("**period=2026-09**")


def test_a_unit_checks_and_sends(visitor: Visitor, portal: Portal, tmp_path: Path) -> None:
    message = message_from_bytes(SAMPLE_MAIL.read_bytes(), policy=default)
    files = []
    for part in message.iter_attachments():
        files.append(tmp_path / str(part.get_filename()))
        files[-1].write_bytes(part.get_payload(decode=True))
    page = visitor("unit")
    page.set_input_files("#files", [str(f) for f in files])
    page.click("button:has-text('先检查')")
    page.wait_for_selector("#checked pre")
    assert "附件2" in page.text_content("#checked pre")
    assert list(portal.home.inbox.glob("*")) == []
    page.click("button:has-text('正式报送')")  # the files are still chosen
    page.wait_for_selector("[role=status].told")
    (mail,) = portal.home.inbox.glob("*.eml")
    assert sent_by(portal.home, mail.read_bytes()) == "unit"
    mail.unlink()


def test_a_reader_downloads_and_makes_a_token(visitor: Visitor) -> None:
    page = visitor("reader")
    page.goto(f"/reports?period={LAST}")
    with page.expect_download() as begun:
        page.click(".dl a >> nth=3")
    assert begun.value.suggested_filename == f"{LAST}-EX-v1.pdf"
    page.goto("/tokens")
    page.click(".side button")
    assert page.text_content(".told pre").startswith("sixth_")


def test_a_reader_asks_another_approves_and_one_download_is_there(visitor: Visitor) -> None:
    page = visitor("reader")
    page.goto("/unmasked")
    page.select_option("#f-period", LAST)
    page.check("input[value=exposed_assets]")
    page.fill("#reason", REASON)
    page.click(".side .btn")
    assert page.get_by_role("status").text_content() == "已提出申请，等待批准。"
    other = visitor("steward")
    other.goto("/approvals")
    other.click("button[value=approve]")
    assert other.get_by_role("status").text_content().startswith("已批准")
    page.reload()
    with page.expect_download() as begun:
        page.click("button:has-text('下载')")
    assert begun.value.suggested_filename.startswith(f"{LAST}-EX-unmasked-")
    page.reload()
    assert page.locator("button:has-text('下载')").count() == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_can_be_used_by_everyone(visitor: Visitor, portal: Portal, lang: str) -> None:
    with opened(portal.home.portal, LAST, ["EX"]) as month:
        drawn, whole = (
            month.db.execute(f"select finding_id from findings where {where}").fetchone()[0]
            for where in ("counts and row > 0 and moves = 'drop'", "counts and row <= 0 and unit_code <> ''")
        )
        again = month.db.execute("select form_id from forms where before_id is not null and unit_code = ?", [UNIT])
        resent = again.fetchone()[0]
    pages = {
        "steward": ["/worklist", "/units", f"/units/{UNIT}", f"/units/{UNIT}/{resent}", f"/finding/{drawn}", f"/finding/{whole}", "/held", "/decisions", "/approvals", "/nowhere"],
        "reader": ["/reports", "/tokens", "/subscriptions", "/unmasked", "/account"],
        "office": ["/office", f"/office/{UNIT}"],
        "unit": ["/own"],
        "other_unit": ["/own"],
    }  # fmt: skip
    for name, paths in pages.items():
        page = visitor(name, PHONE if lang == "zh" else DESK)
        for path in paths:
            looked_at(page, f"{path}?period={LAST}&lang={lang}")
    page.context.clear_cookies()
    looked_at(page, f"/login?lang={lang}")
