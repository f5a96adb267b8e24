"""Stewards' decisions, as a log: each is written once and stands for good (system.md, Decisions).

Belongs here: writing them in chains, reading them, which are in force at a moment. Does not: what may be decided
(pipelines/decisions.py), what it does to findings and mails (the next run, assets/month/decisions.py).

Decisions on one thing make a chain: each but the first names the one that it follows. Two that follow the same, the
database refuses; so of two stewards who both saw the same state, the second is told of the first's decision.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from assets.ledger.models import DECISIONS, Decision

KEY_LENGTH = 12
LEAST_REASON = 5  # characters
ENDS = "take_back"


class DecisionError(ValueError):
    """A decision that is refused; the message says why, and what to do instead, for the command line.

    `why` is a name for that, "" where there is none, and `told` what there is to say of it, for who words it otherwise.
    """

    exit_status = 2

    def __init__(self, message: str, why: str = "", **told: str) -> None:
        super().__init__(message)
        self.why, self.told = why, told


class AlreadyDecided(DecisionError):
    """Another decision is in force on the same thing, and was not named."""

    def __init__(self, standing: Decision, zone: tzinfo | None) -> None:
        when = standing.decided_at.astimezone(zone)
        super().__init__(
            f"{shown_subject(standing)} is decided already: {standing.key} {standing.kind} by {standing.decided_by} "
            f"on {when:%Y-%m-%d %H:%M}, {standing.reason}; add --over {standing.key} to decide on top of it"
        )
        self.standing = standing


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a steward decides; `over` is the key of the decision in force that is to be replaced.

    `fault`, `about`: see assets.ledger.models.Decision. `decided_at` is aware.
    """

    kind: str
    subject: str
    decided_by: str
    reason: str
    decided_at: datetime
    unit_code: str = ""
    period: str = ""
    mail: str = ""
    fault: str = ""
    until: datetime | None = None
    through: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    over: str = ""


def shown_subject(decision: Decision | Proposal) -> str:
    """What a decision is on, in words."""
    nouns = {"waive": "finding", "assign": "mail", "approve": "decision"}
    return f"{nouns.get(decision.kind, decision.kind.replace('_', ' '))} {decision.subject}"


def record(ledger: Engine, proposals: Sequence[Proposal], now: datetime) -> list[Decision]:
    """Write decisions, all or none; `now` (aware) is when they are recorded, before which they must have been taken.

    Raises AlreadyDecided where one is in force that was not named, DecisionError for what else cannot be recorded.
    """
    for proposal in proposals:
        _look_at(proposal, now)
    try:
        with Session(ledger, expire_on_commit=False) as session, session.begin():
            made = []
            for proposal in proposals:
                made.append(_follow(session, proposal, now))
                session.add(made[-1])
                session.flush()  # two of one batch on one thing are refused as any others
            return made
    except IntegrityError as error:
        # Another process was quicker: say what it has decided.
        with Session(ledger, expire_on_commit=False) as session, session.begin():
            for proposal in proposals:
                _follow(session, proposal, now)
        raise DecisionError("another steward decided at the same moment; try again") from error


def _look_at(proposal: Proposal, now: datetime) -> None:
    if proposal.kind not in DECISIONS:
        raise DecisionError(f"{proposal.kind!r} is none of {', '.join(DECISIONS)}")
    if not proposal.subject or not proposal.decided_by.strip():
        raise DecisionError("a decision names what it is on and who takes it")
    if len("".join(proposal.reason.split())) < LEAST_REASON:
        raise DecisionError(f"the reason has fewer than {LEAST_REASON} characters; say why")
    if proposal.decided_at > now:
        raise DecisionError("a decision is not taken in the future; leave --as-of out, or name an earlier time")


def drafted(taken: Sequence[Decision], proposals: Sequence[Proposal], now: datetime) -> list[Decision]:
    """The decisions that proposals would become after those `taken` so far; nothing is written.

    Raises what `record` raises.
    """
    made: list[Decision] = []
    for proposal in proposals:
        _look_at(proposal, now)
        known = [*taken, *made]
        chain = _chain(proposal, next((d for d in known if d.key == proposal.subject), None))
        made.append(_successor([d for d in known if d.chain == chain], chain, proposal, now))
    return made


