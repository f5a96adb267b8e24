"""The half-year of a scope is the sum of its months, each with its own tree (reports.md, last paragraph)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from assets.instance.register import Register, load_register
from assets.month.spans import span_tables
from assets.month.sql_tests import failing_tests
from reports.publishing.changes import flatten
from tests.reports.settled_sample import SAMPLE, settled_sample

MOVED, BEFORE, AFTER = "EX-15-01-005", "EX-15-01", "EX-16-01"
# Of these no sum is taken: units and forms are each counted once, and what stands, stands at the end.
NO_SUM = ("units.", "forms.")
AT_THE_END = ("rectification.open", "rectification.overdue", "incidents.unresolved", "agreements.")


def register_of_a_move() -> Register:
    """The sample's, in which a unit moves to another province in October."""
    register = load_register(SAMPLE / "register")
    units = []
    for unit in register.units:
        if unit.code == MOVED:
            units += [replace(unit, active_to="2026-09"), replace(unit, parent=AFTER, active_from="2026-10")]
        else:
            units.append(unit)
    return replace(register, units=tuple(units), _trees={})


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, dict[str, Any]]]]:
    """The figures of both months and of the half-year, by scope, flat."""
    root = tmp_path_factory.mktemp("spans")
    with settled_sample(root, register_of_a_move()) as sample:
        found: dict[str, dict[str, dict[str, Any]]] = {}
        rows = sample.warehouse.rows("select * from marts.summaries where period <= '2026-12'")
        with span_tables(sample.work, "2026H2") as (work, parameters):
            assert failing_tests(work, "2026H2", parameters) == {}
            rows += sample.warehouse.rows("select * from marts.summaries where period = '2026H2'")
        for row in rows:
            found.setdefault(row["scope"], {})[row["period"]] = dict(flatten(json.loads(row["summary"])))
        yield found


@pytest.mark.parametrize("scope", ["EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01"])
def test_counts_are_the_sums_of_the_months_of_the_scope_though_a_unit_moved(
    figures: dict[str, dict[str, dict[str, Any]]], scope: str
) -> None:
    months = {period: of for period, of in figures[scope].items() if period != "2026H2"}
    assert list(months) == ["2026-09", "2026-10", "2026-11"]
    half = figures[scope]["2026H2"]
    counts = {p for p, v in half.items() if isinstance(v, int) and "median" not in p}
    for path in sorted(counts):
        if path.startswith(AT_THE_END):
            assert half[path] == months["2026-11"].get(path, 0), path
        elif not path.startswith((*NO_SUM, "mails.")):
            assert half[path] == sum(month.get(path) or 0 for month in months.values()), path
    assert half["self_check.expected_answers"] > 0


def test_a_unit_that_moved_is_one_of_each_of_its_scopes(figures: dict[str, dict[str, dict[str, Any]]]) -> None:
    expected = {scope: {p: of["units.expected"] for p, of in figures[scope].items()} for scope in (BEFORE, AFTER, "EX")}
    assert expected[BEFORE] == {"2026-09": 21, "2026-10": 20, "2026-11": 20, "2026H2": 21}
    assert expected[AFTER] == {"2026-09": 3, "2026-10": 4, "2026-11": 4, "2026H2": 4}
    assert expected["EX"] == {"2026-09": 24, "2026-10": 24, "2026-11": 24, "2026H2": 24}
