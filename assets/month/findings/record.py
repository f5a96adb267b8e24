"""Failures and faults become findings: with place, message, an id that lasts, and whether they count.

outputs.md, data/findings.csv and summary.json (findings). Belongs here: making core.all_findings of a period.
Does not: asking rules (checking.py), counting findings (sql/report/findings.sql).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import polars as pl

from assets.intake.fault import Fault
from expectations.catalogue import Catalogue
from expectations.columns_of_messages import messages

SCHEMA: dict[str, Any] = {
    "period": pl.String,
    "finding_id": pl.String,
    "unit_code": pl.String,
    "mail": pl.String,
    "form": pl.String,
    "form_id": pl.String,
    "file": pl.String,
    "sheet_key": pl.String,
    "sheet": pl.String,
    "cell": pl.String,
    "row": pl.Int64,
    "column_key": pl.String,
    "column": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "effect": pl.String,
    "value": pl.String,
    "expected": pl.String,
    "cause": pl.String,
    "message": pl.String,
    "subject": pl.String,
    "status": pl.String,
    "decided_by": pl.String,
    "reason": pl.String,
    "decision": pl.String,
    "decided_at": pl.Datetime("us", "UTC"),
    "fault": pl.String,
    "counts": pl.Boolean,
}
PLAIN: dict[str, Any] = {
    "unit_code": pl.String,
    "mail": pl.String,
    "form_id": pl.String,
    **{name: pl.Int64 if name == "row" else pl.String for name in Fault.__slots__},
}
"""Columns of plain findings: whose they are, and the fault. form_id is "" for mails and units."""
ORDER = ("unit_code", "mail", "form", "file", "sheet_key", "row", "rule_id", "column_key", "expected", "value")
SUBMISSION = ("form_id", "form", "mail", "file", "status")
_FOUND = (
    "unit_code", "mail", "form", "form_id", "is_returned", "file", "sheet_key", "sheet", "cell", "row", "column_key",
    "column", "rule_id", "value", "expected", pl.col("reason").alias("cause"), "row_key",
)  # fmt: skip


def findings_of(
    period: str,
    submissions: pl.DataFrame,
    plain: pl.DataFrame,
    failures: pl.DataFrame,
    explanations: pl.DataFrame,
    decisions: pl.DataFrame,
    catalogue: Catalogue,
) -> pl.DataFrame:
    """The findings of a period on some submissions (SUBMISSION and tables), with columns SCHEMA, in an order
    that is the same in every run.

    `plain`: findings of plain checks (PLAIN); those of replaced submissions are left out. `failures`: failing rows of
    suites (form_id, row, rule_id, column, value, expected, subject, sheet, unit_code), each of one of the
    submissions. `explanations`: what units said of warnings (subject, text): such a warning is explained, and no
    longer open. `decisions`: those of the period (core.decisions): what a steward waived is neither open nor explained,
    a held mail's ENV-01 is waived by its assignment, SIG-02 by the seal that was confirmed. Raises ValueError for a
    failure of a form that is not among the submissions.
    """
    found = pl.concat([_of_plain(plain, submissions), _of_failures(failures, submissions, catalogue)])
    rules = [(r.id, *r.weight(period)) for r in catalogue.rules.values() if r.is_asked(period)]
    rules_frame = pl.DataFrame(rules, schema=dict.fromkeys(("rule_id", "severity", "effect"), pl.String), orient="row")
    found = found.join(rules_frame, on="rule_id", how="inner", maintain_order="left")
    found = found.with_columns(
        period=pl.lit(period),
        finding_id=_finding_ids(found, period),
        message=messages(found.rename({"cause": "reason"}), catalogue),
        subject=subjects_of(found),
        fault=_faults(found),
    )
    found = _with_decisions(found, decisions, period)
    waived = pl.col("decision") != ""
    explained = pl.col("text").is_not_null() & (pl.col("severity") == "warning")
    return (
        found.join(explanations, on="subject", how="left", maintain_order="left")
        .with_columns(
            status=pl.when(waived)
            .then(pl.lit("waived"))
            .when(explained)
            .then(pl.lit("explained"))
            .otherwise(pl.lit("open")),
            decided_by=pl.when(waived)
            .then(pl.col("decided_by"))
            .when(explained)
            .then(pl.col("unit_code"))
            .otherwise(pl.lit("")),
            reason=pl.when(waived).then(pl.col("reason")).when(explained).then(pl.col("text")).otherwise(pl.lit("")),
            # Of a returned form only what returned it counts; its unit is told the rest all the same.
            counts=~pl.col("is_returned") | (pl.col("severity") == "critical"),
        )
        .select(*SCHEMA)
        .cast(pl.Schema(SCHEMA))
        .sort(*ORDER, "finding_id")
    )


def ids_of_plain(plain: pl.DataFrame, period: str) -> pl.Series:
    """The ids that plain findings (PLAIN), all of some mails in their order, will have: whether a form is returned is
    known before its rows are looked at.
    """
    return _finding_ids(plain.with_columns(column_key=pl.lit("")), period)


def _with_decisions(found: pl.DataFrame, decisions: pl.DataFrame, period: str) -> pl.DataFrame:
    """Add decision, decided_by, reason and decided_at of what waives each finding; "" and null where nothing does.

    That of the finding itself goes before that of the same fault of another submission.
    """
    told = ("key", "decided_by", "reason", "decided_at")
    own, waives = pl.col("finding_id") != "", pl.col("kind") == "waive"
    lasting = waives & (pl.col("through") >= period)
    of_fault = found.filter(pl.col("effect").is_in(("drop", "flag"))).select("finding_id", "fault", "mail")
    of_mail = found.filter(pl.col("rule_id") == "ENV-01").select("finding_id", "mail")
    waivers = [
        decisions.filter(own & pl.col("kind").is_in(("waive", "confirm_seal"))).select("finding_id", *told),
        # Of the submission that it was decided on it waives the one finding alone.
        decisions.filter(lasting)
        .select("fault", "mail", *told)
        .join(of_fault, on="fault")
        .filter(pl.col("mail") != pl.col("mail_right"))
        .select("finding_id", *told),
        decisions.filter(pl.col("kind") == "assign")
        .select("mail", *told)
        .join(of_mail, on="mail")
        .select("finding_id", *told),
    ]
    chosen = pl.concat(waivers).unique("finding_id", keep="first", maintain_order=True).rename({"key": "decision"})
    # A finding's own `reason`, of what could not be read, has become its `cause` by now.
    return found.join(chosen, on="finding_id", how="left", maintain_order="left").with_columns(
        pl.col("decision", "decided_by", "reason").fill_null("")
    )


def _of_plain(plain: pl.DataFrame, submissions: pl.DataFrame) -> pl.DataFrame:
    forms = submissions.select("form_id", "form", "status")
    return (
        plain.join(forms, on="form_id", how="left", maintain_order="left")
        .filter(pl.col("status").ne_missing("replaced"))
        .with_columns(
            pl.col("form").fill_null(""),
            form_id=pl.when(pl.col("status").is_null()).then(pl.lit("")).otherwise(pl.col("form_id")),
            is_returned=pl.col("status").eq_missing("returned"),
            sheet_key=pl.lit(""),
            column_key=pl.lit(""),
            row_key=pl.lit(""),
        )
        .select(*_FOUND)
    )


def _of_failures(failures: pl.DataFrame, submissions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    found = failures.with_columns(pl.col("column").fill_null("")).rename(
        {"sheet": "sheet_key", "column": "column_key", "subject": "row_key"}
    )
    found = found.join(submissions.select(SUBMISSION), on="form_id", how="inner", maintain_order="left")
    if found.height < failures.height:
        raise ValueError("rows fail of forms that are not among the submissions")
    where = ["form_id", "sheet_key", "column_key"]
    found = found.join(_places(found, submissions, catalogue), on=where, how="left", maintain_order="left")
    found = _without_followers(found, submissions, catalogue)
    has_cell = (pl.col("letter") != "") & (pl.col("row") > 0)
    return found.with_columns(
        is_returned=pl.col("status") == "returned",
        cell=pl.when(has_cell).then(pl.col("letter") + pl.col("row").cast(pl.String)).otherwise(pl.lit("")),
        reason=pl.lit(""),
    ).select(*_FOUND)


def _without_followers(found: pl.DataFrame, submissions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Leave out what only follows from a column that is not there, which is told once (WBK-02) and returns the form:
    that its values are missing (GEN-01), and that rows are the same without it (GEN-05).
    """
    lacking = [
        (form_id, sheet, column.key, column.key in catalogue.sheets[sheet].key_columns)
        for form_id, tables in submissions.filter(pl.col("status") == "returned")
        .select("form_id", "tables")
        .iter_rows()
        for sheet, table in json.loads(tables).items()
        for column in catalogue.sheets[sheet].columns
        if column.required == "always" and column.key not in table["columns"]
    ]
    if not lacking:
        return found
    absent = pl.DataFrame(lacking, schema=["form_id", "sheet_key", "column_key", "is_key"], orient="row")
    missing = absent.select("form_id", "sheet_key", "column_key", rule_id=pl.lit("GEN-01"))
    repeated = absent.filter("is_key").select("form_id", "sheet_key", rule_id=pl.lit("GEN-05"))
    return found.join(missing, on=missing.columns, how="anti", maintain_order="left").join(
        repeated, on=repeated.columns, how="anti", maintain_order="left"
    )


