"""What must hold of a month, as Dagster asset checks.

Belongs here: thin checks. Does not: the SQL tests (sql/tests), the rules (expectations/).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.instance.resource import POOL, HomeResource
from assets.instance.warehouse import model
from assets.month.assets import findings, mart_key
from assets.month.gate import reconcile
from assets.month.settle import as_indexed
from expectations.catalogue import load_catalogue

SHEETS = tuple(load_catalogue().sheets)
WORST_UNITS = 20


@dg.multi_asset_check(
    pool=POOL,
    specs=[
        dg.AssetCheckSpec(
            f"{sheet}_rows_hold", asset=findings, description=f"No row of sheet {sheet} fails a drop rule"
        )
        for sheet in SHEETS
    ],
)
def rows_hold(context: dg.AssetCheckExecutionContext, home: HomeResource) -> Iterator[dg.AssetCheckResult]:
    """One check a suite: the rules that rows fail, most cells first. A unit's fault never stops the month."""
    period = context.partition_key
    found: dict[str, list[dict[str, Any]]] = {}
    for row in home.session.warehouse.rows(model("settled/rules_of_sheets"), {"period": period}):
        found.setdefault(row["sheet_key"], []).append(row)
    for sheet in SHEETS:
        rules = found.get(sheet, [])
        dropping = [r for r in rules if r["effect"] == "drop"]
        records = [
            dg.TableRecord({k: r[k] for k in ("rule_id", "effect", "cells", "units")}) for r in rules[:WORST_UNITS]
        ]
        yield dg.AssetCheckResult(
            asset_key=findings.key,
            check_name=f"{sheet}_rows_hold",
            passed=not dropping,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "cells": sum(r["cells"] for r in rules),
                **({"rules": dg.MetadataValue.table(records)} if records else {}),
            },
        )


@dg.asset_check(pool=POOL, asset=mart_key("summaries"), blocking=True)
def figures_reconcile(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """The SQL tests of sql/tests return no row: totals agree however they are summed; else nothing is published."""
    failing = reconcile(home.session.once(as_indexed), context.partition_key)
    return dg.AssetCheckResult(passed=not failing, metadata={"failing rows": dg.MetadataValue.json(failing)})


CHECKS = (rows_hold, figures_reconcile)
