"""Whether what somebody wrote says anything.

Belongs here: that of explanations and of the reasons of decisions. Does not: what an explanation does
(explanations.py).
"""

from __future__ import annotations

import re

from expectations.catalogue import Catalogue


def says_something(text: str, catalogue: Catalogue) -> bool:
    """Whether an explanation has substance: more than 核实无误 and its like (explanations.yaml)."""
    bare = re.sub(r"[\W_]+", "", text).lower()
    rules = catalogue.texts["explanations"]
    refused = {re.sub(r"[\W_]+", "", phrase).lower() for phrase in rules["refused"]}
    return len(bare) >= rules["least_length"] and bare not in refused and not bare.isdigit()
