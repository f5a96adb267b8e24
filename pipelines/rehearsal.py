"""`sixth rehearse`: a changed rules.yaml over past months, and what would come of it; nothing is touched.

Belongs here: settling the months under both rule files, each in a copy of the warehouse that is thrown away, and the
differences. Does not: settling (assets/month/), the copy (replay.py).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.clock import last_run
from assets.instance.home import Home
from assets.instance.warehouse import Warehouse
from assets.month.settle import indexed_work
from assets.month.spans import settle_months
from expectations.catalogue import FILES
from pipelines.copied_session import copied_session
from reports.publishing.changes import flatten

RULES = "rules.yaml"


class NothingToRehearse(Exception):
    """There is no run whose months could be settled again; the message says what to do first."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Settled:
    """What months came to: findings by id, states and scores of units by (period, code), figures by (period, path)."""

    findings: Mapping[str, Mapping[str, Any]]
    units: Mapping[tuple[str, str], str]
    scores: Mapping[tuple[str, str], Any]
    figures: Mapping[tuple[str, str], Any]


def rehearse(home: Home, rules: Path, first: str, last: str) -> list[dict[str, Any]]:
    """What would be otherwise in the months from `first` to `last` under another rule file, by the last run's clock.

    Rows of one shape: `what` (rule, unit, score, figure), `period`, `subject`, `unit_code`, `before`, `after`, and for
    rules how many findings fail anew, pass, are otherwise severe, and had been explained. Raises NothingToRehearse,
    CatalogueError for a rule file that contradicts itself.
    """
    at = last_run(home)
    if at is None:
        raise NothingToRehearse("no run has settled a month of this home yet; `sixth run` does")
    with tempfile.TemporaryDirectory() as folder:
        overrides = Path(folder)
        for name in FILES:
            if (home.register / name).is_file():
                shutil.copy(home.register / name, overrides)
        shutil.copy(rules, overrides / RULES)
        after = settled_under(home, at, overrides, first, last)
    return list(differences(settled_under(home, at, None, first, last), after))


def settled_under(home: Home, at: datetime, overrides: Path | None, first: str, last: str) -> Settled:
    """Settle the months in a copy, with the catalogue of the home or another, and read what they came to."""
    with copied_session(home, at, overrides) as session:
        work = session.once(indexed_work)
        settle_months(work, last)
        return outcome_of(work.warehouse, first, last)


def outcome_of(warehouse: Warehouse, first: str, last: str) -> Settled:
    """What the settled months of a warehouse came to."""
    parameters = {"first": first, "last": last}
    rows = warehouse.rows(
        """
        select period, finding_id, unit_code, rule_id, severity, effect, status
        from core.findings
        where period between $first and $last
        """,
        parameters,
    )
    units = warehouse.rows(
        """
        select period, unit_code, state, on_time, score
        from marts.unit_results
        where period between $first and $last
        """,
        parameters,
    )
    summaries = warehouse.rows(
        """
        select s.period, s.summary
        from marts.summaries as s
        inner join core.units as u on u.period = s.period and u.unit_code = s.scope
        where s.period between $first and $last and u.level = 'carrier'
        """,
        parameters,
    )
    return Settled(
        {r["finding_id"]: r for r in rows},
        {(r["period"], r["unit_code"]): _state(r) for r in units},
        {(r["period"], r["unit_code"]): r["score"] for r in units},
        {(r["period"], path): v for r in summaries for path, v in flatten(json.loads(r["summary"]))},
    )


def _state(row: Mapping[str, Any]) -> str:
    return str(row["state"]) + ("" if row["on_time"] is None else " on time" if row["on_time"] else " late")


def differences(before: Settled, after: Settled) -> Iterator[dict[str, Any]]:
    """What differs between two outcomes: of rules unit by unit, of units' states and scores, of the carrier's
    figures.
    """
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for key in before.findings.keys() | after.findings.keys():
        was, is_now = before.findings.get(key), after.findings.get(key)
        row = was if was is not None else after.findings[key]
        same = was and is_now and (was["severity"], was["effect"]) == (is_now["severity"], is_now["effect"])
        count = counts.setdefault((row["period"], row["rule_id"], row["unit_code"]), Counter())
        if not same:
            count["fails" if was is None else "passes" if is_now is None else "otherwise"] += 1
        if was and was["status"] == "explained":
            count["explained"] += 1
    for (period, rule, unit), count in sorted(counts.items()):
        if count["fails"] or count["passes"] or count["otherwise"]:
            yield _row("rule", period, rule, unit) | {
                name: count[name] for name in ("fails", "passes", "otherwise", "explained")
            }
    for what, was_of, is_of in (("unit", before.units, after.units), ("score", before.scores, after.scores)):
        for month, unit in sorted(was_of.keys() | is_of.keys()):
            told = was_of.get((month, unit)), is_of.get((month, unit))
            if told[0] != told[1]:
                yield _row(what, month, unit, unit, *told)
    for month, path in sorted(before.figures.keys() | after.figures.keys()):
        values = before.figures.get((month, path)), after.figures.get((month, path))
        if values[0] != values[1]:
            yield _row("figure", month, path, "", *values)


def _row(what: str, period: str, subject: str, unit: str, before: Any = "", after: Any = "") -> dict[str, Any]:
    told = {"what": what, "period": period, "subject": subject, "unit_code": unit, "before": before, "after": after}
    return told | dict.fromkeys(("fails", "passes", "otherwise", "explained"), "")
