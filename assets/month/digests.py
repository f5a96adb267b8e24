"""What was settled, known by its digest: a table that was changed since is not published from.

Belongs here: which tables, remembering and comparing. Does not: when (freshness.mark_settled, gate.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from assets.instance.warehouse import Warehouse, model
from assets.month.sql_tests import grains

# Of the tables that stages write for a month, those that reports, answers and notices are made of.
STANDING = tuple(
    f"marts.{mart}"
    for mart in ("summaries", "unit_results", "unit_forms", "problems", "incident_register", "agreement_register")
)
BELOW = ("core.all_findings", "core.submissions", "core.mails", "core.scans", "core.units", "core.scope_units")
SCHEMA = dict.fromkeys(("table_name", "period", "digest", "hashed_by"), pl.String)


def settled_tables() -> list[str]:
    """All tables that a report of a month is made of."""
    return [*(f"marts.{mart}" for mart in grains()), *BELOW]


def remember_tables(warehouse: Warehouse, period: str) -> None:
    """Book what the tables hold of a month."""
    found = _digests(warehouse, settled_tables(), [period])
    rows = [(table, month, *digest) for (table, month), digest in found.items()]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    warehouse.put("core.table_digests", frame, period=period)


def changed_tables(warehouse: Warehouse, period: str, recent: Collection[str]) -> dict[str, list[str]]:
    """By month the tables that hold something else than when it was settled: of the period all, of the `recent`
    months before it those that its report looks back into.
    """
    settled = {
        (row["table_name"], row["period"]): (row["digest"], row["hashed_by"])
        for row in warehouse.rows(
            "select * from core.table_digests where list_contains($periods, period)", {"periods": [*recent, period]}
        )
    }
    known = {month for _, month in settled}
    earlier = sorted(month for month in known if month < period)
    now = _digests(warehouse, STANDING, earlier)
    if period in known:
        now |= _digests(warehouse, settled_tables(), [period])
    version = str(warehouse.value("select version()"))
    changed: dict[str, list[str]] = {}
    for table, month in sorted({*now, *(key for key in settled if key[1] == period or key[0] in STANDING)}):
        was = settled.get((table, month))
        if was != now.get((table, month)) and (was is None or was[1] == version):
            changed.setdefault(month, []).append(table)
    return changed


def _digests(
    warehouse: Warehouse, tables: Sequence[str], periods: Sequence[str]
) -> dict[tuple[str, str], tuple[str, str]]:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    made = warehouse.tables() if periods else set()
    for table in tables:
        if table not in made:
            continue  # a mart that is new with this release
        for row in warehouse.rows(model("settled/table_digests"), {"table": table, "periods": list(periods)}):
            found[table, row["period"]] = (row["digest"], row["hashed_by"])
    return found
