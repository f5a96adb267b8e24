"""Who may enter the portal: users, their grants, sessions, failed tries, and tokens for programs.

Belongs here: what the ledger keeps of them, each change with its line in the audit log. Does not: hashing passwords
(reports/portal/passwords.py), what a role may see (reports/portal/).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.orm import Session

from assets.ledger.audit import append
from assets.ledger.models import ROLES, BegunLogin, Grant, PortalSession, Token, Try, User

IDLE = timedelta(minutes=30)
WHOLE = timedelta(hours=10)
SEEN_EVERY = timedelta(minutes=1)  # a session is marked as seen no more often: every page would else be a write
TRIES_OF_NAME, TRIES_OF_ADDRESS = 5, 50
TRIES_WITHIN = timedelta(minutes=15)
ELSEWHERE = timedelta(minutes=10)  # that a log-in may take at the house's provider
TOKEN_PREFIX = "sixth_"
LONGEST_TOKEN_DAYS = 180
NAME = re.compile(r"[\w.@-]{2,64}")


class PeopleError(Exception):
    """Wrong use: a name that is taken or unknown, a role or scope that is none. The message says what to do."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Person:
    """Who is there: the user, what is granted, and the session's token digest and CSRF token ("" of a program's)."""

    id: int
    name: str
    display: str
    grants: tuple[tuple[str, str], ...]  # role, scope
    session: str = ""
    csrf: str = ""

    def scopes(self, role: str) -> tuple[str, ...]:
        """The scopes in which the person has a role."""
        return tuple(scope for granted, scope in self.grants if granted == role)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the person has anywhere, in their usual order."""
        return tuple(role for role in ROLES if self.scopes(role))


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------ users
def _named(session: Session, name: str) -> User:
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise PeopleError(f"there is no user {name!r}; `sixth user list` names them")
    return user


def add_user(ledger: Engine, name: str, display: str, secret: str, by: str, now: datetime) -> None:
    """Add a user with the hash of a password. Raises PeopleError where the name is taken or none."""
    if not NAME.fullmatch(name):
        raise PeopleError(f"{name!r} is no name to log in with: 2 to 64 letters, digits, . _ @ -")
    with Session(ledger) as session, session.begin():
        if session.scalar(select(User).where(User.name == name)) is not None:
            raise PeopleError(f"there is a user {name!r} already; `sixth user passwd {name}` sets another password")
        shown = display or name
        if session.scalar(select(User).where(User.display == shown)) is not None:
            raise PeopleError(
                f"somebody is shown as {shown!r} already: decisions are told by it; choose another --display"
            )
        session.add(User(name=name, display=shown, secret=secret, created_at=now))
        append(session, by, "add user", name, now=now)


def grant(ledger: Engine, name: str, role: str, scope: str, by: str, now: datetime, *, gives: bool = True) -> None:
    """Give a user a role in a scope, or take it away. Raises PeopleError."""
    if role not in ROLES:
        raise PeopleError(f"{role!r} is no role: {', '.join(ROLES)}")
    with Session(ledger) as session, session.begin():
        user = _named(session, name)
        session.add(Grant(user_id=user.id, role=role, scope=scope, gives=gives, given_by=by, at=now))
        append(session, by, "grant" if gives else "take grant", f"{name} {role} {scope}", now=now)


def set_secret(ledger: Engine, name: str, secret: str, by: str, now: datetime) -> None:
    """Set the hash of another password, and end the user's sessions. Raises PeopleError."""
    with Session(ledger) as session, session.begin():
        user = _named(session, name)
        user.secret = secret
        session.execute(delete(PortalSession).where(PortalSession.user_id == user.id))
        append(session, by, "set password", name, now=now)


def disable(ledger: Engine, name: str, by: str, now: datetime) -> None:
    """Close a user: sessions end, tokens are revoked. Raises PeopleError."""
    with Session(ledger) as session, session.begin():
        user = _named(session, name)
        user.disabled_at = user.disabled_at or now
        session.execute(delete(PortalSession).where(PortalSession.user_id == user.id))
        session.execute(
            update(Token).where(Token.user_id == user.id, Token.revoked_at.is_(None)).values(revoked_at=now)
        )
        append(session, by, "disable user", name, now=now)


