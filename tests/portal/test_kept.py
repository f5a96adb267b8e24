"""Pages that are kept: each person gets their own name and token in them, and another page once something changed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.instance.clock import take_clock
from assets.instance.register import Register
from assets.ledger import people
from assets.ledger.decisions import Proposal, record
from assets.ledger.people import Person
from reports.portal.access import LONGEST_QUERY
from reports.portal.deciding import Log
from reports.portal.kept import KeptPages
from reports.portal.shared import Portal
from reports.portal.snapshot import write_whole
from tests.portal.made_portal import Browser, home_of, portal_of
from tests.reports.settled_sample import LAST

NODES = pl.DataFrame({"place": [0], "unit_code": ["EX"]})


def person(name: str) -> Person:
    return Person(1, name, f"<{name}>", (("steward", "EX"),), "digest", f"token-of-{name}")


def drawn(who: Person) -> bytes:
    return f"{who.display} {who.csrf} {who.id} {who.session}".encode()


def test_a_page_is_drawn_once_and_handed_out_with_what_is_each_persons_own() -> None:
    pages, seen = KeptPages(), []

    def draw(who: Person) -> bytes:
        seen.append(who)
        return drawn(who)

    assert pages.page("key", person("a"), draw) == b"&lt;a&gt; token-of-a 0 "
    assert pages.page("key", person("b"), draw) == b"&lt;b&gt; token-of-b 0 "
    assert len(seen) == 1
    assert pages.page("another", person("a"), draw) == b"&lt;a&gt; token-of-a 0 "
    assert len(seen) == 2


def test_the_page_that_was_longest_not_looked_at_goes_first() -> None:
    pages, count = KeptPages(most_bytes=250), []

    def look(key: str) -> None:
        pages.page(key, person("a"), lambda who: count.append(key) or b"x" * 100)

    for key in ("one", "two", "one", "three", "one", "two"):
        look(key)
    assert count == ["one", "two", "three", "two"]


def test_a_page_that_cannot_be_drawn_is_not_kept() -> None:
    pages = KeptPages()

    def fails(who: Person) -> bytes:
        raise LookupError

    with pytest.raises(LookupError):
        pages.page("key", person("a"), fails)
    assert pages.page("key", person("a"), lambda who: b"now") == b"now"


def test_two_of_one_scope_see_one_page_and_each_their_own_token(portal: Portal) -> None:
    now = datetime.now(UTC)
    people.add_user(portal.ledger, "second", "第二人", "hash", "tests", now)
    people.grant(portal.ledger, "second", "steward", "EX", "tests", now)
    first, second = Browser(portal, "steward"), Browser(portal, "second")
    own = {browser: browser.token() for browser in (first, second)}
    seen = {browser: browser.get(f"/worklist?period={LAST}").text for browser in (first, second)}
    assert own[first] != own[second]
    for browser, name in ((first, "Steward"), (second, "第二人")):
        other = second if browser is first else first
        assert own[browser] in seen[browser]
        assert f">{name}<" in seen[browser]
        assert own[other] not in seen[browser]
        seen[browser] = seen[browser].replace(own[browser], "").replace(f">{name}<", "")
    assert seen[first] == seen[second]


def test_a_page_that_was_first_asked_for_its_headers_is_the_same_page(portal: Portal) -> None:
    portal.pages = KeptPages()
    steward = Browser(portal, "steward")
    assert steward.client.head(f"/worklist?period={LAST}").status_code == 200
    assert "lang=en" in steward.get(f"/worklist?period={LAST}").text


def test_a_page_of_an_overlong_address_is_not_kept(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.pages, kept = KeptPages(), []
    monkeypatch.setattr(portal.pages.pages, "keep", lambda key, drawn: kept.append(key))
    steward = Browser(portal, "steward")
    for length in (1, LONGEST_QUERY):
        assert steward.get(f"/worklist?period={LAST}&of={'x' * length}").status_code == 200
    assert len(kept) == 1


class Overtaken(Portal):
    """A portal of which another thread, which began earlier, puts an older register and log in the place of ours."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, ("older", "older") if name in ("_register", "_log") else value)


def test_what_another_thread_read_before_is_not_handed_out(tmp_path: Path) -> None:
    with portal_of(home_of(tmp_path)) as portal:
        portal.__class__ = Overtaken
        for _ in range(2):
            assert isinstance(portal.register, Register)
            assert isinstance(portal.log(), Log)


def test_a_decision_by_a_clock_that_is_ahead_is_in_the_log(tmp_path: Path) -> None:
    with portal_of(home_of(tmp_path)) as portal:
        ahead = datetime.now(UTC) + timedelta(minutes=1)
        record(portal.ledger, [Proposal("note", "EX/2026-10", "王晓燕", "已电话核实，原件属实", ahead)], ahead)
        assert len(portal.log().on("EX/2026-10")) == 1


def test_what_pages_rest_on_changes_with_a_snapshot_a_version_a_run_and_a_decision(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    with portal_of(home) as portal:
        seen = [portal.state()]

        def has_changed() -> bool:
            seen.append(portal.state())
            return seen[-1] not in seen[:-1] and portal.state() == seen[-1]

        home.portal.mkdir()
        write_whole(home.portal / "2026-10.sqlite", [("nodes", NODES)])
        assert has_changed()
        write_whole(home.portal / "2026-10.sqlite", [("nodes", NODES)])
        assert has_changed()  # another file, whatever is in it
        (home.published / "2026-10" / "EX" / "v1").mkdir(parents=True)
        assert has_changed()
        take_clock(home, datetime(2026, 11, 6, tzinfo=UTC))
        assert has_changed()
        now = datetime.now(UTC)
        record(portal.ledger, [Proposal("note", "EX/2026-10", "王晓燕", "已电话核实，原件属实", now)], now)
        assert has_changed()
        assert [d.kind for d in portal.log().decisions] == ["note"]


def test_a_process_of_the_portal_is_small_until_somebody_asks_for_more() -> None:
    """It has none of the libraries of the warehouse and of workbooks, which take twice its memory."""
    code = (
        "import sys, pipelines.portal_commands, pipelines.portal_desk, reports.portal.app;"
        "print([m for m in ('polars', 'duckdb', 'lxml', 'xlsxwriter', 'cv2', 'dagster', 'pandas') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
