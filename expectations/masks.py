"""Which rows fail an expectation, as Polars expressions: one pass over a frame answers a whole suite.

Great Expectations has no Polars engine; its own takes ten times as long and samples (findings/gx.md, 1 to 3). The types
are those of GX and mean what they mean there, which tests/findings/test_validations.py holds against GX itself; two
are ours: expect_column_values_to_be_readable and expect_rows_to_satisfy.
Belongs here: one expression per type. Does not: which expectations there are (suites.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

Arguments = Mapping[str, Any]


def failing(kind: str, arguments: Arguments) -> pl.Expr:
    """True on the rows that fail, False on all others, those without the value among them.

    Raises NotImplementedError for a type or an argument that is not known here: a bound with a slip in its name would
    otherwise hold everywhere.
    """
    if kind not in _UNEXPECTED:
        raise NotImplementedError(f"no Polars form of {kind}")
    unexpected, needed, optional = _UNEXPECTED[kind]
    given = set(arguments) - {"ignore_row_if"}
    if not needed <= given or given - needed - optional:
        raise NotImplementedError(f"{kind} takes {sorted(needed | optional)}, not {sorted(given)}")
    return (unexpected(arguments) & _asked(arguments)).fill_null(False)


def _asked(arguments: Arguments) -> pl.Expr:
    """The rows that an expectation is asked of, by its ignore_row_if."""
    pair = [arguments["column_A"], arguments["column_B"]] if "column_A" in arguments else []
    columns = pair or arguments.get("column_list") or ()
    if not columns or arguments.get("ignore_row_if") in (None, "never"):
        return pl.int_range(pl.len()) >= 0  # every row, as a column
    return pl.all_horizontal(pl.col(c).is_not_null() for c in columns)


def _between(value: pl.Expr, arguments: Arguments) -> pl.Expr:
    within = pl.lit(True)
    if (low := arguments.get("min_value")) is not None:
        within = within & (value >= low)
    if (high := arguments.get("max_value")) is not None:
        within = within & (value <= high)
    return within


def _readable(arguments: Arguments) -> pl.Expr:
    """Something was entered, and there is no typed value; a cell that Excel itself calls an error is WBK-04's."""
    name = arguments["column"]
    entered = pl.col(f"{name}__text").is_not_null()
    return pl.col(name).is_null() & entered & ~pl.col("error_cells").list.contains(name).fill_null(False)


def _not_greater(arguments: Arguments) -> pl.Expr:
    a, b = pl.col(arguments["column_A"]), pl.col(arguments["column_B"])
    return ~((a >= b) if arguments.get("or_equal") else (a > b))


def _column(arguments: Arguments) -> pl.Expr:
    return pl.col(arguments["column"])


# Of every type the rows that fail (null where the value is absent), the arguments it needs, and those it may have.
_UNEXPECTED: dict[str, tuple[Callable[[Arguments], pl.Expr], set[str], set[str]]] = {
    "expect_column_values_to_not_be_null": (lambda a: _column(a).is_null(), {"column"}, set()),
    "expect_column_values_to_be_null": (lambda a: _column(a).is_not_null(), {"column"}, set()),
    "expect_column_values_to_match_regex": (
        lambda a: ~_column(a).str.contains(a["regex"]), {"column", "regex"}, set(),
    ),
    "expect_column_values_to_be_in_set": (
        lambda a: ~_column(a).is_in(a["value_set"]), {"column", "value_set"}, set(),
    ),
    "expect_column_values_to_be_between": (
        lambda a: ~_between(_column(a), a), {"column"}, {"min_value", "max_value"},
    ),
    "expect_column_value_lengths_to_be_between": (
        lambda a: ~_between(_column(a).str.len_chars(), a), {"column"}, {"min_value", "max_value"},
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (_not_greater, {"column_A", "column_B"}, {"or_equal"}),
    "expect_column_values_to_be_readable": (_readable, {"column", "form_type"}, {"codes"}),
    "expect_rows_to_satisfy": (lambda a: ~pl.sql_expr(a["condition"]), {"condition", "column_list"}, set()),
}  # fmt: skip
