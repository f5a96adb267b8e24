"""The queries of sql/sections/, run once for all scopes, and what they found for each.

Belongs here: running them. Does not: what they ask (sql/sections/), what is made of the answers (blocks.py, facts.py).
Each yields rows of all scopes with `scope` and `place`, their order within the scope; of many rows the first are
fetched. A carrier has hundreds of scopes, so nothing is ever asked scope by scope, and answers stay columns until the
report of their scope is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from assets.instance.warehouse import Warehouse, model
from expectations.secrets import hidden_column
from reports.report.expressions import description

ROWS_SHOWN = 300  # of a table; the file of data/ has them all

# Digests, in which a number may look like a telephone's.
_NO_TEXT = frozenset({"mail", "finding_id", "decision"})

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Found:
    """What a query found for one scope: its columns, the rows shown, and how many there are in all."""

    names: Mapping[str, int]
    rows: Sequence[Row]
    total: int

    def dicts(self) -> list[dict[str, Any]]:
        """The rows for expressions."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


@cache
def described_queries() -> dict[str, Mapping[str, Any]]:
    """The blocks of sections.yaml that rest on a query, by name."""
    return {
        block[kind]: {"sql": block[kind], **block}
        for section in description("sections")
        for block in section["blocks"]
        for kind in ("query", "matrix", "heat")
        if kind in block
    }


@dataclass(frozen=True)
class Answer:
    """What a query found for all scopes: rows in the order of scope and place, and where each scope's are."""

    rows: pl.DataFrame
    names: Mapping[str, int]
    places: Mapping[str, tuple[int, int]]  # first row, number of rows

    def scope(self, code: str) -> Found:
        """The rows of one scope."""
        if code not in self.places:
            return Found(self.names, (), 0)
        rows = self.rows.slice(*self.places[code]).rows()
        return Found(self.names, rows, rows[0][self.names["total"]])


def run(warehouse: Warehouse, block: Mapping[str, Any], parameters: Mapping[str, Any]) -> Answer:
    """Run a query for all scopes at once."""
    only = " and ".join(f"{column} = '{value}'" for column, value in block.get("only", {}).items())
    frame = warehouse.frame(
        f"""
        select *
        from (
            select *, count(*) over (partition by scope) as total
            from ({model(f"sections/{block['sql']}")})
            where list_contains($scopes, scope) {"and " + only if only else ""}
        )
        where place <= $shown
        order by scope, place
        """,
        {**parameters, "shown": block.get("shown", parameters["shown"])},
    )
    # DuckDB counts and sums in 128 bits, which come out as decimals.
    whole = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal) and dtype.scale == 0]
    frame = frame.with_columns(pl.col(whole).cast(pl.Int64))
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String and name not in _NO_TEXT]
    frame = frame.with_columns(hidden_column(frame[name]).alias(name) for name in texts)  # outputs.md, published/
    of_scope = frame.with_row_index("at").group_by("scope", maintain_order=True).agg(pl.col("at").first(), n=pl.len())
    places = {scope: (at, n) for scope, at, n in of_scope.iter_rows()}
    return Answer(frame, {name: i for i, name in enumerate(frame.columns)}, places)


def by_scope(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of a small query by their scope."""
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["scope"]].append(row)
    return grouped


def summaries_of_months(warehouse: Warehouse, parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The summaries of the last 12 months on record as JSON, by scope and period, in order."""
    return summaries_where("marts.summaries", "period > $year_before and period <= $period", warehouse, parameters)


def summaries_where(
    table: str, months: str, warehouse: Warehouse, parameters: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """The summaries of the scopes in a table as JSON, by scope and period, in order; `months` says which, in SQL."""
    rows = warehouse.execute(
        f"""
        select scope, period, summary
        from {table}
        where {months} and list_contains($scopes, scope)
        order by scope, period
        """,
        parameters,
    ).fetchall()
    history: dict[str, dict[str, str]] = defaultdict(dict)
    for scope, period, summary in rows:
        history[scope][period] = summary
    return history
