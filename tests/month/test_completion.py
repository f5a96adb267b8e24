"""When a unit's month was first complete, by the times of its mails (system.md, What becomes of a unit)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.instance.warehouse import Warehouse, model, open_warehouse

PERIOD = "2026-10"
TIME = pl.Datetime("us", "UTC")
SENT: dict[str, Any] = {
    "period": pl.String, "unit_code": pl.String, "form": pl.String, "form_id": pl.String, "received_at": TIME,
    "mail": pl.String, "number": pl.Int64, "returned": pl.Boolean,
}  # fmt: skip
SCAN: dict[str, Any] = {
    "period": pl.String, "unit_code": pl.String, "mail": pl.String, "number": pl.Int64, "state": pl.String,
    "received_at": TIME,
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "period": pl.String, "unit_code": pl.String, "form_id": pl.String, "items_answered": pl.Int64,
    "indicators_reported": pl.Int64,
}  # fmt: skip
FINDING = dict.fromkeys(("period", "unit_code", "mail", "form_id", "rule_id", "effect", "status"), pl.String)
PAGE: dict[str, Any] = {
    "period": pl.String, "unit_code": pl.String, "mail": pl.String, "number": pl.Int64, "form": pl.String,
    "agreed_once": pl.Boolean,
}  # fmt: skip
Form = tuple[str, int, bool]  # form, day of November on which it came, whether it was returned


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        unit = {"period": [PERIOD], "unit_code": ["U"], "level": ["unit"], "profile": ["p"]}
        opened.put("core.units", pl.DataFrame(unit))
        opened.put("core.profile_items", pl.DataFrame({"profile": ["p"] * 10, "item_code": list("ABCDEFGHIJ")}))
        opened.put("core.indicators", pl.DataFrame({"indicator_code": list("0123456789")}))
        forms = {"form": ["annex2", "annex3", "annex6"], "required": [True, True, False]}
        opened.put("core.forms", pl.DataFrame(forms))
        opened.execute("create or replace view core.required_forms as select form from core.forms where required")
        opened.put("core.rules", pl.DataFrame({"rule_id": ["SIG-01", "SIG-03"], "rule_group": ["scan"] * 2}))
        yield opened


def completed(
    warehouse: Warehouse,
    forms: Sequence[Form],
    scans: Sequence[tuple[str, int]] = (("sealed", 1),),
    answers: Sequence[tuple[int, int, int]] = (),
    findings: Sequence[tuple[str, str, str, str]] = (),
) -> int | None:
    """The day on which the month was first complete. `answers`: of annexes 3 replaced, by day, what counted of them;
    `findings`: rule, mail, form_id, status of those that hold a month up.
    """

    def at(day: int) -> datetime:
        return datetime(2026, 11, day, 8, tzinfo=UTC)

    sent = [(PERIOD, "U", f, f"{f}-{d}", at(d), f"m{d}", 1, back) for f, d, back in forms]
    warehouse.put("core.submissions", pl.DataFrame(sent, schema=SENT, orient="row"))
    came = [(PERIOD, "U", f"m{d}", 1, state, at(d)) for state, d in scans]
    warehouse.put("core.scans", pl.DataFrame(came, schema=SCAN, orient="row"))
    counted = [(PERIOD, "U", f"annex3-{d}", items, indicators) for d, items, indicators in answers]
    warehouse.put("core.replaced_answers", pl.DataFrame(counted, schema=ANSWERS, orient="row"))
    found = [(PERIOD, "U", mail, form, rule, "incomplete", status) for rule, mail, form, status in findings]
    warehouse.put("core.findings", pl.DataFrame(found, schema=FINDING, orient="row"))
    warehouse.put("core.signed_pages", pl.DataFrame(schema=PAGE))
    rows = warehouse.rows(model("marts/unit_completion"), {"period": PERIOD, "coverage_percent": 80.0})
    return rows[0]["first_complete_at"].astimezone(UTC).day if rows else None


def test_the_last_of_what_is_owed_makes_a_month_complete(warehouse: Warehouse) -> None:
    forms = [("annex2", 2, False), ("annex3", 3, False)]
    assert completed(warehouse, forms) == 3
    assert completed(warehouse, forms, scans=[("unreadable", 1), ("reused", 2), ("unsealed", 5)]) == 5
    assert completed(warehouse, forms, scans=[("unreadable", 1), ("reused", 2)]) is None
    assert completed(warehouse, forms[:1]) is None
    assert completed(warehouse, [("annex2", 2, True), ("annex2", 4, False), ("annex3", 3, False)]) == 4


@pytest.mark.parametrize(("items", "indicators", "day"), [(10, 10, 3), (8, 8, 3), (7, 10, 5), (10, 7, 5)])
def test_an_annex_3_with_too_few_answers_made_no_month_complete_until_the_next_one_came(
    warehouse: Warehouse, items: int, indicators: int, day: int
) -> None:
    """On time by its first mail, a unit was told so though that mail was half empty."""
    forms = [("annex2", 2, False), ("annex3", 3, False), ("annex3", 5, False)]
    assert completed(warehouse, forms, answers=[(3, items, indicators)]) == day


def test_a_form_that_replaces_a_good_one_by_a_half_empty_one_undoes_nothing_before(warehouse: Warehouse) -> None:
    """Complete on the 3rd, then incomplete, then complete again: first so on the 3rd."""
    forms = [("annex2", 2, False), ("annex3", 3, False), ("annex3", 4, False), ("annex3", 5, False)]
    assert completed(warehouse, forms, answers=[(3, 10, 10), (4, 1, 1)]) == 3
    late_annex2 = [("annex2", 4, False), ("annex3", 3, False), ("annex3", 4, False), ("annex3", 5, False)]
    assert completed(warehouse, late_annex2, answers=[(3, 10, 10), (4, 1, 1)]) == 5


def test_what_is_waived_counts_from_its_mail(warehouse: Warehouse) -> None:
    forms = [("annex2", 2, False), ("annex3", 3, False)]
    assert completed(warehouse, forms, findings=[("CHK-09", "m3", "annex3-3", "open")]) is None
    assert completed(warehouse, forms, findings=[("CHK-09", "m3", "annex3-3", "waived")]) == 3
    assert completed(warehouse, forms, scans=[], findings=[("SIG-01", "", "", "open")]) is None
    assert completed(warehouse, forms, scans=[], findings=[("SIG-01", "", "", "waived")]) == 3
    assert completed(warehouse, forms, scans=[("unreadable", 4)], findings=[("SIG-03", "m4", "", "waived")]) == 4


def test_an_annex_6_that_was_sent_is_waited_for_while_it_is_returned(warehouse: Warehouse) -> None:
    forms = [("annex2", 2, False), ("annex3", 3, False), ("annex6", 3, True), ("annex6", 6, False)]
    assert completed(warehouse, forms) == 6
    assert completed(warehouse, [*forms[:2], ("annex6", 4, True)]) == 3
