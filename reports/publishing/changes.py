"""What a supplement changed: every figure that differs from the version before, and what caused it.

Belongs here: comparing two versions. Does not: whether a version is made (publish.py), its words (reports/report/).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from reports.model import Change
from reports.publishing.causes import known_causes

# The table of data/ whose rows say which units a figure of summary.json rests on.
TABLE_OF = {
    "units": "units", "forms": "submissions", "mails": "submissions", "findings": "findings",
    "exposed_assets": "exposed_assets", "app_launches": "app_launches", "self_check": "self_check",
    "rectification": "rectification", "incidents": "incidents", "indicators": "indicators", "agreements": "agreements",
    "decisions": "findings", "decisions.extended": "units",
}  # fmt: skip


def _figures(summary: Mapping[str, Any]) -> dict[str, Any]:
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
    before: Path, figures: Mapping[str, Any], now: Path, causes: Mapping[str, Sequence[tuple[str, str]]]
) -> Iterator[Change]:
    """Every figure that differs from a published version, and the causes, new since it, of the units it rests on.

    `before` and `now` are folders with data/; `causes`: of every unit its mails and the decisions on it, sha256 or key
    and in words, in order.
    """
    was = dict(flatten(_figures(json.loads((before / "summary.json").read_text(encoding="utf-8")))))
    is_now = dict(flatten(figures))
    known = known_causes(before)

    @cache  # few tables have a figure that differs
    def moved(table: str) -> set[str]:
        return _moved_units(*(folder / "data" / f"{table}.parquet" for folder in (before, now)))

    for path in sorted(was.keys() | is_now.keys()):
        before_value, after_value = was.get(path, 0), is_now.get(path, 0)
        if before_value != after_value:
            units = moved(TABLE_OF.get(path) or TABLE_OF[path.partition(".")[0]])
            new = (words for unit in sorted(units) for cause, words in causes.get(unit, ()) if cause not in known)
            yield Change(path, before_value, after_value, tuple(dict.fromkeys(new)))


def _moved_units(before: Path, now: Path) -> set[str]:
    """The units whose rows in a table are not what they were, whatever their ranks."""

    def digests(path: Path) -> dict[str, int]:
        rows = pl.scan_parquet(path).drop("rank", strict=False)
        hashed = rows.select("unit_code", digest=pl.struct(pl.all()).hash(seed=0))
        # A sum does not depend on the order of rows; it may wrap around.
        return dict(hashed.group_by("unit_code").agg(pl.col("digest").sum()).collect(engine="streaming").iter_rows())

    was, is_now = digests(before), digests(now)
    return {unit for unit in was.keys() | is_now.keys() if was.get(unit) != is_now.get(unit)}
