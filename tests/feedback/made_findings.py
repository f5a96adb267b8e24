"""Findings and units made by hand for the tests of the answer's content."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from expectations.catalogue import Catalogue, load_catalogue
from reports.feedback.answer import SentForm, SentWorkbook, UnitState

ZONE = ZoneInfo("Asia/Shanghai")
CATALOGUE: Catalogue = load_catalogue()
COVER = '{"has_exposed_assets": {"text": "有", "value": "是", "readable": true, "cell": "B11"}}'
WORKBOOKS = (
    SentWorkbook("m" * 64, 1, "附件2.xlsx", (SentForm("annex2", "f2", COVER),)),
    SentWorkbook("m" * 64, 2, "附件3.xlsx", (SentForm("annex3", "f3", "{}"),)),
)
_FORM_OF = {sheet.key: sheet.form for sheet in CATALOGUE.sheets.values()}
_numbers = count(1)


def finding(
    rule_id: str, sheet: str = "", column: str = "", cell: str = "", row: int = 0, **more: Any
) -> dict[str, Any]:
    """A row of core.all_findings. `sheet` and `column` are keys."""
    number = next(_numbers)
    rule = CATALOGUE.rules[rule_id]
    form = more.pop("form", _FORM_OF.get(sheet, ""))
    definition = CATALOGUE.sheets.get(sheet)
    return {
        "finding_id": f"{number:012x}",
        "subject": f"{number:016x}",
        "form": form,
        "form_id": {"annex2": "f2", "annex3": "f3"}.get(form, ""),
        "file": "",
        "sheet_key": sheet,
        "sheet": definition.title if definition else "",
        "cell": cell,
        "row": row,
        "column_key": column,
        "column": definition.column(column).zh if definition and column else "",
        "rule_id": rule_id,
        "severity": rule.severity,
        "effect": rule.effect,
        "value": "",
        "expected": "",
        "cause": "",
        "status": "open",
        "reason": "",
        **more,
    }


def unit(state: str = "complete", **more: Any) -> UnitState:
    return UnitState(
        **{
            "period": "2026-10",
            "unit_code": "U1",
            "unit_name": "青川分公司网络部",
            "state": state,
            "on_time": True if state == "complete" else None,
            "forms": (("annex2", "effective"), ("annex3", "effective"), ("annex6", "not_required")),
            "rows_received": 108,
            "rows_counted": 99,
            "cutoff": datetime(2026, 11, 6, tzinfo=ZONE),
            "received_at": datetime(2026, 11, 4, 4, 7, tzinfo=ZONE),
            **more,
        }
    )