def _places(found: pl.DataFrame, submissions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Where the columns that fail stand in their forms: form_id, sheet_key, column_key; sheet, letter, column."""
    wanted = found.select("form_id", "sheet_key", "column_key").unique().sort("form_id")
    tables = dict(submissions.select("form_id", "tables").iter_rows())
    rows, name, read = [], "", {}
    for form_id, sheet, column in wanted.iter_rows():
        if form_id != name:
            name, read = form_id, json.loads(tables[form_id])
        table, letter, heading = read.get(sheet), "", ""
        if column:
            heading = catalogue.sheets[sheet].column(column).zh
            letter, heading = (table["columns"].get(column) if table else None) or ("", heading)
        rows.append((form_id, sheet, column, table["title"] if table else "", letter, _plain(heading)))
    schema = dict.fromkeys(("form_id", "sheet_key", "column_key", "sheet", "letter", "column"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _finding_ids(found: pl.DataFrame, period: str) -> pl.Series:
    """An id by the place of each finding, and of several at one place by their order."""
    about = pl.when(pl.col("form_id") != "").then(pl.col("form_id"))
    cell = pl.when(pl.col("cell") != "").then(pl.col("cell")).otherwise(pl.col("row").cast(pl.String))
    told = pl.concat_str(pl.lit(""), "column", "expected", "value", separator="|")
    place = pl.concat_str(
        about.otherwise(pl.concat_str(pl.lit(period), "unit_code", "mail", separator="|")),
        "rule_id",
        "file",
        "sheet",
        cell,
        "column_key",
        separator="|",
    ) + pl.when(pl.col("cell") == "").then(told).otherwise(pl.lit(""))
    numbered = found.select(place=place).select(
        pl.col("place") + "|" + pl.int_range(1, pl.len() + 1).over("place").cast(pl.String)
    )
    return _digests(numbered["place"], 12)


def subjects_of(found: pl.DataFrame) -> pl.Series:
    """What lasts of each finding from month to month: the same rule on the same row and value of the same unit.

    The row is told by its key, not by all its cells: a unit that explains one cell and mends another in the same
    row has explained it all the same.
    """
    told = ("unit_code", "rule_id", "sheet_key", "column_key", "row_key", "value", "expected")
    return _digests(found.select(told=pl.concat_str(told, separator="|"))["told"], 16)


def _faults(found: pl.DataFrame) -> pl.Series:
    """What a waiver of later months goes by: the same rule on the same row and column of the same unit, whatever the
    value; "" where a row cannot be told from others.
    """
    told = ("unit_code", "rule_id", "sheet_key", "column_key", "row_key")
    told_apart = (found["row"] <= 0) | (found["row_key"] != "")
    digests = _digests(found.select(told=pl.concat_str(told, separator="|"))["told"], 16)
    return pl.select(pl.when(told_apart).then(digests).otherwise(pl.lit(""))).to_series()


def _digests(texts: pl.Series, length: int) -> pl.Series:
    digests = [hashlib.sha256(text.encode()).hexdigest()[:length] for text in texts]
    return pl.Series(digests, dtype=pl.String)


def _plain(heading: str) -> str:
    """A heading on one line, without the mark of what is required."""
    return " ".join(heading.split()).rstrip("*＊ ").strip()
