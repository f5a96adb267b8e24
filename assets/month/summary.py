"""summary.json of every scope, from the figures of sql/report. outputs.md says each of its names.

Belongs here: putting figures in their places. Does not: computing them (sql/report/), the header that says which
version of which report they are in (reports/publishing/publish.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from assets.instance.periods import first_day, last_day
from assets.instance.warehouse import Warehouse, model
from expectations.catalogue import Catalogue

RESULTS = {"met": "符合", "partly_met": "部分符合", "not_met": "不符合", "not_applicable": "不适用"}
SEVERITIES = {"open_high": "高", "open_medium": "中", "open_low": "低"}


def summaries(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures of every scope of the period, by scope code, in the order of the register.

    The period is one month, or the several that `months` names: a unit counts in a scope for the months in which it was
    there, and what stands at the end is what stands at the end of the last of them.
    """
    with warehouse.using(
        "sixth"
    ):  # of the months themselves, each with its own tree, also while a span is put together
        return _of_scopes(warehouse, catalogue, parameters)


def _of_scopes(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    scopes = [
        r["unit_code"]
        for r in warehouse.rows(
            """
            select unit_code
            from core.units
            where list_contains($months, period) and level <> 'unit'
            group by unit_code
            order by max(period) desc, arg_max(position, period)
            """,
            parameters,
        )
    ]
    found = _found(warehouse, parameters)
    result = {}
    for scope in scopes:
        own = {name: rows[scope] for name, rows in found.items()}
        result[scope] = _summary(own, catalogue)
    (mails,) = warehouse.rows(model("report/mails"), parameters)
    result[parameters["carrier"]]["mails"] = {name: int(n) for name, n in mails.items()}
    return result


def summaries_of_reported(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The figures of the month before, by scope, of the units alone that have an effective form in the period.

    reports.md: an interim report compares like with like. `parameters` are those of the period, which is a month. A
    scope is made of the units that it has in the period.
    """
    last = parameters["previous"]
    before = {**parameters, "period": last, "month_start": first_day(last), "month_end": last_day(last)}
    before |= {"months": [last], "reported_in": parameters["period"]}
    warehouse.execute("begin")
    try:
        warehouse.execute("delete from core.scope_units where period = $period", before)
        warehouse.execute(
            """
            insert into core.scope_units by name
            select $period as period, s.scope, s.unit_code
            from core.scope_units as s
            semi join (
                select unit_code
                from marts.unit_forms
                where period = $reported_in and state in ('effective', 'nil')
            ) as f using (unit_code)
            where s.period = $reported_in
            """,
            before,
        )
        found = _found(warehouse, before)
        scopes = warehouse.rows("select distinct scope from core.scope_units where period = $reported_in", before)
    finally:
        warehouse.execute("rollback")
    return {r["scope"]: _summary({n: rows[r["scope"]] for n, rows in found.items()}, catalogue) for r in scopes}


def summaries_of_units(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The figures of every unit as if it were a scope of its own, by code; what is nobody's under the carrier's code.

    By the very queries of the scopes, so that what a scope counts is counted of each of its units.
    """
    warehouse.execute("begin")
    try:
        warehouse.execute("delete from core.scope_units where period = $period", parameters)
        warehouse.execute(
            """
            insert into core.scope_units by name
            select period, unit_code as scope, unit_code from core.units where period = $period
            """,
            parameters,
        )
        found = _found(warehouse, parameters)
    finally:
        warehouse.execute("rollback")
    units = sorted({scope for rows in found.values() for scope in rows})
    return {unit: _summary({name: rows[unit] for name, rows in found.items()}, catalogue) for unit in units}


def _found(warehouse: Warehouse, parameters: Mapping[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The rows of every query of sql/report/, by its name and by scope."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name in (
        "units", "forms", "exposed_assets", "app_launches", "self_check", "rectification", "incidents", "indicators",
        "agreements", "findings", "counts_by", "decisions",
    ):  # fmt: skip
        by_scope: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in warehouse.rows(model(f"report/{name}"), parameters):
            by_scope[row.pop("scope")].append(row)
        found[name] = by_scope
    return found


def _summary(own: Mapping[str, list[dict[str, Any]]], catalogue: Catalogue) -> dict[str, Any]:
    by_code: dict[str, dict[str, int]] = defaultdict(dict)
    for row in sorted(own["counts_by"], key=lambda r: (r["figure"], r["code"])):
        by_code[row["figure"]][row["code"]] = row["n"]
    assets = _only(own["exposed_assets"], "exposed_assets")
    apps = _only(own["app_launches"], "app_launches")
    incidents = _only(own["incidents"], "incidents")
    problems = _only(own["rectification"], "rectification")
    return {
        "units": _only(own["units"], "units"),
        "forms": _forms(own["forms"], catalogue),
        "exposed_assets": {
            **_first(assets, "rows_received", "rows_counted"),
            "by_type": by_code["exposed_assets.by_type"],
            "by_mlps_level": by_code["exposed_assets.by_mlps_level"],
            **_rest(assets, "rows_received", "rows_counted"),
        },
        "app_launches": {
            **_first(apps, "rows_received", "rows_counted"),
            "by_stage": by_code["app_launches.by_stage"],
            "by_platform": by_code["app_launches.by_platform"],
            **_rest(apps, "rows_received", "rows_counted"),
        },
        "self_check": _self_check(own["self_check"], catalogue),
        "rectification": {
            **_rest(problems, *SEVERITIES),
            "open_by_severity": {zh: problems[name] for name, zh in SEVERITIES.items()},
        },
        "incidents": {
            **_first(incidents, "rows_received", "rows_counted"),
            "by_level": by_code["incidents.by_level"],
            "by_kind": by_code["incidents.by_kind"],
            **_rest(incidents, "rows_received", "rows_counted"),
        },
        "indicators": _indicators(own["indicators"], catalogue),
        "agreements": _only(own["agreements"], "agreements"),
        "findings": _findings(own["findings"]),
        "decisions": _only(own["decisions"], "decisions"),
    }


_NONE: dict[str, dict[str, Any]] = {
    "units": dict.fromkeys(
        ("expected", "complete_on_time", "complete_late", "incomplete", "returned", "missing"), 0
    ),
    "exposed_assets": dict.fromkeys(
        (
            "rows_received", "rows_counted", "holding_personal_data", "without_protection", "without_three_sync",
            "unscanned", "high_vulns", "with_high_risk_port",
        ),
        0,
    ),
    "app_launches": dict.fromkeys(("rows_received", "rows_counted", "launched_without_assessment", "interactive"), 0),
    "rectification": dict.fromkeys(
        (
            "rows_received", "rows_counted", "open", "overdue", "closed_in_period", "open_high", "open_medium",
            "open_low",
        ),
        0,
    ),
    "incidents": {
        "rows_received": 0, "rows_counted": 0, "reported_late": 0, "median_minutes_to_report": None, "unresolved": 0,
    },
    "agreements": dict.fromkeys(("in_force", "expired", "expiring_60d"), 0),
    "decisions": dict.fromkeys(("waived", "assigned", "seals_confirmed", "extended"), 0),
}  # fmt: skip


def _only(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one row of a scope, or the figures of a scope without any."""
    row = rows[0] if rows else _NONE[name]
    return {k: int(v) if isinstance(v, int) else _number(v) for k, v in row.items()}


def _number(value: Any) -> Any:
    return (
        None
        if value is None
        else float(value)
        if not float(value).is_integer() or isinstance(value, float)
        else int(value)
    )


def _first(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _rest(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _forms(rows: list[dict[str, Any]], catalogue: Catalogue) -> dict[str, dict[str, int]]:
    """Forms that can be nil (a cover flag declares a table empty in each of them) say so; optional ones owe nothing."""
    by_form = {r["form"]: r for r in rows}
    forms = {}
    for form in catalogue.forms:
        row = by_form.get(form.key, {})
        names = ["effective", "returned"]
        if not form.optional:
            names = ["expected", "effective", *(["nil"] if _can_be_nil(form) else []), "returned", "missing"]
        forms[form.key] = {name: row.get(name, 0) for name in names}
    return forms


def _can_be_nil(form: Any) -> bool:
    return all(sheet.nil_flag for sheet in form.sheets)


def _self_check(rows: list[dict[str, Any]], catalogue: Catalogue) -> dict[str, Any]:
    by_list = {r["checklist"]: r for r in rows}
    empty = {
        "expected_answers": 0,
        "rows_received": 0,
        "rows_counted": 0,
        "answered_rate": None,
        "pass_rate": None,
        **dict.fromkeys(RESULTS, 0),
    }

    def part(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
        by_result = {zh: row[name] for name, zh in RESULTS.items() if row[name]}
        return {**_first(row, *names), "by_result": by_result, "pass_rate": row["pass_rate"]}

    return {
        **part(by_list.get(None, empty), "expected_answers", "rows_received", "rows_counted", "answered_rate"),
        "by_checklist": {
            code: part(by_list[code], "expected_answers", "rows_counted")
            for code in catalogue.checklists
            if code in by_list
        },
    }


def _indicators(rows: list[dict[str, Any]], catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    by_code = {r["indicator_code"]: r for r in rows}
    result: dict[str, dict[str, Any]] = {}
    for indicator in catalogue.indicators:
        row = by_code.get(indicator.code, {})
        result[indicator.code] = {"numerator": int(row.get("numerator") or 0)}
        if indicator.kind == "ratio":
            result[indicator.code] |= {
                "denominator": int(row.get("denominator") or 0),
                "rate": row.get("rate"),
            }
    return result


def _findings(rows: list[dict[str, Any]]) -> dict[str, Any]:
    by_severity = dict.fromkeys(("critical", "error", "warning"), 0)
    for row in rows:
        by_severity[row["severity"]] += row["open"]
    return {
        **by_severity,
        "waived": sum(r["waived"] for r in rows),
        "explained": sum(r["explained"] for r in rows),
        "by_rule": {r["rule_id"]: r["open"] for r in sorted(rows, key=lambda r: r["rule_id"]) if r["open"]},
    }
