"""What must hold of a month, and what of it needs a person, as Dagster asset checks.

Belongs here: thin checks. Does not: what needs a person (reviews.py), the SQL tests (sql/tests), the rules
(expectations/).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.instance.resource import POOL, HomeResource
from assets.month.assets import findings, mart_key
from assets.month.gate import reconcile
from assets.month.reviews import groups, missing, reviews
from assets.month.settle import as_indexed
from expectations.catalogue import load_catalogue

GROUPS = groups(load_catalogue())


def _table(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {"first cells": dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])} if rows else {}


@dg.multi_asset_check(
    pool=POOL,
    specs=[
        dg.AssetCheckSpec(
            f"{group}_in_order", asset=findings, description=f"Nothing of {group.replace('_', ' ')} needs a person"
        )
        for group in GROUPS
    ],
)
def in_order(context: dg.AssetCheckExecutionContext, home: HomeResource) -> Iterator[dg.AssetCheckResult]:
    """One check a group: red where somebody must act who is not the unit, with the first cells that fail."""
    session, period = home.session, context.partition_key
    work = session.once(as_indexed)
    pages = session.home.data_docs / period / "index.html"
    for group, review in reviews(work.warehouse, work.catalogue, period).items():
        yield dg.AssetCheckResult(
            asset_key=findings.key,
            check_name=f"{group}_in_order",
            passed=review.well,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                **review.counts,
                **({"needed": review.needed} if review.needed else {}),
                "data docs": dg.MetadataValue.path(str(pages)),
                **_table(review.cells),
            },
        )


@dg.asset_check(pool=POOL, asset=mart_key("unit_results"))
def nobody_is_missing(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Once the cut-off is over every unit has reported; before it, who is missing is told and nothing is wrong."""
    work, period = home.session.once(as_indexed), context.partition_key
    rows = missing(work.warehouse, period, work.parameters(period))
    return dg.AssetCheckResult(
        passed=not rows or work.as_of < work.deadline.cutoff(period),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "missing": sum(r["state"] == "missing" for r in rows),
            "returned": sum(r["state"] == "returned" for r in rows),
            "who": dg.MetadataValue.md(_listed(rows)),
        },
    )


def _listed(rows: Sequence[Mapping[str, str]]) -> str:
    """Markdown: a line a unit."""
    told = (
        f"- {r['unit_code']} {r['unit_name']}: {r['state']}" + (f", until {r['until']}" if r["until"] else "")
        for r in rows
    )
    return "\n".join(told) or "nobody"


@dg.asset_check(pool=POOL, asset=mart_key("summaries"), blocking=True)
def figures_reconcile(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """The SQL tests of sql/tests return no row: totals agree however they are summed; else nothing is published."""
    failing = reconcile(home.session.once(as_indexed), context.partition_key)
    return dg.AssetCheckResult(passed=not failing, metadata={"failing rows": dg.MetadataValue.json(failing)})


CHECKS = (in_order, nobody_is_missing, figures_reconcile)