def _grants_of(ledger: Session | Connection, user_id: int) -> tuple[tuple[str, str], ...]:
    held: dict[tuple[str, str], bool] = {}
    lines = select(Grant.role, Grant.scope, Grant.gives).where(Grant.user_id == user_id).order_by(Grant.id)
    for role, scope, gives in ledger.execute(lines):
        held[role, scope] = gives
    return tuple(sorted(key for key, gives in held.items() if gives))


def users(ledger: Engine) -> list[tuple[User, tuple[tuple[str, str], ...]]]:
    """All users by name, with what is granted to each."""
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return [(user, _grants_of(session, user.id)) for user in session.scalars(select(User).order_by(User.name))]


# --------------------------------------------------------------------------------------------------------- log-in
def secret_of(ledger: Engine, name: str) -> str | None:
    """The hash of a user's password; None where there is no such user, or it is closed."""
    with Session(ledger) as session, session.begin():
        return session.scalar(select(User.secret).where(User.name == name, User.disabled_at.is_(None)))


def may_try(ledger: Engine, name: str, address: str, now: datetime) -> bool:
    """Whether a log-in may be tried: not after too many failures under the name, or from the address."""
    return _few_failed(ledger, {f"name:{name}": TRIES_OF_NAME, f"from:{address}": TRIES_OF_ADDRESS}, now)


def may_try_elsewhere(ledger: Engine, address: str, now: datetime) -> bool:
    """Whether a log-in at the house's provider may be tried: not after too many from the address that were refused.
    They are counted apart from passwords, so that who fails there can log in by one.
    """
    return _few_failed(ledger, {f"elsewhere:{address}": TRIES_OF_ADDRESS}, now)


def _few_failed(ledger: Engine, allowed: Mapping[str, int], now: datetime) -> bool:
    with Session(ledger) as session, session.begin():
        for what, most in allowed.items():
            failed = select(func.count()).select_from(Try).where(Try.what == what, Try.at > now - TRIES_WITHIN)
            if (session.scalar(failed) or 0) >= most:
                return False
    return True


def fail(ledger: Engine, name: str, address: str, now: datetime) -> None:
    """Count a log-in that failed."""
    _count_failure(ledger, (f"name:{name}", f"from:{address}"), name, "", address, now)


def fail_elsewhere(ledger: Engine, name: str, address: str, why: str, now: datetime) -> None:
    """Count a log-in at the house's provider that was refused; `why` is for the audit."""
    _count_failure(ledger, (f"elsewhere:{address}",), name, why, address, now)


def _count_failure(ledger: Engine, whats: tuple[str, ...], name: str, why: str, address: str, now: datetime) -> None:
    with Session(ledger) as session, session.begin():
        session.execute(delete(Try).where(Try.at <= now - TRIES_WITHIN))
        session.add_all(Try(what=what, at=now) for what in whats)
        append(session, name, "log in", why, outcome="refused", address=address, now=now)


def log_in(ledger: Engine, name: str, address: str, now: datetime, before: str = "", by: str = "") -> str:
    """Begin a session under a new token; `before`, the token that the browser came with, ends. `by`: who vouches for
    the person, where it was no password.
    """
    token = secrets.token_urlsafe(32)
    with Session(ledger) as session, session.begin():
        user = _named(session, name)
        session.execute(delete(PortalSession).where(PortalSession.created_at <= now - WHOLE))
        session.execute(delete(PortalSession).where(PortalSession.token_sha256 == digest_of(before)))
        session.execute(delete(Try).where(Try.what == f"name:{name}"))
        session.add(
            PortalSession(
                token_sha256=digest_of(token),
                user_id=user.id,
                csrf=secrets.token_urlsafe(24),
                address=address,
                created_at=now,
                seen_at=now,
            )
        )
        append(session, name, "log in", by, address=address, now=now)
    return token


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in that was sent to the house's provider: what must come back with it, and where it was to lead."""

    nonce: str
    verifier: str
    going_to: str


def begin_elsewhere(ledger: Engine, state: str, browser: str, begun: Begun, now: datetime) -> None:
    """Book a log-in that the provider is asked for; `state` comes back with its answer, `browser` stays with who asks.

    Those that never came back go.
    """
    with Session(ledger) as session, session.begin():
        session.execute(delete(BegunLogin).where(BegunLogin.at <= now - ELSEWHERE))
        session.add(
            BegunLogin(
                state_sha256=digest_of(state),
                browser_sha256=digest_of(browser),
                nonce=begun.nonce,
                verifier=begun.verifier,
                going_to=begun.going_to,
                at=now,
            )
        )


