"""What a supplement changed: every figure that differs from the version before, and what caused it.

Belongs here: comparing two versions, and which units a figure changed by. Does not: whether a version is made
(publish.py), what is new of a unit (causes.py), the words (reports/report/).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from reports.model import Change
from reports.publishing.causes import EVERYBODY, Causes

# The table of data/ whose rows say which units a figure of summary.json rests on, where figures of units are not known.
TABLE_OF = {
    "units": "units", "forms": "submissions", "findings": "findings", "exposed_assets": "exposed_assets",
    "app_launches": "app_launches", "self_check": "self_check", "rectification": "rectification",
    "incidents": "incidents", "indicators": "indicators", "agreements": "agreements", "decisions": "findings",
    "decisions.extended": "units",
}  # fmt: skip
# No sums: a unit moves them also where its own figure is what it was.
_RATIOS = frozenset({"rate", "pass_rate", "answered_rate", "median_minutes_to_report"})

UnitFigures = Mapping[str, Mapping[str, Any]]
"""By unit its figures by dotted path, those alone that are neither 0 nor null; under "" what is nobody's."""


def figures_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without what says which version it is."""
    head = ("$schema", "period", "scope", "version", "kind", "as_of", "cutoff", "collected")
    return {k: v for k, v in summary.items() if k not in head}


def flatten(figures: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure of a summary under its dotted path."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from flatten(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, figures


def changes_since(
    before: Path,
    figures: Mapping[str, Any],
    now: Path,
    causes: Causes,
    units: Collection[str],
    was_of_units: UnitFigures,
    is_of_units: UnitFigures,
) -> Iterator[Change]:
    """Every figure that differs from a published version, and what made it so.

    `before` and `now` are folders with data/; `units` those of the scope; `was_of_units` and `is_of_units` their
    figures in both, the former empty where they are not known any more.
    """
    was = dict(flatten(figures_of(json.loads((before / "summary.json").read_text(encoding="utf-8")))))
    is_now = dict(flatten(figures))
    mine = [u for u in units if (was_of_units.get(u) or {}) != (is_of_units.get(u) or {})]

    @cache  # few tables have a figure that differs
    def moved(table: str) -> list[str]:
        return sorted(_moved_units(*(folder / "data" / f"{table}.parquet" for folder in (before, now))))

    for path in sorted(was.keys() | is_now.keys()):
        before_value, after_value = was.get(path, 0), is_now.get(path, 0)
        if before_value == after_value:
            continue
        if path.startswith("mails."):
            because = causes.of_mails()
        else:
            of = [u for u in mine if _differs(path, was_of_units.get(u) or {}, is_of_units.get(u) or {})]
            if not was_of_units or not of:
                of = moved(TABLE_OF.get(path) or TABLE_OF[path.partition(".")[0]])
            because = causes.of(of or [EVERYBODY])
        yield Change(path, before_value, after_value, because)


def _differs(path: str, was: Mapping[str, Any], is_now: Mapping[str, Any]) -> bool:
    """Whether a unit's own figure, or what a ratio is made of, is not what it was."""
    group, _, last = path.rpartition(".")
    if last not in _RATIOS:
        return bool(was.get(path) != is_now.get(path))
    prefix = f"{group}."
    return {p: v for p, v in was.items() if p.startswith(prefix)} != {
        p: v for p, v in is_now.items() if p.startswith(prefix)
    }


def _moved_units(before: Path, now: Path) -> set[str]:
    """The units whose rows in a table are not what they were, whatever their ranks."""

    def digests(path: Path) -> dict[str, int]:
        rows = pl.scan_parquet(path).drop("rank", strict=False)
        hashed = rows.select("unit_code", digest=pl.struct(pl.all()).hash(seed=0))
        # A sum does not depend on the order of rows; it may wrap around.
        return dict(hashed.group_by("unit_code").agg(pl.col("digest").sum()).collect(engine="streaming").iter_rows())

    was, is_now = digests(before), digests(now)
    return {unit for unit in was.keys() | is_now.keys() if was.get(unit) != is_now.get(unit)}
