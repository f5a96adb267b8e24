"""What units said of their warnings in marked workbooks: which of it explains something, which does not and why.

system.md, What becomes of a unit (核实无误 and the like alone is refused). Belongs here: judging explanations, and
finding what each is about. Does not: reading them (assets/intake/forms.py), what an explained finding is (record.py),
telling the unit (reports/feedback).

An explanation is about a finding by its subject: the same rule on the same row (by key) and value. Where the row's key
or value was mended in the same workbook, no finding has that subject any more; then it is about the finding of the same
rule in the same cell of the form that came with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.month.findings.record import subjects_of
from assets.month.findings.substance import says_something
from assets.month.work import Work
from expectations.catalogue import Catalogue

ACCEPTED, SAYS_NOTHING, REPEATED = "accepted", "says_nothing", "repeated"
PLACE = ("rule_id", "sheet_key", "row", "column_key")
SCHEMA: dict[str, Any] = {"subject": pl.String, "text": pl.String}


def said_by(work: Work, period: str) -> pl.DataFrame:
    """Every explanation up to the period, oldest first, as staging.explanations, with received_at and its verdict."""
    told = work.warehouse.frame(
        """
        select e.*, m.received_at
        from staging.explanations as e
        inner join (select distinct mail, received_at from core.mails where period <= $period and not held) as m
            using (mail)
        order by m.received_at, e.mail, e.ordinal
        """,
        {"period": period},
    )
    return told.with_columns(verdict=verdicts(told, work.catalogue))


def verdicts(told: pl.DataFrame, catalogue: Catalogue) -> pl.Series:
    """What becomes of each explanation (mail, form_id, line, text).

    Refused is what says nothing (explanations.yaml), and one text on more lines of a workbook than `most_lines`: a true
    explanation is of its row. A line that stands for many cells of a column is one line.
    """
    if told.is_empty():
        return pl.Series(dtype=pl.String)
    nothing = [not says_something(text, catalogue) for text in told["text"]]
    bare = pl.Series([re.sub(r"[\W_]+", "", text).lower() for text in told["text"]], dtype=pl.String)
    lines = told.select("mail", "form_id", "line", bare=bare).with_columns(
        lines=pl.col("line").n_unique().over("mail", "form_id", "bare")
    )["lines"]
    most = int(catalogue.texts["explanations"]["most_lines"])
    return pl.Series(
        [
            SAYS_NOTHING if empty else REPEATED if count > most else ACCEPTED
            for empty, count in zip(nothing, lines, strict=True)
        ],
        dtype=pl.String,
    )


def explained(work: Work, period: str, said: pl.DataFrame) -> pl.DataFrame:
    """What is explained up to the period: subject, text; the latest stands. That of earlier months' mended rows too."""
    by_place = work.warehouse.frame(
        "select subject, text from core.explained_by_place where period < $period order by period, subject",
        {"period": period},
    )
    accepted = said.filter(pl.col("verdict") == ACCEPTED).select(*SCHEMA)
    return pl.concat([by_place, accepted]).unique("subject", keep="last", maintain_order=True)


def explained_by_place(failures: pl.DataFrame, submissions: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """What accepted explanations explain by their place: unit_code, subject, text.

    `failures` as checking.form_failures gives them, of forms among `submissions` (form_id, mail).
    """
    empty = pl.DataFrame(schema={"unit_code": pl.String, **SCHEMA})
    placed = said.filter((pl.col("verdict") == ACCEPTED) & (pl.col("rule_id") != ""))
    if placed.is_empty() or failures.is_empty():
        return empty
    found = failures.join(submissions.select("form_id", "mail"), on="form_id", how="inner", maintain_order="left")
    found = found.with_columns(pl.col("column").fill_null("")).rename(
        {"sheet": "sheet_key", "column": "column_key", "subject": "row_key"}
    )
    found = found.with_columns(now=subjects_of(found))
    matched = found.join(
        placed.select("mail", *PLACE, "subject", "text").unique(["mail", *PLACE], keep="last", maintain_order=True),
        on=["mail", *PLACE],
        how="inner",
        maintain_order="left",
    )
    # One whose own finding is still there is about that one: rows were moved, not mended.
    still_there = found.select("form_id", subject="now").unique()
    matched = matched.join(still_there, on=["form_id", "subject"], how="anti", maintain_order="left")
    return matched.select("unit_code", subject="now", text="text").unique("subject", keep="last", maintain_order=True)


def put_said(work: Work, said: pl.DataFrame, parameters: Mapping[str, Any]) -> None:
    """Write core.explanations: what units said in the mails of the period, with what became of it."""
    period = str(parameters["period"])
    mails = work.warehouse.frame("select distinct mail, unit_code from core.mails where period = $period", parameters)
    own = said.join(mails, on="mail", how="inner", maintain_order="left")
    told = own.select("unit_code", "mail", "received_at", "line", *PLACE, *SCHEMA, "verdict")
    work.warehouse.put("core.explanations", told.with_columns(period=pl.lit(period)), period=period)
