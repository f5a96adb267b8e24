"""Blank forms filled in right, through openpyxl, as a unit's clerk would in a spreadsheet.

Belongs here: right answers and writing them into a template. Does not: faults (tests/feedback), asserting.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from unittest.mock import patch

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.merge import MergedCellRange
from openpyxl.worksheet.worksheet import Worksheet

from assets.instance.register import Register, Unit
from assets.intake.forms import normalise_heading
from expectations.catalogue import Catalogue, Form, SheetForm
from reports.blank.book import HEADING_ROW, Before, Row
from reports.blank.forms import blank_forms

PERIOD = "2026-10"
HEADINGS = HEADING_ROW + 1  # from 1, as in a spreadsheet
FIRST_ROW = HEADINGS + 1
MOST_COLUMNS = 50
COVER = {"prepared_by": "张三", "phone": "13812345678", "prepared_on": date(2026, 11, 2), "manager": "李四"}

Change = Callable[[openpyxl.Workbook], None]


def cell(sheet: Worksheet, form: SheetForm, key: str, row: int) -> str:
    """Where a column's value stands in a row of the sheet."""
    wanted = normalise_heading(form.column(key).zh)
    for column in range(1, MOST_COLUMNS + 1):  # sheet.max_column looks at every cell
        if normalise_heading(sheet.cell(HEADINGS, column).value) == wanted:
            return f"{get_column_letter(column)}{row}"
    raise KeyError(key)


def cover_cell(sheet: Worksheet, form: Form, key: str) -> str:
    """Where a field's value stands on the cover."""
    wanted = normalise_heading(next(c.zh for c in form.cover if c.key == key))
    row = next(r for r in range(1, 40) if normalise_heading(sheet.cell(r, 1).value) == wanted)
    return f"B{row}"


def put(sheet: Worksheet, form: SheetForm, row: int, values: Mapping[str, Any]) -> None:
    """Write values by column key into a row."""
    for key, value in values.items():
        sheet[cell(sheet, form, key, row)].value = value


def rows_of(form: SheetForm, catalogue: Catalogue, number: int) -> list[dict[str, Any]]:
    """Right rows of a table that is sent out empty; `number` keeps the units' rows apart."""
    return {
        "exposed_assets": [
            {
                "seq": n, "asset_name": f"门户网站{n}", "asset_type": "网站", "public_ip": f"203.0.113.{number * 2 + n}",
                "ports": "80,443", "protocol": "TCP", "url": f"https://w{number}-{n}.example.cn/", "mlps_level": "三级",
                "icp_no": "蒙ICP备12345678号-1", "system_name": "门户", "mlps_no": f"1500-{number}",
                "holds_personal_data": "否", "owner": "王五", "owner_phone": "0471-1234567",
                "online_on": date(2026, 10, 8), "reason": "对外服务", "protection": "防火墙、WAF",
                "scanned_on": date(2026, 10, 20), "high_vulns": 0, "three_sync": "是",
            }
            for n in (1, 2)
        ],
        "app_launches": [
            {
                "seq": 1, "app_name": "掌上营业厅", "platform": "Android", "package_id": f"cn.example.a{number}",
                "version": "1.10", "stage": "新上线", "launched_on": date(2026, 10, 12), "developer_kind": "自研",
                "app_filing_no": "蒙ICP备12345678号-2A", "assessed": "是", "assessed_on": date(2026, 10, 9),
                "collects_personal_data": "是", "privacy_url": "https://www.example.cn/privacy", "interactive": "否",
                "owner": "王五", "owner_phone": "13912345678",
            }
        ],
        "rectification": [
            {
                "issue_no": "202610-001", "source": "漏洞扫描", "problem": "弱口令", "severity": "高",
                "found_on": date(2026, 10, 8), "action": "改口令", "due_on": date(2026, 11, 30), "status": "整改中",
            }
        ],
        "incidents": [
            {
                "incident_no": "SJ-1", "kind": "账号被盗", "level": "高", "occurred_at": datetime(2026, 10, 8, 14, 30),
                "reported_at": datetime(2026, 10, 8, 15, 0), "responded_at": datetime(2026, 10, 8, 15, 10),
                "resolved_at": datetime(2026, 10, 8, 18, 40), "description": "公众号被盗", "scope": "无外传", "cause": "弱口令",
                "measures": "找回并改密", "reviewed": "是", "improvement": "双因素认证",
            }
        ],
        "agreements": [
            {
                "agreement_no": f"BM-{number}", "partner": "示例科技", "uscc": "91350100M000100Y43", "project": "客服外包",
                "data_kind": "客户数据", "signed_on": date(2026, 10, 8), "expires_on": date(2028, 10, 7),
                "permissions": "只读", "safety_duty": "乙方负责", "safeguards": "脱敏", "breach_clause": "有",
            }
        ],
    }.get(form.key, [])  # fmt: skip


