"""Log-in, sessions, and what is asked of every request: by whom, from where, how large; and what every answer has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from typer.testing import CliRunner

from assets.ledger import audit, people
from assets.ledger.people import Person
from pipelines.cli import app as command_line
from reports.portal import passwords
from reports.portal.access import own_path
from reports.portal.answers import HERE, ORDINARY_BYTES, PASSED_OVER_BYTES, POLICY, Limits
from reports.portal.front import menu
from reports.portal.shared import Portal
from reports.portal.words import texts
from tests.portal.made_portal import PASSWORD, Browser, home_of, portal_of


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with portal_of(home_of(tmp_path)) as made:
        yield made


def log_in(browser: Browser, name: str, password: str, **options: str) -> object:
    return browser.client.post("/login", data={"name": name, "password": password, **options})


def test_who_knows_the_password_is_let_in_and_out_again(portal: Portal) -> None:
    browser = Browser(portal)
    assert "login" in browser.get("/account").headers["location"]
    answer = log_in(browser, "steward", PASSWORD, next="/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.get("/account").status_code == 200
    token = browser.client.cookies[portal.cookie]
    assert browser.post("/logout").headers["location"] == "/login"
    browser.client.cookies.set(portal.cookie, token)
    assert browser.get("/account").status_code == 303  # the session is over, not only its cookie


def test_whose_session_is_over_is_told_so(portal: Portal) -> None:
    browser = Browser(portal, "unit")
    assert "过期" not in browser.get("/login").text
    token = browser.client.cookies[portal.cookie]
    people.log_out(portal.ledger, people.who_is(portal.reader, token, datetime.now(UTC))[0], "", datetime.now(UTC))
    led = browser.get("/own")
    assert led.headers["location"] == "/login?next=%2Fown"
    assert "登录已过期（半小时没有操作" in browser.get(led.headers["location"]).text
    # What a long form was sent with is not lost by it: the answer leaves the page before it where it is.
    answer = browser.client.post("/own/explain", data={"say-x": "长" * 1000}, files={"files": b"x" * 4_000_000})
    assert answer.status_code == 413
    answer = browser.client.post("/own/send", data={"unit": "x"}, files={"files": b"x" * 4_000_000})
    assert (answer.status_code, "刚才提交的没有收下" in answer.text) == (401, True)
    assert 'target="_blank"' in answer.text


def test_a_session_is_never_one_that_the_browser_brought(portal: Portal) -> None:
    browser = Browser(portal)
    browser.client.cookies.set(portal.cookie, "chosen-by-somebody-else")
    log_in(browser, "steward", PASSWORD)
    assert "chosen-by-somebody-else" not in [cookie.value for cookie in browser.client.cookies.jar if cookie.domain]
    first = browser.client.cookies.get(portal.cookie, domain="testserver.local")
    before, _ = people.who_is(portal.reader, "chosen-by-somebody-else", datetime.now(UTC))
    assert before is None
    assert first


def test_wrong_passwords_and_unknown_names_look_the_same_and_are_throttled(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def verified(secret: str | None, password: str) -> bool:  # a third of a second each, as argon2 does it
        asked.append(secret)
        return False

    monkeypatch.setattr("reports.portal.access.is_right", verified)
    browser = Browser(portal)
    bodies = {name: log_in(browser, name, "wrong").text.replace(name, "NAME") for name in ("steward", "nobody")}
    assert bodies["steward"] == bodies["nobody"]
    assert [secret is None for secret in asked] == [False, True]
    statuses = [log_in(browser, "steward", "wrong").status_code for _ in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    assert log_in(browser, "steward", PASSWORD).status_code == 429
    assert len(asked) == 6
    told = [(line.act, line.outcome) for line in audit.latest(portal.reader)]
    assert told.count(("log in", "refused")) == 6


def test_a_name_that_is_nobody_s_is_hashed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    monkeypatch.setattr(passwords, "_decoy", lambda: verified.append("decoy") or "no hash")
    assert not passwords.is_right(None, "whatever")
    assert verified == ["decoy"]


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("/account?a=b", "/account?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_led_elsewhere(target: str, to: str) -> None:
    assert own_path(target) == to


@pytest.mark.parametrize("name", ["steward", "unit", "admin"])
def test_a_change_comes_from_our_own_page(portal: Portal, name: str) -> None:
    browser = Browser(portal, name)
    token = browser.token()
    assert token not in (Browser(portal, name).token(), "")
    for headers, csrf in (
        ({"sec-fetch-site": "cross-site"}, token),
        ({}, "x"),
        ({}, ""),
        ({}, Browser(portal, name).token()),
    ):
        assert browser.client.post("/logout", data={"csrf": csrf}, headers=headers).status_code == 403
    assert browser.get("/account").status_code == 200
    assert log_in(Browser(portal), name, PASSWORD).status_code == 303
    assert Browser(portal).client.post("/login", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_every_answer_has_its_headers(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    answers = [browser.get(path) for path in ("/account", "/", "/nowhere", "/static/portal.css", "/login")]
    answers += [Browser(portal).get("/account"), browser.client.post("/logout", data={"csrf": "x"})]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
        kept = "max-age" in answer.headers["cache-control"]
        assert kept == str(answer.url).endswith(".css")
    assert "unsafe" not in POLICY


def test_behind_tls_cookies_are_for_https_alone(tmp_path: Path) -> None:
    with portal_of(home_of(tmp_path), tls=True) as portal:
        answer = log_in(Browser(portal), "steward", PASSWORD)
        assert re.match(
            r"__Host-sixth=\S+; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"]
        )
        assert "max-age" in answer.headers["strict-transport-security"]


def test_nobody_learns_which_pages_there_are(portal: Portal) -> None:
    browser = Browser(portal)
    for path in ("/account", "/nowhere", "/nowhere/else"):
        assert browser.get(path).status_code == 303
    there = Browser(portal, "steward")
    first, second = there.get("/nowhere"), there.get("/unit/EX-99")
    assert first.status_code == 404
    assert first.content == second.content
    assert [line.what for line in audit.latest(portal.reader, 2)] == ["GET /unit/EX-99", "GET /nowhere"]


def test_a_new_home_says_that_there_is_nothing_yet(portal: Portal) -> None:
    for name, paths in {
        "steward": ("/worklist", "/worklist.csv", "/units", "/held"),
        "unit": ("/own",),
        "reader": ("/reports",),
    }.items():
        browser = Browser(portal, name)
        for path in paths:
            answer = browser.get(path)
            assert (answer.status_code, "还没有可看的月份" in answer.text) == (200, True), path
            assert browser.get(f"{path}?period=2026-10").status_code == 404, path
    for link, _ in menu(Person(1, "steward", "", (("steward", "EX"),)), portal.settings):
        assert Browser(portal, "steward").get(link).status_code == 200, link


def test_a_request_brings_no_more_than_it_may(portal: Portal) -> None:
    browser = Browser(portal, "steward")
    assert browser.client.post("/logout", data={"csrf": "x" * ORDINARY_BYTES}).status_code == 413

    def endless() -> Iterator[bytes]:  # without a length that was told before
        for _ in range(ORDINARY_BYTES // 1024 + 10):
            yield b"x" * 1024

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.client.post("/logout", content=endless(), headers=headers).status_code == 413


@pytest.mark.parametrize("most", [1, 10**18])  # more than may be sent, and what is refused for another reason
@pytest.mark.parametrize(("chunks", "taken"), [(5, 5), (10**9, PASSED_OVER_BYTES // 2**20)])
def test_who_is_refused_is_answered_when_all_is_sent_unless_it_never_is(chunks: int, taken: int, most: int) -> None:
    """Before that a proxy finds the connection gone, and says 502 in place of our words."""
    happened: list[str] = []

    async def receive() -> Message:
        happened.append("read")
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": len(happened) < chunks}

    async def send(message: Message) -> None:
        happened.append(message["type"])

    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        if most == 1:
            await receive()
        await PlainTextResponse("too many", 400)(scope, receive, send)

    scope = {"type": "http", "path": "/send", "headers": [(b"content-length", str(chunks * 2**20).encode())]}
    asyncio.run(Limits(reader, ("/send",), most, "too large")(scope, receive, send))
    assert happened == ["read"] * taken + ["http.response.start", "http.response.body"]


def test_one_s_own_password_is_changed_by_who_knows_it(portal: Portal) -> None:
    browser = Browser(portal, "reader")
    for before, after in (("wrong", "a new password"), (PASSWORD, "short")):
        assert browser.post("/account", {"before": before, "after": after}).status_code == 422
    assert browser.post("/account", {"before": PASSWORD, "after": "a new password"}).status_code == 303
    assert browser.get("/account").status_code == 303
    assert log_in(Browser(portal), "reader", "a new password").status_code == 303


def test_templates_have_no_script_or_style_of_their_own_and_both_languages_say_all() -> None:
    for template in (HERE / "templates").glob("*.jinja"):
        source = template.read_text(encoding="utf-8")
        assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=|\|\s*safe", source), template
        assert not re.search(r"[㐀-鿿]", source), template  # words stand in texts.yaml
        for key in re.findall(r'say\("([\w.]+)"\s*[,)]', source):
            assert key in texts(), (template, key)
    for key, said in texts().items():
        assert set(said) == {"zh", "en"}, key


def test_people_are_managed_at_the_command_line(tmp_path: Path) -> None:
    home = str(home_of(tmp_path).root)

    def sixth(*arguments: str, check: int = 0, password: str = "a long password\n") -> str:
        done = CliRunner().invoke(command_line, [*arguments, "--home", home], input=password)
        assert done.exit_code == check, done.output
        return done.output

    sixth("user", "add", "wang", "--role", "steward", "--scope", "EX", "--display", "王晓燕")
    sixth("user", "add", "wang", "--role", "reader", "--scope", "EX-15")
    assert "steward EX" in sixth("user", "list")
    sixth("user", "add", "li", "--role", "steward", "--scope", "NOWHERE", check=2)
    sixth("user", "add", "li", "--role", "unit", "--scope", "EX-15", check=2)
    sixth("user", "add", "li", "--role", "office", "--scope", "EX-15-01-003", check=2)
    sixth("user", "add", "li", "--role", "admin", password="short\n", check=2)
    sixth("user", "take", "wang", "--role", "reader", "--scope", "EX-15")
    sixth("user", "passwd", "wang")
    sixth("user", "disable", "wang")
    assert "closed" in sixth("user", "list")
    assert "disable user" in sixth("audit")
    last = re.search(r"the last (\w{12})", sixth("audit", "verify"))
    assert last
    sixth("audit", "verify", "--head", last[1])
    sixth("audit", "verify", "--head", "0" * 12, check=1)
    sixth("serve", "--host", "0.0.0.0", check=2)


def test_an_administrator_closes_accounts_and_reads_the_audit(portal: Portal) -> None:
    browser, other = Browser(portal, "admin"), Browser(portal, "reader")
    assert "provincial_reader" in browser.get("/people").text
    token = people.add_token(portal.ledger, "reader", "EX", 30, "tests", datetime.now(UTC))
    (held, _), *_ = people.tokens(portal.reader)
    assert browser.post("/people", {"revoke": str(held.id)}).status_code == 303
    assert people.holder_of(portal.ledger, token, datetime.now(UTC)) == (None, "")
    assert other.get("/account").status_code == 200
    assert browser.post("/people", {"disable": "reader"}).status_code == 303
    assert other.get("/account").status_code == 303
    assert browser.post("/people", {"disable": "admin"}).status_code == 422
    for nobody in ({"disable": "nobody"}, {"revoke": "4711"}, {"revoke": "x"}, {"revoke": "9" * 20}):
        assert browser.post("/people", nobody).status_code == 404
    page = browser.get("/audit?act=disable+user").text
    assert "停用账号" in page
    assert "逐行核对无误" in page
    with portal.ledger.begin() as connection:
        connection.execute(text("drop trigger audit_no_update"))
        connection.execute(text("update audit set what = 'somebody else' where act = 'disable user'"))
    assert "was changed" in browser.get("/audit?lang=en").text
    assert "被改过" in browser.get("/audit?lang=zh").text


def test_a_failure_of_ours_is_told_without_what_it_was(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(portal), "last_run", property(lambda _: 1 / 0))
    browser = Browser(portal, "steward")
    browser.client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    answer = browser.get("/account")
    assert answer.status_code == 500
    assert "系统出错了" in answer.text
    assert "ZeroDivision" not in answer.text
    assert answer.headers["content-security-policy"] == POLICY
