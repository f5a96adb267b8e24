"""Which rows fail an expectation, as Polars expressions; with Great Expectations or without it.

Belongs here: one expression per kind of expectation. engine.py gives them to GX's metrics; `sixth check`, which must
answer within a second, evaluates them as they are. Does not: which expectations there are (suites.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

METRICS = {
    "expect_column_values_to_not_be_null": "column_values.nonnull",
    "expect_column_values_to_be_null": "column_values.null",
    "expect_column_values_to_match_regex": "column_values.match_regex",
    "expect_column_values_to_be_in_set": "column_values.in_set",
    "expect_column_values_to_be_between": "column_values.between",
    "expect_column_value_lengths_to_be_between": "column_values.value_length.between",
    "expect_column_values_to_be_readable": "column_values.readable",
    "expect_column_pair_values_a_to_be_greater_than_b": "column_pair_values.a_greater_than_b",
    "expect_rows_to_satisfy": "multicolumn_values.satisfy",
}


def _between(value: pl.Expr, wanted: Mapping[str, Any]) -> pl.Expr:
    within = pl.lit(True)
    if (low := wanted.get("min_value")) is not None:
        within = within & (value >= low)
    if (high := wanted.get("max_value")) is not None:
        within = within & (value <= high)
    return within


def _unexpected(metric: str, domain: Mapping[str, Any], wanted: Mapping[str, Any]) -> pl.Expr:
    """True on failing rows, null where a value is absent. Raises NotImplementedError for other metrics."""
    if metric == "column_pair_values.a_greater_than_b":
        a, b = pl.col(domain["column_A"]), pl.col(domain["column_B"])
        return ~((a >= b) if wanted.get("or_equal") else (a > b))
    if metric == "multicolumn_values.satisfy":
        return ~pl.sql_expr(wanted["condition"])
    name = domain["column"]
    column = pl.col(name)
    simple = {
        "column_values.nonnull": column.is_null,
        "column_values.null": column.is_not_null,
        "column_values.match_regex": lambda: ~column.str.contains(wanted["regex"]),
        "column_values.in_set": lambda: ~column.is_in(wanted["value_set"]),
        "column_values.between": lambda: ~_between(column, wanted),
        "column_values.value_length.between": lambda: ~_between(column.str.len_chars(), wanted),
        "column_values.readable": lambda: (
            column.is_null()
            & pl.col(f"{name}__text").is_not_null()
            & ~pl.col("error_cells").list.contains(name).fill_null(False)
        ),
    }
    if metric not in simple:
        raise NotImplementedError(f"no Polars form of {metric}")
    return simple[metric]()


def inside(domain: Mapping[str, Any]) -> pl.Expr:
    """The rows that an expectation is asked of, by its ignore_row_if. Row conditions are written into `condition`."""
    if domain.get("row_condition") is not None:
        raise NotImplementedError("row_condition: write it into the condition of expect_rows_to_satisfy")
    columns = [domain["column_A"], domain["column_B"]] if "column_A" in domain else domain.get("column_list") or ()
    if not columns or domain.get("ignore_row_if") in (None, "never"):
        return pl.int_range(pl.len()) >= 0  # every row, as a column
    return pl.all_horizontal(pl.col(c).is_not_null() for c in columns)


def failing(metric: str, domain: Mapping[str, Any], wanted: Mapping[str, Any]) -> pl.Expr:
    """True on the rows that fail, False on all others."""
    return (_unexpected(metric, domain, wanted) & inside(domain)).fill_null(False)
