"""What the models join: units of the period, the scopes above each, items by profile, indicators, weights.

Belongs here: the register and the catalogue as tables of core. Does not: anything that came by mail.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime
from typing import Any

import polars as pl

from assets.instance import periods
from assets.instance.register import Register, Unit
from assets.instance.warehouse import Warehouse
from assets.month.work import UTC_TIME, Work

KEY_SUPERVISION_SERVICE_YEARS = 1  # 003, article 9


def put_references(work: Work, period: str) -> None:
    """What the models join: units of the period, the scopes above each, items by profile, indicators, weights."""
    warehouse, tree, protected = (
        work.warehouse,
        work.register.tree(period),
        period in work.register.in_force(period).protection_periods,
    )
    units: list[dict[str, Any]] = []
    scopes: list[dict[str, str]] = []
    profiles: dict[str, Unit] = {}
    since = work.catalogue.items_since(period)
    extended = _extended(warehouse, period, work.deadline.cutoff(period))
    for position, unit in enumerate(tree.units):
        profile = f"{unit.kind}|{';'.join(sorted(unit.services))}|{'protected' if protected else ''}|{since}"
        profiles[profile] = unit
        units.append(
            {
                "period": period,
                "unit_code": unit.code,
                "unit_name": unit.name,
                "parent_code": unit.parent,
                "level": unit.level,
                "kind": unit.kind,
                "services": ";".join(sorted(unit.services)),
                "position": position,
                "profile": profile,
                "has_im_service": "im" in unit.services,
                "is_supervised": _is_supervised(work.register.in_force(period), unit, period),
                "cutoff": extended.get(unit.code),
            }
        )
        scopes.extend(
            {"period": period, "scope": scope, "unit_code": unit.code}
            for scope in tree.above(unit.code)
            if tree.by_code[scope].level != "unit"
        )
    schema: dict[str, Any] = {"position": pl.Int64, "cutoff": UTC_TIME}
    warehouse.put("core.units", pl.DataFrame(units, schema_overrides=schema), period=period)
    warehouse.put("core.scope_units", pl.DataFrame(scopes), period=period)
    items = [
        {
            "profile": profile,
            "item_code": item.code,
            "checklist": item.checklist,
            "weight": item.weight,
            "target": item.target,
            "target_text": None if item.target is None else f"{item.target:g}%",
            "indicator_code": item.indicator,
        }
        for profile, unit in profiles.items()
        if unit.level == "unit"
        for item in work.catalogue.items_for(unit.kind, unit.services, protected, period)
    ]
    item_schema = {
        "profile": pl.String, "item_code": pl.String, "checklist": pl.String, "weight": pl.Float64,
        "target": pl.Float64, "target_text": pl.String, "indicator_code": pl.String,
    }  # fmt: skip
    _keep_profiles(work, pl.DataFrame(items, schema=item_schema))
    warehouse.put(
        "core.indicators",
        pl.DataFrame(
            [(i.code, i.zh, i.kind, i.target) for i in work.catalogue.indicators],
            schema={"indicator_code": pl.String, "name": pl.String, "kind": pl.String, "target": pl.Float64},
            orient="row",
        ),
    )
    forms = [(f.key, not f.optional) for f in work.catalogue.forms]
    warehouse.put("core.forms", pl.DataFrame(forms, schema={"form": pl.String, "required": pl.Boolean}, orient="row"))
    rules = [(r.id, r.group, r.weight(period)[1]) for r in work.catalogue.rules.values() if r.is_asked(period)]
    warehouse.put("core.rules", pl.DataFrame(rules, schema=["rule_id", "rule_group", "effect"], orient="row"))
    warehouse.execute("create or replace view core.required_forms as select form from core.forms where required")
    allowed = work.catalogue.rules["INC-03"].parameters["minutes_allowed"]
    warehouse.put(
        "core.report_limits",
        pl.DataFrame(list(allowed.items()), schema={"level": pl.String, "minutes_allowed": pl.Int64}, orient="row"),
    )
    weights = {name: [float(points)] for name, points in work.score_weights.items()}
    warehouse.put("core.score_weights", pl.DataFrame(weights))


def _extended(warehouse: Warehouse, period: str, cutoff: datetime) -> dict[str, datetime]:
    """The units whose own cut-off a steward has put after the general one, with it."""
    rows = warehouse.rows(
        """
        select unit_code, max(until) as until
        from core.decisions
        where period = $period and kind = 'extend' and until > $cutoff
        group by unit_code
        """,
        {"period": period, "cutoff": cutoff},
    )
    return {r["unit_code"]: r["until"] for r in rows}


def _keep_profiles(work: Work, items: pl.DataFrame) -> None:
    """Add the items of the period's profiles to core.profile_items, beside those of other months' profiles.

    A profile says by itself whom it is asked of, and since when; only another catalogue changes what it asks.
    """
    warehouse = work.warehouse
    warehouse.put("core.profile_items_now", items.with_columns(catalogue=pl.lit(work.catalogue.digest)))
    warehouse.execute("create table if not exists core.profile_items as from core.profile_items_now limit 0")
    warehouse.execute("begin")
    warehouse.execute(
        """
        delete from core.profile_items
        where catalogue <> $digest or profile in (select profile from core.profile_items_now)
        """,
        {"digest": work.catalogue.digest},
    )
    warehouse.execute("insert into core.profile_items by name from core.profile_items_now")
    warehouse.execute("commit")


def _is_supervised(register: Register, unit: Unit, period: str) -> bool:
    """Whether the calendar makes the unit one under key supervision; incidents are looked at in marts/unit_results.

    003, article 9: a service that began less than a year before the last day of the month, or a penalty by then.
    """
    end = periods.last_day(period)
    starts, penalties = register.service_starts.get(unit.code, ()), register.penalties.get(unit.code, ())
    return any(d <= end for d in penalties) or any(d <= end < _anniversary(d) for d in starts)


def _anniversary(start: date) -> date:
    """The same day a year later; of 29 February the 28th."""
    day = min(start.day, calendar.monthrange(start.year + 1, start.month)[1])
    return start.replace(year=start.year + KEY_SUPERVISION_SERVICE_YEARS, day=day)
