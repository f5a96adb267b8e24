"""What the portal needs of decisions: a decider that plans and records them by what a snapshot shows, and the log.

Belongs here: what is asked of the decider, and the log as pages show it. Does not: what may be decided, which stands
with the commands (pipelines/decisions.py) and is handed in by `sixth serve`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Engine

from assets.ledger.decisions import all_decisions, followers, in_force
from assets.ledger.models import Decision


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision as a page sends it. `rows`: the findings (of the snapshot) that it is on, one for confirm_seal;
    `mail`: the held mail, as the snapshot has it; `over`: the key of the decision in force that it replaces.
    """

    kind: str
    by: str
    reason: str
    at: datetime
    rows: Sequence[Mapping[str, Any]] = ()
    mail: Mapping[str, Any] | None = None
    unit: str = ""
    period: str = ""
    subject: str = ""
    through: str = ""
    until: datetime | None = None
    over: str = ""
    late: bool = False
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a decision will come to. `rows`: what differs between the months of the last run settled without it and with
    it, exactly: dicts with what (rule, unit, score, figure), period, subject, unit_code, before, after, fails, passes.
    None where that was not worked out, for the reason `why`: many (units), busy, limit (of time or memory), nothing
    (settled yet).
    """

    rows: Sequence[Mapping[str, Any]] | None
    why: str = ""


class Decider(Protocol):
    """Plans and records a decision, all or none."""

    def foresee(self, wanted: Wanted) -> Foreseen:
        """What it will come to; nothing is recorded. Raises DecisionError where it would be refused."""

    def decide(self, wanted: Wanted) -> list[Decision]:
        """Record it. Raises assets.ledger.decisions.DecisionError where it is refused."""


@dataclass(frozen=True, slots=True)
class Log:
    """The log at a moment."""

    decisions: list[Decision]
    standing: dict[str, Decision]  # by key
    after: dict[str, Decision]  # by the key of the one before

    def on(self, subject: str) -> list[Decision]:
        """The decisions in force on a finding, a mail, a unit's month or a decision."""
        return [d for d in self.standing.values() if d.subject == subject]

    def waivers(self) -> dict[str, Decision]:
        """The waivers in force by finding."""
        return {d.subject: d for d in self.standing.values() if d.kind == "waive"}


def log_of(ledger: Engine, at: datetime) -> Log:
    """The log at a moment, but no decision of it left out: one may be booked by a clock that is ahead of ours."""
    decisions = all_decisions(ledger)
    at = max([at, *(d.decided_at for d in decisions)])
    standing = {d.key: d for d in in_force(decisions, at)}
    return Log(decisions, standing, followers(decisions, at))