def come_back(ledger: Engine, state: str, browser: str, now: datetime) -> Begun | None:
    """The log-in of a state, which is over with that: it comes back once. None where there is none, it took too long,
    or another browser asked.
    """
    wanted = select(BegunLogin).where(BegunLogin.state_sha256 == digest_of(state))
    with Session(ledger) as session, session.begin():
        found = session.scalar(wanted.with_for_update())
        if found is None:
            return None
        session.delete(found)
        if found.browser_sha256 != digest_of(browser) or found.at <= now - ELSEWHERE:
            return None
        return Begun(found.nonce, found.verifier, found.going_to)


def who_is(ledger: Engine, token: str, now: datetime) -> tuple[Person | None, bool]:
    """The person of a session that is neither idle nor over, and whether it is to be marked as seen."""
    wanted = (
        select(User.id, User.name, User.display, PortalSession.csrf, PortalSession.seen_at)
        .join(PortalSession, User.id == PortalSession.user_id)
        .where(
            PortalSession.token_sha256 == digest_of(token),
            PortalSession.seen_at > now - IDLE,
            PortalSession.created_at > now - WHOLE,
            User.disabled_at.is_(None),
        )
    )
    with ledger.begin() as connection:
        found = connection.execute(wanted).first()
        if found is None:
            return None, False
        grants = _grants_of(connection, found.id)
        person = Person(found.id, found.name, found.display, grants, digest_of(token), found.csrf)
        return person, now - found.seen_at > SEEN_EVERY


def seen(ledger: Engine, person: Person, now: datetime) -> None:
    """Mark a session as seen."""
    with Session(ledger) as session, session.begin():
        session.execute(update(PortalSession).where(PortalSession.token_sha256 == person.session).values(seen_at=now))


def log_out(ledger: Engine, person: Person, address: str, now: datetime) -> None:
    """End a session."""
    with Session(ledger) as session, session.begin():
        session.execute(delete(PortalSession).where(PortalSession.token_sha256 == person.session))
        append(session, person.name, "log out", address=address, now=now)


# ---------------------------------------------------------------------------------------------------------- tokens
def add_token(ledger: Engine, name: str, scope: str, days: int, by: str, now: datetime) -> str:
    """A token for a program that reads what the user may read, within a scope; shown now and never again.

    Raises PeopleError where the user is unknown or the time is too long.
    """
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise PeopleError(f"a token holds 1 to {LONGEST_TOKEN_DAYS} days, not {days}")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with Session(ledger) as session, session.begin():
        user = _named(session, name)
        made = Token(
            token_sha256=digest_of(token),
            user_id=user.id,
            scope=scope,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        session.add(made)
        session.flush()
        append(session, by, "add token", f"{made.id} of {name} for {scope}, {days} days", now=now)
    return token


def tokens(ledger: Engine, user_id: int | None = None) -> list[tuple[Token, str]]:
    """Tokens, of one user or of all, with their owners' names, the latest first."""
    wanted = select(Token, User.name).join(User, User.id == Token.user_id).order_by(Token.id.desc())
    wanted = wanted.where(Token.user_id == user_id) if user_id is not None else wanted
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return [(token, name) for token, name in session.execute(wanted)]


def revoke_token(ledger: Engine, token_id: int, by: str, now: datetime, owner: int | None = None) -> None:
    """End a token; with an `owner`, one of that user alone. Raises PeopleError where there is none."""
    with Session(ledger) as session, session.begin():
        token = session.get(Token, token_id)
        if token is None or (owner is not None and token.user_id != owner):
            raise PeopleError(f"there is no token {token_id}; `sixth token list` names them")
        token.revoked_at = token.revoked_at or now
        append(session, by, "revoke token", str(token_id), now=now)


def holder_of(ledger: Engine, token: str, now: datetime) -> tuple[Person | None, str]:
    """The person in whose name a program comes, and the scope that its token is cut to; None where it holds no more."""
    wanted = (
        select(Token, User)
        .join(User, User.id == Token.user_id)
        .where(Token.token_sha256 == digest_of(token), Token.expires_at > now, Token.revoked_at.is_(None))
        .where(User.disabled_at.is_(None))
    )
    with Session(ledger) as session, session.begin():
        found = session.execute(wanted).first()
        if found is None:
            return None, ""
        held, user = found
        if held.used_at is None or now - held.used_at > SEEN_EVERY:
            held.used_at = now
        return Person(user.id, user.name, user.display, _grants_of(session, user.id)), held.scope
