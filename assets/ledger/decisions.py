"""Stewards' decisions, as a log: each is written once and stands for good.

Belongs here: writing and reading them. Does not: what they do to findings and mails (the next run reads them).
There is no function to change or delete one: a decision that turns out wrong is followed by another.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from assets.ledger.models import DECISIONS, Decision
from assets.periods import is_period


class DecisionError(ValueError):
    """A decision that cannot be recorded; the message says what it lacks."""

    exit_status = 2


def record_decision(
    ledger: Engine,
    *,
    kind: str,
    subject: str,
    by: str,
    reason: str,
    unit_code: str = "",
    period: str = "",
    decided_at: datetime | None = None,
) -> Decision:
    """Write a decision and give it back with its id.

    `kind` waive (`subject`: a finding's id), assign (a mail's sha256, to `unit_code`) or confirm_seal (a unit's
    code, in `period`); `decided_at` is aware, now where it is not given. Raises DecisionError.
    """
    who, why, what = by.strip(), reason.strip(), subject.strip()
    if kind not in DECISIONS:
        raise DecisionError(f"{kind!r} is none of {', '.join(DECISIONS)}")
    if not who or not why or not what:
        raise DecisionError("a decision needs what it is on, by whom it was taken, and a reason")
    if kind == "assign" and not unit_code:
        raise DecisionError("a mail is assigned to a unit; name it")
    if (kind == "confirm_seal" and not period) or (period and not is_period(period)):
        raise DecisionError(f"{period!r} is not a month; write it as 2026-10")
    decision = Decision(
        kind=kind,
        subject=what,
        unit_code=unit_code,
        period=period,
        decided_by=who,
        reason=why,
        decided_at=decided_at or datetime.now(UTC),
    )
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        session.add(decision)
    return decision


def list_decisions(ledger: Engine, *, kind: str = "", period: str = "", unit_code: str = "") -> list[Decision]:
    """The decisions, oldest first: all, or those of a kind, month or unit."""
    wanted = select(Decision).order_by(Decision.decided_at, Decision.id)
    for column, value in ((Decision.kind, kind), (Decision.period, period), (Decision.unit_code, unit_code)):
        if value:
            wanted = wanted.where(column == value)
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(wanted))
