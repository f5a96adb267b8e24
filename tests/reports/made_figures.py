"""Summaries made up for the tests of sentences: any that a month can have, the best and the worst among them.

Belongs here: strategies. Does not: asserting.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reports.report.queries import Found

FEW = st.integers(0, 3)  # where wording goes wrong
COUNT = st.one_of(FEW, st.integers(0, 2000))
NAMES = ("综合部", "市场部", "第1旗县分公司", "A&B <中心>", "渠道运营中心", "客户响应中心", "财务部", "网络部")
RATE = st.one_of(st.none(), st.sampled_from([0.0, 100.0, 60.0]), st.floats(0, 100).map(lambda v: round(v, 2)))
LISTS = ("NSW", "WXS", "WXM", "IMS", "PSI", "SMI")
RULES = ("AST-07", "GEN-05", "REC-04", "REC-05", "REC-06", "ENV-03")


@st.composite
def summaries(draw: st.DrawFn) -> dict[str, Any]:
    """A summary that adds up: units by state, what stands of what was received, codes of all there are."""
    states = ("complete_on_time", "complete_late", "incomplete", "returned", "missing")
    units = {state: draw(st.one_of(FEW, st.integers(0, 400))) for state in states}
    expected = sum(units.values())
    complete = units["complete_on_time"] + units["complete_late"]
    reporting = complete + units["incomplete"]
    annex2, annex3 = draw(st.integers(complete, reporting)), draw(st.integers(complete, reporting))
    assets = draw(COUNT) if annex2 else 0
    apps = draw(COUNT) if annex2 else 0
    incidents = draw(COUNT) if annex3 else 0
    opened = draw(COUNT)
    high = draw(st.integers(0, opened))
    levels = {level: n for level in ("高", "中", "低") if incidents and (n := draw(st.integers(0, incidents)))}
    judged = draw(RATE) if annex3 else None
    part = st.integers(0, assets)
    return {
        "units": {"expected": expected, **units},
        "forms": {
            "annex2": {"expected": expected, "effective": annex2, "nil": 0, "returned": 0, "missing": units["missing"]},
            "annex3": {"expected": expected, "effective": annex3, "returned": 0, "missing": units["missing"]},
            "annex6": {"effective": 0, "returned": 0},
        },
        "exposed_assets": {
            "rows_received": assets + draw(FEW), "rows_counted": assets,
            "by_type": {"网站": assets} if assets else {}, "by_mlps_level": {"三级": assets} if assets else {},
            "holding_personal_data": draw(part), "without_protection": draw(part), "without_three_sync": draw(part),
            "unscanned": draw(part), "high_vulns": draw(COUNT) if assets else 0, "with_high_risk_port": draw(part),
        },
        "app_launches": {
            "rows_received": apps, "rows_counted": apps,
            "by_stage": {"新上线": apps} if apps else {}, "by_platform": {"iOS": apps} if apps else {},
            "launched_without_assessment": draw(st.integers(0, apps)), "interactive": draw(st.integers(0, apps)),
        },
        "self_check": {
            "expected_answers": 71 * expected, "rows_received": 71 * annex3, "rows_counted": 70 * annex3,
            "by_result": {} if judged is None else {"符合": 70 * annex3}, "pass_rate": judged, "by_checklist": {},
        },
        "rectification": {
            "rows_received": opened, "rows_counted": opened, "open": opened, "overdue": draw(st.integers(0, opened)),
            "closed_in_period": draw(COUNT), "open_by_severity": {"高": high, "中": opened - high, "低": 0},
        },
        "incidents": {
            "rows_received": incidents, "rows_counted": incidents, "by_level": levels,
            "by_kind": {"网络攻击": incidents} if incidents else {},
            "reported_late": draw(st.integers(0, incidents)),
            "median_minutes_to_report": draw(st.sampled_from([0.0, 1.0, 75.5])) if incidents else None,
        },
        "indicators": {"IND-01": {"numerator": draw(COUNT), "denominator": draw(COUNT), "rate": draw(RATE)}},
        "agreements": {"in_force": draw(COUNT), "expired": draw(FEW), "expiring_60d": draw(FEW)},
        "findings": {
            "critical": draw(FEW), "error": draw(COUNT), "warning": draw(COUNT), "waived": draw(FEW),
            "by_rule": {rule: n for rule in RULES if (n := draw(FEW))},
        },
        **({"mails": {"received": draw(COUNT), "held": draw(FEW), "duplicates": draw(FEW)}} if draw(st.booleans()) else {}),
    }  # fmt: skip


def names_of(summary: dict[str, Any]) -> dict[str, list[str]]:
    """As many names of units by state as the summary counts, 25 at most as in sql/sections/scope_names.sql."""
    keys = {"missing": "missing", "returned": "returned", "incomplete": "incomplete", "late": "complete_late"}
    return {
        state: [NAMES[i % len(NAMES)] for i in range(min(summary["units"][key], 25))]
        for state, key in keys.items()
        if summary["units"][key]
    }


def _found(rows: list[dict[str, Any]]) -> Found:
    keys = list(rows[0]) if rows else []
    return Found({k: i for i, k in enumerate(keys)}, [tuple(r.values()) for r in rows], len(rows))


@st.composite
def tables(draw: st.DrawFn, summary: dict[str, Any], empty: list[str]) -> dict[str, Found]:
    """The rows that sentences speak of, in keeping with the summary; `empty`: names of the tables of no concern."""

    def rows(most: int, **columns: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        return [{k: draw(v) for k, v in columns.items()} for _ in range(draw(st.integers(0, most)))]

    name, n = st.sampled_from(NAMES), st.integers(0, 3)
    reports = summary["forms"]["annex3"]["effective"] > 0
    scores = sorted((draw(st.floats(0, 100).map(lambda v: round(v, 2))) for _ in range(draw(n))), reverse=True)
    ranked = [
        {"rank": 1 + scores.index(s), "rank_change": draw(st.sampled_from([None, 0, 1, -1, 7, -7])), "unit_name": draw(name), "score": s}
        for s in scores
    ]  # fmt: skip
    rated = sorted(draw(st.floats(0, 100)) for _ in range(draw(n) if reports else 0))
    judged = summary["self_check"]["pass_rate"] is not None
    assets = summary["exposed_assets"]["high_vulns"]
    made = {
        "returns_rounds": rows(3, form=st.sampled_from(["annex2", "annex3", "annex6"]), second_try=n, later_try=n),
        "assets_by_unit": [{"unit_name": draw(name), "high_vulns": assets}] if assets else [],
        "assets_shared": [],
        "apps_by_platform": [{"without_real_name": draw(st.integers(0, summary["app_launches"]["interactive"]))}],
        "checks_by_list": [{"checklist": c, "pass_rate": draw(RATE)} for c in LISTS[: draw(n)]] if judged else [],
        "checks_by_item": [{"item_code": "NSW-01", "pass_rate": draw(RATE)}] if judged else [],
        "problems_overdue": rows(2, unit_name=name, days_overdue=st.integers(1, 400)),
        "incidents_by_kind": rows(1, not_reviewed=n),
        "incidents_by_level": rows(1, resolved=n),
        "indicators_ratios": [
            {"indicator_code": "IND-05", "rate": r, "target": 100.0, "gap": draw(st.sampled_from([None, r - 100.0]))} for r in rated
        ],
        "quality_if_counted": rows(1, figure=st.just("self_check.pass_rate"), now=RATE, if_counted=RATE),
        "scores": ranked,
        "scores_lowest": ranked[::-1],
    }  # fmt: skip
    return {**{key: _found([]) for key in empty}, **{key: _found(r) for key, r in made.items()}}
