"""Suites made from forms.yaml and rules.yaml: which expectation each rule is, and which rows fail it.

Belongs here: each rule as plain data (`Check`), by the table that it is asked of and by the suite that a month's
validation has it in; the failing rows of a frame. Does not: how a mask is computed (masks.py), making the frames
(assets/), the validations of a month (validations.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from expectations.catalogue import CODE_TYPES, Catalogue, Rule, SheetForm, condition
from expectations.masks import failing

_WORD = re.compile(r"[a-z_]\w*")
SEVERITY = {"critical": "critical", "error": "critical", "warning": "warning"}
UNIT_MONTHS = "unit_months"
# A finding for every column named in a list column of the row; `expected`, if any, is a list column beside it.
EACH_OF = "each of "
FAILURES: dict[str, Any] = {
    "form_id": pl.String,
    "row": pl.Int64,
    "rule_id": pl.String,
    "column": pl.String,
    "value": pl.String,
    "expected": pl.String,
    "subject": pl.String,
}


NOT_ASKABLE = (pl.exceptions.PolarsError, NotImplementedError, KeyError)


class RuleNotEvaluated(Exception):
    """A rule could not be asked: a rule in rules.yaml names a column or writes SQL that the rows do not have."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule on one table: the expectation's type and arguments, and where its findings point.

    `at` are column keys of which the first filled one is the finding's cell; `value` and `expected` are SQL.
    """

    rule: Rule
    type: str
    kwargs: Mapping[str, Any]
    at: tuple[str, ...]
    value: str | None
    expected: str | None


def sheet_checks(sheet: SheetForm, catalogue: Catalogue) -> tuple[Check, ...]:
    """The rules on rows of one sheet that need nothing but the form and the register: GEN, WBK-04, the sheet's own."""
    checks = [*_cell_checks(sheet, catalogue)]
    checks.extend(_check(r) for r in catalogue.rules.values() if r.table == sheet.key and not r.carried)
    return tuple(checks)


def tables_across(catalogue: Catalogue) -> dict[str, tuple[Check, ...]]:
    """The rules that look at other months, other units or what is absent, by the table they are asked of."""
    tables: dict[str, list[Check]] = {}
    for rule in catalogue.rules.values():
        if rule.carried or is_of_what_is_absent(rule, catalogue):
            tables.setdefault(rule.table, []).append(_check(rule))
    return {name: tuple(checks) for name, checks in tables.items()}


def columns_read(sheet: SheetForm, catalogue: Catalogue) -> frozenset[str]:
    """The columns that the key or a rule of the sheet reads, whatever else the row holds (WBK-04)."""
    named = {*sheet.key_columns}
    for rule in catalogue.rules.values():
        if rule.group == sheet.key and rule.expect is not None:
            told = [*rule.at, *(str(part) for part in rule.expect.values())]
            named.update(word.removesuffix("__text") for part in told for word in _WORD.findall(part))
    return frozenset(named & {column.key for column in sheet.columns})


def is_of_what_is_absent(rule: Rule, catalogue: Catalogue) -> bool:
    """Whether the rule speaks of what a unit's own form lacks: it has a table of its own, and looks nowhere else."""
    return rule.expect is not None and rule.table not in catalogue.sheets and not rule.carried


def _check(rule: Rule) -> Check:
    arguments = dict(rule.expect or {})
    kind = arguments.pop("type")
    if kind == "expect_rows_to_satisfy":
        # GX wants two columns at least; `row` is never null and so adds no condition.
        arguments["column_list"] = list(dict.fromkeys([*arguments.pop("reads"), "form_id", "row"]))
        arguments["ignore_row_if"] = "any_value_is_missing"
        if rule.table not in ("", rule.group):
            arguments["column_list"].remove("row")
            arguments["column_list"].append("unit_code")
    elif kind.startswith("expect_column_pair"):
        arguments["ignore_row_if"] = "either_value_is_missing"
    return Check(rule, kind, arguments, rule.at, rule.value, rule.expected)


