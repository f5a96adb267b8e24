"""Pages that are kept: each person gets their own name and token in them, and another page once something changed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from assets.ledger import people
from assets.ledger.people import Person
from reports.portal.kept import KeptPages
from reports.portal.shared import Portal
from tests.portal.made_portal import Browser
from tests.reports.settled_sample import LAST


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


def test_a_process_of_the_portal_is_small_until_somebody_asks_for_more() -> None:
    """It has none of the libraries of the warehouse and of workbooks, which take twice its memory."""
    code = (
        "import sys, pipelines.portal_commands, pipelines.portal_desk, reports.portal.app;"
        "print([m for m in ('polars', 'duckdb', 'lxml', 'xlsxwriter', 'cv2', 'dagster', 'pandas') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert told.stdout.strip() == "[]"
