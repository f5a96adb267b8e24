"""The life of a notice: queued → sent, or failed, or withdrawn when it is no longer due.

Belongs here: the transitions, each one transaction, so that a run killed at any moment is simply run again:

    enqueue     a key that is new becomes `queued`; one that is there already stays as it is
    claim       attempts are counted before the mails go out; a process that counted first has them
    mark_sent   after the outbox files have their names, or the server has taken the mail
    mark_unsent refused for good `refusals_allowed` times: `failed`; else it stays `queued` for the next run

Mails for the outbox are claimed and booked many at a time, those for a server one by one. A run killed between claim
and mark_sent leaves queued notices with an attempt and no error: nobody knows whether they went out, and the next run
sends them again. With the outbox that is harmless: the file is named by the key, and one
that is there is left as it is. SMTP has no such thing (RFC 5321, 6.1): the mail may arrive a second time, with the
same Message-ID, by which mail systems know it. Does not belong here: which notices are due, and sending.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, Select, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from assets.ledger.models import Answer, Notice

log = logging.getLogger("sixth.ledger")

LONGEST_ERROR = 500
NO_LONGER_DUE = "no longer due"


@dataclass(frozen=True, slots=True)
class Entry:
    """A notice to be queued. `mails` are the mails (sha256) that a receipt answers."""

    key: str
    kind: str
    period: str
    unit_code: str
    recipient: str
    message_id: str
    in_reply_to: str = ""
    mails: tuple[str, ...] = ()


def enqueue(
    ledger: Engine, period: str, kinds: Collection[str], entries: Sequence[Entry], now: datetime
) -> dict[str, Notice]:
    """Queue what is due of these kinds in the period; the notices of `entries` by key, in whatever state.

    Queued ones of these kinds that are not among the entries are withdrawn: a reminder must not go out after the
    form has come. `now` is aware.
    """
    try:
        return _enqueue(ledger, period, kinds, entries, now)
    except IntegrityError:
        # Of two processes at once PostgreSQL may come upon the message id of the other's notice before its key, for
        # which alone it looks; by now the other's is there to be seen.
        return _enqueue(ledger, period, kinds, entries, now)


def _enqueue(
    ledger: Engine, period: str, kinds: Collection[str], entries: Sequence[Entry], now: datetime
) -> dict[str, Notice]:
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        if entries:
            into = postgresql.insert if ledger.dialect.name == "postgresql" else sqlite.insert
            session.execute(
                into(Notice).on_conflict_do_nothing(index_elements=["key"]),
                [_row(entry, now) for entry in entries],
            )
        there = _of(period, kinds) if entries else _of(period, kinds).where(Notice.state == "queued")
        known = {n.key: n for n in session.scalars(there)}
        due = {e.key: e for e in entries}
        for notice in known.values():
            entry = due.get(notice.key)
            if entry is None and notice.state == "queued":
                notice.state, notice.last_error = "withdrawn", NO_LONGER_DUE
            elif entry is not None and notice.state in ("queued", "withdrawn"):
                notice.state = "queued"
        session.flush()
        _put_answers(session, [(known[e.key], e.mails) for e in entries])
        return {key: known[key] for key in due}


def _row(entry: Entry, now: datetime) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "period": entry.period,
        "unit_code": entry.unit_code,
        "recipient": entry.recipient,
        "key": entry.key,
        "message_id": entry.message_id,
        "in_reply_to": entry.in_reply_to,
        "created_at": now,
    }


def _of(period: str, kinds: Collection[str]) -> Select[Notice]:
    return select(Notice).where(Notice.period == period, Notice.kind.in_(kinds)).order_by(Notice.id)


def _put_answers(session: Session, answering: Iterable[tuple[Notice, tuple[str, ...]]]) -> None:
    """Book which mails the queued receipts answer."""
    wanted = {(n.id, mail) for n, mails in answering if n.state == "queued" for mail in mails}
    if not wanted:
        return
    there = select(Answer.notice_id, Answer.mail).where(Answer.mail.in_({mail for _, mail in wanted}))
    new = wanted - {(notice_id, mail) for notice_id, mail in session.execute(there)}
    if new:
        session.execute(insert(Answer), [{"notice_id": n, "mail": mail} for n, mail in sorted(new)])


def notices(ledger: Engine, period: str, kinds: Collection[str], *units: str) -> list[Notice]:
    """The notices of these kinds in the period, in the order in which they were queued; of some units where they are
    named.
    """
    wanted = _of(period, kinds)
    wanted = wanted.where(Notice.unit_code.in_(units)) if units else wanted
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(wanted))


def answered(ledger: Engine, period: str) -> set[tuple[str, str, str]]:
    """(unit, recipient, mail) of the receipts that are done with: sent, or given up."""
    wanted = (
        select(Notice.unit_code, Notice.recipient, Answer.mail)
        .join(Answer, Answer.notice_id == Notice.id)
        .where(Notice.period == period, Notice.state.in_(("sent", "failed")))
    )
    with Session(ledger) as session, session.begin():
        return {(unit_code, recipient, mail) for unit_code, recipient, mail in session.execute(wanted)}


def counted(ledger: Engine) -> tuple[int, int]:
    """How many notices there are in all, and how many of them are queued."""
    wanted = select(func.count(), func.count().filter(Notice.state == "queued")).select_from(Notice)
    with ledger.begin() as connection:
        found, queued = connection.execute(wanted).one()
        return found, queued


def is_queued(ledger: Engine, period: str) -> bool:
    """Whether a notice of the period waits to be sent."""
    wanted = select(func.count()).where(Notice.period == period, Notice.state == "queued")
    with ledger.begin() as connection:
        return bool(connection.scalar(wanted))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A notice about to be sent: under this subject, with bytes of this digest."""

    notice: Notice
    subject: str
    sha256: str


