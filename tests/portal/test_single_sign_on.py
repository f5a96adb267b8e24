"""Single sign-on against a provider on loopback: who is let in, and every word of it that is not to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import OctKey, RSAKey

from assets.instance.home import Home
from assets.instance.settings import PortalSettings, SettingsError, load_settings
from assets.ledger import audit, people
from assets.ledger.people import Begun
from reports.portal.shared import Portal
from reports.portal.single_sign_on import AT_ONCE, BACK, BEGIN, OUT, NotVouchedFor, keys_of
from reports.portal.single_sign_on import Provider as OpenIdProvider
from tests.portal.made_portal import Browser, home_of, portal_of
from tests.portal.provider import CLIENT, SECRET, Provider, provider


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which no run has been: who is let in asks nothing of a month."""
    return home_of(tmp_path_factory.mktemp("home"))


@pytest.fixture
def house() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def portal(home: Home, house: Provider) -> Iterator[Portal]:
    with portal_of(home) as made:
        sso = PortalSettings(issuer=house.issuer, client_id=CLIENT, button="统一认证登录")
        made.settings = replace(made.settings, portal=sso)
        made.oidc_secret = SECRET
        yield made


def sent(browser: Browser, to: str = "/worklist") -> str:
    """Press the button, and be at the provider: the address that it sends the browser back to."""
    begun = browser.get(f"{BEGIN}?next={to}")
    assert begun.status_code == 303, begun.text
    return requests.get(begun.headers["location"], allow_redirects=False, timeout=10).headers["location"]


def came_back(browser: Browser, to: str = "/worklist") -> Any:
    return browser.get(sent(browser, to))


def last(portal: Portal) -> tuple[str, str, str, str]:
    line = audit.latest(portal.reader, 1)[0]
    return line.who, line.act, line.outcome, line.what


def test_who_is_logged_in_there_is_let_in_here(portal: Portal) -> None:
    browser = Browser(portal)
    page = browser.get("/login?next=/units").text
    assert f'href="{BEGIN}?next=/units"' in page
    assert "统一认证登录" in page
    answer = came_back(browser, "/units")
    assert (answer.status_code, answer.headers["location"]) == (303, "/units")
    assert browser.get("/account").status_code == 200
    assert last(portal) == ("steward", "log in", "done", "single sign-on")


