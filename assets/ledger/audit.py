"""The audit log: who did what, each line with a digest over itself and the line before.

Belongs here: appending, reading and verifying. Does not: which acts are told (reports/portal, pipelines).

A line that was changed, or taken out of the middle, breaks every digest after it. The chain alone does not tell that
its end was rewritten by whoever owns the database: for that the last digest is noted elsewhere, and named to `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from assets.ledger.models import AuditLine

_LOCK = 6_2026_12  # any number that is ours: one line is appended at a time (PostgreSQL; SQLite locks the file)
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Break:
    """Where the log is not as it was written: `why` is moved, changed or rewritten; the line and its moment, or the
    digest that is gone. As text it is a sentence for developers.
    """

    why: str
    line: int = 0
    at: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """The sentence."""
        if self.why == "rewritten":
            return f"the digest {self.digest} that was noted before stands in no line: the end of the log was rewritten"
        told = {"moved": "does not follow the line before it: one was taken out or put in", "changed": "was changed"}
        return f"line {self.line} ({self.at}) {told[self.why]}"


def append(
    session: Session, who: str, act: str, what: str = "", *, outcome: str = "done", address: str = "", now: datetime
) -> None:
    """Append a line in the transaction of the act that it tells of: both are there, or neither. `now` is aware."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    session.flush()
    last = session.scalar(select(AuditLine.digest).order_by(AuditLine.id.desc()).limit(1)) or ""
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    said = (at, who, act, what, outcome, address, last)
    session.add(
        AuditLine(
            at=at, who=who, act=act, what=what, outcome=outcome, address=address, previous=last, digest=_digest(said)
        )
    )
    session.flush()


def _digest(said: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def note(
    ledger: Engine, who: str, act: str, what: str = "", *, outcome: str = "done", address: str = "", now: datetime
) -> None:
    """Append a line on its own."""
    with Session(ledger) as session, session.begin():
        append(session, who, act, what, outcome=outcome, address=address, now=now)


def latest(ledger: Engine, most: int = SHOWN, who: str = "", act: str = "", begins: str = "") -> list[AuditLine]:
    """The latest lines, the last first; of one person or one act where these are named, and those alone of which what
    was done begins with some text.
    """
    wanted = select(AuditLine).order_by(AuditLine.id.desc()).limit(most)
    wanted = wanted.where(AuditLine.who == who) if who else wanted
    wanted = wanted.where(AuditLine.act == act) if act else wanted
    wanted = wanted.where(AuditLine.what.startswith(begins, autoescape=True)) if begins else wanted
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(wanted))


def verify(ledger: Engine, head: str = "") -> tuple[list[Break], int, str]:
    """What is wrong with the log, how many lines it has, and the digest of the last.

    `head`: a digest noted before, which must still stand in it.
    """
    with Session(ledger) as session, session.begin():
        rows = select(AuditLine).order_by(AuditLine.id).execution_options(yield_per=1000)
        return _verified(session.scalars(rows), head)


def _verified(lines: Iterator[AuditLine], head: str) -> tuple[list[Break], int, str]:
    wrong: list[Break] = []
    count, last, is_there = 0, "", not head
    for line in lines:
        count += 1
        if line.previous != last:
            wrong.append(Break("moved", line.id, line.at))
        if line.digest != _digest((line.at, line.who, line.act, line.what, line.outcome, line.address, line.previous)):
            wrong.append(Break("changed", line.id, line.at))
        last = line.digest
        is_there = is_there or line.digest.startswith(head)
    if not is_there:
        wrong.append(Break("rewritten", digest=head))
    return wrong, count, last
