"""The tests of sql/tests, held against a settled month or the tables of a span before anything of it is published.

Belongs here: which test is asked of what. Does not: the tests, each of which returns the rows that are wrong
(sql/tests); refusing to publish (gate.py).

sql/tests holds for months and spans, sql/tests/month for months alone; sql/tests/sheet is asked of every sheet of the
forms, sql/tests/mart of every mart, by what sql/marts/grain.yaml says of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from assets.instance.periods import is_period
from assets.instance.warehouse import SQL, model
from assets.month.summary import summaries
from assets.month.work import Work

SUMMARIES = "summaries_are_of_the_marts"


@cache
def grains() -> dict[str, dict[str, list[str]]]:
    """What sql/marts/grain.yaml says of every mart: the columns that name a row, and those that are always filled."""
    content: dict[str, dict[str, list[str]]] = yaml.safe_load((SQL / "marts" / "grain.yaml").read_text("utf-8"))
    return content


def names_of(folder: str = "") -> list[str]:
    """The tests of a folder of sql/tests, by their names."""
    return sorted(path.stem for path in (SQL / "tests" / folder).glob("*.sql"))


def failing_tests(work: Work, period: str, parameters: Mapping[str, Any] | None = None) -> dict[str, int]:
    """How many rows each test returns that returns any: none where all is well.

    `parameters` of a span are those of its tables (spans.py). A test of a sheet or mart is told with its name.
    """
    parameters = parameters or work.parameters(period)
    found = {}
    for name, sql, own in _asked(work, period):
        rows = int(work.warehouse.value(f"select count(*) from ({model(sql)})", {**parameters, **own}))
        if rows:
            found[name] = rows
    if rows := _other_summaries(work, parameters):
        found[SUMMARIES] = rows
    return found


def _asked(work: Work, period: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every test with its name, its model and the parameters of its own."""
    tables = work.warehouse.tables()
    for name in names_of():
        yield name, f"tests/{name}", {}
    # A span has fewer marts than a month.
    marts = grains() if is_period(period) else {m: said for m, said in grains().items() if f"marts.{m}" in tables}
    for mart, said in marts.items():
        own = {"mart": f"marts.{mart}", "grain": said["grain"], "filled": [*said["grain"], *said["filled"]]}
        for name in names_of("mart"):
            yield f"{name} of {mart}", f"tests/mart/{name}", own
    if not is_period(period):
        return
    for name in names_of("month"):
        yield name, f"tests/month/{name}", {}
    for sheet in work.catalogue.sheets:
        own = {"sheet": sheet, "mart": f"marts.{sheet}", "staging": f"staging.{sheet}"}
        for name in names_of("sheet"):
            yield f"{name} of {sheet}", f"tests/sheet/{name}", own


def _other_summaries(work: Work, parameters: Mapping[str, Any]) -> int:
    """How many scopes have another summary than the marts give now, or none, or are none."""
    told = {
        row["scope"]: json.loads(row["summary"])
        for row in work.warehouse.rows("select scope, summary from marts.summaries where period = $period", parameters)
    }
    now = json.loads(json.dumps(summaries(work.warehouse, work.catalogue, parameters)))
    return sum(told.get(scope) != now.get(scope) for scope in told.keys() | now.keys())
