"""The register of agreements from month to month: annex 6 adds, changes and ends (system.md, Carried over; NDA-06)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, model, open_warehouse

SUBMISSIONS = {
    "form_id": pl.String,
    "period": pl.String,
    "unit_code": pl.String,
    "form": pl.String,
    "status": pl.String,
}
COUNTED = {"counted": pl.Boolean, "status": pl.String, "row": pl.Int64}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def annex6(warehouse: Warehouse, period: str, previous: str, *rows: dict[str, Any], unit: str = "U1") -> set[str]:
    """Let a unit send an annex 6 with these rows; the agreements that it does not list (NDA-06)."""
    form = f"{unit}-{period}"
    base = {
        "period": period, "unit_code": unit, "form_id": form, "mail": "m", "file": "f", "partner": "P", "uscc": "C",
        "project": "X", "data_kind": "客户数据", "signed_on": date(2026, 1, 1), "expires_on": date(2027, 1, 1),
        "breach_clause": True, "status": None, "counted": True,
    }  # fmt: skip
    made = [{**base, "row": number, **row} for number, row in enumerate(rows, 5)]
    frame = pl.DataFrame(made or [base | {"row": 1, "agreement_no": "?"}], schema_overrides=COUNTED)
    warehouse.put("marts.agreements", frame if made else frame.clear())
    sent = [(form, period, unit, "annex6", "effective")]
    warehouse.put("core.submissions", pl.DataFrame(sent, schema=SUBMISSIONS, orient="row"))
    parameters = {"period": period, "carried_from": previous}
    absent = warehouse.frame(model("carried/earlier_agreements"), parameters).filter(
        pl.col("reported_in_row").is_null()
    )
    warehouse.run_model("marts.agreement_register", parameters)
    return set(absent["agreement_no"])


def register(warehouse: Warehouse, period: str) -> dict[str, tuple[str, str]]:
    rows = warehouse.execute(
        "select agreement_no, partner, reported_in from marts.agreement_register where period = $period",
        {"period": period},
    ).fetchall()
    assert len({no for no, _, _ in rows}) == len(rows)
    return {no: (partner, reported_in) for no, partner, reported_in in rows}


def test_an_annex_6_adds_changes_and_ends_by_number_and_the_rest_stays(warehouse: Warehouse) -> None:
    first = annex6(warehouse, "2026-09", "2026-08", {"agreement_no": "A"}, {"agreement_no": "B"}, {"agreement_no": "C"})
    assert first == set()
    assert register(warehouse, "2026-09").keys() == {"A", "B", "C"}
    absent = annex6(
        warehouse,
        "2026-10",
        "2026-09",
        {"agreement_no": "A", "status": "终止"},
        {"agreement_no": "B", "partner": "新公司", "status": "在执行"},
        {"agreement_no": "D"},
    )
    assert absent == {"C"}
    assert register(warehouse, "2026-10") == {"B": ("新公司", "2026-10"), "C": ("P", "2026-09"), "D": ("P", "2026-10")}


def test_a_row_that_is_not_counted_leaves_the_earlier_agreement_standing_and_lists_it(warehouse: Warehouse) -> None:
    annex6(warehouse, "2026-09", "2026-08", {"agreement_no": "A"}, {"agreement_no": "B"})
    absent = annex6(
        warehouse,
        "2026-10",
        "2026-09",
        {"agreement_no": "A", "status": "终止", "counted": False},
        {"agreement_no": "B", "partner": "新公司", "counted": False},
        {"agreement_no": "E", "counted": False},
    )
    assert absent == set()
    assert register(warehouse, "2026-10") == {"A": ("P", "2026-09"), "B": ("P", "2026-09")}


def test_an_annex_6_without_rows_changes_nothing_and_an_ended_agreement_may_begin_anew(warehouse: Warehouse) -> None:
    annex6(warehouse, "2026-08", "2026-07", {"agreement_no": "A"}, {"agreement_no": "B"})
    assert annex6(warehouse, "2026-09", "2026-08") == {"A", "B"}
    assert register(warehouse, "2026-09").keys() == {"A", "B"}
    annex6(warehouse, "2026-10", "2026-09", {"agreement_no": "A", "status": "终止"})
    assert annex6(warehouse, "2026-11", "2026-10", {"agreement_no": "A", "partner": "新公司"}) == {"B"}
    assert register(warehouse, "2026-11") == {"A": ("新公司", "2026-11"), "B": ("P", "2026-08")}
