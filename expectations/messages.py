"""The words for a finding, in both languages, from rules.yaml, messages.yaml and reasons.yaml.

Belongs here: filling a text with what was found. Does not: the texts themselves (YAML), those of many findings at once
(columns_of_messages.py), laying them out (reports/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

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
    for words, names, is_segment in pieces_of(text):
        found = [_shown(name, values.get(name, "")) for name in names]
        if not is_segment or all(found):
            filled.append(words % tuple(found))
    return "".join(filled).strip()


def _shown(name: str, value: str) -> str:
    return value if len(value) <= LONGEST_VALUE or name == "reason" else value[: LONGEST_VALUE - 1] + "…"


@cache
def pieces_of(text: str) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    """A text of ours taken apart: words with %s for each place, the places' names, whether it is a segment."""
    found, at = [], 0
    for segment in _SEGMENT.finditer(text):
        found += [(text[at : segment.start()], False), (segment[0], True)]
        at = segment.end()
    found.append((text[at:], False))
    return tuple(
        (_PLACE.sub("%s", words.replace("%", "%%")), tuple(_PLACE.findall(words)), is_segment)
        for words, is_segment in found
    )


def reason_text(code: str, catalogue: Catalogue, lang: str = "zh") -> str:
    """Why a file could not be read, by a code of reasons.yaml; the code itself where it is unknown."""
    return str(catalogue.texts["reasons"].get(code, {}).get(lang, code))


def message(rule: Rule, values: Mapping[str, str], catalogue: Catalogue, lang: str = "zh") -> str:
    """One sentence on a finding. `values`: file, sheet, column, value, expected, reason (a code), any may be empty."""
    words = {**values, "reason": reason_text(values.get("reason", ""), catalogue, lang)}
    if lang == DEFAULT:
        return fill(rule.zh, words)
    return fill(catalogue.texts["messages"][rule.id]["fault"][lang], words)
