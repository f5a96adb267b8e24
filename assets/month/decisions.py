"""Stewards' decisions brought to bear on months: core.decisions, which SQL and findings read (system.md, Decisions).

Belongs here: which decisions are in force by the clock of the run, and on which months each bears. Does not: the log
itself (assets/ledger/decisions.py), what a decision does (sql/settled/, sql/marts/unit_results.sql, record.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.instance import periods
from assets.instance.warehouse import Warehouse

if TYPE_CHECKING:
    from assets.ledger.models import Decision

UTC_TIME = pl.Datetime("us", "UTC")
SCHEMA: dict[str, Any] = {
    "period": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "unit_code": pl.String,
    "finding_id": pl.String,
    "mail": pl.String,
    "fault": pl.String,
    "decided_by": pl.String,
    "decided_at": UTC_TIME,
    "until": UTC_TIME,
    "through": pl.String,
    "is_late": pl.Boolean,
    "reason": pl.String,
    "replaces": pl.String,
}
"""Columns of core.decisions, whose grain is one decision in force in one month that it bears on. finding_id is the
finding that it waives; fault what lasts of it, where it is waived in later months too; is_late an extension that was
granted after the general cut-off."""


def effective_decisions(
    decisions: Sequence[Decision], at: datetime, needing_approval: Collection[str] = ()
) -> list[tuple[Decision, str]]:
    """The decisions that have an effect at a moment, each with who took it: waivers of an effect `needing_approval`
    once a second person has approved them, who is named beside the first.
    """
    from assets.ledger.decisions import in_force  # noqa: PLC0415 - the ledger's libraries, which `sixth check` does without

    standing = in_force(decisions, at)
    approved = {d.subject: d.decided_by for d in standing if d.kind == "approve"}
    made = []
    for decision in standing:
        by = decision.decided_by
        if decision.kind == "approve":
            continue
        if decision.kind == "waive" and json.loads(decision.about).get("effect") in needing_approval:
            if decision.key not in approved:
                continue
            by = f"{by}、{approved[decision.key]}"
        made.append((decision, by))
    return made


def put_decisions(warehouse: Warehouse, made: Sequence[tuple[Decision, str]]) -> None:
    """Write core.decisions: of those that have an effect, each beside every month that it bears on.

    Reads core.mail_periods: an assigned mail is the unit's in every month that it may concern.
    """
    months_of_mails: dict[str, list[str]] = {}
    mails = sorted({d.mail for d, _ in made if d.mail and not d.period})
    for row in warehouse.rows(
        "select mail, period from core.mail_periods where mail in (select unnest($mails)) order by mail, period",
        {"mails": mails},
    ):
        months_of_mails.setdefault(row["mail"], []).append(row["period"])
    rows: list[dict[str, Any]] = []
    for decision, by in made:
        about = json.loads(decision.about)
        told = {name: getattr(decision, name) for name in SCHEMA if hasattr(decision, name)}
        told |= {
            "decided_by": by,
            "finding_id": decision.subject if decision.kind == "waive" else about.get("finding", ""),
            "is_late": about.get("late") == "yes",
        }
        rows.extend({**told, "period": month} for month in _months(decision, months_of_mails.get(decision.mail, [])))
    frame = pl.DataFrame(rows, schema=SCHEMA).sort("period", "decided_at", "key")
    warehouse.put("core.decisions", frame)


def _months(decision: Decision, of_mail: Sequence[str]) -> Iterator[str]:
    if decision.through:
        yield from periods.between(decision.period, decision.through)
    elif decision.period:
        yield decision.period
    else:
        yield from of_mail


def decisions_of(warehouse: Warehouse, period: str) -> pl.DataFrame:
    """The decisions in force that bear on the period (SCHEMA), in the order of time and key."""
    return warehouse.frame(
        "select * from core.decisions where period = $period order by decided_at, key", {"period": period}
    )