def _follow(session: Session, proposal: Proposal, now: datetime) -> Decision:
    """The decision that a proposal becomes at the end of its chain."""
    ended = session.scalar(select(Decision).where(Decision.key == proposal.subject)) if proposal.kind == ENDS else None
    chain = _chain(proposal, ended)
    links = list(session.scalars(select(Decision).where(Decision.chain == chain)))
    try:
        return _successor(links, chain, proposal, now)
    except AlreadyDecided as refused:
        session.expunge(refused.standing)  # it is told of when the session is over
        raise


def _successor(links: Sequence[Decision], chain: str, proposal: Proposal, now: datetime) -> Decision:
    """The decision that a proposal becomes after the links of its chain."""
    followed = {d.replaces for d in links}
    last = next((d for d in links if d.key not in followed), None)
    standing = last if last and last.kind != ENDS else None
    if proposal.kind == ENDS:
        if standing is None or standing.key != proposal.subject:
            key = proposal.subject
            raise DecisionError(f"{key} is not in force{_ended_by(links, key)}", why="not_in_force", key=key)
    elif standing and standing.key != proposal.over:
        raise AlreadyDecided(standing, proposal.decided_at.tzinfo)
    elif proposal.over and standing is None:
        raise DecisionError(
            f"--over {proposal.over}: nothing is in force on {shown_subject(proposal)}",
            why="not_in_force",
            key=proposal.over,
        )
    if last and proposal.decided_at < last.decided_at:
        when = last.decided_at.astimezone(proposal.decided_at.tzinfo)
        raise DecisionError(
            f"{last.key} on the same thing was decided later, on {when:%Y-%m-%d %H:%M}; "
            "a decision comes after the one that it follows"
        )
    said = {
        **asdict(proposal),
        "decided_by": proposal.decided_by.strip(),
        "reason": proposal.reason.strip(),
        "about": json.dumps(dict(proposal.about), ensure_ascii=False, sort_keys=True),
        "replaces": last.key if last else "",
        "chain": chain,
        "decided_at": proposal.decided_at.astimezone(UTC),
        "until": proposal.until and proposal.until.astimezone(UTC),
    }
    del said["over"]
    key = hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()
    return Decision(key=key[:KEY_LENGTH], recorded_at=now, account=_account(), **said)


def _chain(proposal: Proposal, ended: Decision | None) -> str:
    """The name of the chain that a proposal belongs to; `ended`: the decision of the key that it names."""
    if proposal.kind == ENDS:
        if ended is None:
            raise DecisionError(f"there is no decision {proposal.subject}; `sixth decisions` lists them")
        return ended.chain
    if proposal.kind == "note":
        # Notes stand beside one another, and each can be taken back.
        told = f"{proposal.decided_by}|{proposal.decided_at.astimezone(UTC)}|{proposal.reason}"
        return f"note:{proposal.subject}:{hashlib.sha256(told.encode()).hexdigest()[:KEY_LENGTH]}"
    return f"{proposal.kind}:{proposal.subject}"


def _ended_by(links: Sequence[Decision], key: str) -> str:
    after = next((d for d in links if d.replaces == key), None)
    return f": {after.kind.replace('_', ' ')} {after.key} by {after.decided_by} followed it" if after else ""


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account that no user database knows
        return ""


def all_decisions(ledger: Engine) -> list[Decision]:
    """Every decision, in the order of time and key."""
    with Session(ledger, expire_on_commit=False) as session, session.begin():
        return list(session.scalars(select(Decision).order_by(Decision.decided_at, Decision.key)))


def log_mark(ledger: Engine) -> tuple[int, int]:
    """By what one sees that the log has grown: how many decisions it has, and the number of the last."""
    with ledger.connect() as connection:
        count, last = connection.execute(select(func.count(), func.max(Decision.id))).one()
        return count, last or 0


def followers(decisions: Iterable[Decision], at: datetime) -> dict[str, Decision]:
    """By key the decision that followed it in its chain by a moment."""
    return {d.replaces: d for d in decisions if d.replaces and d.decided_at <= at}


def in_force(decisions: Sequence[Decision], at: datetime) -> list[Decision]:
    """Those in force at a moment: of each chain the last that was taken by then, if it did not take back."""
    followed = followers(decisions, at)
    return [d for d in decisions if d.decided_at <= at and d.key not in followed and d.kind != ENDS]
