"""What a month needs a person for, group by group: what stewards' checks show.

system.md, Decisions and What becomes of a unit. Belongs here: plain functions over a settled month. Does not: Dagster's
checks made of them (checks.py), the findings (findings/).

A group is not well where somebody must act who is not the unit: a mail is held, a return could be let stand, a seal
waits to be looked at, a unit's rows are left out to the last one, two units report one asset, a unit is missing after
its cut-off. A row that fails is told to its unit the same night, and needs nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.instance.warehouse import Warehouse, model
from expectations.catalogue import Catalogue
from expectations.secrets import hidden

CELLS_SHOWN = 20
ENVELOPE, BOOKS, SCANS, ACROSS = "envelope", "workbooks_and_covers", "scans", "across_months_and_units"
GROUP_OF = {"envelope": ENVELOPE, "workbook": BOOKS, "cover": BOOKS, "scan": SCANS}
SHARED_ASSET = "AST-12"


@dataclass(frozen=True, slots=True)
class Review:
    """One group: whether nobody is needed, why somebody is, open findings by severity, and the first failing cells."""

    well: bool
    needed: str
    counts: Mapping[str, int]
    cells: tuple[Mapping[str, str], ...]


def groups(catalogue: Catalogue) -> tuple[str, ...]:
    """The groups, in the order in which a month is worked on."""
    return (ENVELOPE, BOOKS, *catalogue.sheets, SCANS, ACROSS)


def reviews(warehouse: Warehouse, catalogue: Catalogue, period: str) -> dict[str, Review]:
    """Every group of a settled month."""
    found: dict[str, list[dict[str, Any]]] = {group: [] for group in groups(catalogue)}
    for row in warehouse.rows(
        model("reviews/open_findings"),
        {"period": period},
    ):
        found[_group(row, catalogue)].append(row)
    emptied = _emptied(warehouse, catalogue, period)
    return {
        group: _review(rows, _needed(group, rows, emptied.get(group, []), catalogue), catalogue)
        for group, rows in found.items()
    }


def _group(row: Mapping[str, Any], catalogue: Catalogue) -> str:
    rule = catalogue.rules[row["rule_id"]]
    if rule.carried or rule.group == "across":
        return ACROSS
    return GROUP_OF.get(rule.group, row["sheet_key"] or BOOKS)


def _needed(group: str, rows: list[dict[str, Any]], emptied: list[str], catalogue: Catalogue) -> str:
    """Why somebody must act; "" where nobody must."""
    units = {name: len({r["unit_code"] or r["file"] for r in rows if test(r)}) for name, test in _TESTS.items()}
    may_stand = sum(r["effect"] in ("return", "incomplete") and _is_waivable(r, catalogue) for r in rows)
    if group == ENVELOPE and (held := sum(r["effect"] == "hold" for r in rows)):
        return f"held mails: {held} (sixth mails --held)"
    if group == SCANS and units["unsealed"]:
        return f"units with a scan on which no seal was found: {units['unsealed']} (sixth confirm-seal)"
    if group in (BOOKS, SCANS) and may_stand:
        return f"returns that could be let stand: {may_stand} (sixth waive)"
    if group == ACROSS and units["shared"]:
        return f"units that report an asset of another too: {units['shared']}"
    if emptied:
        return f"no row counts of {', '.join(emptied[:CELLS_SHOWN])}"
    return ""


_TESTS = {
    "unsealed": lambda r: r["rule_id"] == "SIG-02",
    "shared": lambda r: r["rule_id"] == SHARED_ASSET,
}


def _is_waivable(row: Mapping[str, Any], catalogue: Catalogue) -> bool:
    return catalogue.rules[row["rule_id"]].waivable != "no"


def _emptied(warehouse: Warehouse, catalogue: Catalogue, period: str) -> dict[str, list[str]]:
    """By sheet the units of which rows came and none counts."""
    return {
        sheet: [
            r["unit_code"]
            for r in warehouse.rows(
                f"""
                select unit_code
                from marts.{sheet}
                where period = $period
                group by unit_code
                having not bool_or(counted)
                order by unit_code
                """,
                {"period": period},
            )
        ]
        for sheet in catalogue.sheets
    }


def _review(rows: list[dict[str, Any]], needed: str, catalogue: Catalogue) -> Review:
    counts = {s: sum(r["severity"] == s for r in rows) for s in ("critical", "error", "warning")}
    return Review(not needed, needed, counts, tuple(_cell(r, catalogue) for r in rows[:CELLS_SHOWN]))


def _cell(row: Mapping[str, Any], catalogue: Catalogue) -> dict[str, str]:
    """A failing cell as it may be shown: of personal data only what the rule is about, no secret of any text."""
    rule = catalogue.rules[row["rule_id"]]
    sheet = catalogue.sheets.get(row["sheet_key"])
    is_personal = bool(sheet and row["column_key"] and sheet.column(row["column_key"]).pii) or rule.group == "cover"
    message = rule.title["zh"] if is_personal else hidden(row["message"])
    return {
        "unit": row["unit_code"],
        "file": hidden(row["file"]),
        "sheet": row["sheet"],
        "cell": row["cell"],
        "rule": row["rule_id"],
        "message": message[:80],
    }


def missing(warehouse: Warehouse, period: str, parameters: Mapping[str, Any]) -> list[dict[str, str]]:
    """The units that have nothing that stands: code, name, state, and until when where the cut-off is its own."""
    return [
        {key: str(value or "") for key, value in row.items()}
        for row in warehouse.rows(
            model("reviews/unreported_units"),
            {**parameters, "period": period},
        )
    ]
