"""The tables of the ledger. A change here needs a migration beside it (migrations/versions/).

Belongs here: columns and their kinds. Does not: what is done with them (queue.py, alerts.py, decisions.py, people.py,
audit.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Dialect, ForeignKey, Index, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TO_UNITS = ("receipt", "reminder", "overdue")  # of the kinds of notices those that go to a unit
KINDS = (*TO_UNITS, "office_list", "report")
STATES = ("queued", "sent", "failed", "withdrawn")
DECISIONS = ("waive", "assign", "confirm_seal", "extend", "note", "approve", "take_back")
ROLES = ("steward", "office", "reader", "unit", "admin")


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: SQLite knows no time zones. Refuses a moment without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """UTC, on the way in."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Aware, on the way out."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({', '.join(repr(v) for v in values)})", name=f"{column}_is_known")


class Base(DeclarativeBase):
    """What the tables have in common."""

    type_annotation_map = {str: Text, datetime: Moment}  # noqa: RUF012 - SQLAlchemy's own way


class Notice(Base):
    """One mail to one mailbox. `key` is its identity: the same notice is never queued twice.

    `attempts` counts tries to send, `refusals` those that a server refused for good; `subject` and
    `content_sha256` are of what was last tried. `unit_code` is whom it is about, for an office_list the office
    itself, for a report its scope.
    """

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    period: Mapped[str]
    unit_code: Mapped[str]
    recipient: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str] = mapped_column(default="")
    message_id: Mapped[str] = mapped_column(unique=True)
    in_reply_to: Mapped[str] = mapped_column(default="")
    content_sha256: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        _one_of("kind", KINDS),
        _one_of("state", STATES),
        Index("notices_by_period", "period", "kind"),
    )


class Answer(Base):
    """A mail (sha256) that a receipt answers."""

    __tablename__ = "answers"

    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    mail: Mapped[str] = mapped_column(primary_key=True)


class Alert(Base):
    """A mail to one of the operators. Of one `key` a recipient gets one."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        _one_of("state", ("queued", "sent")),
        UniqueConstraint("key", "recipient", name="told_once"),
    )


class Decision(Base):
    """A steward's decision (system.md, Decisions): who, when, why. Never changed and never deleted; the database itself
    refuses to, and that one has two successors.

    `key` is 12 digits of the digest of all that it says. Decisions on one thing make a `chain`, in which each but the
    first `replaces` the one before. `subject` is what it is on: a finding's id, a mail's sha256, UNIT/2026-10, or the
    key of a decision. `fault` is what lasts of a finding beyond its submission, `about` a JSON object of what the
    steward saw, `account` the one that ran the command.
    """

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    chain: Mapped[str]
    replaces: Mapped[str] = mapped_column(default="")
    subject: Mapped[str]
    unit_code: Mapped[str] = mapped_column(default="")
    period: Mapped[str] = mapped_column(default="")
    mail: Mapped[str] = mapped_column(default="")
    fault: Mapped[str] = mapped_column(default="")
    until: Mapped[datetime | None]
    through: Mapped[str] = mapped_column(default="")
    about: Mapped[str] = mapped_column(default="{}")
    decided_by: Mapped[str]
    reason: Mapped[str]
    decided_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    account: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        _one_of("kind", DECISIONS),
        CheckConstraint("length(key) = 12", name="key_is_whole"),
        UniqueConstraint("chain", "replaces", name="one_successor"),
        Index("decisions_by_period", "period", "kind"),
    )


class Signature(Base):
    """An office's signature under its units' month, or (`gives` false) its being taken back. Never changed and never
    deleted: the last line on a scope's month is what holds. `content` is the digest of what was signed.
    """

    __tablename__ = "signatures"

    id: Mapped[int] = mapped_column(primary_key=True)
    period: Mapped[str]
    scope: Mapped[str]
    content: Mapped[str]
    gives: Mapped[bool]
    signed_by: Mapped[str]
    remark: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("signatures_by_period", "period", "scope"),)


class User(Base):
    """A person who may enter the portal. `secret` is the hash of the password (argon2id), never the password.

    A name is never given to another person: users are closed (`disabled_at`) and not deleted.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    display: Mapped[str]
    secret: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Grant(Base):
    """A role in a scope, given to a user or (`gives` false) taken away again. Never changed and never deleted: the
    last line on a user, a role and a scope is what holds.
    """

    __tablename__ = "grants"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]
    scope: Mapped[str]
    gives: Mapped[bool]
    given_by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (_one_of("role", ROLES), Index("grants_by_user", "user_id"))


class PortalSession(Base):
    """A log-in that goes on. The cookie's token is known by its digest alone; `csrf` stands in every form."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    csrf: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    __table_args__ = (Index("sessions_by_user", "user_id"),)


class Try(Base):
    """A log-in that failed, counted by `what`: a name, or an address."""

    __tablename__ = "tries"

    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("tries_by_what", "what", "at"),)


class BegunLogin(Base):
    """A log-in that was sent to the house's provider and has not come back: known by its state, and for the browser
    alone that has the secret of it. What the provider must say again is `nonce`; `verifier` proves that we asked.
    """

    __tablename__ = "begun_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    state_sha256: Mapped[str] = mapped_column(unique=True)
    browser_sha256: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str]
    going_to: Mapped[str]
    at: Mapped[datetime]


class Token(Base):
    """What a program fetches published reports with, known by its digest alone; within its owner's grants."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    scope: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UnmaskRequest(Base):
    """Somebody's request for rows with names and phone numbers: of which month, scope and tables (joined by commas),
    and why. Never changed and never deleted, as are its answer and downloads.
    """

    __tablename__ = "unmask_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    period: Mapped[str]
    scope: Mapped[str]
    tables: Mapped[str]
    reason: Mapped[str]
    asked_at: Mapped[datetime]


class UnmaskAnswer(Base):
    """Another person's answer: how many downloads until when, or a refusal."""

    __tablename__ = "unmask_answers"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("unmask_requests.id"), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    approved: Mapped[bool]
    remark: Mapped[str]
    downloads: Mapped[int]
    at: Mapped[datetime]
    ends_at: Mapped[datetime]


class UnmaskDownload(Base):
    """A download of what was granted."""

    __tablename__ = "unmask_downloads"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("unmask_requests.id"))
    at: Mapped[datetime]

    __table_args__ = (Index("unmask_downloads_by_request", "request_id"),)


class Subscription(Base):
    """A reader's wish to have the report of a scope mailed, or (`gives` false) its end. Never changed or deleted: the
    last line on a scope and a mailbox is what holds. `forms` are joined by ;, "" is the link alone.
    """

    __tablename__ = "subscriptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    scope: Mapped[str]
    mailbox: Mapped[str]
    name: Mapped[str]
    forms: Mapped[str]
    wanted: Mapped[str]
    gives: Mapped[bool]
    at: Mapped[datetime]

    __table_args__ = (Index("subscriptions_by_mailbox", "scope", "mailbox"),)


class AuditLine(Base):
    """Who did what, and what came of it. Never changed and never deleted; `digest` covers the line and, through
    `previous`, every line before it. `at` is text, as the digest has it.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    who: Mapped[str]
    act: Mapped[str]
    what: Mapped[str]
    outcome: Mapped[str]
    address: Mapped[str]
    previous: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str] = mapped_column(unique=True)
