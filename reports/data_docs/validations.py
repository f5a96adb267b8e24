"""The checkpoint of a month: what its rules came to, validated by Great Expectations, and the results kept.

Belongs here: outcomes from the counts and failures that are kept, examples masked, and core.validations. Does not:
asking the rules of rows (assets/month/findings/), validating (expectations/), the pages (pages.py).

A night asks the rules only where something is new. What is validated is the whole month all the same: every row that
fails is in core.all_findings, whichever night found it.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from assets.instance.warehouse import Warehouse, model
from assets.month.work import Work
from expectations.catalogue import Catalogue
from expectations.secrets import hidden_column
from expectations.suites import EACH_OF, Check, Outcome, month_suites
from expectations.validating import validate
from reports.data_docs.pages import Month
from reports.publishing.tables import MASKS

EXAMPLES = 5  # of the rows that fail a rule
LONGEST = 60  # characters of an example


def validate_months(work: Work) -> list[str]:
    """Run the checkpoints of those settled months that have changed since theirs was run; which they were.

    Raises RuleNotEvaluated, ValidatorDied.
    """
    stale = [row["period"] for row in work.warehouse.rows(model("validations/stale_months"))]
    for period in stale:
        suites = month_suites(work.catalogue, period)
        results = validate(period, suites, outcomes(work, period, suites))
        fingerprint = work.warehouse.value("select fingerprint from core.settled where period = $p", {"p": period})
        rows = [(period, name, fingerprint, json.dumps(r, ensure_ascii=False)) for name, r in results.items()]
        schema = dict.fromkeys(("period", "suite", "fingerprint", "result"), pl.String)
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        work.warehouse.put("core.validations", frame, period=period)
    return stale


def validated_months(warehouse: Warehouse) -> list[Month]:
    """The months that were validated, in their order."""
    return [Month(**row) for row in warehouse.rows(model("validations/months"))]


def results_of(warehouse: Warehouse, period: str) -> dict[str, dict[str, Any]]:
    """By suite the validation results of a month, as GX's JSON has them."""
    rows = warehouse.rows("select suite, result from core.validations where period = $period", {"period": period})
    return {row["suite"]: json.loads(row["result"]) for row in rows}


def outcomes(work: Work, period: str, suites: dict[str, tuple[Check, ...]]) -> dict[str, list[Outcome]]:
    """What every check of every suite came to in a settled month, in the order of the checks."""
    asked, failing, examples = _rows_asked(work, period), _failing(work, period), _examples(work, period, suites)
    found = {}
    for suite, checks in suites.items():
        sheet = suite if suite in work.catalogue.sheets else ""
        found[suite] = [
            Outcome(
                rows=asked.get(_asked_of(check, suite), 0),
                failed=failed,
                examples=tuple(_of_check(examples, sheet, check)),
                waived=waived,
            )
            for check in checks
            for failed, waived in [failing.get((sheet, check.rule.id, _column(check)), (0, 0))]
        ]
    return found


def _asked_of(check: Check, suite: str) -> str:
    """Under which name `_rows_asked` has the rows that a check is asked of."""
    rule = check.rule
    if rule.form:
        return f"form {rule.form}"
    if rule.table in ("", suite):
        return f"{suite} {'effective' if rule.carried else 'submitted'}"
    return f"table {rule.table}"


def _rows_asked(work: Work, period: str) -> dict[str, int]:
    warehouse, parameters = work.warehouse, {"period": period}
    asked = {f"form {row['form']}": row["forms"] for row in warehouse.rows(model("validations/forms"), parameters)}
    for sheet in work.catalogue.sheets:
        of_sheet = {**parameters, "staging": f"staging.{sheet}"}
        (rows,) = warehouse.rows(model("validations/rows_of_sheet"), of_sheet)
        asked |= {f"{sheet} {which}": n for which, n in rows.items()}
    kept = "select rules_table, sum(rows) as rows from core.rows_asked where period = $period group by rules_table"
    return asked | {f"table {row['rules_table']}": int(row["rows"]) for row in warehouse.rows(kept, parameters)}


def _column(check: Check) -> str | None:
    """The column by which the failing rows of a check are told from those of its rule's other checks on the sheet."""
    return check.at[0] if check.rule.group == "cell" and not check.at[0].startswith(EACH_OF) else None


def _failing(work: Work, period: str) -> dict[tuple[str, str, str | None], tuple[int, int]]:
    """By sheet, rule and column how many rows fail, and how many of these are waived."""
    rows = work.warehouse.rows(model("validations/failing_rows"), {"period": period})
    return {(row["sheet_key"], row["rule_id"], row["column_key"]): (row["failed"], row["waived"]) for row in rows}


def _examples(work: Work, period: str, suites: dict[str, tuple[Check, ...]]) -> list[dict[str, str]]:
    rules = sorted({check.rule.id for checks in suites.values() for check in checks})
    frame = work.warehouse.frame(
        model("validations/examples"), {"period": period, "rules": rules, "examples": EXAMPLES}
    )
    cut = pl.col("value").str.slice(0, LONGEST - 1) + "…"
    shown = pl.when(pl.col("value").str.len_chars() <= LONGEST).then(pl.col("value")).otherwise(cut)
    return _masked(frame, work.catalogue).with_columns(value=shown).to_dicts()


def _masked(examples: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Values of personal columns never in clear, told by the column's key whatever its heading was, nor secrets in any
    other (GEN-07).
    """
    value = pl.col("value")
    for kind, mask in MASKS.items():
        personal = [f"{s.key}.{c.key}" for s in catalogue.sheets.values() for c in s.columns if c.pii == kind]
        is_personal = pl.concat_str("sheet_key", pl.lit("."), "column_key").is_in(personal) & (pl.col("value") != "")
        value = pl.when(is_personal).then(mask(pl.col("value"))).otherwise(value)
    masked = examples.with_columns(value=value)
    return masked.with_columns(hidden_column(masked["value"]).alias("value"))


def _of_check(examples: list[dict[str, str]], sheet: str, check: Check) -> list[dict[str, str]]:
    column = _column(check)
    own = [
        {name: row[name] for name in ("unit_code", "cell", "value")}
        for row in examples
        if (row["sheet_key"], row["rule_id"]) == (sheet, check.rule.id) and column in (None, row["column_key"])
    ]
    return own[:EXAMPLES]
