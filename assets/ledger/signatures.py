"""Signatures of offices under their units' months (system.md, Decisions, by the setting `signing_levels`).

Belongs here: writing them, each for good with its line in the audit log, and which stand. Does not: what is signed
(assets/month/signing.py), who may sign (reports/portal/office.py).

A signature is on what the office saw: `content`, a digest of it. When that changes the signature stays in the log and
confirms nothing more. Taking one back is a line of its own.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from assets.ledger.audit import append
from assets.ledger.models import Signature
from assets.ledger.people import Person


def sign(
    ledger: Engine, who: Person, period: str, scope: str, content: str, remark: str, now: datetime, *, address: str = ""
) -> None:
    """Sign a month of a scope in the name of a person; `content` is what was looked at."""
    _write(
        ledger, who, Signature(period=period, scope=scope, content=content, gives=True, remark=remark, at=now), address
    )


def take_back(
    ledger: Engine, who: Person, period: str, scope: str, remark: str, now: datetime, *, address: str = ""
) -> None:
    """Take the signature under a month of a scope back."""
    _write(ledger, who, Signature(period=period, scope=scope, content="", gives=False, remark=remark, at=now), address)


def _write(ledger: Engine, who: Person, made: Signature, address: str) -> None:
    with Session(ledger) as session, session.begin():
        made.signed_by = who.display
        session.add(made)
        act = "sign" if made.gives else "take signature"
        append(
            session,
            who.name,
            act,
            f"{made.scope} {made.period} {made.content[:12]}".strip(),
            address=address,
            now=made.at,
        )


def standing(ledger: Engine, period: str, at: datetime) -> dict[str, Signature]:
    """Of every scope the signature under a month that stands at a moment: the last line, if it gives one."""
    wanted = select(Signature).where(Signature.period == period, Signature.at <= at).order_by(Signature.id)
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        last = {line.scope: line for line in session.scalars(wanted)}
    return {scope: line for scope, line in last.items() if line.gives}
