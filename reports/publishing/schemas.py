"""JSON Schemas of summary.json and manifest.json (outputs.md), for programs that read a version without asking.

`python -m reports.publishing.schemas` writes them into docs/. Belongs here: what the two files hold. Does not: the
figures (assets/month/summary.py), the tables of data/ (datapackage.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SUMMARY_SCHEMA = "urn:sixth:schema:summary:2"
MANIFEST_SCHEMA = "urn:sixth:schema:manifest:2"

COUNT = {"type": "integer", "minimum": 0}
RATE = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
RESTS_ON = ("register", "rules", "settings", "code")  # beside mails and decisions, each by a digest
BY_CODE = {"type": "object", "additionalProperties": COUNT}
MOMENT = {"type": "string", "format": "date-time"}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
KEY = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
TEXT = {"type": "string"}


def _closed(**properties: Any) -> dict[str, Any]:
    """An object with these properties, all of them and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _counts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, COUNT)


def _head(schema: str) -> dict[str, Any]:
    """What says which version it is."""
    return {
        "$schema": {"const": schema},
        "period": {"type": "string", "pattern": "^[0-9]{4}(-(0[1-9]|1[0-2])|H[12])?$"},
        "scope": TEXT,
        "version": {"type": "string", "pattern": "^(interim|v[1-9][0-9]*)$"},
        "kind": {"enum": ["interim", "deadline", "supplement"]},
        "as_of": MOMENT,
        "cutoff": MOMENT,
    }


def summary_schema() -> dict[str, Any]:
    """The schema of summary.json. `mails` stand in the carrier's scope alone, `collected` in those of months."""
    answers = {**_counts("expected_answers", "rows_counted"), "by_result": BY_CODE, "pass_rate": RATE}
    figures = {
        "collected": _closed(
            imap={"enum": ["ok", "unreachable", "none"]}, folder={"enum": ["ok", "unreachable", "none"]}
        ),
        "units": _closed(
            **_counts("expected", "complete_on_time", "complete_late", "incomplete", "returned", "missing")
        ),
        "forms": _closed(
            annex2=_closed(**_counts("expected", "effective", "nil", "returned", "missing")),
            annex3=_closed(**_counts("expected", "effective", "returned", "missing")),
            annex6=_closed(**_counts("effective", "returned")),
        ),
        "exposed_assets": _closed(
            **_counts("rows_received", "rows_counted"),
            by_type=BY_CODE,
            by_mlps_level=BY_CODE,
            **_counts(
                "holding_personal_data",
                "without_protection",
                "without_three_sync",
                "unscanned",
                "high_vulns",
                "with_high_risk_port",
            ),
        ),
        "app_launches": _closed(
            **_counts("rows_received", "rows_counted"),
            by_stage=BY_CODE,
            by_platform=BY_CODE,
            **_counts("launched_without_assessment", "interactive"),
        ),
        "self_check": _closed(
            **_counts("expected_answers", "rows_received", "rows_counted"),
            answered_rate=RATE,
            by_result=BY_CODE,
            pass_rate=RATE,
            by_checklist={"type": "object", "additionalProperties": _closed(**answers)},
        ),
        "rectification": _closed(
            **_counts("rows_received", "rows_counted", "open", "overdue", "closed_in_period"),
            open_by_severity=_closed(高=COUNT, 中=COUNT, 低=COUNT),
        ),
        "incidents": _closed(
            **_counts("rows_received", "rows_counted"),
            by_level=BY_CODE,
            by_kind=BY_CODE,
            reported_late=COUNT,
            median_minutes_to_report={"type": ["number", "null"], "minimum": 0},
            unresolved=COUNT,
        ),
        "indicators": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"numerator": COUNT, "denominator": COUNT, "rate": {"type": ["number", "null"]}},
                "required": ["numerator"],
                "additionalProperties": False,
            },
        },
        "agreements": _closed(**_counts("in_force", "expired", "expiring_60d")),
        "findings": _closed(**_counts("critical", "error", "warning", "waived", "explained"), by_rule=BY_CODE),
        "decisions": _closed(**_counts("waived", "assigned", "seals_confirmed", "extended")),
        "mails": _closed(**_counts("received", "held", "duplicates")),
    }
    optional = {"mails", "collected"}
    head = _head(SUMMARY_SCHEMA)
    return {
        "$schema": DRAFT,
        "$id": SUMMARY_SCHEMA,
        "title": "summary.json: the figures of a version",
        "type": "object",
        "properties": {**head, **figures},
        "required": [*head, *(name for name in figures if name not in optional)],
        "additionalProperties": False,
    }


def manifest_schema() -> dict[str, Any]:
    """The schema of manifest.json: what a version rests on, and every file of it. `signatures` is there by setting."""
    head = _head(MANIFEST_SCHEMA)
    lists = {
        "mails": _list_of(sha256=SHA256, received_at=MOMENT, unit={"type": ["string", "null"]}, copies=COUNT),
        "decisions": _list_of(
            key={"type": "string", "pattern": "^[0-9a-f]{12}$"}, kind=TEXT, unit=TEXT, decided_at=MOMENT
        ),
        "files": _list_of(path=TEXT, bytes=COUNT, sha256=SHA256),
    }
    known = {"type": ["string", "null"]}
    signatures = _list_of(scope=TEXT, scope_name=TEXT, signed_by=known, signed_at={**known, "format": "date-time"})
    beside = {"software": TEXT, "rests_on": _closed(**dict.fromkeys(RESTS_ON, SHA256)), **lists}
    return {
        "$schema": DRAFT,
        "$id": MANIFEST_SCHEMA,
        "title": "manifest.json: what a version rests on, and its files",
        "type": "object",
        "properties": {**head, **beside, "signatures": signatures},
        "required": [*head, *beside],
    }


def _list_of(**properties: Any) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "required": list(properties)},
    }


SCHEMAS = {"summary.schema.json": summary_schema, "manifest.schema.json": manifest_schema}


def written(schema: Mapping[str, Any]) -> str:
    """A schema as it stands in docs/."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Write the schemas into docs/."""
    for name, schema in SCHEMAS.items():
        path = Path("docs") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(schema()), encoding="utf-8")


if __name__ == "__main__":
    main()
