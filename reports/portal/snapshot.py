"""The snapshot: what the portal shows of a month, in one SQLite file that a run writes whole and nobody changes.

Belongs here: what is in the file, masked, and when it is written. Does not: reading it (reading.py).

`place` is the position of a unit in the tree in pre-order: what lies below a node is an interval, and a cut to a scope
one comparison. Every table has it but `about`. Held mails are nobody's: their place lies before the carrier's, in no
scope below it. Counts are made here for every node: a page adds up nothing. Names and phone numbers are masked as in
all that is published, and what GEN-07 finds in other texts is hidden.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.instance.periods import following, preceding
from assets.instance.register import Tree
from assets.instance.software import code_digest
from assets.instance.warehouse import Warehouse, model
from assets.intake.mail.headers import clean_text
from assets.month.signing import contents_of
from assets.month.work import Work
from expectations.catalogue import Catalogue
from expectations.secrets import hidden, hidden_column
from reports.blank.book import Before
from reports.blank.forms import known_before
from reports.portal.differences import differences
from reports.portal.shape import ANY, BESIDE, HELD, RANK, SHAPE
from reports.publishing.tables import MASKS, protect_findings

MONTHS = 12
CELLS = "/* r.<the text of every column of the sheet> */"
MADE_BY = (
    "reports/portal/snapshot.py", "reports/portal/shape.py",
    "reports/portal/differences.py", "reports/publishing/tables.py", "sql/portal",
    "sql/templates",
)  # fmt: skip
COUNTED = ("rule_id", "moves", "status", "decides", "sheet_key")
INDEXES = """
create unique index nodes_by_code on nodes (unit_code);
create unique index nodes_by_place on nodes (place);
create index nodes_above on nodes (place, ends) where level <> 'unit';
create unique index units_by_place on units (place);
create unique index findings_by_id on findings (finding_id);
create unique index findings_by_seq on findings (seq);
create index findings_by_place on findings (place, moves, status);
create index findings_by_fault on findings (fault);
create index findings_by_row on findings (form_id, sheet_key, row);
create index counts_by_place on counts (place);
create index counts_by_filter on counts (sheet_key, status, moves, place, decides, rule_id, n);
create index forms_by_place on forms (place);
create index scans_by_place on scans (place);
create index months_by_place on months (place);
create index changes_by_form on changes (form_id);
create unique index carried_by_place on carried (place);
create index sheets_by_form on sheets (form_id, sheet_key);
create index rows_by_form on rows (form_id, sheet_key, row);
analyze;
"""


def stale_snapshots(work: Work, folder: Path) -> dict[str, str]:
    """The settled months whose content is not that of their snapshots, each with the digest that its snapshot is to
    have.
    """
    rows = work.warehouse.rows("select period, fingerprint from core.settled order by period")
    prints = {row["period"]: row["fingerprint"] for row in rows}
    code = code_digest(*MADE_BY)
    stale = {}
    for period in prints:
        rests_on = [(p, f) for p, f in prints.items() if _first(period) <= p <= period]
        digest = hashlib.sha256(repr((rests_on, code, work.catalogue.digest)).encode()).hexdigest()
        if digest_of(folder / f"{period}.sqlite") != digest:
            stale[period] = digest
    return stale


def write_snapshots(work: Work, folder: Path, drawn: Sequence[Path] = ()) -> list[str]:
    """Write the snapshot of every settled month whose content has changed; the months written.

    `drawn`: folders in which they may lie written beforehand (`draw_snapshots`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    stale = stale_snapshots(work, folder)
    for period, digest in stale.items():
        target = folder / f"{period}.sqlite"
        made = next((place / target.name for place in drawn if _rests_on(place / target.name, digest)), None)
        if made:
            building = target.with_name(f"{target.name}.{os.getpid()}")
            shutil.move(made, building)
            building.replace(target)
        else:
            write_whole(target, _tables(work, period, digest), INDEXES)
    for left in set(folder.glob("*.sqlite.*")):
        left.unlink(missing_ok=True)  # of a run that was killed over it
    return list(stale)


def _rests_on(file: Path, digest: str) -> bool:
    """Whether a snapshot lies there whole that rests on that."""
    try:
        return digest_of(file) == digest
    except sqlite3.Error:
        return False


def draw_snapshots(work: Work, digests: Mapping[str, str], to: Path) -> None:
    """Write the snapshots of some months, each with its digest, into a folder for `write_snapshots` to take."""
    to.mkdir(parents=True, exist_ok=True)
    for period, digest in digests.items():
        write_whole(to / f"{period}.sqlite", _tables(work, period, digest), INDEXES)


def digest_of(file: Path) -> str:
    """What a snapshot rests on; "" where there is none."""
    if not file.exists():
        return ""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        return str(db.execute("select value from about where name = 'digest'").fetchone()[0])


def _first(period: str) -> str:
    first = period
    for _ in range(MONTHS - 1):
        first = preceding(first)
    return first


def write_whole(target: Path, tables: Iterable[tuple[str, pl.DataFrame]], indexes: str = "") -> None:
    """Write a file of tables beside its place, for the owner's eyes alone, and move it there whole."""
    building = target.with_name(f"{target.name}.{os.getpid()}")
    building.unlink(missing_ok=True)
    building.touch(0o600)
    with closing(sqlite3.connect(building, isolation_level=None)) as db:
        db.execute("pragma journal_mode = off")
        db.execute("pragma synchronous = off")
        db.execute(f"pragma user_version = {SHAPE}")
        db.execute("begin")
        for name, frame in tables:
            _fill(db, name, frame)
        db.execute("commit")
        db.executescript(indexes)
    with building.open("rb") as made:
        os.fsync(made.fileno())
    building.replace(target)


def _fill(db: sqlite3.Connection, name: str, frame: pl.DataFrame) -> None:
    columns = ", ".join(f'"{column}"' for column in frame.columns)
    db.execute(f"create table {name} ({columns})")
    marks = ", ".join("?" * frame.width)
    db.executemany(f"insert into {name} values ({marks})", frame.iter_rows())


def _tables(work: Work, period: str, digest: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """The tables of a snapshot by name."""
    warehouse, catalogue = work.warehouse, work.catalogue
    tree = work.register.tree(period)
    contents = contents_of(warehouse, period)
    nodes = nodes_of(tree).with_columns(
        content=pl.col("unit_code").replace_strict(contents, default="", return_dtype=pl.String)
    )
    places = nodes.select("unit_code", "place")
    about = {"digest": digest, "period": period, "cutoff": work.deadline.cutoff(period).isoformat()}
    parameters = {"period": period, "before": preceding(period), "first": _first(period), "beside": BESIDE}
    yield "about", pl.DataFrame(list(about.items()), schema=["name", "value"], orient="row")
    yield "nodes", nodes

    def placed(name: str) -> pl.DataFrame:
        frame = warehouse.frame(model(f"portal/{name}"), parameters)
        return _as_text(frame.join(places, on="unit_code", how="inner", maintain_order="left"))

    findings = _findings(warehouse, catalogue, parameters, nodes)
    yield "findings", findings
    yield "counts", _counts(findings, tree, nodes)
    yield "units", placed("units")
    yield "months", placed("months")
    yield "scans", _hide(placed("scans"), "file")
    forms = placed("forms")
    yield "forms", _hide(forms.drop("tables"), "file")
    changes = differences(warehouse, catalogue, forms).with_row_index("seq")
    yield "changes", changes.join(forms.select("form_id", "place"), on="form_id", how="inner", maintain_order="left")
    yield "carried", _carried(warehouse, period, places)
    yield "mails", _mails(warehouse, parameters, tree)
    failing = set(findings.filter(pl.col("row") > 0).select("form_id", "sheet_key").unique().iter_rows())
    rows = pl.concat(list(_rows(warehouse, catalogue, parameters)), how="vertical")
    yield "rows", rows.join(forms.select("form_id", "place"), on="form_id", how="inner", maintain_order="left")
    yield "sheets", _sheets(forms, failing, catalogue)


def nodes_of(tree: Tree) -> pl.DataFrame:
    """The tree in pre-order: place, unit_code, unit_name, parent_code, level, kind, mailboxes, depth, and `ends`, the
    first place that is no longer below the node.
    """
    below: dict[str, list[Any]] = {}
    for unit in tree.units:
        below.setdefault(unit.parent, []).append(unit)
    rows: list[list[Any]] = []

    def walk(unit: Any, depth: int) -> None:
        row = [
            len(rows), unit.code, unit.name, unit.parent, unit.level, unit.kind, ";".join(unit.mailboxes), depth, 0,
        ]  # fmt: skip
        rows.append(row)
        for one in below.get(unit.code, ()):
            walk(one, depth + 1)
        row[-1] = len(rows)

    for unit in tree.units:
        if unit.level == "carrier":
            walk(unit, 0)
    names = ("place", "unit_code", "unit_name", "parent_code", "level", "kind", "mailboxes", "depth", "ends")
    return pl.DataFrame(rows, schema=list(names), orient="row")


def decides(catalogue: Catalogue, rule_id: str, sheet: str, column: str) -> str:
    """Which decision a steward can take on an open finding: waive, assign, confirm_seal; "" where only the unit can
    mend it.
    """
    other = {"ENV-01": "assign", "SIG-02": "confirm_seal"}.get(rule_id)
    return other or ("waive" if catalogue.may_waive(rule_id, sheet, column) else "")


def _findings(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], nodes: pl.DataFrame
) -> pl.DataFrame:
    """The findings, masked, in the order of the worklist: what moves figures first, then by rule, then by unit."""
    frame = protect_findings(warehouse.frame(model("portal/findings"), parameters), catalogue)
    of = frame.select("rule_id", "sheet_key", "column_key").unique()
    may = [decides(catalogue, *where) for where in of.iter_rows()]
    frame = frame.join(
        of.with_columns(decides=pl.Series(may, dtype=pl.String)), on=of.columns, how="left", maintain_order="left"
    )
    named = nodes.select("unit_code", "unit_name", "place")
    held = pl.DataFrame({"unit_code": [""], "unit_name": [""], "place": [HELD]}, schema=named.schema)
    frame = frame.join(pl.concat([named, held]), on="unit_code", how="inner", maintain_order="left")
    rank = pl.col("moves").replace_strict(RANK, return_dtype=pl.Int64)
    frame = frame.sort(
        rank, "rule_id", "place", "form", "sheet_key", "row", "column_key", "finding_id", maintain_order=True
    )
    return _as_text(frame.with_row_index("seq"))


def _counts(findings: pl.DataFrame, tree: Tree, nodes: pl.DataFrame) -> pl.DataFrame:
    """Of every node how many findings that count lie below it, and of how many units: place, COUNTED, n, units; of
    all sheets together under the sheet ANY, as units that have several are counted once there.
    """
    place = dict(nodes.select("unit_code", "place").iter_rows())
    above = [(code, place[node]) for code in place for node in tree.above(code)]
    above.append(("", place[tree.carrier]))
    frame = pl.DataFrame(above, schema=["unit_code", "at"], orient="row")
    counted = findings.filter(pl.col("counts")).select("unit_code", *COUNTED).join(frame, on="unit_code")
    whole = counted.with_columns(sheet_key=pl.lit(ANY))
    return (
        pl.concat([counted, whole])
        .group_by("at", *COUNTED, maintain_order=True)
        .agg(n=pl.len(), units=pl.col("unit_code").n_unique())
        .rename({"at": "place"})
        .sort("place", *COUNTED)
    )


def _mails(warehouse: Warehouse, parameters: Mapping[str, Any], tree: Tree) -> pl.DataFrame:
    """Held mails, with what they hold (`files`, JSON) and the units that they name (`names`, JSON: code, where)."""
    rows = []
    for row in warehouse.rows(model("portal/mails"), parameters):
        forms, scans = json.loads(row["forms"]), json.loads(row["scans"])
        files = [{"file": hidden(f["file"]), "is": f["form"]} for f in forms]
        files += [{"file": hidden(s["file"]), "is": s["state"]} for s in scans]
        subject = row["subject"] or ""
        covers = [json.loads(f["cover"]).get("unit_code", {}).get("value") for f in forms]
        named = [(code, "cover") for code in dict.fromkeys(covers) if code in tree.by_code]
        named += [(u.code, "subject") for u in tree.reporting if u.code in subject or u.name in subject]
        rows.append(
            (
                HELD, row["mail"], row["received_at"], hidden(row["sender"] or ""), hidden(subject),
                hidden(row["text_start"] or ""), json.dumps(files, ensure_ascii=False), json.dumps(named),
            )
        )  # fmt: skip
    names = ["place", "mail", "received_at", "sender", "subject", "text_start", "files", "names"]
    schema = {name: pl.Int64 if name == "place" else pl.String for name in names}
    schema["received_at"] = pl.Datetime("us", "UTC")  # type: ignore[assignment]
    return _as_text(pl.DataFrame(rows, schema=schema, orient="row"))


def _carried(warehouse: Warehouse, period: str, places: pl.DataFrame) -> pl.DataFrame:
    """Of each unit what its blank forms of the next month are sent out with, as `carried_json` writes it; nothing of
    persons: who prepared and checked the last return is for them to enter.
    """
    rows = [
        (code, carried_json(replace(known, cover={}, checked_by="")))
        for code, known in known_before(warehouse, following(period)).items()
    ]
    frame = pl.DataFrame(rows, schema={"unit_code": pl.String, "known": pl.String}, orient="row")
    return frame.join(places, on="unit_code", how="inner").select("place", "known").sort("place")


def carried_json(known: Before) -> str:
    """Rows of problems, incidents and agreements as JSON: days and moments marked as such, secrets hidden."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime | date):
            return {"at" if isinstance(value, datetime) else "on": value.isoformat()}
        return hidden(value) if isinstance(value, str) else value

    kinds = {"problems": known.problems, "incidents": known.incidents, "agreements": known.agreements}
    told = {kind: [{k: plain(v) for k, v in row.items()} for row in rows] for kind, rows in kinds.items()}
    return json.dumps(told, ensure_ascii=False, default=str)


def carried_of(known: str) -> Before:
    """What `carried_json` has written."""

    def marked(value: dict[str, Any]) -> Any:
        if value.keys() == {"on"}:
            return date.fromisoformat(value["on"])
        return datetime.fromisoformat(value["at"]) if value.keys() == {"at"} else value

    return Before(**json.loads(known, object_hook=marked))


def _rows(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """Of every sheet the rows to draw, each a JSON list of the texts of its columns: form_id, sheet_key, row, cells."""
    yield pl.DataFrame(schema={"form_id": pl.String, "sheet_key": pl.String, "row": pl.Int64, "cells": pl.String})
    for sheet in catalogue.sheets.values():
        columns = " ".join(f'r."{column.key}__text",' for column in sheet.columns)
        sql = model("portal/rows").replace(CELLS, columns).replace("staging.sheet ", f"staging.{sheet.key} ")
        frame = warehouse.frame(sql, {**parameters, "sheet": sheet.key})
        frame = frame.with_columns(
            MASKS[c.pii](pl.col(f"{c.key}__text")) if c.pii else hidden_column(frame[f"{c.key}__text"])
            for c in sheet.columns
            if c.pii or c.type == "text"
        )
        cells = [json.dumps(row[2:], ensure_ascii=False) for row in frame.iter_rows()]
        yield frame.select(
            "form_id", sheet_key=pl.lit(sheet.key), row=pl.col("row"), cells=pl.Series(cells, dtype=pl.String)
        )


def _sheets(forms: pl.DataFrame, failing: set[tuple[str, str]], catalogue: Catalogue) -> pl.DataFrame:
    """Of every sheet that is drawn its title, its rows, and of each column letter and heading as written (JSON)."""
    rows = []
    for place, form_id, tables in forms.select("place", "form_id", "tables").iter_rows():
        for key, table in json.loads(tables).items():
            if (form_id, key) not in failing:
                continue
            written = table["columns"]
            columns = [
                [c.key, *([written[c.key][0], clean_text(written[c.key][1])] if c.key in written else ["", c.zh])]
                for c in catalogue.sheets[key].columns
            ]
            rows.append((place, form_id, key, table["title"], table["rows"], json.dumps(columns, ensure_ascii=False)))
    names = ["place", "form_id", "sheet_key", "title", "rows", "columns"]
    kinds = [pl.Int64, pl.String, pl.String, pl.String, pl.Int64, pl.String]
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def _hide(frame: pl.DataFrame, *texts: str) -> pl.DataFrame:
    return frame.with_columns(hidden_column(frame[name]).alias(name) for name in texts)


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Moments as SQLite keeps them: ISO 8601 in UTC."""
    moments = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%:z") for name in moments)
