"""Counted rows and marts: the models of sql/marts run for a month.

Belongs here: which models are run when; their order is that of their references (models.py). Does not: the models
(sql/), the figures of a scope (summary.py), the tests held against them (sql_tests.py).
"""

from __future__ import annotations

import json

import polars as pl

from assets.instance.warehouse import model
from assets.month.freshness import NOT_STANDING
from assets.month.models import models_of
from assets.month.summary import summaries
from assets.month.work import Work
from expectations.catalogue import load_catalogue

ROW_MARTS = tuple(load_catalogue().sheets)
STANDING_MARTS = tuple(name for name in models_of("marts") if name not in ROW_MARTS)
"""What stands at the end of a month, each after those that it looks into."""


def count_rows(work: Work, period: str) -> dict[str, int]:
    """Rows of effective submissions with whether they count: marts.<sheet> of the period; rows received by sheet."""
    warehouse, parameters = work.warehouse, work.parameters(period)
    for table, effect, column in (("dropped", "drop", "rules"), ("flagged", "flag", "flags")):
        warehouse.execute(
            f"create or replace temp table {table} as select * rename (rules as {column}) "
            f"from ({model('settled/row_rules')})",
            {**parameters, "effect": effect},
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
