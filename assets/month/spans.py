"""Half-years and years: their months put together as if they were one period (reports.md, last paragraph).

Belongs here: which months a span has on record, and its tables. Does not: what a table says (sql/spans/), publishing
(reports/publishing/publish.py), the report (reports/report/span_words.py).

A span has a database of its own, beside the warehouse and gone after the report: core and marts there hold the same
tables as the warehouse does, of the span and of the one before, so that all that reads a period reads a span as well.
Nothing of it is ever written among the months, whose rules look at every earlier period.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from assets.instance import periods
from assets.instance.periods import Deadline
from assets.instance.register import Register, Unit
from assets.instance.warehouse import Warehouse, model
from assets.month.freshness import stale_months
from assets.month.gate import require_settled
from assets.month.marts import ROW_MARTS
from assets.month.settle import settle_month
from assets.month.summary import summaries
from assets.month.work import Work

# Tables whose rows are those of the months, one for one.
GATHERED = ("core.submissions", "core.findings", *(f"marts.{sheet}" for sheet in ROW_MARTS))
# Tables that also hold the rows of earlier months, under their own: problems and agreements carried over lead to them.
LOOKED_BACK_INTO = ("core.mails", "marts.agreements")
# Tables with a model of their own in sql/spans/, in an order in which each finds what it looks into.
PUT_TOGETHER = (
    "core.units", "core.scope_units", "core.mails", "core.decisions", "marts.problems", "marts.incident_register",
    "marts.agreement_register", "marts.unit_forms", "marts.unit_completion", "marts.unit_results",
)  # fmt: skip
# Tables of the warehouse that are of no period.
REFERENCES = ("core.indicators", "core.forms", "core.required_forms", "core.report_limits", "core.score_weights")


def months_over(span: str, register: Register, deadline: Deadline, as_of: datetime) -> tuple[str, ...]:
    """The months of a span from the register's first to the last that was over at `as_of`; none where there is none."""
    return tuple(m for m in periods.months_of(span) if m >= register.first_period and deadline.is_over(m, as_of))


def months_on_record(work: Work, span: str) -> tuple[str, ...]:
    """Those of them that are on record."""
    over = months_over(span, work.register, work.deadline, work.as_of)
    return tuple(m for m in over if m not in work.off_record)


def settle_months(work: Work, last: str) -> None:
    """Settle every month up to `last` whose mails, register or rules have changed since it was."""
    for month in stale_months(work, last):
        settle_month(work, month)


def parameters(work: Work, span: str, of: Sequence[str]) -> dict[str, Any]:
    """The parameters that SQL models may name, as those of a month; `of`: the months of the span on record.

    What stands at the end of a month stands at the end of the last of them.
    """
    return {
        **work.parameters(of[-1]),
        "period": span,
        "previous": periods.preceding(span),
        "year_before": periods.year_before(span),
        "month_start": periods.first_day(of[0]),
        "cutoff": work.deadline.cutoff(span),
        **work.months_within(list(of), list(of)),
    }


@contextmanager
def span_tables(work: Work, span: str) -> Iterator[tuple[Work, dict[str, Any]]]:
    """The span's tables, made of settled months; the work and the parameters with which to read them.

    Within, `core` and `marts` are the span's, and `sixth.core` and `sixth.marts` those of the months. ValueError where
    the span has no month on record; NotSettled where one of its months is not settled.
    """
    of = {s: months_on_record(work, s) for s in (periods.preceding(span), span)}
    if not of[span]:
        raise ValueError(f"{span} has no month on record")
    for month in of[span]:
        require_settled(work, month)
    warehouse, file = work.warehouse, work.warehouse.scratch / "span.duckdb"
    file.parent.mkdir(parents=True, exist_ok=True)
    for left in file.parent.glob("span.duckdb*"):  # of a run that was killed
        left.unlink()
    warehouse.execute(f"attach '{file}' as span")
    try:
        warehouse.execute("use span")
        with_months = {s: parameters(work, s, found) for s, found in of.items() if found}
        _put_together(work, list(with_months.values()))
        yield replace(work, register=span_register(work.register, span, of[span])), with_months[span]
    finally:
        warehouse.execute("use sixth")
        warehouse.execute("detach span")
        file.unlink(missing_ok=True)


def _put_together(work: Work, spans: Sequence[dict[str, Any]]) -> None:
    """Make the tables of every span; its parameters say which it is."""
    warehouse = work.warehouse
    for schema in ("core", "marts"):
        warehouse.execute(f"create schema {schema}")
    for table in REFERENCES:
        warehouse.execute(f"create view {table} as select * from sixth.{table}")
    for table in GATHERED:
        source = f"select * replace ($period as period) from sixth.{table} where list_contains($months, period)"
        _fill(warehouse, table, source, spans)
    for table in PUT_TOGETHER:
        _fill(warehouse, table, model(f"spans/{table.partition('.')[2]}"), spans)
    for table in LOOKED_BACK_INTO:
        earlier = f"insert into {table} by name select * from sixth.{table} where period < $months[1]"
        warehouse.execute(earlier, spans[-1])
    _put_month_items(work)
    warehouse.execute(f"create table core.profile_items as {model('spans/profile_items')}")
    rows = [
        (span["period"], scope, json.dumps(figures, ensure_ascii=False))
        for span in spans
        for scope, figures in summaries(warehouse, work.catalogue, span).items()
    ]
    columns = {"period": pl.String, "scope": pl.String, "summary": pl.String}
    warehouse.put("marts.summaries", pl.DataFrame(rows, schema=columns, orient="row"))


def _fill(warehouse: Warehouse, table: str, source: str, spans: Sequence[dict[str, Any]]) -> None:
    for i, span in enumerate(spans):
        into = f"insert into {table} by name" if i else f"create table {table} as"
        warehouse.execute(f"{into} {source}", span)


def _put_month_items(work: Work) -> None:
    """The items of every profile that a unit had in a month (put_references): core.month_items."""
    found = work.warehouse.rows(
        """
        select distinct unnest(string_split(profile, ' + ')) as profile
        from core.units
        where level = 'unit'
        order by profile
        """
    )
    items: list[tuple[str, str, str]] = []
    for row in found:
        kind, services, protected, since = row["profile"].split("|")
        asked = work.catalogue.items_for(kind, frozenset(services.split(";")) - {""}, bool(protected), since)
        items.extend((row["profile"], item.code, item.checklist) for item in asked)
    schema = dict.fromkeys(("profile", "item_code", "checklist"), pl.String)
    work.warehouse.put("core.month_items", pl.DataFrame(items, schema=schema, orient="row"))


def span_register(register: Register, span: str, of: Sequence[str]) -> Register:
    """The register whose tree of the span holds every node active in a month of it, as in the last of those months.

    The nodes of the span's last month come first, in their order.
    """
    nodes: dict[str, Unit] = {}
    for month in reversed(of):
        for unit in register.tree(month).units:
            nodes.setdefault(unit.code, unit)
    units = tuple(replace(unit, active_from=span, active_to=span) for unit in nodes.values())
    return replace(register, units=units, closed={}, _trees={})
