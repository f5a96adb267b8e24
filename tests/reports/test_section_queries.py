"""Figures of the report's tables on a few rows: those that have a name in the summary are counted as there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, model, open_warehouse

PERIOD, BEFORE = "2026-10", "2026-09"
MONTH: dict[str, Any] = {
    "period": PERIOD, "months": [PERIOD], "month_start": date(2026, 10, 1), "month_end": date(2026, 10, 31),
    "timezone": "Asia/Shanghai", "carrier": "S",
}  # fmt: skip
UNITS = pl.DataFrame({"period": [PERIOD], "unit_code": ["U"], "unit_name": ["甲"], "position": [0]})
SCOPES = pl.DataFrame({"period": [PERIOD], "scope": ["S"], "unit_code": ["U"]})


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        opened.put("core.units", UNITS)
        opened.put("core.scope_units", SCOPES)
        yield opened


def put(warehouse: Warehouse, table: str, rows: list[dict[str, Any]], **types: Any) -> None:
    """Write rows of unit U in the month; `types` are those of columns that no row may fill."""
    base = {"period": PERIOD, "unit_code": "U"}
    schema = {"period": pl.String, "unit_code": pl.String, **types}
    warehouse.put(table, pl.DataFrame([{**base, **row} for row in rows], schema=schema))


def asked(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    return warehouse.rows(model(query), MONTH)


ASSET = dict.fromkeys(("form_id", "protection", "protection__text"), pl.String) | dict.fromkeys(
    ("counted", "holds_personal_data", "three_sync", "scanned_recently", "has_high_risk_port", "is_unprotected"),
    pl.Boolean,
)


def with_rows_left_out(warehouse: Warehouse) -> None:
    """Two assets, one without protection and one whose protection cannot be read and that is left out; four incidents
    reported late: one new, one counted before, one left out and not counted before, one left out and counted before.
    """
    assets = [
        {"form_id": "f", "protection": "无", "protection__text": "无", "counted": True, "is_unprotected": True},
        {"form_id": "f", "protection__text": "围墙", "counted": False, "is_unprotected": False},
    ]
    put(warehouse, "marts.exposed_assets", assets, **ASSET, high_vulns=pl.Int64)
    put(warehouse, "marts.app_launches", [], stage=pl.String, assessed=pl.Boolean, counted=pl.Boolean)
    put(warehouse, "marts.self_check", [], result=pl.String, counted=pl.Boolean)
    put(warehouse, "marts.rectification", [], counted=pl.Boolean)
    incidents = [
        {"form_id": "f", "row": row, "incident_no": number, "counted": counted, "is_reported_late": True}
        for row, number, counted in ((2, "NEW", True), (3, "OLD", True), (4, "OUT", False), (5, "WAS", False))
    ]
    kinds = {"form_id": pl.String, "row": pl.Int64, "incident_no": pl.String}
    put(warehouse, "marts.incidents", incidents, **kinds, counted=pl.Boolean, is_reported_late=pl.Boolean)
    register = [
        {"incident_no": number, "first_form_id": form, "first_row": row}
        for number, form, row in (("NEW", "f", 2), ("OLD", "earlier", 2), ("WAS", "earlier", 3))
    ]
    kinds = {"incident_no": pl.String, "first_form_id": pl.String, "first_row": pl.Int64}
    put(warehouse, "marts.incident_register", register, **kinds)


def test_what_would_count_is_counted_as_in_the_summary(warehouse: Warehouse) -> None:
    with_rows_left_out(warehouse)
    found = {r["figure"]: (r["now"], r["if_counted"]) for r in asked(warehouse, "sections/quality_if_counted")}
    assert found["incidents.reported_late"] == (1, 2)
    assert "exposed_assets.without_protection" not in found  # the row left out would not change it
    assert found["exposed_assets.rows_counted"] == (1, 2)


def test_protection_that_cannot_be_read_is_not_missing(warehouse: Warehouse) -> None:
    """A row counts by a waiver of GEN-03; AST-09 says nothing of it."""
    with_rows_left_out(warehouse)
    warehouse.execute("update marts.exposed_assets set counted = true")
    (found,) = asked(warehouse, "report/exposed_assets")
    assert (found["rows_counted"], found["without_protection"]) == (2, 1)


@pytest.mark.parametrize("table", ["by_unit", "by_source", "by_severity"])
def test_problems_closed_are_those_of_the_summary(warehouse: Warehouse, table: str) -> None:
    """Only with a date in the month: one that was closed in September and is reported so in October is not."""
    problems = [
        {"issue_no": str(n), "source": "自查", "severity": "高", "status": "已完成", "reported_in": PERIOD,
         "closed_on": closed_on, "found_on": date(2026, 8, 1), "is_open": False, "is_overdue": False}
        for n, closed_on in enumerate((date(2026, 10, 1), date(2026, 10, 31), date(2026, 9, 30), None))
    ]  # fmt: skip
    kinds = {
        **dict.fromkeys(("issue_no", "source", "severity", "status", "reported_in"), pl.String),
        **dict.fromkeys(("closed_on", "found_on", "due_on"), pl.Date),
        **dict.fromkeys(("is_open", "is_overdue"), pl.Boolean),
    }
    put(warehouse, "marts.problems", problems, **kinds)
    (found,) = asked(warehouse, f"sections/problems_{table}")
    assert found["closed"] == 2


def test_the_mails_of_unresolved_incidents_are_among_those_that_the_report_rests_on(warehouse: Warehouse) -> None:
    incidents = [{"mail": "m-open", "is_open": True}, {"mail": "m-solved", "is_open": False}]
    kinds = {"mail": pl.String, "is_open": pl.Boolean, "reported_in": pl.String}
    put(warehouse, "marts.incident_register", [{**i, "reported_in": BEFORE} for i in incidents], **kinds)
    put(warehouse, "marts.problems", [], **kinds)
    put(warehouse, "marts.agreement_register", [], **kinds)
    put(warehouse, "core.submissions", [], mail=pl.String, form=pl.String, status=pl.String)
    came = datetime.fromisoformat("2026-10-03T09:00:00+08:00")
    mails = {"period": [BEFORE] * 2, "unit_code": ["U"] * 2, "mail": ["m-open", "m-solved"], "received_at": [came] * 2}
    more = {"held": [False] * 2, "copies": [0] * 2}
    warehouse.put("core.mails", pl.DataFrame({**mails, **more}))
    found = [(r["mail"], r["unit_names"], r["forms"]) for r in asked(warehouse, "sections/appendix_mails")]
    assert found == [("m-open", "甲", "carried")]
