"""Users, grants, sessions, tries, tokens and the audit log, on both kinds of database, which keep them themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from assets.ledger import audit, people
from assets.ledger.people import PeopleError

NOW = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)


@pytest.fixture
def peopled(ledger: Engine) -> Engine:
    people.add_user(ledger, "wang", "王晓燕", "hash", "tests", NOW)
    people.grant(ledger, "wang", "steward", "EX-15", "tests", NOW)
    return ledger


def test_the_life_of_a_user(peopled: Engine) -> None:
    people.grant(peopled, "wang", "reader", "EX", "tests", NOW)
    people.grant(peopled, "wang", "steward", "EX-15", "tests", NOW, gives=False)
    ((user, grants),) = people.users(peopled)
    assert (user.display, grants) == ("王晓燕", (("reader", "EX"),))
    token = people.log_in(peopled, "wang", "10.0.0.1", NOW)
    person, to_mark = people.who_is(peopled, token, NOW)
    assert person is not None
    assert (person.name, person.roles, person.scopes("reader"), to_mark) == ("wang", ("reader",), ("EX",), False)
    people.disable(peopled, "wang", "tests", NOW)
    assert people.who_is(peopled, token, NOW) == (None, False)
    assert people.secret_of(peopled, "wang") is None
    for refused in (
        lambda: people.add_user(peopled, "wang", "", "hash", "tests", NOW),
        lambda: people.add_user(peopled, "no blanks", "", "hash", "tests", NOW),
        lambda: people.grant(peopled, "wang", "king", "EX", "tests", NOW),
        lambda: people.grant(peopled, "li", "reader", "EX", "tests", NOW),
    ):
        with pytest.raises(PeopleError):
            refused()


def test_a_session_ends_by_itself_and_by_force(peopled: Engine) -> None:
    token = people.log_in(peopled, "wang", "10.0.0.1", NOW)
    later = NOW + people.IDLE - timedelta(seconds=1)
    person, to_mark = people.who_is(peopled, token, later)
    assert person is not None
    assert to_mark
    people.seen(peopled, person, later)
    assert people.who_is(peopled, token, later + people.IDLE - timedelta(seconds=1))[0] is not None
    assert people.who_is(peopled, token, later + people.IDLE)[0] is None
    again = people.log_in(peopled, "wang", "10.0.0.1", NOW, token)
    assert people.who_is(peopled, token, NOW)[0] is None  # the session that the browser came with is no more
    people.set_secret(peopled, "wang", "another", "tests", NOW)
    assert people.who_is(peopled, again, NOW)[0] is None


def test_a_name_and_an_address_are_tried_so_often(peopled: Engine) -> None:
    for _ in range(people.TRIES_OF_NAME):
        assert people.may_try(peopled, "wang", "10.0.0.1", NOW)
        people.fail(peopled, "wang", "10.0.0.1", NOW)
    assert not people.may_try(peopled, "wang", "10.0.0.2", NOW)
    assert people.may_try(peopled, "li", "10.0.0.1", NOW)
    for n in range(people.TRIES_OF_ADDRESS - people.TRIES_OF_NAME):
        people.fail(peopled, f"guess{n}", "10.0.0.1", NOW)
    assert not people.may_try(peopled, "li", "10.0.0.1", NOW)
    assert people.may_try(peopled, "wang", "10.0.0.1", NOW + people.TRIES_WITHIN)


def test_a_token_holds_for_a_time_and_can_be_revoked(peopled: Engine) -> None:
    token = people.add_token(peopled, "wang", "EX-15", 90, "wang", NOW)
    assert token.startswith(people.TOKEN_PREFIX)
    person, scope = people.holder_of(peopled, token, NOW)
    assert person is not None
    assert scope == "EX-15"
    assert people.holder_of(peopled, token, NOW + timedelta(days=90)) == (None, "")
    ((held, owner),) = people.tokens(peopled)
    assert (owner, held.used_at) == ("wang", NOW)
    assert token not in str(vars(held))
    with pytest.raises(PeopleError):
        people.revoke_token(peopled, held.id, "li", NOW, owner=held.user_id + 1)
    people.revoke_token(peopled, held.id, "wang", NOW)
    assert people.holder_of(peopled, token, NOW) == (None, "")
    with pytest.raises(PeopleError):
        people.add_token(peopled, "wang", "EX", people.LONGEST_TOKEN_DAYS + 1, "wang", NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set who = 'li'",
        "delete from audit",
        "update grants set scope = 'EX'",
        "delete from grants",
        "delete from users",
        "insert into audit (at, who, act, what, outcome, address, previous, digest) values ('t','w','a','','','','x','y')",
    ],
)
def test_the_database_itself_refuses(peopled: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError), peopled.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)  # PostgreSQL knows no `insert or replace`
def test_a_line_is_not_replaced_in_sqlite(peopled: Engine) -> None:
    for table in ("audit", "grants"):
        with pytest.raises(DBAPIError), peopled.begin() as connection:
            connection.execute(text(f"insert or replace into {table} select * from {table} where id = 1"))


def test_the_latest_lines_are_those_asked_for(ledger: Engine) -> None:
    for what in ("U_1 a", "U_1 b", "U_12 c", "UX1 d"):
        audit.note(ledger, "wang", "upload", what, now=NOW)
    audit.note(ledger, "li", "check", "U_1 e", now=NOW)
    assert [line.what for line in audit.latest(ledger, act="upload", begins="U_1 ")] == ["U_1 b", "U_1 a"]
    assert [line.what for line in audit.latest(ledger, 2, "wang")] == ["UX1 d", "U_12 c"]


def test_verifying_finds_what_was_changed_taken_out_or_rewritten(peopled: Engine) -> None:
    for n in range(3):
        audit.note(peopled, "wang", "look", str(n), now=NOW)
    wrong, count, last = audit.verify(peopled)
    assert (wrong, count) == ([], 5)  # two of them of the fixture
    assert audit.verify(peopled, last[:12])[0] == []
    drop = (
        "alter table audit disable trigger all"
        if peopled.dialect.name == "postgresql"
        else "drop trigger audit_no_update"
    )
    with peopled.begin() as connection:
        connection.execute(text(drop))
        connection.execute(text("update audit set who = 'li' where id = 3"))
    assert "line 3" in str(audit.verify(peopled)[0][0])
    with peopled.begin() as connection:
        connection.execute(text("update audit set who = 'wang' where id = 3"))
        if peopled.dialect.name == "sqlite":
            connection.execute(text("drop trigger audit_no_delete"))
        connection.execute(text("delete from audit where id = 4"))
    assert ["line 5" in str(line) for line in audit.verify(peopled)[0]] == [True]
    with peopled.begin() as connection:
        connection.execute(text("delete from audit where id = 5"))
    assert audit.verify(peopled)[0] == []  # of a chain alone nobody sees that its end is gone
    assert "was noted before" in str(audit.verify(peopled, last)[0][0])


def test_a_log_in_at_the_provider_comes_back_once_in_time_and_to_the_browser_that_asked(ledger: Engine) -> None:
    begun = people.Begun("nonce", "verifier", "/units")
    for state in ("one", "two", "three"):
        people.begin_elsewhere(ledger, state, f"browser of {state}", begun, NOW)
    assert people.come_back(ledger, "one", "browser of one", NOW + timedelta(minutes=9)) == begun
    assert people.come_back(ledger, "one", "browser of one", NOW) is None
    assert people.come_back(ledger, "two", "browser of one", NOW) is None
    assert people.come_back(ledger, "two", "browser of two", NOW) is None  # whoever tries has used it up
    assert people.come_back(ledger, "three", "browser of three", NOW + timedelta(minutes=10)) is None
    assert people.come_back(ledger, "", "", NOW) is None