def test_who_logs_out_can_log_out_there_too(portal: Portal, house: Provider) -> None:
    browser = Browser(portal)
    assert OUT not in browser.get("/login").text
    came_back(browser)
    cookie = next(c for c in browser.client.cookies.jar if c.name == portal.out_cookie)
    assert (cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == ("/login", True)
    browser.post("/logout")
    assert browser.get("/account").status_code == 303
    assert f'href="{OUT}"' in browser.get("/login").text
    address = browser.get(OUT).headers["location"]
    there = requests.get(address, allow_redirects=False, timeout=10).headers["location"]
    assert there == "http://testserver/login"  # as registered, to the letter
    assert house.went_out == ["4711"]
    assert OUT not in browser.get("/login").text


@pytest.mark.parametrize("endpoint", [None, "javascript:alert(1)", "http://elsewhere.example/out"])
def test_a_provider_without_a_safe_way_out_is_offered_to_nobody(
    portal: Portal, house: Provider, endpoint: str | None
) -> None:
    house.document["end_session_endpoint"] = endpoint
    browser = Browser(portal)
    assert came_back(browser).headers["location"] == "/worklist"
    assert OUT not in browser.get("/login").text
    assert browser.get(OUT).headers["location"] == "/login"


def test_a_token_too_long_for_a_cookie_is_no_hint(
    portal: Portal, house: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.portal.single_sign_on.LONGEST_HINT", 10)
    house.document["end_session_endpoint"] = f"{house.issuer}/out?tenant=house"
    browser = Browser(portal)
    came_back(browser)
    address = browser.get(OUT).headers["location"]
    assert address.startswith(f"{house.issuer}/out?tenant=house&client_id=sixth&")
    requests.get(address, allow_redirects=False, timeout=10)
    assert house.went_out == [None]


def test_the_session_before_ends_with_the_log_in(portal: Portal) -> None:
    browser = Browser(portal, "reader")
    before = browser.client.cookies[portal.cookie]
    assert came_back(browser).status_code == 303
    assert browser.client.cookies[portal.cookie] != before
    assert people.who_is(portal.reader, before, datetime.now(UTC)) == (None, False)


def changed(**values: Any) -> Any:
    return lambda claims: {k: v for k, v in {**claims, **values}.items() if v is not None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},  # without azp
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": 1_780_000_000},  # over since May 2026; a moment of now would be another test in each process
        {"exp": None},
        {"iss": "https://another.example"},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_now_lets_nobody_in(portal: Portal, house: Provider, wrong: dict[str, Any]) -> None:
    house.changed = changed(**wrong)
    refused(portal, "不可信")


def refused(portal: Portal, words: str, status: int = 401) -> None:
    browser = Browser(portal)
    answer = came_back(browser)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert browser.get("/account").status_code == 303
    assert portal.cookie not in browser.client.cookies
    assert last(portal)[1:3] == ("log in", "refused")


def test_a_token_that_another_has_signed_lets_nobody_in(portal: Portal, house: Provider) -> None:
    house.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
    refused(portal, "不可信")


@pytest.mark.filterwarnings("ignore:JWS algorithm")
@pytest.mark.parametrize("key", [OctKey.import_key(SECRET * 4), None], ids=["secret", "none"])
def test_a_token_signed_by_what_others_know_too_lets_nobody_in(portal: Portal, house: Provider, key: Any) -> None:
    house.key, house.algorithm = key or house.key, "HS256" if key else "none"
    refused(portal, "不可信")


def test_a_new_key_of_the_provider_is_read(portal: Portal, house: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert came_back(Browser(portal)).status_code == 303
    house.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    house.shown.append(house.key)
    monkeypatch.setattr("reports.portal.single_sign_on.AGAIN_SECONDS", 0.0)
    assert came_back(Browser(portal)).status_code == 303


BROKEN = [
    {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "3"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "4"},
    {"kty": "OKP", "crv": "X9", "x": "AA"},
    {"kty": "of a later age"},
    {"kty": ["RSA"]},
    {"kty": "RSA"},
    {},
    "text",
]


def test_keys_that_nobody_here_can_read_keep_nobody_out(portal: Portal, house: Provider) -> None:
    house.broken = BROKEN
    assert came_back(Browser(portal)).status_code == 303


@pytest.mark.parametrize("keys", [{"keys": BROKEN}, {"keys": None}, {}], ids=["broken", "none", "nothing"])
def test_without_a_key_that_can_be_read_nobody_is_believed(keys: dict[str, Any]) -> None:
    assert not keys_of(keys)


def test_an_answer_comes_back_once(portal: Portal) -> None:
    browser = Browser(portal)
    back = sent(browser)
    cookies = dict(browser.client.cookies)
    assert browser.get(back).status_code == 303
    again = Browser(portal)
    again.client.cookies.update(cookies)
    answer = again.get(back)
    assert (answer.status_code, "已失效" in answer.text) == (401, True)
    assert again.get("/account").status_code == 303


def test_an_answer_is_for_the_browser_that_asked(portal: Portal) -> None:
    """Else somebody could be logged in under another's name by a link (session fixation)."""
    back = sent(Browser(portal))
    other = Browser(portal)
    assert other.get(back).status_code == 401
    assert other.get(f"{BACK}?code=x&state=y").status_code == 401


def test_an_answer_that_took_too_long_is_over(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(portal)
    back = sent(browser)
    monkeypatch.setattr(people, "ELSEWHERE", timedelta(0))
    assert browser.get(back).status_code == 401


def test_an_answer_of_another_issuer_lets_nobody_in(portal: Portal, house: Provider) -> None:
    browser = Browser(portal)
    back = sent(browser).replace(house.issuer.replace(":", "%3A").replace("/", "%2F"), "https%3A%2F%2Fanother.example")
    answer = browser.get(back)
    assert parse_qs(urlsplit(back).query)["iss"] == ["https://another.example"]
    assert (answer.status_code, "不可信" in answer.text) == (401, True)


def test_a_code_of_another_log_in_gives_no_token(portal: Portal) -> None:
    """PKCE: a code that was caught is of no use without the verifier."""
    caught = parse_qs(urlsplit(sent(Browser(portal))).query)["code"][0]
    browser = Browser(portal)
    state = parse_qs(urlsplit(sent(browser)).query)["state"][0]
    answer = browser.get(f"{BACK}?code={caught}&state={state}")
    assert (answer.status_code, "没有同意" in answer.text) == (401, True)
    assert "invalid_grant" in last(portal)[3]


def test_nobody_gets_an_account_by_it(portal: Portal, house: Provider) -> None:
    house.person["preferred_username"] = "stranger"
    refused(portal, "没有名为“stranger”的账号")
    assert last(portal)[0] == "stranger"
    assert "stranger" not in {user.name for user, _ in people.users(portal.reader)}


def test_a_closed_user_is_none(portal: Portal, house: Provider) -> None:
    now = datetime.now(UTC)
    people.add_user(portal.ledger, "closed", "", "none", "tests", now)
    people.disable(portal.ledger, "closed", "tests", now)
    house.person["preferred_username"] = "closed"
    refused(portal, "没有名为“closed”的账号")


def test_the_claim_of_the_settings_names_the_user(portal: Portal, house: Provider) -> None:
    portal.settings = replace(portal.settings, portal=replace(portal.settings.portal, claim="email"))
    house.person = {"sub": "1", "email": "reader", "email_verified": True}
    assert came_back(Browser(portal)).status_code == 303
    assert last(portal)[0] == "reader"
    house.person["email_verified"] = "true"
    assert came_back(Browser(portal)).status_code == 303
    for unverified in (False, "false", "", 0, None):
        house.person["email_verified"] = unverified
        refused(portal, "不可信")
    del house.person["email_verified"]
    assert came_back(Browser(portal)).status_code == 303


def test_what_the_token_does_not_say_is_asked_of_userinfo(portal: Portal, house: Provider) -> None:
    house.person = {"sub": "1"}
    refused(portal, "连不上", 503)
    house.userinfo = {"sub": "1", "preferred_username": "office"}
    assert came_back(Browser(portal)).status_code == 303
    assert last(portal)[0] == "office"
    house.userinfo = {"sub": "2", "preferred_username": "office"}
    refused(portal, "不可信")


def test_what_the_provider_refuses_is_told(portal: Portal, house: Provider) -> None:
    house.refuses = "access_denied"
    refused(portal, "没有同意")


def test_a_provider_that_is_away_or_another_is_told(portal: Portal, house: Provider) -> None:
    house.calls_itself = "https://another.example"
    answer = Browser(portal).get(BEGIN, headers={"accept-language": "en"})
    assert (answer.status_code, "不可信" in answer.text) == (401, True)
    portal.settings = replace(portal.settings, portal=replace(portal.settings.portal, issuer="http://127.0.0.1:1"))
    answer = Browser(portal).get(f"{BEGIN}?lang=en")
    assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)


@pytest.mark.parametrize("address", ["http://login.example/userinfo", "", 1])
def test_the_token_is_shown_at_a_safe_address_alone(portal: Portal, house: Provider, address: Any) -> None:
    house.document = {"userinfo_endpoint": address}
    answer = Browser(portal).get(BEGIN)
    assert (answer.status_code, "不可信" in answer.text) == (401, True)
    assert "no safe userinfo_endpoint" in last(portal)[3]


def test_a_provider_need_not_have_userinfo(portal: Portal, house: Provider) -> None:
    house.document = {"userinfo_endpoint": None}
    assert came_back(Browser(portal)).status_code == 303
    house.person = {"sub": "1"}
    refused(portal, "不可信")


def test_a_provider_that_is_away_is_not_asked_by_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(self: OpenIdProvider, get: Any, address: str) -> dict[str, Any]:
        asked.append(address)
        raise NotVouchedFor("away", "the provider did not answer")

    monkeypatch.setattr(OpenIdProvider, "_json", get)
    away = OpenIdProvider(PortalSettings(issuer="http://127.0.0.1:1", client_id=CLIENT), "")

    def told() -> str:
        with pytest.raises(NotVouchedFor) as caught:
            away.address("", "state", Begun("nonce", "verifier", "/"))
        assert caught.value.why == "away"
        return str(caught.value)

    assert [told() for _ in range(3)] == ["the provider did not answer", "", ""]
    assert len(asked) == 1
    monkeypatch.setattr("reports.portal.single_sign_on.AGAIN_SECONDS", 0.0)
    assert told() == "the provider did not answer"
    monkeypatch.setattr("reports.portal.single_sign_on.WAIT_SECONDS", 0.0)
    with ExitStack() as turns:
        for _ in range(AT_ONCE):
            turns.enter_context(away._turn())
        assert told() == ""
        with pytest.raises(NotVouchedFor):
            away.person_of("", "code", Begun("nonce", "verifier", "/"))
    assert len(asked) == 2
    assert told() == "the provider did not answer"


def test_what_was_refused_too_often_from_an_address_is_refused_unasked(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "TRIES_OF_ADDRESS", 3)
    browser, other = Browser(portal, address="10.0.0.2"), Browser(portal, address="10.0.0.3")
    back = sent(browser)
    statuses = [browser.get(f"{BACK}?state=x").status_code for _ in range(5)]
    assert statuses == [401] * 3 + [429] * 2
    lines = [line for line in audit.latest(portal.reader) if line.address == "10.0.0.2"]
    assert len(lines) == 3
    for path in (BEGIN, back):
        answer = browser.get(path)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    assert people.may_try(portal.reader, "steward", "10.0.0.2", datetime.now(UTC))  # by password
    assert came_back(other).status_code == 303


def test_it_leads_nowhere_else(portal: Portal) -> None:
    answer = came_back(Browser(portal), "//another.example")
    assert answer.headers["location"] == "/"


def test_without_a_provider_it_is_not_there(home: Home) -> None:
    with portal_of(home) as portal:
        browser = Browser(portal)
        assert BEGIN not in browser.get("/login").text
        assert browser.get(BEGIN).headers["location"].startswith("/login?")


@pytest.mark.parametrize(
    "issuer", ["http://login.example", "https://a@login.example", "login.example", "https://login.example/?x=1"]
)
def test_a_provider_is_asked_by_https_alone(tmp_path: Any, issuer: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"portal: {{issuer: '{issuer}', client_id: sixth}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="issuer"):
        load_settings(file)
