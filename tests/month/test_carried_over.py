"""Incidents and problems from month to month, and what an annex 3 owes of them (system.md, Carried over)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.instance.warehouse import Warehouse, model, open_warehouse

MONTHS = ("2026-07", "2026-08", "2026-09", "2026-10")
INCIDENT: dict[str, Any] = {
    "period": pl.String, "unit_code": pl.String, "mail": pl.String, "file": pl.String, "form_id": pl.String,
    "row": pl.Int64, "incident_no": pl.String, "kind": pl.String, "level": pl.String,
    "occurred_at": pl.Datetime("us"), "reported_at": pl.Datetime("us"), "responded_at": pl.Datetime("us"),
    "resolved_at": pl.Datetime("us"), "is_reported_late": pl.Boolean, "minutes_to_report": pl.Float64,
    "counted": pl.Boolean,
}  # fmt: skip
SUBMISSION = dict.fromkeys(("form_id", "period", "unit_code", "form", "status"), pl.String)
SCOPES = dict.fromkeys(("period", "scope", "unit_code"), pl.String)
SOLVED = datetime(2026, 10, 20, 8)
Row = tuple[str, bool, bool]  # incident_no, whether it is resolved, whether the row counts


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def previous(period: str) -> str:
    return MONTHS[MONTHS.index(period) - 1] if period in MONTHS[1:] else "2026-06"


def annex3(warehouse: Warehouse, period: str, rows: Sequence[Row], **over: Any) -> set[str]:
    """Let unit U send an annex 3 with these incidents; those that it owes and does not list (INC-05)."""
    form = f"U-{period}"
    base = {
        "period": period, "unit_code": "U", "mail": "m", "file": "f", "form_id": form, "kind": "网络攻击", "level": "高",
        "occurred_at": datetime(2026, 7, 3, 8), "is_reported_late": False, "minutes_to_report": 30.0, **over,
    }  # fmt: skip
    made = [
        {**base, "row": at, "incident_no": no, "resolved_at": SOLVED if solved else None, "counted": counted}
        for at, (no, solved, counted) in enumerate(rows, 5)
    ]
    warehouse.put("marts.incidents", pl.DataFrame(made, schema=INCIDENT), period=period)
    sent = pl.DataFrame([(form, period, "U", "annex3", "effective")], schema=SUBMISSION, orient="row")
    warehouse.put("core.submissions", sent, period=period)
    warehouse.put("core.scope_units", pl.DataFrame([(period, "S", "U")], schema=SCOPES, orient="row"), period=period)
    parameters = {"period": period, "carried_from": previous(period)}
    owed = warehouse.frame(model("carried/open_incidents"), parameters)
    warehouse.run_model("marts.incident_register", parameters)
    return set(owed.filter(pl.col("reported_in_row").is_null())["incident_no"])


def figures(warehouse: Warehouse, period: str) -> dict[str, Any]:
    (row,) = warehouse.rows(model("report/incidents"), {"months": [period]})
    return row


def test_an_incident_stays_open_until_a_counted_row_says_when_it_was_resolved(warehouse: Warehouse) -> None:
    assert annex3(warehouse, "2026-07", [("A", False, True), ("B", False, True), ("C", True, True)]) == set()
    assert figures(warehouse, "2026-07")["unresolved"] == 2
    assert annex3(warehouse, "2026-08", []) == {"A", "B"}
    assert figures(warehouse, "2026-08") == {
        "scope": "S", "rows_received": 0, "rows_counted": 0, "reported_late": 0, "median_minutes_to_report": None,
        "unresolved": 2,
    }  # fmt: skip
    # A row that is not counted lists the incident, and leaves it open.
    assert annex3(warehouse, "2026-09", [("A", True, False), ("B", True, True)]) == set()
    assert figures(warehouse, "2026-09")["unresolved"] == 1
    assert annex3(warehouse, "2026-10", []) == {"A"}


def test_an_incident_is_new_in_the_month_that_first_counted_it_alone(warehouse: Warehouse) -> None:
    late = {"is_reported_late": True, "minutes_to_report": 200.5}
    annex3(warehouse, "2026-07", [("A", False, True), ("B", False, False)], **late)
    assert figures(warehouse, "2026-07")["reported_late"] == 1
    annex3(warehouse, "2026-08", [("A", True, True), ("B", True, True)], **late)
    found = figures(warehouse, "2026-08")
    assert (found["rows_counted"], found["reported_late"], found["median_minutes_to_report"]) == (2, 1, 200.5)


def test_a_median_between_two_incidents_is_kept_half_up(warehouse: Warehouse) -> None:
    annex3(warehouse, "2026-07", [("A", True, True), ("B", True, True)], minutes_to_report=19 / 60)
    warehouse.execute("update marts.incidents set minutes_to_report = 20 / 60 where incident_no = 'B'")
    assert figures(warehouse, "2026-07")["median_minutes_to_report"] == 0.33  # 19.5 s: 0.325


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ABC"), st.booleans(), st.booleans()), unique_by=lambda r: r[0], max_size=3),
        min_size=4,
        max_size=4,
    )
)
def test_what_is_open_and_what_is_new_is_what_the_rows_of_all_months_say(
    warehouse: Warehouse, months: list[list[Row]]
) -> None:
    warehouse.execute("delete from marts.incident_register")
    latest: dict[str, bool] = {}
    for period, rows in zip(MONTHS, months, strict=True):
        still_open = {no for no, solved in latest.items() if not solved}
        assert annex3(warehouse, period, rows, is_reported_late=True) == still_open - {no for no, _, _ in rows}
        counted = {no: solved for no, solved, counts in rows if counts}
        new = counted.keys() - latest.keys()
        latest |= counted
        found = figures(warehouse, period)
        assert found["unresolved"] == sum(not solved for solved in latest.values())
        assert found["reported_late"] == len(new)
        assert found["rows_counted"] == len(counted)


PROBLEM: dict[str, Any] = {"form_id": pl.String, "period": pl.String, "row": pl.Int64, "issue_no": pl.String}


def test_a_problem_is_owed_however_long_ago_it_was_last_reported(warehouse: Warehouse) -> None:
    on_list = {
        "period": ["2026-09"] * 3, "unit_code": ["U", "U", "V"], "issue_no": ["A", "B", "A"],
        "reported_in": ["2026-01", "2026-09", "2026-09"], "is_open": [True, False, True],
    }  # fmt: skip
    warehouse.put("marts.problems", pl.DataFrame(on_list))
    sent = [("U-10", "2026-10", "U", "annex3", "effective"), ("V-10", "2026-10", "V", "annex3", "returned")]
    warehouse.put("core.submissions", pl.DataFrame(sent, schema=SUBMISSION, orient="row"))
    parameters = {"period": "2026-10", "carried_from": "2026-09"}
    for rows, owed in (([], ["A"]), ([("U-10", "2026-10", 5, "A")], [])):
        warehouse.put("marts.rectification", pl.DataFrame(rows, schema=PROBLEM, orient="row"))
        found = warehouse.frame(model("carried/open_problems"), parameters)
        assert found.filter(pl.col("reported_in_row").is_null())["issue_no"].to_list() == owed


@pytest.mark.parametrize(
    ("closed_on", "counted", "closed"),
    [
        (date(2026, 10, 1), True, 1),
        (date(2026, 10, 31), True, 1),
        (date(2026, 9, 30), True, 0),
        (date(2026, 11, 1), True, 0),
        (date(2026, 10, 1), False, 0),
        (None, True, 0),
    ],
)
def test_closed_in_the_month_is_what_a_counted_row_closes_with_a_date_in_it(
    warehouse: Warehouse, closed_on: date | None, counted: bool, closed: int
) -> None:
    row = {
        "period": ["2026-10"], "unit_code": ["U"], "status": ["已完成"], "closed_on": [closed_on], "counted": [counted],
    }  # fmt: skip
    warehouse.put("marts.rectification", pl.DataFrame(row, schema_overrides={"closed_on": pl.Date}))
    warehouse.put("core.scope_units", pl.DataFrame([("2026-10", "S", "U")], schema=SCOPES, orient="row"))
    parameters = {"months": ["2026-10"]}
    (found,) = warehouse.rows(model("report/rectification"), parameters)
    assert found["closed_in_period"] == closed
