"""SIG-05: what a signed page says is held against the form that counts, over a warehouse of made scans and forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, model, open_warehouse
from assets.month.booking import CODE
from assets.month.findings.scan_rules import check_scans
from assets.month.submissions import _codes_for
from expectations.signature import MOST, SignatureCode, written

PERIOD, UNIT = "2026-10", "u1"
HINTS = {"annex2": "附件2", "annex3": "附件3"}


@pytest.fixture
def warehouse(tmp_path: Any) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def code(*totals: int, form: str = "annex2", unit: str = UNIT, period: str = PERIOD) -> dict[str, Any]:
    return {"form": form, "unit_code": unit, "period": period, "totals": list(totals)}


def scan(day: int, *codes: dict[str, Any], state: str = "sealed") -> dict[str, Any]:
    return {
        "period": PERIOD, "unit_code": UNIT, "mail": f"m{day}", "number": 1, "file": f"scan{day}.pdf", "state": state,
        "reason": "", "expected": "", "received_at": datetime(2026, 11, day, tzinfo=UTC), "codes": list(codes),
    }  # fmt: skip


def form(*totals: int, kind: str = "annex2", status: str = "effective", skipped: int = 0) -> dict[str, Any]:
    return {
        "period": PERIOD, "unit_code": UNIT, "form": kind, "status": status, "returned": status == "returned",
        "totals": list(totals), "totals_at_most": [total + skipped for total in totals],
    }  # fmt: skip


def found(warehouse: Warehouse, scans: list[dict[str, Any]], forms: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The findings on the unit's scans: rule, value, expected; core.signed_pages stands in the warehouse."""
    time = pl.Datetime("us", "UTC")
    sent = pl.DataFrame(scans, schema_overrides={"received_at": time, "codes": pl.List(CODE)})
    warehouse.put("core.scans", sent)
    warehouse.put(
        "core.submissions",
        pl.DataFrame(forms, schema_overrides=dict.fromkeys(("totals", "totals_at_most"), pl.List(pl.Int64))),
    )
    warehouse.run_model("core.signed_pages", {"period": PERIOD, "most": MOST}, model_name="settled/signed_pages")
    otherwise = warehouse.frame(model("settled/signed_otherwise"), {"period": PERIOD, "units": [UNIT]})
    rows = check_scans(pl.Series("unit_code", [UNIT]), sent, otherwise, HINTS)
    return [tuple(row) for row in rows.select("rule_id", "value", "expected").iter_rows()]


def test_a_page_of_the_form_that_counts_is_no_finding(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1, code(12, 3))], [form(12, 3)]) == []


def test_a_page_without_a_code_is_fine(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1)], [form(12, 3)]) == []
    assert found(warehouse, [scan(1, code(9, 9)), scan(2)], [form(12, 3)]) == []


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (code(12, 4), "附件2 u1 2026-10 12、4"),
        (code(12, 3, period="2026-09"), "附件2 u1 2026-09 12、3"),
        (code(12, 3, unit="u2"), "附件2 u2 2026-10 12、3"),
    ],
)
def test_a_page_of_another_return_is_told(warehouse: Warehouse, said: dict[str, Any], value: str) -> None:
    assert found(warehouse, [scan(1, said)], [form(12, 3)]) == [("SIG-05", value, "u1 2026-10 12、3")]


def test_it_goes_before_a_seal_that_is_not_found(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1, code(1, 1), state="unsealed")], [form(2, 2)])[0][0] == "SIG-05"


def test_a_scan_used_before_is_told_as_such(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1, code(1, 1), state="reused")], [form(2, 2)])[0][0] == "SIG-04"


def test_every_form_with_a_code_must_have_one_that_agrees(warehouse: Warehouse) -> None:
    forms = [form(12, 3), form(5, kind="annex3")]
    right, wrong = code(12, 3), code(6, form="annex3")
    assert found(warehouse, [scan(1, right, wrong)], forms) == [("SIG-05", "附件3 u1 2026-10 6", "u1 2026-10 5")]
    assert found(warehouse, [scan(1, right, wrong), scan(2, code(5, form="annex3"))], forms) == []


def test_a_form_that_never_came_is_held_to_unit_and_month_alone(warehouse: Warehouse) -> None:
    forms = [form(12, 3)]
    assert found(warehouse, [scan(1, code(12, 3), code(9, form="annex3"))], forms) == []
    other = code(9, form="annex3", period="2026-09")
    assert found(warehouse, [scan(1, code(12, 3), other)], forms)[0][1] == "附件3 u1 2026-09 9"


def test_a_code_of_before_a_total_was_added_stays_valid(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1, code(12))], [form(12, 3)]) == []


def test_a_page_may_count_the_rows_that_are_none(warehouse: Warehouse) -> None:
    """As 合计 in the column that it counts, and 以下空白 below."""
    forms = [form(12, 3, skipped=2)]
    assert found(warehouse, [scan(1, code(14, 3))], forms) == []
    assert found(warehouse, [scan(1, code(15, 3))], forms)[0][0] == "SIG-05"
    assert found(warehouse, [scan(1, code(11, 3))], forms)[0][0] == "SIG-05"


def test_a_total_too_great_for_the_code_is_the_greatest(warehouse: Warehouse) -> None:
    assert found(warehouse, [scan(1, code(MOST, 3))], [form(MOST + 8, 3)]) == []


def test_a_page_signed_for_a_form_that_was_corrected_later_was_right_once(warehouse: Warehouse) -> None:
    """Its unit was complete in time; now the scan is of another return."""
    forms = [form(12, 3, status="replaced"), form(11, 3)]
    assert found(warehouse, [scan(1, code(12, 3))], forms)[0][0] == "SIG-05"
    assert found(warehouse, [scan(1, code(12, 3)), scan(8, code(11, 3))], forms) == []
    once = dict(warehouse.execute("select mail, agreed_once from core.signed_pages").fetchall())
    assert once == {"m1": True, "m8": True}


def test_a_page_for_a_returned_form_never_was(warehouse: Warehouse) -> None:
    forms = [form(12, 3, status="returned"), form(11, 3)]
    found(warehouse, [scan(1, code(12, 3))], forms)
    assert warehouse.value("select agreed_once from core.signed_pages") is False


def test_codes_of_other_units_and_months_in_the_same_mail_speak_to_them_alone() -> None:
    def text(unit: str, period: str) -> str:
        return written(SignatureCode("2026.1", "annex2", unit, period, (1, 2)))

    texts = [text("u1", PERIOD), text("u2", PERIOD), text("u1", "2026-09"), text("u9", PERIOD), "https://example.cn"]
    told = _codes_for("u1", PERIOD, {"codes": texts}, ["u1", "u2"], [PERIOD, "2026-09"])
    assert [(c["unit_code"], c["period"]) for c in told] == [("u1", PERIOD), ("u9", PERIOD)]
