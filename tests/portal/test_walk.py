"""Every route as every role and scope and as nobody: who gets what, and that nothing leaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.routing import Route

from assets.instance.home import Home
from assets.ledger import people
from reports.portal.access import Routes
from reports.portal.app import PAGES, open_routes
from reports.portal.reading import opened
from reports.portal.shared import Portal
from tests.portal.made_portal import OTHER_UNIT, PEOPLE, UNIT, Browser, portal_of
from tests.reports.settled_sample import LAST

LARGEST = 250_000  # bytes of a page of the sample
OF_ROLE = {
    "steward": {"/worklist", "/worklist.csv", "/finding/{finding}", "/units", "/units/{unit}", "/units/{unit}/{form}", "/units/{unit}/scans/{mail}/{number}", "/held", "/held/{mail}", "/decisions", "/decisions/{key}", "/approvals", "/approvals/{number}"},
    "office": {"/office", "/office/{unit}", "/office/{unit}/{form}", "/office/{unit}/scans/{mail}/{number}"},
    "unit": {"/own", "/own/{period}/{unit}/{file}", "/own/check", "/own/send", "/own/explain", "/own/blank"},
    "reader": {"/reports", "/reports/{period}/{scope}/{version}/{form}", "/tokens", "/subscriptions", "/unmasked", "/unmasked/{number}"},
    "admin": {"/people", "/audit"},
}  # fmt: skip
EVERYBODY = {"/", "/account", "/logout"}


@pytest.fixture(scope="module")
def portal(home: Home) -> Iterator[Portal]:
    with portal_of(home) as made:
        made.settings = replace(made.settings, vault=True)
        yield made


def routes(portal: Portal) -> list[Route]:
    made = Routes(portal)
    for pages in PAGES:
        pages.add_to(made)
    return made.made


def finding_of(portal: Portal, unit: str) -> str:
    with opened(portal.home.portal, LAST, [unit]) as month:
        return str(month.db.execute("select finding_id from findings where counts").fetchone()[0])


def address(route: Route, portal: Portal, unit: str) -> str:
    values = {
        "finding": finding_of(portal, unit), "unit": unit, "mail": "0" * 64, "key": "0" * 12, "period": LAST,
        "scope": "EX", "version": "v1", "form": "html", "file": "feedback.html", "number": "1",
    }  # fmt: skip
    return re.sub(r"{(\w+)}", lambda m: values[m[1]], route.path)


def test_every_route_is_on_the_list(portal: Portal) -> None:
    assert {route.path for route in routes(portal)} == EVERYBODY.union(*OF_ROLE.values())


def test_what_is_open_to_nobody_in_particular_is_on_the_list(portal: Portal) -> None:
    ways_in = {"/login", "/pull", "/healthz", "/metrics"}
    assert {route.path for route in open_routes(portal)} == ways_in
    issuer = replace(portal.settings.portal, issuer="https://login.example", client_id="sixth")
    with_sso = SimpleNamespace(settings=replace(portal.settings, portal=issuer))
    assert {route.path for route in open_routes(with_sso)} == {
        *ways_in,
        "/login/oidc",
        "/login/oidc/back",
        "/login/oidc/out",
    }  # type: ignore[arg-type]


def test_nobody_is_led_to_the_log_in_whatever_is_asked(portal: Portal) -> None:
    nowhere = Browser(portal).client.post("/nowhere")
    assert "登录已过期" in nowhere.text
    for route in routes(portal):
        answer = Browser(portal).get(address(route, portal, UNIT))
        assert (answer.status_code, answer.content) == (303, b""), route.path
        assert answer.headers["location"].startswith("/login"), route.path
        sent = Browser(portal).client.post(address(route, portal, UNIT), data={"reason": "核实"})
        if route.path == "/logout":
            assert (sent.status_code, sent.headers["location"]) == (303, "/login")
        else:
            assert (sent.status_code, sent.content) == (401, nowhere.content), route.path


@pytest.mark.parametrize("name", PEOPLE)
def test_a_page_is_there_for_its_role_and_missing_for_all_others(portal: Portal, name: str) -> None:
    browser, (role, _) = Browser(portal, name), PEOPLE[name]
    nothing = browser.get("/nowhere")
    assert nothing.status_code == 404
    for route in routes(portal):
        path = address(route, portal, UNIT)
        for method in route.methods or ():
            if method == "HEAD":
                continue
            answer = browser.get(path) if method == "GET" else browser.client.post(path, data={"csrf": "forged"})
            assert len(answer.content) < LARGEST, path
            if route.path in EVERYBODY or route.path in OF_ROLE[role]:
                assert answer.status_code in ((200, 303, 404) if method == "GET" else (403,)), path
            else:
                assert (answer.status_code, answer.content) == (404, nothing.content), path


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("provincial", f"/units/{UNIT}", f"/units/{OTHER_UNIT}"),
        ("provincial", "/finding/{UNIT}", "/finding/{OTHER}"),
        ("office", f"/office/{UNIT}", f"/office/{OTHER_UNIT}"),
        ("office", "/office?scope=EX-15-01", "/office?scope=EX-16-01"),
        ("unit", f"/own?unit={UNIT}", f"/own?unit={OTHER_UNIT}"),
        ("other_unit", f"/own?unit={OTHER_UNIT}", f"/own?unit={UNIT}"),
    ],
)
def test_out_of_scope_is_what_does_not_exist(portal: Portal, name: str, inside: str, outside: str) -> None:
    browser = Browser(portal, name)
    ids = {"{UNIT}": finding_of(portal, UNIT), "{OTHER}": finding_of(portal, OTHER_UNIT)}

    def get(path: str) -> Any:
        for key, value in ids.items():
            path = path.replace(key, value)
        joint = "&" if "?" in path else "?"
        return browser.get(f"{path}{joint}period={LAST}")

    assert get(inside).status_code == 200
    there, nowhere = get(outside), get(re.sub(r"[^/=]+$", "NOWHERE", outside))
    assert (there.status_code, there.content) == (404, nowhere.content)
    assert {k: v for k, v in there.headers.items() if k != "date"} == {
        k: v for k, v in nowhere.headers.items() if k != "date"
    }


def test_no_page_of_a_role_names_units_beyond_its_scope(portal: Portal) -> None:
    for name, unseen in (
        ("provincial", ("EX-16", "南原", "临江")),
        ("office", ("EX-16", "南原", "临江")),
        ("unit", ("EX-16", "EX-15-01-004", "南原", "青川盟第4")),
    ):
        browser, (role, scope) = Browser(portal, name), PEOPLE[name]
        with opened(portal.home.portal, LAST, [scope]) as month:  # AST-12 names the other unit, to settle it with them
            told = [r[0] for r in month.db.execute("select message from findings where rule_id = 'AST-12'")]
        for route in routes(portal):
            if route.path in OF_ROLE[role] and "GET" in (route.methods or ()):
                page = browser.get(f"{address(route, portal, UNIT)}?period={LAST}").text
                for message in told if role == "unit" else ():
                    page = page.replace(message, "")
                for word in unseen:
                    assert word not in page, (route.path, word)


def test_a_scope_that_no_month_has_shows_nothing_yet(portal: Portal) -> None:
    now = datetime.now(UTC)
    people.add_user(portal.ledger, "early", "", "hash", "tests", now)
    people.grant(portal.ledger, "early", "steward", "EX-99", "tests", now)
    browser = Browser(portal, "early")
    for path in ("/worklist", "/units"):
        assert "还没有可看的月份" in browser.get(path).text, path
        for asked in ("scope=EX-99", "scope=EX", "period=2020-01"):
            assert browser.get(f"{path}?{asked}").status_code == 404, (path, asked)


def test_who_loses_a_role_loses_its_pages_at_once(portal: Portal) -> None:
    browser, now = Browser(portal, "reader"), datetime.now(UTC)
    assert browser.get("/tokens").status_code == 200
    people.grant(portal.ledger, "reader", "reader", "EX", "tests", now, gives=False)
    assert browser.get("/tokens").status_code == 404
    people.grant(portal.ledger, "reader", "reader", "EX", "tests", now)
