"""What decisions come to before they take effect: the months settled with them in a copy that is thrown away.

system.md, Decisions. Belongs here: the copy settled without and with decisions that are planned, and the difference in
words. Does not: what may be decided (decisions.py), settling (assets/month/), the difference itself (rehearsal.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.instance.clock import last_run
from assets.ledger.decisions import drafted
from assets.ledger.models import Decision
from assets.month.decisions import effective_decisions, put_decisions
from assets.month.look_back import look_back
from assets.month.settle import indexed_work
from assets.month.spans import settle_months
from assets.month.work import Work
from pipelines.copied_session import copied_session
from pipelines.decisions import Desk, Planned
from pipelines.rehearsal import Settled, differences, outcome_of

MOST_UNITS = 200  # of a month that is settled for a preview without being asked: a few seconds
NAMED = {"fails": "more", "passes": "fewer", "otherwise": "of another weight"}


def is_cheap(desk: Desk) -> bool:
    """Whether the months are small enough that a person waits no longer than for the command itself."""
    months = desk.months()
    return bool(months) and len(desk.register.tree(months[-1]).reporting) <= MOST_UNITS


def foreseen(desk: Desk, planned: Planned, into: Path | None = None) -> list[dict[str, Any]]:
    """What the next run will find otherwise by the decisions planned, by the clock of the last one: rows as those of
    `differences`, worked out by settling the months without and with them. None before the first run.

    Decisions that were taken since the last run are in force on both sides; a waiver that awaits approval counts as
    approved. `into`: see copied_session. Raises what the log raises for a decision that it refuses, and WarehouseBusy.
    """
    at, months = last_run(desk.home), desk.months()
    if at is None or not months:
        return []
    taken, now = desk.decisions(), datetime.now(UTC)
    drafts = drafted(taken, planned.proposals, now)
    needing = desk.settings.approved_effects
    with copied_session(desk.home, at, into=into) as session:
        work = session.once(indexed_work)
        before = _settled_with(work, effective_decisions(taken, now, needing), months)
        decided = effective_decisions([*taken, *drafts], now, needing)
        awaiting = [(d, d.decided_by) for d in drafts if d.kind == "waive" and d not in [one for one, _ in decided]]
        after = _settled_with(work, [*decided, *awaiting], months)
    return list(differences(before, after))


def _settled_with(work: Work, made: Sequence[tuple[Decision, str]], months: Sequence[str]) -> Settled:
    put_decisions(work.warehouse, made)
    look_back(work)
    settle_months(work, months[-1])
    return outcome_of(work.warehouse, months[0], months[-1])


def told(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The difference in lines: what becomes of units, their scores, the carrier's figures, and findings."""
    for row in rows:
        place = f"{row['period']} {row['unit_code']}".rstrip()
        if row["what"] == "rule":
            found = [f"{row[key]} {word}" for key, word in NAMED.items() if row[key]]
            yield f"{place}: findings of {row['subject']}: {', '.join(found)}"
        else:
            name = {"unit": "", "score": "score "}.get(row["what"], f"{row['subject']} ")
            yield f"{place}: {name}{_shown(row['before'])} -> {_shown(row['after'])}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
