"""What `sixth status` and `sixth findings` read: the warehouse, opened without changing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import duckdb

from assets.instance.closed_months import register_of
from assets.instance.home import Home
from assets.instance.periods import Deadline, preceding
from assets.instance.settings import load_settings
from assets.instance.warehouse import model, reading
from expectations.catalogue import load_catalogue


@dataclass(frozen=True, slots=True)
class Status:
    """A headline, and a row a unit: code, name, state, own cut-off, forms, scan, errors, warnings, and why it is not
    complete; of each mail of the month that is held, a line.
    """

    headline: str
    rows: tuple[tuple[str, ...], ...]
    held: tuple[str, ...] = ()


def query(home: Home, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a query on the warehouse as the last run left it; none where it or its tables are not there yet.

    Raises WarehouseBusy, WarehouseDamaged.
    """
    with reading(home.warehouse) as connection:
        if connection is None:
            return []
        try:
            cursor = connection.execute(sql, parameters)
        except (duckdb.CatalogException, duckdb.BinderException):  # no run of this software has made its tables yet
            return []
        names = [d[0] for d in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def status_of(home: Home, period: str | None, clock: datetime) -> Status:
    """Who has reported as of the last run, and the hours to the cut-off as of `clock`."""
    register = register_of(home)
    deadline = load_settings(home.register / "settings.yaml").deadline(register)
    chosen = period or preceding(f"{clock.astimezone(deadline.zone):%Y-%m}")
    cutoff = deadline.cutoff(chosen)
    when = f"{_hours(clock, cutoff)} the cut-off"
    found = query(home, model("published/units"), {"period": chosen})
    head = f"{chosen}: cut-off {cutoff.isoformat(timespec='minutes')}, {when}"
    if not found:
        return Status(f"{head}; no run has looked at this month yet (`sixth run --period {chosen}`)", ())
    rules: dict[str, dict[str, str]] = {}
    for row in query(home, model("notices/why_not"), {"period": chosen}):
        rules.setdefault(row["unit_code"], {})[row["form"]] = row["rules"]
    rows = tuple(
        (
            r["unit_code"],
            r["unit_name"],
            r["state"] + ("" if r["on_time"] is None else " on time" if r["on_time"] else " late"),
            f"{r['cutoff'].astimezone(deadline.zone):%Y-%m-%d %H:%M}, {_hours(clock, r['cutoff'])} it"
            if r["cutoff"]
            else "",
            r["annex2"],
            r["annex3"],
            r["annex6"],
            r["scan"],
            str(r["errors"]),
            str(r["warnings"]),
            _why_not(r, rules.get(r["unit_code"], {})),
        )
        for r in found
    )
    complete = sum(r["state"] == "complete" for r in found)
    return Status(f"{head}; {complete} of {len(found)} units complete", rows, _held(home, chosen, deadline))


def _hours(clock: datetime, cutoff: datetime) -> str:
    hours = (cutoff - clock).total_seconds() / 3600
    return f"{hours:.0f} hours to" if hours >= 0 else f"{-hours:.0f} hours after"


def _why_not(unit: Mapping[str, Any], rules: Mapping[str, str]) -> str:
    """What keeps a unit from being complete, with the rules by which it does; `rules` by form, "" for those of none."""
    if unit["state"] == "complete":
        return ""
    told = [
        f"{form} {unit[form]}" + (f" ({rules[form]})" if form in rules else "")
        for form in ("annex2", "annex3", "annex6")
        if unit[form] in ("missing", "returned")
    ]
    return ", ".join([*told, *([rules[""]] if "" in rules else [])])


def _held(home: Home, period: str, deadline: Deadline) -> tuple[str, ...]:
    """A line for each mail of the month that waits for a steward."""
    of_month = "(select mail from core.mails where period = $period)"
    rows = query(
        home,
        f"select * from ({model('settled/held_mails')}) where mail in {of_month} order by received_at, mail",
        {"period": period},
    )
    return tuple(
        f"held {r['mail'][:12]} from {r['sender']}, received "
        f"{r['received_at'].astimezone(deadline.zone):%Y-%m-%d %H:%M}: sixth show {r['mail'][:12]}, sixth assign"
        for r in rows
    )


def unknown(home: Home, period: str, *, unit: str = "", rule: str = "") -> str:
    """Why there can be no findings of a month, a unit or a rule that was named; "" where there can.

    Raises RegisterError, CatalogueError, WarehouseBusy.
    """
    register, rules = register_of(home), load_catalogue(home.register).rules
    if period < register.first_period:
        return f"--period {period} lies before {register.first_period}, the first month on record"
    if unit and unit not in register.tree(period).by_code:
        active = sorted(f"{u.active_from} to {u.active_to}" for u in register.units if u.code == unit)
        known = f"it is active {', '.join(active)}" if active else "nor is it in any other month"
        return f"--unit {unit}: no unit of that code is on the register in {period}; {known}"
    if rule and rule not in rules:
        near = get_close_matches(rule.upper(), rules, n=3)
        return f"--rule {rule}: there is no such rule" + (f"; did you mean {', '.join(near)}?" if near else "")
    settled = "select 1 as there from marts.unit_results where period = $period limit 1"
    if not query(home, settled, {"period": period}):
        return f"no run has looked at {period} yet (`sixth run --period {period}`)"
    return ""


def findings_of(home: Home, period: str, *, unit: str = "", rule: str = "", severity: str = "") -> list[dict[str, Any]]:
    """The findings of the period as of the last run, in the columns of data/findings.csv."""
    from reports.publishing.tables import NOT_PUBLISHED  # noqa: PLC0415 - polars, which `status` does without

    units = [u.code for u in register_of(home).tree(period).units]
    rows = query(home, model("published/findings"), {"period": period, "units": [*units, ""]})
    asked = {"unit_code": unit, "rule_id": rule, "severity": severity}
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row.items()
            if name not in NOT_PUBLISHED
        }
        for row in rows
        if all(wanted in ("", row[name]) for name, wanted in asked.items())
    ]
