"""The words for a finding, in both languages, from rules.yaml, messages.yaml and reasons.yaml.

Belongs here: filling a text with what was found. Does not: the texts themselves (YAML), laying them out (reports/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import polars as pl

from expectations.catalogue import Catalogue, Rule
from expectations.language import DEFAULT

# A quotation or bracket, which goes with the value in it when that is empty.
_SEGMENT = re.compile(r" ?(?:“[^“”（）()]*”|（[^“”（）()]*）|\([^“”（）()]*\))")
_PLACE = re.compile(r"\{(\w+)\}")
LONGEST_VALUE = 60
WORDS = ("file", "sheet", "column", "value", "expected", "reason")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into {places}; one that is empty takes its quotation marks along; a long one is cut.

    The reason is ours, and says what to do at its end: it is never cut.
    """
    filled = []
    for words, names, is_segment in _pieces(text):
        found = [_shown(name, values.get(name, "")) for name in names]
        if not is_segment or all(found):
            filled.append(words % tuple(found))
    return "".join(filled).strip()


def filled(text: str) -> pl.Expr:
    """`fill` of columns of the same names, none of them null: of a hundred thousand findings at once."""
    pieces = []
    for words, names, is_segment in _pieces(text):
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


def _shown(name: str, value: str) -> str:
    return value if len(value) <= LONGEST_VALUE or name == "reason" else value[: LONGEST_VALUE - 1] + "…"


@cache
def _pieces(text: str) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    """A text of ours taken apart: words with %s for each place, the places' names, whether it is a segment."""
    pieces, at = [], 0
    for segment in _SEGMENT.finditer(text):
        pieces += [(text[at : segment.start()], False), (segment[0], True)]
        at = segment.end()
    pieces.append((text[at:], False))
    return tuple(
        (_PLACE.sub("%s", words.replace("%", "%%")), tuple(_PLACE.findall(words)), is_segment)
        for words, is_segment in pieces
    )


def reason_text(code: str, catalogue: Catalogue, lang: str = "zh") -> str:
    """Why a file could not be read, by a code of reasons.yaml; the code itself where it is unknown."""
    return str(catalogue.texts["reasons"].get(code, {}).get(lang, code))


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


def message(rule: Rule, values: Mapping[str, str], catalogue: Catalogue, lang: str = "zh") -> str:
    """One sentence on a finding. `values`: file, sheet, column, value, expected, reason (a code), any may be empty."""
    words = {**values, "reason": reason_text(values.get("reason", ""), catalogue, lang)}
    if lang == DEFAULT:
        return fill(rule.zh, words)
    return fill(catalogue.texts["messages"][rule.id]["fault"][lang], words)
