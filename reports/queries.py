"""The queries of sql/sections/, run once for all scopes, and what they found for each.

Belongs here: running them. Does not: what they ask (sql/sections/), what is made of the answers (blocks.py, facts.py).
Each yields rows of all scopes with `scope` and `place`, their order within the scope; of many rows the first are
fetched. A carrier has hundreds of scopes, so nothing is ever asked scope by scope.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from assets.warehouse import Warehouse, model
from reports.sections import description

ROWS_SHOWN = 300  # of a table; the file of data/ has them all

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
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


def run(warehouse: Warehouse, block: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Found]:
    """Run a query for all scopes at once; by scope its first rows. Under "" stands what a scope without any has."""
    only = " and ".join(f"{column} = '{value}'" for column, value in block.get("only", {}).items())
    cursor = warehouse.execute(
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
    names = {d[0]: i for i, d in enumerate(cursor.description or ())}
    fetched: dict[str, list[Row]] = defaultdict(list)
    scope, total = names["scope"], names["total"]
    for row in cursor.fetchall():
        fetched[row[scope]].append(row)
    found = {code: Found(names, rows, rows[0][total]) for code, rows in fetched.items()}
    return {**found, "": Found(names, (), 0)}


def by_scope(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of a small query by their scope."""
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["scope"]].append(row)
    return grouped


def summaries_of_months(warehouse: Warehouse, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The summaries of the last 12 months on record, by scope and period, in order."""
    rows = warehouse.execute(
        """
        select scope, period, summary
        from marts.summaries
        where period > $year_before and period <= $period and list_contains($scopes, scope)
        order by scope, period
        """,
        parameters,
    ).fetchall()
    history: dict[str, dict[str, Any]] = defaultdict(dict)
    for scope, period, summary in rows:
        history[scope][period] = json.loads(summary)
    return history
