"""Whether what somebody wrote says anything.

Belongs here: that of explanations and of the reasons of decisions. Does not: what an explanation does
(explanations.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from expectations.catalogue import Catalogue

LONGEST_FORMULA = 60  # characters; nobody says nothing at greater length


def says_something(text: str, catalogue: Catalogue) -> bool:
    """Whether an explanation has substance: more than 核实无误 and its like (explanations.yaml)."""
    bare = _bare(text)
    rules = catalogue.texts["explanations"]
    refused, beside = {_bare(phrase) for phrase in rules["refused"]}, {_bare(word) for word in rules.get("beside", ())}
    if len(bare) < rules["least_length"] or bare.isdigit():
        return False
    return len(bare) > LONGEST_FORMULA or not _is_made_of(bare, refused, beside)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _is_made_of(text: str, phrases: Iterable[str], beside: Iterable[str]) -> bool:
    """Whether a text is nothing but some phrases, one after the other, at least one, and words beside them."""
    kinds = [*((phrase, True) for phrase in phrases), *((word, False) for word in beside)]
    reached = {(0, False)}
    for at in range(len(text)):
        for had in (False, True):
            if (at, had) in reached:
                reached |= {(at + len(said), had or is_one) for said, is_one in kinds if text.startswith(said, at)}
    return (len(text), True) in reached
