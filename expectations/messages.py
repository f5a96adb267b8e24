"""The words for a finding, in both languages, from rules.yaml, messages.yaml and reasons.yaml.

Belongs here: filling a text with what was found. Does not: the texts themselves (YAML), laying them out (reports/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from expectations.catalogue import Catalogue, Rule

# A quotation or bracket, which goes with the value in it when that is empty.
_SEGMENT = re.compile(r" ?(?:“[^“”（）()]*”|（[^“”（）()]*）|\([^“”（）()]*\))")
_PLACE = re.compile(r"\{(\w+)\}")
LONGEST_VALUE = 60


@cache
def _pieces(text: str) -> tuple[tuple[bool, tuple[tuple[str, str], ...]], ...]:
    """A text cut at its quotations and brackets: whether a piece is one, and its (words, place after them) pairs."""
    cut, pieces, end = [], [], 0
    for segment in _SEGMENT.finditer(text):
        cut += [(False, text[end : segment.start()]), (True, segment[0])]
        end = segment.end()
    for quoted, piece in (*cut, (False, text[end:])):
        *found, rest = _PLACE.split(piece)
        pieces.append((quoted, (*zip(found[::2], found[1::2], strict=True), (rest, ""))))
    return tuple(pieces)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into {places}; a value that is empty takes its quotation marks along; a long one is cut."""
    filled: list[str] = []
    for quoted, pairs in _pieces(text):
        here: list[str] = []
        for words, place in pairs:
            value = values.get(place, "")
            if quoted and place and not value:
                break
            here += [words, value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"]
        else:
            filled += here
    return "".join(filled).strip()


def reason_text(code: str, catalogue: Catalogue, lang: str = "zh") -> str:
    """Why a file could not be read, by a code of reasons.yaml; the code itself where it is unknown."""
    return str(catalogue.texts["reasons"].get(code, {}).get(lang, code))


def message(rule: Rule, values: Mapping[str, str], catalogue: Catalogue, lang: str = "zh") -> str:
    """One sentence on a finding. `values`: file, sheet, column, value, expected, reason (a code), any may be empty."""
    words = {**values, "reason": reason_text(values.get("reason", ""), catalogue, lang)}
    if lang == "zh":
        return fill(rule.zh, words)
    return fill(catalogue.texts["messages"][rule.id]["fault"][lang], words)