def _fill_listed(sheet: Worksheet, form: SheetForm, catalogue: Catalogue) -> None:
    """Fill in the rows that stand in the template."""
    for row in range(FIRST_ROW, sheet.max_row + 1):
        code = sheet[cell(sheet, form, form.key_columns[0], row)].value
        if not code:
            return
        if form.key == "self_check":
            values: dict[str, Any] = {"result": "符合", "checked_by": "张三", "checked_on": date(2026, 10, 20)}
            if catalogue.item_by_code[code].target is not None:
                values["measured"] = 1
        elif form.key == "indicators":
            is_ratio = catalogue.indicator_by_code[code].kind == "ratio"
            values = {"numerator": 98} | ({"numerator": 100, "denominator": 100} if is_ratio else {})
        else:  # a problem carried over
            values = {"status": "已完成", "closed_on": date(2026, 10, 25), "effective": "是"}
        put(sheet, form, row, values)


def fill(
    content: bytes,
    form: Form,
    catalogue: Catalogue,
    number: int = 1,
    *,
    nil: bool = False,
    change: Change | None = None,
) -> bytes:
    """A template filled in right, with something done to it; `nil`: with nothing to report where that can be said."""
    book = _opened(content)
    answers = COVER | {s.nil_flag: "无" if nil else "有" for s in form.sheets if s.nil_flag}
    for key, value in answers.items():
        book[form.cover_title][cover_cell(book[form.cover_title], form, key)].value = value
    for sheet_form in form.sheets:
        sheet = book[sheet_form.title]
        _fill_listed(sheet, sheet_form, catalogue)
        if nil and sheet_form.nil_flag:
            continue
        first = next(r for r in range(FIRST_ROW, FIRST_ROW + 400) if not sheet.cell(r, 1).value)
        for row, values in enumerate(rows_of(sheet_form, catalogue, number), first):
            put(sheet, sheet_form, row, values)
    if change:
        change(book)
    return saved(book)


def _opened(content: bytes) -> openpyxl.Workbook:
    """A workbook to write into, without borders around the cells that were merged into others: openpyxl takes half of
    its time to draw them anew.
    """
    with patch.object(MergedCellRange, "format", lambda _: None):
        return openpyxl.load_workbook(io.BytesIO(content))


def saved(book: openpyxl.Workbook) -> bytes:
    """A workbook's bytes."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def changed(content: bytes, change: Change) -> bytes:
    """A workbook with something done to it."""
    book = _opened(content)
    change(book)
    return saved(book)


def filled_forms(
    unit: Unit,
    catalogue: Catalogue,
    register: Register,
    number: int = 1,
    problems: Iterable[Row] = (),
    *,
    nil: bool = False,
    only: Collection[str] = (),
) -> dict[str, bytes]:
    """A unit's forms (or only some of them) filled in right, by key of the form.

    Made once a process for the same register: openpyxl takes a third of a second for each.
    """
    carried = tuple(problems)
    known = (catalogue.digest, register.digest, unit, number, nil, repr(carried))
    made = _made.setdefault(known, {})
    forms = tuple(form for form in catalogue.forms if not only or form.key in only)
    lacking = replace(catalogue, forms=tuple(form for form in forms if form.key not in made))
    blank = blank_forms(unit, PERIOD, lacking, register, Before(problems=carried))
    for form, content in zip(lacking.forms, blank.values(), strict=True):
        made[form.key] = fill(content, form, catalogue, number, nil=nil)
    return {form.key: made[form.key] for form in forms}


_made: dict[tuple[object, ...], dict[str, bytes]] = {}
