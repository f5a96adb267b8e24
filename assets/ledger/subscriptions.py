"""Subscriptions: reports that readers have asked for on the portal to be mailed, to themselves or to a list.

Belongs here: what the ledger keeps of them, each change with its line in the audit log, and who still may have what
they asked for. Does not: mailing (reports/notices/delivering.py), which does the same for register/recipients.csv.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, false, or_, select
from sqlalchemy.orm import Session

from assets.instance.recipients import Recipient
from assets.instance.register import Tree
from assets.ledger.audit import append
from assets.ledger.models import Notice, Subscription
from assets.ledger.people import Person, users

ROLE = "reader"
FROM_PORTAL = 0  # the line of a recipient that stands in no file


class SubscriptionError(Exception):
    """What cannot be: `why` is there (the mailbox gets the scope's report already) or unknown."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def subscribe(
    ledger: Engine,
    who: Person,
    scope: str,
    mailbox: str,
    name: str,
    forms: Sequence[str],
    wanted: str,
    now: datetime,
    *,
    address: str = "",
) -> None:
    """Ask for the report of a scope: `forms` are attached, none is the link alone; `wanted` is deadline, supplements or
    always. Raises SubscriptionError.
    """
    line = Subscription(
        user_id=who.id,
        scope=scope,
        mailbox=mailbox,
        name=name,
        forms=";".join(forms),
        wanted=wanted,
        gives=True,
        at=now,
    )
    with Session(ledger) as session, session.begin():
        if (scope, mailbox) in _last(session, now):
            raise SubscriptionError("there")
        session.add(line)
        append(session, who.name, "subscribe", f"{scope} {mailbox} {wanted} {line.forms}", address=address, now=now)


def end(ledger: Engine, who: Person, number: int, now: datetime, *, address: str = "") -> None:
    """End a subscription of one's own. Raises SubscriptionError."""
    with Session(ledger) as session, session.begin():
        line = next((s for s in _last(session, now).values() if s.id == number and s.user_id == who.id), None)
        if line is None:
            raise SubscriptionError("unknown")
        session.add(
            Subscription(
                user_id=who.id,
                scope=line.scope,
                mailbox=line.mailbox,
                name=line.name,
                forms=line.forms,
                wanted=line.wanted,
                gives=False,
                at=now,
            )
        )
        append(session, who.name, "end subscription", f"{line.scope} {line.mailbox}", address=address, now=now)


def standing(ledger: Engine, at: datetime, user_id: int | None = None) -> list[Subscription]:
    """The subscriptions that stand at a moment, of one person or of all, in the order in which they were made."""
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        found = _last(session, at).values()
        return sorted((s for s in found if user_id in (None, s.user_id)), key=lambda s: s.id)


def _last(session: Session, at: datetime) -> dict[tuple[str, str], Subscription]:
    lines = session.scalars(select(Subscription).where(Subscription.at <= at).order_by(Subscription.id))
    last = {(line.scope, line.mailbox): line for line in lines}
    return {key: line for key, line in last.items() if line.gives}


def subscribed(ledger: Engine, tree: Tree, at: datetime, *, encrypted: bool) -> list[Recipient]:
    """The recipients of the subscriptions that stand: those whose owner is not closed and reads the scope still.

    Without `encrypted` nothing is attached, and the link alone goes out: what is asked for on the portal never leaves
    in the open.
    """
    scopes = {
        user.id: [scope for role, scope in grants if role == ROLE]
        for user, grants in users(ledger)
        if user.disabled_at is None
    }
    return [
        Recipient(
            s.scope, s.name, s.mailbox, tuple(f for f in s.forms.split(";") if f and encrypted), s.wanted, FROM_PORTAL
        )
        for s in standing(ledger, at)
        if any(tree.is_within(s.scope, scope) for scope in scopes.get(s.user_id, ()))
    ]


def mailed(ledger: Engine, subscriptions: Collection[Subscription], most: int) -> list[Notice]:
    """The latest mails with reports that went, or are to go, where some subscriptions say."""
    pairs = {(s.scope, s.mailbox) for s in subscriptions}
    theirs = (and_(Notice.unit_code == scope, Notice.recipient == mailbox) for scope, mailbox in sorted(pairs))
    wanted = select(Notice).where(Notice.kind == "report", or_(false(), *theirs)).order_by(Notice.id.desc())
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(wanted.limit(most)))
