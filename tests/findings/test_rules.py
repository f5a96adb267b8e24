"""Every rule on rows, on its smallest case, through the suites."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.instance.register import load_register
from assets.instance.warehouse import Warehouse, model, open_warehouse
from assets.intake.parsing import ODD_CELLS, row_schema
from assets.month.findings.enrich import enrich
from expectations.catalogue import Catalogue, load_catalogue
from expectations.suites import RuleNotEvaluated, failures, sheet_checks
from pipelines.new_home import SAMPLE

CATALOGUE: Catalogue = load_catalogue()
NETWORKS = load_register(SAMPLE / "register").networks
MONTH = {"month_start": date(2026, 10, 1), "month_end": date(2026, 10, 31), "received_on": date(2026, 11, 3)}

GOOD: dict[str, dict[str, Any]] = {
    "exposed_assets": {
        "asset_name": "门户", "asset_type": "网站", "public_ip": "203.0.113.9", "ports": "443", "protocol": "TCP",
        "url": "https://a.example", "icp_no": "蒙ICP备12345678号-1", "system_name": "门户系统", "mlps_level": "三级",
        "mlps_no": "15000-1", "holds_personal_data": True, "owner": "王强", "owner_phone": "13900001111",
        "online_on": date(2026, 10, 8), "reason": "对外服务", "protection": "WAF", "scanned_on": date(2026, 10, 1),
        "high_vulns": 0, "three_sync": True, "remark": None, "seq": 1,
    },
    "app_launches": {
        "seq": 1, "app_name": "掌上服务", "platform": "Android", "package_id": "com.example.a", "version": "1.2.0",
        "stage": "新上线", "launched_on": date(2026, 10, 8), "developer_kind": "自研", "developer": None,
        "app_filing_no": "蒙ICP备12345678号-2A", "assessed": True, "assessed_on": date(2026, 10, 1),
        "collects_personal_data": False, "privacy_url": None, "interactive": False, "real_name": None, "owner": "王强",
        "owner_phone": "13900001111", "remark": None,
    },
    "self_check": {
        "item_code": "NSW-05", "item_text": None, "result": "符合", "measured": 100.0, "problem": None, "action": None,
        "due_on": None, "evidence": None, "checked_by": "王强", "checked_on": date(2026, 10, 20),
    },
    "rectification": {
        "issue_no": "202610-001", "source": "自查", "item_code": "NSW-06", "problem": "缺口", "severity": "高",
        "found_on": date(2026, 10, 9), "action": "整改", "due_on": date(2026, 12, 1), "status": "整改中",
        "closed_on": None, "effective": None,
    },
    "incidents": {
        "incident_no": "SJ-1", "kind": "网络攻击", "level": "高", "occurred_at": datetime(2026, 10, 9, 8, 0),
        "reported_at": datetime(2026, 10, 9, 9, 0), "responded_at": datetime(2026, 10, 9, 9, 0),
        "resolved_at": datetime(2026, 10, 9, 12, 0), "description": "扫描", "scope": "一台", "cause": "弱口令",
        "measures": "封堵", "reviewed": True, "improvement": "加固",
    },
    "indicators": {"indicator_code": "IND-01", "indicator_name": None, "numerator": 10, "denominator": 10, "remark": None},
    "agreements": {
        "agreement_no": "BM-1", "partner": "示例公司", "uscc": "91150100ADXX3P3AUB", "project": "分析",
        "data_kind": "客户数据", "signed_on": date(2026, 1, 1), "expires_on": date(2027, 12, 31), "permissions": "限项目",
        "safety_duty": "乙方", "safeguards": "加密", "breach_clause": True, "status": None,
    },
}  # fmt: skip

# rule id, sheet, what is changed in the good row; `!text` enters a text that cannot be read, None removes the value.
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("GEN-01", "exposed_assets", {"asset_name": None}),
    ("GEN-01", "exposed_assets", {"icp_no": None}),
    ("GEN-01", "self_check", {"measured": None}),
    ("GEN-01", "indicators", {"denominator": None}),
    ("GEN-02", "exposed_assets", {"online_on": "!上周"}),
    ("GEN-03", "exposed_assets", {"mlps_level": "!六级"}),
    ("GEN-04", "exposed_assets", {"asset_name": "长" * 101}),
    ("AST-01", "exposed_assets", {"public_ip": "10.1.1.1"}),
    ("AST-02", "exposed_assets", {"public_ip": "8.8.8.8"}),
    ("AST-03", "exposed_assets", {"ports": "22,443"}),
    ("AST-04", "exposed_assets", {"icp_no": "ICP备12号"}),
    ("AST-05", "exposed_assets", {"online_on": date(2026, 11, 1)}),
    ("AST-06", "exposed_assets", {"online_on": date(2026, 9, 30)}),
    ("AST-07", "exposed_assets", {"scanned_on": date(2026, 8, 1)}),
    ("AST-07", "exposed_assets", {"scanned_on": None, "high_vulns": None}),
    ("AST-08", "exposed_assets", {"high_vulns": 1}),
    ("AST-09", "exposed_assets", {"protection": "无"}),
    ("AST-09", "exposed_assets", {"protection": None}),
    ("AST-10", "exposed_assets", {"three_sync": False}),
    ("AST-13", "exposed_assets", {"high_vulns": -1}),
    ("GEN-07", "exposed_assets", {"remark": "联系 13812345678"}),
    ("GEN-07", "indicators", {"remark": "口令：Abc@123"}),
    ("APP-01", "app_launches", {"app_filing_no": "蒙ICP备12345678号"}),
    ("APP-02", "app_launches", {"assessed": False, "assessed_on": None}),
    ("APP-03", "app_launches", {"launched_on": date(2026, 11, 1)}),
    ("APP-04", "app_launches", {"launched_on": date(2026, 9, 30), "assessed_on": date(2026, 9, 1)}),
    ("APP-05", "app_launches", {"assessed_on": date(2026, 10, 9)}),
    ("APP-06", "app_launches", {"interactive": True, "real_name": False}),
    ("APP-07", "app_launches", {"interactive": True, "real_name": True}),
    ("CHK-01", "self_check", {"item_code": "NSW-99", "measured": None}),
    ("CHK-03", "self_check", {"measured": 100.5}),
    ("CHK-04", "self_check", {"measured": 99.0}),
    ("CHK-05", "self_check", {"result": "不符合", "problem": "x", "action": "x", "due_on": date(2026, 12, 1)}),
    ("CHK-06", "self_check", {"due_on": date(2026, 10, 19)}),
    ("CHK-07", "self_check", {"checked_on": date(2026, 9, 30)}),
    ("CHK-07", "self_check", {"checked_on": date(2026, 11, 4)}),
    ("CHK-08", "self_check", {"result": "不符合", "measured": 9.0, "problem": "x", "action": "x", "due_on": date(2026, 12, 1)}),
    ("REC-01", "rectification", {"status": "已完成", "closed_on": date(2026, 10, 8), "effective": True}),
    ("REC-02", "rectification", {"due_on": date(2026, 10, 8)}),
    ("REC-03", "rectification", {"due_on": date(2026, 10, 30)}),
    ("REC-06", "rectification", {"status": "已完成", "closed_on": date(2026, 10, 20), "effective": False}),
    ("INC-01", "incidents", {"reported_at": datetime(2026, 10, 9, 7, 0)}),
    ("INC-01", "incidents", {"responded_at": datetime(2026, 10, 9, 13, 0)}),
    ("INC-02", "incidents", {
        "occurred_at": datetime(2026, 11, 1, 0, 0), "reported_at": datetime(2026, 11, 1, 0, 5),
        "responded_at": datetime(2026, 11, 1, 0, 5), "resolved_at": datetime(2026, 11, 1, 1, 0),
    }),
    ("INC-03", "incidents", {"reported_at": datetime(2026, 10, 9, 10, 1)}),
    ("INC-03", "incidents", {"reported_at": datetime(2026, 10, 9, 10, 0, 1)}),
    ("INC-04", "incidents", {"reviewed": False}),
    ("KPI-01", "indicators", {"indicator_code": "IND-99"}),
    ("KPI-02", "indicators", {"numerator": -1}),
    ("KPI-02", "indicators", {"numerator": 11}),
    ("KPI-03", "indicators", {"numerator": 9}),
    ("NDA-01", "agreements", {"uscc": "91150100ADXX3P3AUA"}),
    ("NDA-02", "agreements", {"signed_on": date(2027, 12, 31)}),
    ("NDA-03", "agreements", {"expires_on": date(2026, 10, 31)}),
    ("NDA-04", "agreements", {"expires_on": date(2026, 12, 30)}),
    ("NDA-03", "agreements", {"expires_on": date(2026, 10, 31), "status": "在执行"}),
    ("NDA-05", "agreements", {"breach_clause": False}),
    ("GEN-03", "agreements", {"status": "!快到期"}),
]  # fmt: skip

# A rule is not asked where a value that it reads is absent, unreadable or refused by another rule on its own value.
QUIET: list[tuple[str, str, dict[str, Any]]] = [
    ("GEN-01", "exposed_assets", {"online_on": "!上周"}),
    ("AST-02", "exposed_assets", {"public_ip": "!1.2.3"}),
    ("AST-05", "exposed_assets", {"online_on": "!上周"}),
    ("AST-07", "exposed_assets", {"scanned_on": "!上周"}),
    ("AST-09", "exposed_assets", {"protection": "!围墙"}),
    ("CHK-04", "self_check", {"measured": -1.0}),
    ("CHK-05", "self_check", {"result": "不符合", "measured": 101.0, "problem": "x", "action": "x", "due_on": date(2026, 12, 1)}),
    ("CHK-08", "self_check", {"item_code": "NSW-99", "result": "不符合", "measured": None}),
    ("KPI-03", "indicators", {"numerator": 0, "denominator": 0}),
    ("KPI-03", "indicators", {"numerator": -1}),
    ("KPI-03", "indicators", {"indicator_code": "IND-11", "numerator": 1, "denominator": 10}),
    ("NDA-03", "agreements", {"expires_on": date(2026, 10, 31), "status": "终止"}),
    ("NDA-03", "agreements", {"expires_on": date(2026, 10, 31), "status": "!快到期"}),
    ("NDA-04", "agreements", {"expires_on": date(2026, 12, 30), "status": "终止"}),
    ("NDA-05", "agreements", {"breach_clause": False, "status": "终止"}),
    # the date that the later rule reads was refused by an earlier one
    ("APP-05", "app_launches", {"launched_on": date(2026, 11, 5), "assessed_on": date(2026, 11, 6)}),
    ("INC-03", "incidents", {
        "occurred_at": datetime(2026, 11, 1, 0, 0), "reported_at": datetime(2026, 11, 1, 9, 0),
        "responded_at": datetime(2026, 11, 1, 9, 0), "resolved_at": datetime(2026, 11, 1, 10, 0),
    }),
    ("NDA-04", "agreements", {"expires_on": date(2026, 12, 31)}),
    ("REC-03", "rectification", {"due_on": date(2026, 10, 31)}),
    ("INC-03", "incidents", {"reported_at": datetime(2026, 10, 9, 10, 0)}),
    ("AST-07", "exposed_assets", {"scanned_on": date(2026, 8, 2)}),
]  # fmt: skip


def row(sheet: str, changed: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"form_id": "form", "row": 2, **dict.fromkeys(ODD_CELLS)}
    for key, value in {**GOOD[sheet], **changed}.items():
        unreadable = isinstance(value, str) and value.startswith("!")
        made[key] = None if unreadable else value
        made[f"{key}__text"] = value[1:] if unreadable else None if value is None else str(value)
        if CATALOGUE.sheets[sheet].column(key).type == "url":
            made[f"{key}__key"] = made[key]
    return made


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with tempfile.TemporaryDirectory() as folder, open_warehouse(Path(folder)) as opened:
        for sheet in CATALOGUE.sheets.values():
            opened.put(f"staging.{sheet.key}", pl.DataFrame(schema=row_schema(sheet)))
        items = [{"profile": "p", "item_code": c, "target": 100.0, "target_text": "100%"} for c in ("NSW-05", "NSW-06")]
        opened.put("core.profile_items", pl.DataFrame(items))
        ratios = [(i.code, i.zh, i.kind, i.target) for i in CATALOGUE.indicators]
        schema = {"indicator_code": pl.String, "name": pl.String, "kind": pl.String, "target": pl.Float64}
        opened.put("core.indicators", pl.DataFrame(ratios, schema=schema, orient="row"))
        allowed = CATALOGUE.rules["INC-03"].parameters["minutes_allowed"]
        opened.put(
            "core.report_limits", pl.DataFrame(list(allowed.items()), schema=["level", "minutes_allowed"], orient="row")
        )
        chunk = pl.DataFrame([{"form_id": "form", "profile": "p", "has_im_service": False, **MONTH}])
        opened.put("core.asked_now", chunk)
        opened.execute("create temp table chunk as select * from core.asked_now")
        yield opened


def frame_of(warehouse: Warehouse, sheet: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    definition = CATALOGUE.sheets[sheet]
    warehouse.put(f"staging.{sheet}", pl.DataFrame(rows, schema=row_schema(definition)))
    return enrich(warehouse.frame(model(f"checks/{sheet}")), definition, CATALOGUE, NETWORKS)


def failing(warehouse: Warehouse, sheet: str, changed: dict[str, Any]) -> set[str]:
    frame = frame_of(warehouse, sheet, [row(sheet, changed)])
    return set(failures("rows", sheet_checks(CATALOGUE.sheets[sheet], CATALOGUE), frame)["rule_id"])


@pytest.mark.parametrize("sheet", GOOD)
def test_a_good_row_fails_nothing(warehouse: Warehouse, sheet: str) -> None:
    assert failing(warehouse, sheet, {}) == set()


@pytest.mark.parametrize(("rule", "sheet", "changed"), CASES)
def test_a_rule_fails_on_its_own_fault(warehouse: Warehouse, rule: str, sheet: str, changed: dict[str, Any]) -> None:
    assert rule in failing(warehouse, sheet, changed)


@pytest.mark.parametrize(("rule", "sheet", "changed"), QUIET)
def test_a_rule_is_not_asked_without_its_values(
    warehouse: Warehouse, rule: str, sheet: str, changed: dict[str, Any]
) -> None:
    assert rule not in failing(warehouse, sheet, changed)


def test_every_rule_on_rows_has_a_case() -> None:
    of_rows = {r.id for r in CATALOGUE.rules.values() if r.table in GOOD and not r.carried}
    assert of_rows - {rule for rule, _, _ in CASES} == set()


# Some provinces have two short names, and filings bear either: 蜀ICP备 and 川ICP备 are both of Sichuan.
@pytest.mark.parametrize("province", "京津沪渝冀豫云滇辽黑湘皖鲁新苏浙赣鄂桂甘陇晋蒙陕秦吉闽贵黔粤青藏川蜀宁琼")
def test_filing_numbers_of_every_province_are_read(warehouse: Warehouse, province: str) -> None:
    assert failing(warehouse, "exposed_assets", {"icp_no": f"{province}ICP备12345678号-1"}) == set()
    assert failing(warehouse, "app_launches", {"app_filing_no": f"{province}ICP备12345678号-2A"}) == set()


def test_a_rate_below_its_target_is_never_told_as_the_target(warehouse: Warehouse) -> None:
    frame = frame_of(warehouse, "indicators", [row("indicators", {"numerator": 999_999, "denominator": 1_000_000})])
    found = failures("rows", sheet_checks(CATALOGUE.sheets["indicators"], CATALOGUE), frame)
    assert found.select("rule_id", "value").rows() == [("KPI-03", "99.99%")]


def test_error_and_cleaned_cells_are_told_one_by_one(warehouse: Warehouse) -> None:
    odd = row("indicators", {}) | {
        "error_cells": ["numerator", "remark"],
        "cleaned_cells": ["indicator_name"],
        "numerator": None,
    }
    odd["numerator__text"] = "#N/A"
    frame = frame_of(warehouse, "indicators", [odd])
    found = failures("rows", sheet_checks(CATALOGUE.sheets["indicators"], CATALOGUE), frame)
    cells = sorted(found.select("rule_id", "column", "value").rows())
    assert cells == [("GEN-06", "indicator_name", ""), ("WBK-04", "numerator", "#N/A"), ("WBK-08", "remark", "")]


@pytest.mark.parametrize(
    ("sheet", "changed", "column", "rule"),
    [
        ("exposed_assets", {}, "remark", "WBK-08"),
        ("exposed_assets", {}, "mlps_no", "WBK-04"),  # required where the level is 二级 or above
        ("exposed_assets", {"mlps_level": "一级"}, "mlps_no", "WBK-08"),
        ("exposed_assets", {}, "scanned_on", "WBK-04"),  # read by AST-07, which speaks of an absent value
        ("exposed_assets", {}, "url", "WBK-04"),  # part of the key
        ("self_check", {}, "evidence", "WBK-08"),
        ("rectification", {"source": "半年检查", "item_code": None}, "item_code", "WBK-08"),
        ("incidents", {"resolved_at": None, "cause": None, "reviewed": None, "improvement": None}, "cause", "WBK-08"),
        ("incidents", {}, "cause", "WBK-04"),
    ],
)
def test_an_error_leaves_the_row_out_where_the_cell_is_needed(
    warehouse: Warehouse, sheet: str, changed: dict[str, Any], column: str, rule: str
) -> None:
    odd = row(sheet, {**changed, column: None}) | {"error_cells": [column], f"{column}__text": "#REF!"}
    frame = frame_of(warehouse, sheet, [odd])
    found = failures("rows", sheet_checks(CATALOGUE.sheets[sheet], CATALOGUE), frame)
    assert found.filter(pl.col("column") == column)["rule_id"].to_list() == [rule]


def test_a_secret_is_told_by_its_kind_and_only_in_texts_that_may_be_read_by_all(warehouse: Warehouse) -> None:
    odd = row("exposed_assets", {"remark": "root 密码: x9，电话 13812345678", "owner": "王强 13812345678"})
    found = failures(
        "rows",
        sheet_checks(CATALOGUE.sheets["exposed_assets"], CATALOGUE),
        frame_of(warehouse, "exposed_assets", [odd]),
    )
    told = found.filter(pl.col("rule_id") == "GEN-07").select("column", "expected").rows()
    assert told == [("remark", "手机号码、口令")]


def test_a_repeated_key_names_the_first_row(warehouse: Warehouse) -> None:
    frame = frame_of(warehouse, "indicators", [row("indicators", {}), row("indicators", {}) | {"row": 7}])
    found = failures("rows", sheet_checks(CATALOGUE.sheets["indicators"], CATALOGUE), frame)
    assert found.select("rule_id", "row", "expected").rows() == [("GEN-05", 7, "2")]


def test_a_rule_that_cannot_be_asked_never_looks_as_if_it_held(warehouse: Warehouse) -> None:
    frame = frame_of(warehouse, "indicators", [row("indicators", {})])
    checks = sheet_checks(CATALOGUE.sheets["indicators"], CATALOGUE)
    broken = replace(checks[-1], type="expect_column_values_to_be_null", kwargs={"column": "no_such_column"})
    with pytest.raises(RuleNotEvaluated, match=broken.rule.id):
        failures("broken", (*checks[:-1], broken), frame)
