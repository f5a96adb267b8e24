"""How much of an annex 3 is an answer, and answers against what the unit measured (CHK-09, KPI-05, XFM-03)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, model, open_warehouse
from expectations.catalogue import load_catalogue
from expectations.suites import failures, tables_across

CATALOGUE = load_catalogue()
ACROSS = tables_across(CATALOGUE)
PERIOD = "2026-10"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        sent = {
            "form_id": ["F"], "period": [PERIOD], "unit_code": ["U"], "form": ["annex3"], "status": ["effective"],
        }  # fmt: skip
        opened.put("core.submissions", pl.DataFrame(sent))
        unit = {"period": [PERIOD], "unit_code": ["U"], "level": ["unit"], "profile": ["p"]}
        opened.put("core.units", pl.DataFrame(unit))
        items = {
            "profile": ["p"] * 10,
            "item_code": [f"I-{n}" for n in range(10)],
            "indicator_code": ["K-1", "K-2", "K-3", *[None] * 7],
        }
        opened.put("core.profile_items", pl.DataFrame(items))
        known = {
            "indicator_code": [f"K-{n}" for n in range(10)],
            "name": ["指标"] * 10,
            "kind": ["ratio"] * 9 + ["count"],
            "target": [100.0] * 9 + [None],
        }
        opened.put("core.indicators", pl.DataFrame(known))
        yield opened


def answers(warehouse: Warehouse, rows: list[tuple[str, str, bool]]) -> None:
    """Rows (item_code, result, counted) of sheet 自查结果."""
    frame = pl.DataFrame(
        rows, schema={"item_code": pl.String, "result": pl.String, "counted": pl.Boolean}, orient="row"
    )
    warehouse.put(
        "marts.self_check",
        frame.with_row_index("row", 5).with_columns(
            period=pl.lit(PERIOD), unit_code=pl.lit("U"), form_id=pl.lit("F"), row=pl.col("row").cast(pl.Int64),
            item_code__text=pl.col("item_code"), result__text=pl.col("result"),
        ),
    )  # fmt: skip


def indicators(warehouse: Warehouse, rows: list[tuple[str, int, int, bool]]) -> None:
    """Rows (indicator_code, numerator, denominator, counted) of sheet 工作指标."""
    schema = {
        "indicator_code": pl.String, "numerator": pl.Int64, "denominator": pl.Int64, "counted": pl.Boolean,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    warehouse.put("marts.indicators", frame.with_columns(period=pl.lit(PERIOD), form_id=pl.lit("F")))


def failing(warehouse: Warehouse, table: str) -> list[tuple[str, int, str | None, str, str]]:
    parameters = {"period": PERIOD, "coverage_percent": 80.0}
    frame = warehouse.frame(model(f"carried/{table}"), parameters)
    found = failures(table, ACROSS[table], frame)
    return found.select("rule_id", "row", "column", "value", "expected").rows()


@pytest.mark.parametrize(
    ("counted", "dropped", "fails"), [(10, 0, False), (8, 0, False), (7, 0, True), (7, 3, True), (0, 0, True)]
)
def test_answers_are_enough_at_the_share_that_is_set(
    warehouse: Warehouse, counted: int, dropped: int, fails: bool
) -> None:
    """不适用 is an answer; a row that is left out is none."""
    answers(warehouse, [(f"I-{n}", "不适用", n < counted) for n in range(counted + dropped)])
    indicators(warehouse, [(f"K-{n}", 1, 1, True) for n in range(10)])
    assert failing(warehouse, "coverage") == ([("CHK-09", 0, None, str(counted), "10")] if fails else [])


@pytest.mark.parametrize(("counted", "fails"), [(10, False), (8, False), (7, True)])
def test_indicators_are_enough_at_the_share_that_is_set(warehouse: Warehouse, counted: int, fails: bool) -> None:
    answers(warehouse, [(f"I-{n}", "符合", True) for n in range(10)])
    indicators(warehouse, [(f"K-{n}", 1, 1, n < counted) for n in range(10)])
    assert failing(warehouse, "coverage") == ([("KPI-05", 0, None, str(counted), "10")] if fails else [])


def test_met_is_held_against_the_counted_indicator_of_the_same_form(warehouse: Warehouse) -> None:
    answers(
        warehouse,
        [("I-0", "符合", True), ("I-1", "符合", False), ("I-2", "符合", True), ("I-3", "符合", True)],
    )
    indicators(warehouse, [("K-1", 9, 10, True), ("K-2", 199, 200, True), ("K-3", 1, 10, False)])
    assert failing(warehouse, "measured_answers") == [
        ("XFM-03", 5, "result", "90.0%", "K-1 指标"),
        ("XFM-03", 6, "result", "99.5%", "K-2 指标"),
    ]


def test_a_rate_below_its_target_is_never_told_as_the_target(warehouse: Warehouse) -> None:
    answers(warehouse, [("I-0", "符合", True)])
    indicators(warehouse, [("K-1", 99_999, 100_000, True)])
    assert failing(warehouse, "measured_answers") == [("XFM-03", 5, "result", "99.99%", "K-1 指标")]


@pytest.mark.parametrize(
    ("result", "numerator", "denominator"), [("符合", 10, 10), ("符合", 0, 0), ("部分符合", 1, 10), ("不符合", 1, 10)]
)
def test_an_answer_that_the_indicator_bears_out_is_no_finding(
    warehouse: Warehouse, result: str, numerator: int, denominator: int
) -> None:
    answers(warehouse, [("I-0", result, True)])
    indicators(warehouse, [("K-1", numerator, denominator, True)])
    assert failing(warehouse, "measured_answers") == []
