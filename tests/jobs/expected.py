"""Holds what a home published against the sample's expected figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
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
    folder = latest(home, period, "EX")
    units = {row["unit_code"]: row for row in table(folder, "units")}
    rules: dict[str, dict[str, int]] = {}
    for row in table(folder, "findings"):
        by_rule = rules.setdefault(row["unit_code"], {})
        by_rule[row["rule_id"]] = by_rule.get(row["rule_id"], 0) + 1
    for unit, wanted in EXPECTED[key]["units"].items():
        got = units[unit]
        for name in ("state", "rank", "rows_received", "rows_counted", "scan"):
            if str(wanted[name]) != got[name] and not (name == "scan" and wanted["state"] == "missing"):
                yield f"{unit} {name}: expected {wanted[name]!r}, got {got[name]!r}"
        if abs(float(wanted["score"]) - float(got["score"])) > 0.006:
            yield f"{unit} score: expected {wanted['score']}, got {got['score']}"
        on_time = "" if wanted["on_time"] is None else str(wanted["on_time"]).lower()
        if got["on_time"] != on_time:
            yield f"{unit} on_time: expected {on_time!r}, got {got['on_time']!r}"
    for unit, wanted in EXPECTED[key]["findings_by_unit"].items():
        if {rule: n for rule, n in wanted.items() if n} != rules.get(unit, {}):
            yield f"{unit} findings: expected {wanted}, got {rules.get(unit)}"
