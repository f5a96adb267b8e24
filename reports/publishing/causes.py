"""Stewards' decisions as causes of what a supplement changed, in words.

outputs.md, published/; system.md, Decisions. Belongs here: decisions in force that were not before, and those that no
longer are. Does not: which figures they may have changed (changes.py).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.instance.warehouse import Warehouse
from reports.text.formats import name
from reports.text.sentences import words

Causes = dict[str, list[tuple[str, str]]]


def told_decisions(warehouse: Warehouse, parameters: Mapping[str, Any], lang: str) -> Causes:
    """By unit the decisions in force that bear on the period: key, and in words; notes change nothing."""
    told: Causes = {}
    for row in warehouse.rows(
        """
        select
            d.key,
            d.kind,
            d.unit_code,
            d.decided_by,
            d.reason,
            concat_ws(' ', u.unit_name, f.rule_id, nullif(f.sheet, ''), nullif(f.cell, '')) as place,
        from core.decisions as d
        left join core.units as u using (period, unit_code)
        left join core.findings as f
            on f.period = d.period and f.finding_id = d.finding_id
        where d.period = $period and d.kind <> 'note'
        order by d.decided_at, d.key
        """,
        parameters,
    ):
        what = {"kind": name("decisions", row["kind"], lang), "place": row["place"], "by": row["decided_by"]}
        said = words(lang).say("cause.decided", **what, reason=row["reason"], decision=row["key"])
        told.setdefault(row["unit_code"], []).append((row["key"], said))
    return told


def ended_decisions(before: Path, in_force: Causes, lang: str) -> Causes:
    """By unit the decisions on which a published version rested and that are no longer in force."""
    table = before / "data" / "decisions.csv"
    if not table.is_file():  # published before there were any
        return {}
    standing = {key for decisions in in_force.values() for key, _ in decisions}
    ended: Causes = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "note" and row["key"] not in standing:
                what = {"kind": name("decisions", row["kind"], lang), "by": row["decided_by"]}
                said = words(lang).say("cause.ended", **what, decision=row["key"])
                ended.setdefault(row["unit_code"], []).append((f"ended {row['key']}", said))
    return ended


def known_causes(before: Path) -> set[str]:
    """The mails (sha256) and decisions (key) on which a published version rests."""
    manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
    return {m["sha256"] for m in manifest["mails"]} | {d["key"] for d in manifest.get("decisions", ())}


def together(parts: Sequence[Mapping[str, Sequence[tuple[str, str]]]]) -> Causes:
    """Causes of several kinds, of each unit one after another."""
    made: Causes = {}
    for part in parts:
        for unit, causes in part.items():
            made.setdefault(unit, []).extend(causes)
    return made
