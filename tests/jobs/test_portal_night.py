"""From the portal through a run and back, in a browser: what was sent and decided by day is in the figures after the night."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from assets.instance.home import Home
from assets.instance.register import load_register
from assets.ledger import people
from expectations.catalogue import load_catalogue
from pipelines.month_run import run_period
from pipelines.portal_desk import PortalDecider
from reports.portal.shared import opened
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import Home as Made
from tests.feedback.made_month import home as made_home
from tests.jobs.command_line import sixth
from tests.outside import chromium
from tests.portal.made_portal import logged_in, secret, served
from tests.scans.made_scans import SEALED, made_scan
from tests.templates.filled_forms import filled_forms

pytestmark = pytest.mark.outside

UNSCANNED, SENDING = "D-001", "D-002"
PEOPLE = {"steward": ("steward", "C"), "unit": ("unit", SENDING), "reader": ("reader", "C")}
FIRST_NIGHT, DAY, DEADLINE = (datetime(2026, 11, *at, 30, tzinfo=ZONE) for at in ((4, 2), (4, 12), (6, 0)))
REASON = "扫描件已当面看过原件，盖章属实"


class OfThatDay(datetime):
    """A clock that stands at noon of that day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> OfThatDay:
        return cls.fromisoformat(DAY.isoformat()).astimezone(tz or UTC)


@pytest.fixture
def home(tmp_path: Path, undrawn: None) -> Home:
    """A home after a night in which one unit had reported, but without its scan."""
    made = made_home(tmp_path / "home", [UNSCANNED, SENDING], first_period=PERIOD)
    (made.root / "register" / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    drop_mail(made, UNSCANNED, forms_of(made, UNSCANNED), scan=False)
    home = Home(made.root)
    run_period(home, PERIOD, FIRST_NIGHT, None, "zh")
    return home


def forms_of(made: Made, unit: str) -> list[tuple[str, bytes]]:
    number = int(unit[-1])
    forms = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=("annex2", "annex3"))
    return [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])]


@pytest.fixture
def visitor(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Logs somebody in at a browser, on that day; a page of theirs."""
    for module in ("access", "reader", "shared"):
        monkeypatch.setattr(f"reports.portal.{module}.datetime", OfThatDay)
    for module in ("decisions", "portal_desk"):
        monkeypatch.setattr(f"pipelines.{module}.datetime", OfThatDay)
    with chromium() as browser, opened(home, decider=PortalDecider(home)) as portal:
        for name, (role, scope) in PEOPLE.items():
            people.add_user(portal.ledger, name, name.title(), secret(), "tests", FIRST_NIGHT)
            people.grant(portal.ledger, name, role, scope, "tests", FIRST_NIGHT)
        with served(portal) as url:
            yield lambda name: logged_in(browser.new_context(base_url=url).new_page(), name)


@pytest.mark.filterwarnings(
    "ignore:coroutine 'BaseEventLoop.shutdown_asyncgens'"
)  # the browser's loop runs beside Dagster's
def test_what_was_sent_and_decided_is_in_the_figures_after_the_night(
    home: Home, visitor: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(home.root, load_register(home.register), load_catalogue())
    files = [*forms_of(made, SENDING), ("扫描件.jpg", made_scan(SEALED[0], 2))]
    for name, content in files:
        (tmp_path / name).write_bytes(content)

    unit = visitor("unit")
    unit.set_input_files("#files", [str(tmp_path / name) for name, _ in files])
    unit.click("button:has-text('先检查')")
    unit.wait_for_selector("#checked pre")
    assert "可以报送" in unit.inner_text("#checked")
    unit.click("button:has-text('正式报送')")
    number = re.search(r"编号 (\w+)", unit.inner_text(".told"))
    assert number is not None

    steward = visitor("steward")
    steward.goto("/worklist?rule=SIG-01")
    assert steward.locator("input[name=finding]").count() == 1
    steward.check("input[name=finding]")
    steward.fill("#reason", REASON)
    steward.click("button:has-text('豁免所选')")
    assert steward.get_by_role("status").text_content().startswith("已记录 1 项决定")

    run_period(home, PERIOD, DEADLINE, None, "zh")

    steward.goto("/units")
    assert steward.inner_text(".mast .sub").endswith("按时完整 2")
    steward.goto(f"/units/{UNSCANNED}")
    assert REASON in steward.inner_text("main")
    unit.goto("/own")
    assert "已按时报齐" in unit.inner_text("h1")
    assert "回执" in unit.inner_text("main")
    assert number[1] not in unit.inner_text("main")  # it no longer waits

    reader = visitor("reader")
    assert "2 家应报，2 家按时完整" in reader.inner_text("h1")
    reader.goto("/tokens")
    reader.click(".side button")
    monkeypatch.setenv("SIXTH_TOKEN", reader.inner_text(".told pre").strip())
    address = re.sub(r"/tokens$", "", reader.url)
    sixth("pull", "--url", address, "--period", PERIOD, "--format", "json", "--out", tmp_path)
    pulled = json.loads((tmp_path / f"{PERIOD}-C-v1.json").read_text(encoding="utf-8"))
    assert (pulled["units"]["complete_on_time"], pulled["decisions"]["waived"]) == (2, 1)
