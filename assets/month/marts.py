"""Counted rows and marts: the models of sql/marts run for a month.

Belongs here: which models, in which order. Does not: the models (sql/), the figures of a scope (summary.py), the tests
held against them (sql_tests.py).
"""

from __future__ import annotations

import json

import polars as pl

from assets.month.freshness import NOT_STANDING
from assets.month.summary import summaries
from assets.month.work import Work

ROW_MARTS = (
    "exposed_assets", "app_launches", "self_check", "rectification", "incidents", "indicators", "agreements",
)  # fmt: skip


STANDING_MARTS = (
    "problems", "incident_register", "agreement_register", "unit_forms", "unit_completion", "unit_results",
)  # fmt: skip
"""What stands at the end of a month, each after those that it looks into."""


def count_rows(work: Work, period: str) -> dict[str, int]:
    """Rows of effective submissions with whether they count: marts.<sheet> of the period; rows received by sheet."""
    warehouse, parameters = work.warehouse, work.parameters(period)
    # A flag stays a fact of its row, explained or waived; a waived fault drops none.
    for table, effect, of in (("dropped", "drop", "status = 'open'"), ("flagged", "flag", "true")):
        column = "rules" if effect == "drop" else "flags"
        warehouse.execute(
            f"""
            create or replace temp table {table} as
            select form_id, sheet_key as sheet, row, list(distinct rule_id order by rule_id) as {column}
            from core.all_findings
            where period = $period and {NOT_STANDING} and effect = '{effect}' and {of} and row > 0
            group by form_id, sheet_key, row
            """,
            parameters,
        )
    return {sheet: warehouse.run_model(f"marts.{sheet}", parameters, instead_of=NOT_STANDING) for sheet in ROW_MARTS}


def build_marts(work: Work, period: str) -> dict[str, int]:
    """What stands at the end of the month, what became of each unit, and the figures of every scope."""
    parameters = work.parameters(period)
    counts = {name: work.warehouse.run_model(f"marts.{name}", parameters) for name in STANDING_MARTS}
    figures = summaries(work.warehouse, work.catalogue, parameters)
    rows = [(period, scope, json.dumps(figures[scope], ensure_ascii=False)) for scope in figures]
    schema = {"period": pl.String, "scope": pl.String, "summary": pl.String}
    work.warehouse.put("marts.summaries", pl.DataFrame(rows, schema=schema, orient="row"), period=period)
    return counts
