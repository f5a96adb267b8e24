"""The words for many findings at once, as columns of Polars.

Belongs here: what messages.py does of one finding, of a frame of them. Does not: the texts (YAML).
"""

from __future__ import annotations

import polars as pl

from expectations.catalogue import Catalogue
from expectations.messages import LONGEST_VALUE, WORDS, pieces_of, reason_text


def filled(text: str) -> pl.Expr:
    """`fill` of columns of the same names, none of them null: of a hundred thousand findings at once."""
    pieces = []
    for words, names, is_segment in pieces_of(text):
        literals = (words % (("\0",) * len(names))).split("\0")
        parts = [pl.lit(literals[0])]
        for name, literal in zip(names, literals[1:], strict=True):
            parts += [_shown_column(name), pl.lit(literal)]
        piece = pl.concat_str(parts)
        if is_segment and names:
            piece = pl.when(pl.all_horizontal(pl.col(name) != "" for name in names)).then(piece).otherwise(pl.lit(""))
        pieces.append(piece)
    return pl.concat_str(pieces).str.strip_chars()


def _shown_column(name: str) -> pl.Expr:
    value = pl.col(name)
    if name == "reason":
        return value
    cut = value.str.slice(0, LONGEST_VALUE - 1) + pl.lit("…")
    return pl.when(value.str.len_chars() <= LONGEST_VALUE).then(value).otherwise(cut)


def messages(findings: pl.DataFrame, catalogue: Catalogue) -> pl.Series:
    """`message` of every row, in Chinese: columns rule_id, file, sheet, column, value, expected, reason, none null."""
    codes = findings["reason"].unique().to_list()
    words = findings.select("rule_id", *WORDS).with_columns(
        pl.col("reason").replace_strict(codes, [reason_text(c, catalogue) for c in codes], return_dtype=pl.String)
    )
    told = [
        rows.select("place", message=filled(catalogue.rules[str(rule_id)].zh))
        for (rule_id,), rows in words.with_row_index("place").group_by("rule_id")
    ]
    empty = pl.DataFrame(schema={"place": pl.UInt32, "message": pl.String})
    return pl.concat([empty, *told]).sort("place")["message"]
