"""One fault for every rule that drops a row or returns a form and points at a cell: the fault, and the cell.

Belongs here: spoiling a form that is right. Does not: asserting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import openpyxl

from expectations.catalogue import Catalogue
from tests.templates.filled_forms import FIRST_ROW, cell, cover_cell, put

Place = tuple[str, str]
Spoil = Callable[[openpyxl.Workbook, Catalogue], Place]


@dataclass(frozen=True)
class Fault:
    """A rule, the form that it is shown in, and what breaks it: the place that must be marked comes back."""

    rule_id: str
    form: str
    spoil: Spoil

    @property
    def unit(self) -> str:
        return f"U-{self.rule_id}"


def _row(sheet_key: str, at: str, row: int = FIRST_ROW, **values: Any) -> Spoil:
    """Values put into a row; `at` is the column that is marked."""

    def spoil(book: openpyxl.Workbook, catalogue: Catalogue) -> Place:
        form = catalogue.sheets[sheet_key]
        sheet = book[form.title]
        put(sheet, form, row, values)
        return form.title, cell(sheet, form, at, row)

    return spoil


def _cover(key: str, value: object) -> Spoil:
    def spoil(book: openpyxl.Workbook, catalogue: Catalogue) -> Place:
        form = next(f for f in catalogue.forms if any(book.sheetnames.count(s.title) for s in f.sheets))
        sheet = book[form.cover_title]
        place = cover_cell(sheet, form, key)
        sheet[place].value = value
        return form.cover_title, place

    return spoil


def _repeated(book: openpyxl.Workbook, catalogue: Catalogue) -> Place:
    form = catalogue.sheets["exposed_assets"]
    sheet = book[form.title]
    for column in range(1, sheet.max_column + 1):
        sheet.cell(FIRST_ROW + 1, column).value = sheet.cell(FIRST_ROW, column).value
    return form.title, cell(sheet, form, "public_ip", FIRST_ROW + 1)


def _emptied(book: openpyxl.Workbook, catalogue: Catalogue) -> Place:
    """Says that there are assets, and has none."""
    form = catalogue.form("annex2")
    sheet = book[form.sheets[0].title]
    for row in range(FIRST_ROW, FIRST_ROW + 3):
        for column in range(1, sheet.max_column + 1):
            sheet.cell(row, column).value = None
    return form.cover_title, cover_cell(book[form.cover_title], form, "has_exposed_assets")


def _measured_row(catalogue: Catalogue, book: openpyxl.Workbook) -> int:
    form = catalogue.sheets["self_check"]
    sheet = book[form.title]
    return next(
        r
        for r in range(FIRST_ROW, FIRST_ROW + 80)
        if catalogue.item_by_code[sheet[cell(sheet, form, "item_code", r)].value].target is not None
    )


def _measured(value: float) -> Spoil:
    def spoil(book: openpyxl.Workbook, catalogue: Catalogue) -> Place:
        return _row("self_check", "measured", _measured_row(catalogue, book), measured=value)(book, catalogue)

    return spoil


_TOO_LONG = "长" * 101
_OPEN = {"result": "部分符合", "problem": "有问题", "action": "整改", "checked_on": date(2026, 10, 20)}

FAULTS = (
    Fault("WBK-04", "annex2", _row("exposed_assets", "reason", reason="#N/A")),
    Fault("WBK-06", "annex2", _cover("form_version", "2019.9")),
    Fault("CVR-01", "annex2", _cover("unit_code", "NOBODY")),
    Fault("CVR-02", "annex2", _cover("unit_code", "U-CVR-01")),
    Fault("CVR-04", "annex2", _cover("period", "上个月")),
    Fault("CVR-05", "annex2", _cover("period", "2027-01")),
    Fault("CVR-07", "annex2", _cover("has_exposed_assets", "无")),
    Fault("CVR-08", "annex2", _emptied),
    Fault("GEN-01", "annex2", _row("exposed_assets", "asset_name", asset_name=None)),
    Fault("GEN-02", "annex2", _row("exposed_assets", "ports", ports="http")),
    Fault("GEN-03", "annex3", _row("self_check", "result", result="基本符合")),
    Fault("GEN-04", "annex2", _row("exposed_assets", "asset_name", asset_name=_TOO_LONG)),
    Fault("GEN-05", "annex2", _repeated),
    Fault("AST-01", "annex2", _row("exposed_assets", "public_ip", public_ip="192.168.1.5")),
    Fault("AST-04", "annex2", _row("exposed_assets", "icp_no", icp_no="备案中")),
    Fault("AST-05", "annex2", _row("exposed_assets", "online_on", online_on=date(2026, 11, 3))),
    Fault("AST-13", "annex2", _row("exposed_assets", "high_vulns", high_vulns=-1)),
    Fault("APP-01", "annex2", _row("app_launches", "app_filing_no", app_filing_no="备案中")),
    Fault("APP-03", "annex2", _row("app_launches", "launched_on", launched_on=date(2026, 11, 2))),
    Fault("APP-05", "annex2", _row("app_launches", "assessed_on", assessed_on=date(2026, 10, 30))),
    Fault("CHK-01", "annex3", _row("self_check", "item_code", item_code="NSW-99")),
    Fault("CHK-03", "annex3", _measured(150)),
    Fault("CHK-04", "annex3", _measured(0.885)),
    Fault("CHK-06", "annex3", _row("self_check", "due_on", due_on=date(2026, 10, 1), **_OPEN)),
    Fault("REC-01", "annex3", _row("rectification", "closed_on", closed_on=date(2026, 10, 1), status="已完成", effective="是")),
    Fault("REC-02", "annex3", _row("rectification", "due_on", due_on=date(2026, 10, 1))),
    Fault("INC-01", "annex3", _row("incidents", "occurred_at", reported_at=datetime(2026, 10, 8, 14, 0))),
    Fault(
        "INC-02",
        "annex3",
        _row(
            "incidents", "occurred_at", occurred_at=datetime(2026, 11, 1, 9), reported_at=datetime(2026, 11, 1, 10),
            responded_at=datetime(2026, 11, 1, 10), resolved_at=datetime(2026, 11, 1, 11),
        ),
    ),
    Fault("KPI-01", "annex3", _row("indicators", "indicator_code", indicator_code="IND-99")),
    Fault("KPI-02", "annex3", _row("indicators", "numerator", numerator=101)),
    Fault("NDA-01", "annex6", _row("agreements", "uscc", uscc="91350100M000100Y44")),
    Fault("NDA-02", "annex6", _row("agreements", "expires_on", expires_on=date(2026, 10, 8))),
)  # fmt: skip

# Rules of these effects that have no cell to point at: what is wrong is that something is not there or cannot be read.
# ENV-09 and CVR-09: tests of booking, where a mail of another month can be made.
WITHOUT_CELL = frozenset({"ENV-03", "ENV-09", "CVR-09", "WBK-01", "WBK-02", "WBK-05"})
