"""Failures and faults become findings: with place, message, an id that lasts, and whether they count.

outputs.md, data/findings.csv and summary.json (findings). Belongs here: making core.all_findings of a period.
Does not: asking rules (checking.py), counting findings (sql/report/findings.sql).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from assets.faults import Fault
from assets.submissions import PlainFinding, Submission
from expectations.catalogue import Catalogue
from expectations.messages import message

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
    "counts": pl.Boolean,
}
ROWS_AT_ONCE = 10_000


class Recorder:
    """Collects the findings of one period; those of replaced submissions are left out.

    `explanations` are what units said of warnings, by subject: such a warning is explained, and no longer open.
    """

    def __init__(
        self,
        period: str,
        submissions: Iterable[Submission],
        catalogue: Catalogue,
        explanations: Mapping[str, str] | None = None,
    ) -> None:
        self.period = period
        self.explanations = explanations or {}
        self.catalogue = catalogue
        self.submissions = {s.form_id: s for s in submissions}
        self._tables: tuple[str, dict[str, Any]] = ("", {})  # of the form that was looked into last
        self._rows: list[dict[str, Any]] = []
        self._frames: list[pl.DataFrame] = []
        self._ids: Counter[str] = Counter()

    def add_plain(self, findings: Iterable[PlainFinding]) -> None:
        """Add findings of plain checks; those of replaced submissions are left out."""
        for finding in findings:
            submission = self.submissions.get(finding.form_id)
            if submission is None or submission.status != "replaced":
                self._add(finding.unit_code, finding.mail, submission, "", "", finding.fault)

    def add_failures(self, failures: pl.DataFrame) -> None:
        """Add failing rows of suites: columns form_id, row, rule_id, column, value, expected, sheet, unit_code."""
        names = ("form_id", "row", "rule_id", "column", "value", "expected", "subject", "sheet", "unit_code")
        for name, row, rule_id, column, value, expected, subject, sheet, unit_code in failures.select(
            names
        ).iter_rows():
            submission = self.submissions[name]
            if name != self._tables[0]:
                self._tables = (name, json.loads(submission.tables))
            table = self._tables[1].get(sheet)
            letter, heading = "", ""
            if column:
                definition = self.catalogue.sheets[sheet].column(column)
                letter, heading = (
                    (table["columns"].get(column) or ("", definition.zh)) if table else ("", definition.zh)
                )
            fault = Fault(
                rule_id,
                file=submission.file,
                sheet=table["title"] if table else "",
                cell=f"{letter}{row}" if letter and row else "",
                row=row,
                column=_plain(heading),
                value=value,
                expected=expected,
            )
            self._add(unit_code, submission.mail, submission, sheet, column or "", fault, subject)

    def _add(
        self,
        unit_code: str,
        mail: str,
        submission: Submission | None,
        sheet: str,
        column: str,
        fault: Fault,
        row_key: str = "",
    ) -> None:
        rule = self.catalogue.rules[fault.rule_id]
        subject = submission.form_id if submission else f"{self.period}|{unit_code}|{mail}"
        place = f"{subject}|{fault.rule_id}|{fault.file}|{fault.sheet}|{fault.cell or fault.row}|{column}"
        if not fault.cell:
            place += f"|{fault.column}|{fault.expected}|{fault.value}"
        self._ids[place] += 1
        name = hashlib.sha256(f"{place}|{self._ids[place]}".encode()).hexdigest()[:12]
        returned = submission is not None and submission.status == "returned"
        subject = subject_of(unit_code, fault, sheet, column, row_key)
        explained = self.explanations.get(subject, "") if rule.severity == "warning" else ""
        self._rows.append(
            {
                "period": self.period,
                "finding_id": name,
                "unit_code": unit_code,
                "mail": mail,
                "form": submission.form if submission else "",
                "form_id": submission.form_id if submission else "",
                "file": fault.file,
                "sheet_key": sheet,
                "sheet": fault.sheet,
                "cell": fault.cell,
                "row": fault.row,
                "column_key": column,
                "column": fault.column,
                "rule_id": rule.id,
                "severity": rule.severity,
                "effect": rule.effect,
                "value": fault.value,
                "expected": fault.expected,
                "cause": fault.reason,
                "message": message(rule, _words(fault), self.catalogue),
                "subject": subject,
                "status": "explained" if explained else "open",
                "decided_by": unit_code if explained else "",
                "reason": explained,
                # Of a returned form only what returned it counts; its unit is told the rest all the same.
                "counts": not returned or rule.severity == "critical",
            }
        )
        if len(self._rows) == ROWS_AT_ONCE:
            self._pack()

    def _pack(self) -> None:
        """Make columns of the rows so far: a carrier has some hundred thousand findings."""
        self._frames.append(pl.DataFrame(self._rows, schema=SCHEMA))
        self._rows = []

    def frame(self) -> pl.DataFrame:
        """Every finding so far, in an order that is the same in every run."""
        order = [
            "unit_code",
            "mail",
            "form",
            "file",
            "sheet_key",
            "row",
            "rule_id",
            "column_key",
            "expected",
            "value",
        ]
        self._pack()
        return pl.concat(self._frames).sort(*order, "finding_id")


def subject_of(unit_code: str, fault: Fault, sheet: str, column: str, row_key: str) -> str:
    """What lasts of a finding from month to month: the same rule on the same row and value of the same unit.

    The row is told by its key, not by all its cells: a unit that explains one cell and mends another in the same
    row has explained it all the same.
    """
    told = f"{unit_code}|{fault.rule_id}|{sheet}|{column}|{row_key}|{fault.value}|{fault.expected}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def says_something(text: str, catalogue: Catalogue) -> bool:
    """Whether an explanation has substance: more than 核实无误 and its like (explanations.yaml)."""
    bare = re.sub(r"[\W_]+", "", text).lower()
    rules = catalogue.texts["explanations"]
    refused = {re.sub(r"[\W_]+", "", phrase).lower() for phrase in rules["refused"]}
    return len(bare) >= rules["least_length"] and bare not in refused and not bare.isdigit()


def _words(fault: Fault) -> Mapping[str, str]:
    return {
        "file": fault.file,
        "sheet": fault.sheet,
        "column": fault.column,
        "value": fault.value,
        "expected": fault.expected,
        "reason": fault.reason,
    }


def _plain(heading: str) -> str:
    """A heading on one line, without the mark of what is required."""
    return " ".join(heading.split()).rstrip("*＊ ").strip()
