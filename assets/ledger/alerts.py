"""Mails to operators on their way: queued by whoever finds something wrong, sent by whoever comes next.

Belongs here: booking that something is to be told, once to each recipient, and that it was. Does not: what is wrong
(pipelines/watching.py), the words and the sending (reports/notices/operators.py).

A sensor of Dagster's that fails does not see the same failure again. So it only books here, in one transaction; what is
booked is sent again and again until a server has taken it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from assets.ledger.models import Alert
from assets.ledger.queue import LONGEST_ERROR


@dataclass(frozen=True, slots=True)
class Telling:
    """What operators are to be told. `key` is what makes it the same: of one key a recipient gets one mail."""

    key: str
    subject: str
    body: str


def book(ledger: Engine, tellings: Sequence[Telling], recipients: Sequence[str], now: datetime) -> int:
    """Queue what was not told before, for each recipient; how many mails that are. `now` is aware."""
    into = postgresql.insert if ledger.dialect.name == "postgresql" else sqlite.insert
    rows = [
        {"key": t.key, "recipient": r, "subject": t.subject, "body": t.body, "created_at": now}
        for t in tellings
        for r in recipients
    ]
    if not rows:
        return 0
    statement = into(Alert).on_conflict_do_nothing(index_elements=["key", "recipient"]).returning(Alert.id)
    with Session(ledger) as session, session.begin():
        return len(session.scalars(statement, rows).all())


def waiting(ledger: Engine, since: datetime) -> list[Alert]:
    """The mails queued since then (aware) that are not out, the oldest first."""
    there = select(Alert).where(Alert.state == "queued", Alert.created_at >= since).order_by(Alert.id)
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(there))


def claim(ledger: Engine, alert: Alert) -> bool:
    """Count an attempt; whether it is ours, and no other process was quicker at it."""
    count = (
        update(Alert)
        .where(Alert.id == alert.id, Alert.attempts == alert.attempts, Alert.state == "queued")
        .values(attempts=alert.attempts + 1)
    )
    with ledger.begin() as connection:
        return connection.execute(count).rowcount == 1


def mark_sent(ledger: Engine, alert: Alert, now: datetime) -> None:
    """The mail is out. `now` is aware."""
    with ledger.begin() as connection:
        connection.execute(update(Alert).where(Alert.id == alert.id).values(state="sent", sent_at=now, last_error=""))


def mark_unsent(ledger: Engine, alert: Alert, error: str) -> None:
    """The mail did not go out; it is tried again."""
    with ledger.begin() as connection:
        connection.execute(update(Alert).where(Alert.id == alert.id).values(last_error=error[:LONGEST_ERROR]))
