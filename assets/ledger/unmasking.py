"""Requests for rows with names and phone numbers (金库模式): asked, answered by another person, fetched within limits.

Belongs here: what the ledger keeps of them, each act with its line in the audit log. Does not: who may ask or answer
(reports/portal/vault_pages.py), the rows (reports/portal/vault.py). The database itself refuses an answer by who
asked, a download beyond what was granted, and any change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, and_, false, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from assets.ledger.audit import append
from assets.ledger.models import UnmaskAnswer, UnmaskDownload, UnmaskRequest, User
from assets.ledger.people import Person

HOURS, LONGEST_HOURS = 4, 24
DOWNLOADS, MOST_DOWNLOADS = 1, 3
SHOWN = 200  # requests of a page


class UnmaskingError(Exception):
    """What cannot be: `why` is unknown, own, answered, beyond (hours or downloads), or a state other than open."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what became of it."""

    id: int
    user_id: int
    asked_by: str
    period: str
    scope: str
    tables: tuple[str, ...]
    reason: str
    asked_at: datetime
    answered_by: str = ""
    approved: bool = False
    remark: str = ""
    answered_at: datetime | None = None
    ends_at: datetime | None = None
    downloads: int = 0
    taken: int = 0

    def state(self, now: datetime) -> str:
        """Waiting | refused | open | used | over."""
        if self.answered_at is None or self.ends_at is None:
            return "waiting"
        if not self.approved:
            return "refused"
        if self.taken >= self.downloads:
            return "used"
        return "open" if now < self.ends_at else "over"

    def __str__(self) -> str:
        """As the audit log names it."""
        return f"{self.id} {self.scope} {self.period} {','.join(self.tables)}"


def ask(
    ledger: Engine,
    who: Person,
    period: str,
    scope: str,
    tables: Sequence[str],
    reason: str,
    now: datetime,
    *,
    address: str = "",
) -> int:
    """Ask for the rows of some tables of a scope's month; the number of the request."""
    with Session(ledger) as session, session.begin():
        made = UnmaskRequest(
            user_id=who.id, period=period, scope=scope, tables=",".join(tables), reason=reason, asked_at=now
        )
        session.add(made)
        session.flush()
        what = f"{made.id} {scope} {period} {made.tables}: {reason}"
        append(session, who.name, "ask unmasked", what, address=address, now=now)
        return made.id


def answer(
    ledger: Engine,
    who: Person,
    number: int,
    *,
    approves: bool,
    hours: int = HOURS,
    downloads: int = DOWNLOADS,
    remark: str = "",
    now: datetime,
    address: str = "",
) -> None:
    """Approve a request for some hours and downloads, or refuse it. Raises UnmaskingError."""
    if not (1 <= hours <= LONGEST_HOURS and 1 <= downloads <= MOST_DOWNLOADS):
        raise UnmaskingError("beyond")
    with Session(ledger) as session, session.begin():
        asked = _asked(session, number)
        if asked.user_id == who.id:
            raise UnmaskingError("own")
        if asked.answered_at is not None:
            raise UnmaskingError("answered")
        session.add(
            UnmaskAnswer(
                request_id=number,
                user_id=who.id,
                approved=approves,
                remark=remark,
                downloads=downloads if approves else 0,
                at=now,
                ends_at=now + timedelta(hours=hours if approves else 0),
            )
        )
        granted = f", {hours} h, {downloads} times" if approves else ""
        act = "approve unmasked" if approves else "refuse unmasked"
        append(session, who.name, act, f"{asked}{granted}: {remark}".removesuffix(": "), address=address, now=now)


def take(ledger: Engine, who: Person, number: int, now: datetime, *, address: str = "") -> Asked:
    """Book a download; the request. Raises UnmaskingError where there is none of the person's, or it is not open."""
    try:
        with Session(ledger) as session, session.begin():
            asked = _asked(session, number)
            if asked.user_id != who.id:
                raise UnmaskingError("unknown")
            if (state := asked.state(now)) != "open":
                raise UnmaskingError(state)
            session.add(UnmaskDownload(request_id=number, at=now))
            session.flush()
            append(session, who.name, "download unmasked", str(asked), address=address, now=now)
            return asked
    except DBAPIError as error:  # another process has just taken the last one
        raise UnmaskingError("used") from error


def request_of(ledger: Engine, number: int) -> Asked | None:
    """The request of a number, whoever asked; None where there is none."""
    with Session(ledger) as session, session.begin():
        return _found(session, number)


def requests(
    ledger: Engine, user_id: int | None = None, within: Mapping[str, Collection[str]] | None = None
) -> list[Asked]:
    """The latest requests, the last first: of one person, or those of some scopes by month, or all."""
    wanted = _told().order_by(UnmaskRequest.id.desc()).limit(SHOWN)
    if user_id is not None:
        wanted = wanted.where(UnmaskRequest.user_id == user_id)
    if within is not None:
        of_months = (
            and_(UnmaskRequest.period == period, UnmaskRequest.scope.in_(scopes)) for period, scopes in within.items()
        )
        wanted = wanted.where(or_(false(), *of_months))
    with Session(ledger) as session, session.begin():
        return [_as_asked(*row) for row in session.execute(wanted)]


def _asked(session: Session, number: int) -> Asked:
    asked = _found(session, number)
    if asked is None:
        raise UnmaskingError("unknown")
    return asked


def _found(session: Session, number: int) -> Asked | None:
    found = session.execute(_told().where(UnmaskRequest.id == number)).first()
    return _as_asked(*found) if found else None


def _told() -> Select[Any]:
    """Requests with who asked, the answer and who gave it, and how often the rows were fetched."""
    asker, giver = aliased(User), aliased(User)
    taken = select(func.count()).where(UnmaskDownload.request_id == UnmaskRequest.id).scalar_subquery()
    return (
        select(UnmaskRequest, asker.display, UnmaskAnswer, giver.display, taken)
        .join(asker, asker.id == UnmaskRequest.user_id)
        .outerjoin(UnmaskAnswer, UnmaskAnswer.request_id == UnmaskRequest.id)
        .outerjoin(giver, giver.id == UnmaskAnswer.user_id)
    )


def _as_asked(
    request: UnmaskRequest, asked_by: str, given: UnmaskAnswer | None, answered_by: str | None, taken: int
) -> Asked:
    asked = Asked(
        id=request.id,
        user_id=request.user_id,
        asked_by=asked_by,
        period=request.period,
        scope=request.scope,
        tables=tuple(request.tables.split(",")),
        reason=request.reason,
        asked_at=request.asked_at,
        taken=taken,
    )
    if given is None:
        return asked
    return replace(
        asked,
        answered_by=answered_by or "",
        approved=given.approved,
        remark=given.remark,
        answered_at=given.at,
        ends_at=given.ends_at,
        downloads=given.downloads,
    )