def _cell_checks(sheet: SheetForm, catalogue: Catalogue) -> list[Check]:
    rules = catalogue.rules
    checks = []

    def add(
        rule_id: str,
        kind: str,
        at: str,
        *,
        value: str | None = None,
        expected: str | None = None,
        **kwargs: Any,
    ) -> None:
        checks.append(Check(rules[rule_id], kind, kwargs, (at,), value, expected))

    for column in sheet.columns:
        key, text = column.key, f"{column.key}__text"
        needed = condition(column.required)
        if needed == "":
            merged = f"{key}__merged"
            add("GEN-01", "expect_column_values_to_not_be_null", key, value="''", expected=merged, column=text)
        elif needed is not None:
            satisfied = f"not ({needed}) or {text} is not null"
            add(
                "GEN-01", "expect_rows_to_satisfy", key, value="''", expected=f"{key}__merged",
                condition=satisfied, column_list=["form_id", "row"], ignore_row_if="any_value_is_missing",
            )  # fmt: skip
        if column.type in CODE_TYPES:
            codes = list(column.codes)
            add(
                "GEN-03", "expect_column_values_to_be_readable", key, expected=_literal("、".join(codes)),
                column=key, form_type=column.type, codes=codes,
            )  # fmt: skip
        elif column.type != "text":
            shown = catalogue.texts["glossary"]["types"][column.type]["zh"]
            add(
                "GEN-02", "expect_column_values_to_be_readable", key, expected=_literal(shown),
                column=key, form_type=column.type,
            )  # fmt: skip
        if column.max_len:
            add(
                "GEN-04", "expect_column_value_lengths_to_be_between", key, expected=f"'{column.max_len}'",
                column=key, max_value=column.max_len,
            )  # fmt: skip
    for rule_id, cells, told in (
        ("WBK-04", "needed_error_cells", None),
        ("WBK-08", "other_error_cells", None),
        ("GEN-06", "cleaned_cells", None),
        ("GEN-07", "secret_cells", "secrets"),
    ):
        add(rule_id, "expect_column_values_to_be_null", EACH_OF + cells, expected=told, column=cells)
    add(
        "GEN-05", "expect_column_values_to_be_null", sheet.key_columns[0], expected="first_row",
        column="first_row", value="key_text",
    )  # fmt: skip
    return checks


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _failures(frame: pl.DataFrame, rows: pl.Series, check: Check) -> pl.DataFrame:
    """One line a failing row: its place, and value and expected as the message needs them."""
    rows_failing = frame[rows]
    if check.at and check.at[0].startswith(EACH_OF):
        return _cell_failures(rows_failing, check)
    column = pl.lit(None, pl.String)
    for key in reversed(check.at):
        present = pl.col(f"{key}__text").is_not_null() if f"{key}__text" in frame.columns else pl.lit(True)
        column = pl.when(present).then(pl.lit(key)).otherwise(column)
    if len(check.at) == 1:
        column = pl.lit(check.at[0], pl.String)
    if check.value is not None:
        value = pl.sql_expr(check.value).cast(pl.String)
    else:
        texts = [pl.col(f"{key}__text") for key in check.at if f"{key}__text" in frame.columns]
        value = pl.coalesce(texts) if texts else pl.lit("")
    expected = pl.sql_expr(check.expected).cast(pl.String) if check.expected else pl.lit("")
    return (
        _with_subject(rows_failing)
        .select(
            "form_id",
            "row",
            "subject",
            rule_id=pl.lit(check.rule.id),
            column=column,
            value=value.fill_null(""),
            expected=expected.fill_null(""),
        )
        .select(*FAILURES)
        .cast(pl.Schema(FAILURES))
    )


def _with_subject(failing: pl.DataFrame) -> pl.DataFrame:
    """Add `subject`: what the row is, by its key as entered; the same from month to month."""
    if "key_text" in failing.columns:
        return failing.with_columns(subject=pl.col("key_text").fill_null(""))
    entered = sorted(c for c in failing.columns if c.endswith("__text"))
    texts = [pl.col(c).fill_null("") for c in entered]
    return failing.with_columns(subject=pl.concat_str(texts, separator=" ") if texts else pl.lit(""))


def _cell_failures(failing: pl.DataFrame, check: Check) -> pl.DataFrame:
    """One line for every cell that a list column names, with the cell's own text."""
    named = check.at[0].removeprefix(EACH_OF)
    told = pl.col(check.expected) if check.expected else pl.lit("")
    lists = [named, check.expected] if check.expected else [named]
    cells = _with_subject(failing).explode(lists).with_columns(expected=told).rename({named: "column"})
    parts = [
        group.select(
            "form_id",
            "row",
            "column",
            "subject",
            "expected",
            rule_id=pl.lit(check.rule.id),
            value=pl.col(f"{key}__text").fill_null(""),
        ).select(*FAILURES)
        for (key,), group in cells.group_by("column", maintain_order=True)
    ]
    return pl.concat(parts).cast(pl.Schema(FAILURES))


def failures(name: str, checks: tuple[Check, ...], frame: pl.DataFrame) -> pl.DataFrame:
    """Every failing row of every check of a frame, with columns FAILURES: all masks in one pass.

    Raises RuleNotEvaluated for a check that cannot be asked, naming the rule: it must not look like one that holds.
    """
    try:
        found = _masks(frame, checks)
        parts = [_failures(frame, found[str(i)].arg_true(), c) for i, c in enumerate(checks) if found[str(i)].any()]
    except NOT_ASKABLE as error:
        raise RuleNotEvaluated(f"{_cannot_be_asked(frame, checks)} on {name}: {error}") from error
    return pl.concat(parts) if parts else pl.DataFrame(schema=FAILURES)


def _masks(frame: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    masks = {str(i): failing(c.type, c.kwargs) for i, c in enumerate(checks)}
    return frame.lazy().select(**masks).collect()


def _cannot_be_asked(frame: pl.DataFrame, checks: Sequence[Check]) -> str:
    """The rules of those checks that cannot be asked of the frame, or whose findings cannot be made."""
    rules = []
    for check in checks:
        try:
            if (mask := _masks(frame, [check])["0"]).any():
                _failures(frame, mask.arg_true(), check)
        except NOT_ASKABLE:
            rules.append(check.rule.id)
    return ", ".join(dict.fromkeys(rules))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check came to in a month: the rows that it was asked of, those that fail, a few of these, masked, and how
    many of them stewards have waived.
    """

    rows: int
    failed: int
    examples: tuple[Mapping[str, str], ...] = ()
    waived: int = 0


def month_suites(catalogue: Catalogue, period: str) -> dict[str, tuple[Check, ...]]:
    """All rules that are asked of rows in a month, by the sheet whose findings they give, and under UNIT_MONTHS those
    on a unit's month.
    """
    suites = {sheet.key: [*sheet_checks(sheet, catalogue)] for sheet in catalogue.sheets.values()}
    for checks in tables_across(catalogue).values():
        for check in checks:
            suites.setdefault(check.rule.sheet or UNIT_MONTHS, []).append(check)
    return {name: tuple(c for c in checks if c.rule.is_asked(period)) for name, checks in suites.items()}
