"""Holds what a home published against the sample's expected figures."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.new_home import SAMPLE
from reports.publishing.changes import flatten

HEAD = ("period", "scope")
EXPECTED: dict[str, Any] = json.loads((SAMPLE / "expected.json").read_text(encoding="utf-8"))


def latest(home: Path, period: str, scope: str) -> Path:
    """The folder of the version that latest.json names."""
    folder = home / "published" / period / scope
    return folder / json.loads((folder / "latest.json").read_text(encoding="utf-8"))["version"]


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """A table of data/ as dictionaries."""
    with (folder / "data" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _same(wanted: Any, got: Any) -> bool:
    numbers = isinstance(wanted, int | float) and isinstance(got, int | float) and not isinstance(wanted, bool)
    return abs(wanted - got) < 0.005 if numbers else wanted == got


def differing(home: Path, key: str) -> Iterator[str]:
    """Every figure of `key` (2026-10/deadline) that the home published differently, or not at all."""
    period = key.partition("/")[0]
    for scope, summary in EXPECTED[key]["summary"].items():
        got = dict(flatten(json.loads((latest(home, period, scope) / "summary.json").read_text(encoding="utf-8"))))
        wanted = {path: value for path, value in flatten(summary) if path not in HEAD}
        for path, value in wanted.items():
            if not _same(value, got.get(path, 0 if value == 0 else None)):
                yield f"{scope} {path}: expected {value!r}, got {got.get(path)!r}"
        for path, value in got.items():
            if path.startswith("findings.by_rule.") and path not in wanted and value:
                yield f"{scope} {path}: expected none, got {value!r}"
    for scope, ranks in EXPECTED[key]["ranks"].items():
        yield from _differing_units(home, key, scope, ranks)


def _differing_units(home: Path, key: str, scope: str, ranks: Mapping[str, int]) -> Iterator[str]:
    """What the tables of a scope say of its units and their open findings otherwise than expected."""
    wanted_units, wanted_findings = EXPECTED[key]["units"], EXPECTED[key]["findings_by_unit"]
    folder = latest(home, key.partition("/")[0], scope)
    units = {row["unit_code"]: row for row in table(folder, "units")}
    open_rules: dict[str, Counter[str]] = {}
    for row in table(folder, "findings"):
        if row["status"] == "open":
            open_rules.setdefault(row["unit_code"], Counter())[row["rule_id"]] += 1
    yield from (f"{scope}: {unit} is in one and not in the other" for unit in units.keys() ^ ranks.keys())
    for unit, rank in ranks.items():
        wanted, got = {**wanted_units[unit], "rank": rank}, units.get(unit, {})
        if wanted["state"] == "missing":
            del wanted["scan"]
        if wanted["state"] != "complete":
            del wanted["first_complete_at"]
        for name, value in wanted.items():
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            told = got.get(name, "")
            if text != told and not (name == "score" and told and abs(float(text) - float(told)) < 0.006):
                yield f"{scope} {unit} {name}: expected {text!r}, got {told!r}"
        found = {rule: n for rule, n in wanted_findings.get(unit, {}).items() if n}
        if found != open_rules.get(unit, {}):
            yield f"{scope} {unit} findings: expected {found}, got {dict(open_rules.get(unit, {}))}"
