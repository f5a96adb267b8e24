"""What notices read from a settled warehouse: where each unit stands, and which mails are to be answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, open_warehouse
from reports.notices.due import read_incoming, read_standings
from tests.notices.made_units import PERIOD, when


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def put_results(warehouse: Warehouse) -> None:
    results = [
        ("U2", "乙局", "complete", "sealed", 5, 5, 3, False, when("2026-11-06T09:00").astimezone(UTC), 0),
        ("U1", "甲局", "incomplete", "missing", 9, 7, 0, None, None, 1),
        ("U3", "丙局", "incomplete", "missing", 0, 0, 0, None, None, 2),
    ]
    columns = ["unit_code", "unit_name", "state", "scan", "rows_received", "rows_counted", "warnings", "on_time"]
    columns += ["first_complete_at", "position"]
    frame = pl.DataFrame(results, schema=columns, orient="row", infer_schema_length=None)
    own = pl.when(pl.col("unit_code") == "U3").then(pl.lit(when("2026-11-09T18:00").astimezone(UTC)))
    warehouse.put("marts.unit_results", frame.with_columns(period=pl.lit(PERIOD), cutoff=own))
    forms = [
        ("U1", "annex3", "returned"),
        ("U1", "annex2", "effective"),
        ("U2", "annex2", "nil"),
        ("U3", "annex2", "missing"),
    ]
    frame = pl.DataFrame(forms, schema=["unit_code", "form", "state"], orient="row")
    warehouse.put("marts.unit_forms", frame.with_columns(period=pl.lit(PERIOD)))
    findings = [
        ("U1", "open", "incomplete", True, PERIOD),
        ("U2", "waived", "incomplete", True, PERIOD),
        ("U2", "open", "drop", True, PERIOD),
        ("U3", "open", "incomplete", True, "2026-09"),
        ("U3", "open", "incomplete", False, PERIOD),
    ]
    columns = ["unit_code", "status", "effect", "counts", "period"]
    warehouse.put("core.all_findings", pl.DataFrame(findings, schema=columns, orient="row"))


def test_standings_are_in_the_order_of_the_register_with_what_holds_a_unit_up(warehouse: Warehouse) -> None:
    put_results(warehouse)
    found = read_standings(warehouse.rows, PERIOD)
    assert list(found) == ["U2", "U1", "U3"]
    assert dict(found["U1"].owed) == {"annex3": "returned", "scan": "missing"}
    assert (found["U2"].held_up, found["U3"].held_up) == (False, False)
    assert list(found["U1"].forms) == ["annex2", "annex3"]
    assert found["U2"].first_complete_at == when("2026-11-06T09:00")
    assert (found["U2"].on_time, found["U2"].warnings) == (False, 3)
    assert (found["U2"].cutoff, found["U3"].cutoff) == (None, when("2026-11-09T18:00"))
    assert read_standings(warehouse.rows, "2026-09") == {}


def put_mails(warehouse: Warehouse, mails: list[tuple[str, str, bool, str]], forms: list[tuple[str, str, str]]) -> None:
    at = when("2026-11-02T10:00").astimezone(UTC)
    booked = [(mail, unit, held, period, at) for mail, unit, held, period in mails]
    columns = ["mail", "unit_code", "held", "period", "received_at"]
    warehouse.put("core.mails", pl.DataFrame(booked, schema=columns, orient="row"))
    schema = {"mail": pl.String, "unit_code": pl.String, "period": pl.String}
    warehouse.put("core.submissions", pl.DataFrame(forms, schema=schema, orient="row"))
    seen = [(mail, f"{mail}@oa.example", "月报", f"<{mail}@x>", None) for mail in sorted({m[0] for m in mails})]
    schema = dict.fromkeys(("mail", "sender", "subject", "message_id", "refs"), pl.String)
    warehouse.put("staging.mails", pl.DataFrame(seen, schema=schema, orient="row"))


def test_mails_are_told_with_the_units_that_their_forms_are_of(warehouse: Warehouse) -> None:
    mails = [
        ("a", "U1", False, PERIOD),
        ("b", "C-1-1", False, PERIOD),
        ("c", "U2", False, PERIOD),
        ("h", "", True, PERIOD),
    ]
    forms = [("a", "U1", PERIOD), ("a", "U1", PERIOD), ("b", "U2", PERIOD), ("b", "U3", PERIOD)]
    put_mails(warehouse, mails, forms)
    found = read_incoming(warehouse.rows, PERIOD)
    assert [(m.mail, m.unit_code) for m in found] == [("a", "U1"), ("b", "U2"), ("b", "U3"), ("c", "U2")]
    assert (found[0].sender, found[0].message_id, found[0].references) == ("a@oa.example", "<a@x>", "")
    assert found[0].received_at == when("2026-11-02T10:00")


def test_a_mail_with_forms_of_two_months_is_answered_for_each(warehouse: Warehouse) -> None:
    mails = [("a", "U1", False, PERIOD), ("a", "U1", False, "2026-09")]
    put_mails(warehouse, mails, [("a", "U1", "2026-09"), ("a", "U2", PERIOD)])
    assert [(m.mail, m.unit_code) for m in read_incoming(warehouse.rows, PERIOD)] == [("a", "U2")]
    assert [(m.mail, m.unit_code) for m in read_incoming(warehouse.rows, "2026-09")] == [("a", "U1")]
