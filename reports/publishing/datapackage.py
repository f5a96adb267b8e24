"""data/datapackage.json: what every table of data/ holds, for programs that read a version without asking.

Frictionless Data Package (specs.frictionlessdata.io), outputs.md. Belongs here: fields, types, code lists, keys, titles
in both languages, what is masked. Does not: the tables (tables.py), their words (expectations/glossary.yaml).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from expectations.catalogue import CODE_TYPES, Catalogue, Column
from expectations.language import SIDE_BY_SIDE

Glossary = Mapping[str, Mapping[str, Any]]
FILE = "datapackage.json"
PROFILE = "tabular-data-package"
OWN_COLUMNS = {"units": "unit_columns", "findings": "finding_columns", "decisions": "decision_columns"}
"""Groups of glossary.yaml that name the columns of a table; those of sheets are in `columns`."""
SHARED_COLUMNS = ("row_columns", "finding_columns")
CODES = {
    "state": "states", "annex2": "form_states", "annex3": "form_states", "annex6": "form_states", "scan": "scan_states",
    "severity": "severities", "effect": "effects", "status": "finding_states", "kind": "decisions",
}  # fmt: skip
KEYS = {"units": ["unit_code"], "findings": ["finding_id"], "decisions": ["key"]}
MOMENTS = frozenset({"first_complete_at", "received_at", "cutoff", "decided_at", "until"})
"""Columns of text that are moments, ISO 8601 with the offset of the settings' time zone."""


def describe(folder: Path, catalogue: Catalogue, period: str, scope: str, version: str) -> bytes:
    """The description of the tables that lie in a folder of data/, each as CSV and as Parquet."""
    package = {
        "profile": PROFILE,
        "name": f"sixth-{period}-{scope}-{version}".lower(),
        "title": f"{period} {scope} {version}",
        "resources": [
            {
                "name": path.stem.replace("_", "-"),
                "path": f"{path.stem}.csv",
                "parquet": path.name,
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8-sig",
                "titles": table_titles(path.stem, catalogue.texts["glossary"]),
                "schema": _schema(path.stem, pl.read_parquet_schema(path), catalogue),
            }
            for path in sorted(folder.glob("*.parquet"))
        ],
    }
    return json.dumps(package, ensure_ascii=False, indent=1).encode() + b"\n"


def _schema(table: str, columns: Mapping[str, pl.DataType], catalogue: Catalogue) -> dict[str, Any]:
    sheet = catalogue.sheets.get(table)
    own = {c.key: c for c in sheet.columns} if sheet else {}
    schema: dict[str, Any] = {
        "fields": [_field(table, name, dtype, own.get(name), catalogue) for name, dtype in columns.items()],
        "missingValues": [""],
    }
    if table in KEYS:
        schema["primaryKey"] = KEYS[table]
    return schema


def _field(table: str, name: str, dtype: pl.DataType, column: Column | None, catalogue: Catalogue) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": _type(name, dtype)}
    titles = column_titles(table, name, catalogue.texts["glossary"])
    field |= {"title": titles[SIDE_BY_SIDE[0]], "titles": titles}
    if field["type"] == "boolean":
        field |= {"trueValues": ["true"], "falseValues": ["false"]}
    if column and column.type in CODE_TYPES:
        field["categories"] = list(column.codes)
    elif not column and name in CODES and table in OWN_COLUMNS:
        field["categories"] = list(catalogue.texts["glossary"][CODES[name]])
    if column and column.pii:
        field["masked"] = column.pii
    return field


def _type(name: str, dtype: pl.DataType) -> str:
    if name in MOMENTS or isinstance(dtype, pl.Datetime):
        return "datetime"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype == pl.Date:
        return "date"
    return "integer" if dtype.is_integer() else "number" if dtype.is_float() else "string"


def table_titles(table: str, glossary: Glossary) -> dict[str, str]:
    """A table's names by language, of glossary.yaml; empty where it has none."""
    return _titles("sheets", table, glossary) or _titles("tables", table, glossary)


def column_titles(table: str, name: str, glossary: Glossary) -> dict[str, str]:
    """A column's names. KeyError where glossary.yaml has none: a column without a name is not to be published."""
    for group, key in (("columns", f"{table}.{name}"), (OWN_COLUMNS.get(table, ""), name)):
        if titles := _titles(group, key, glossary):
            return titles
    return next(titles for group in SHARED_COLUMNS if (titles := _titles(group, name, glossary)))


def _titles(group: str, key: str, glossary: Glossary) -> dict[str, str]:
    titles: dict[str, str] = glossary.get(group, {}).get(key, {})
    return titles