def claim(ledger: Engine, attempts: Sequence[Attempt]) -> set[int]:
    """Count an attempt at each of these; the ids of the notices that are ours, and no other process was quicker at."""
    for attempt in attempts:
        notice = attempt.notice
        if notice.attempts and not notice.last_error:
            log.warning(
                "a run ended while sending %s; it is sent again as %s",
                notice.key,
                notice.message_id,
                extra={"unit": notice.unit_code},
            )
    wanted = {attempt.notice.id: attempt for attempt in attempts}
    there = select(Notice.id, Notice.attempts).where(Notice.id.in_(wanted), Notice.state == "queued").with_for_update()
    count = (
        update(Notice.__table__)  # type: ignore[arg-type]
        .where(Notice.id == bindparam("of"))
        .values(
            attempts=bindparam("now"), subject=bindparam("under"), content_sha256=bindparam("sha256"), last_error=""
        )
    )
    with ledger.begin() as connection:
        ours = [wanted[i] for i, attempts in connection.execute(there) if attempts == wanted[i].notice.attempts]
        if ours:
            connection.execute(
                count,
                [
                    {"of": a.notice.id, "now": a.notice.attempts + 1, "under": a.subject, "sha256": a.sha256}
                    for a in ours
                ],
            )
    return {attempt.notice.id for attempt in ours}


def mark_sent(ledger: Engine, sent: Sequence[tuple[Notice, str]], now: datetime) -> None:
    """The notices are out, each with bytes of this sha256. `now` is aware."""
    done = (
        update(Notice.__table__)  # type: ignore[arg-type]
        .where(Notice.id == bindparam("of"))
        .values(state="sent", sent_at=now, content_sha256=bindparam("sha256"), last_error="")
    )
    with ledger.begin() as connection:
        connection.execute(done, [{"of": notice.id, "sha256": sha256} for notice, sha256 in sent])


def mark_unsent(ledger: Engine, notice: Notice, error: str, *, refused: bool, refusals_allowed: int) -> str:
    """The notice did not go out; the state that it is in then. `refused`: for good, by a server (5xx)."""
    with Session(ledger) as session, session.begin():
        kept = session.get_one(Notice, notice.id)
        kept.last_error = error[:LONGEST_ERROR]
        kept.refusals += refused
        if kept.refusals >= refusals_allowed:
            kept.state = "failed"
        return kept.state


def mark_waiting(ledger: Engine, waiting: Sequence[Notice], error: str) -> None:
    """No attempt was made at these, as no server could be had; they stay queued."""
    # An attempt without an error says that a run was killed over it, and must go on saying so.
    untouched = [n for n in waiting if n.last_error or not n.attempts]
    if not untouched:
        return
    with Session(ledger) as session, session.begin():
        session.execute(update(Notice), [{"id": n.id, "last_error": error[:LONGEST_ERROR]} for n in untouched])
