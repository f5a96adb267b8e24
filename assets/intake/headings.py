"""How headings, sheet titles and labels are compared: the one definition for intake, blank forms and feedback.

system.md, Tables in a workbook: after the cleaning that values get, without white space, a trailing * or ：, anything
in brackets, and without case. Belongs here: names of sheets and columns. Does not: finding them in a workbook.
"""

from __future__ import annotations

import re
from functools import lru_cache

from assets.intake.values import clean_text

LONGEST_HEADING = 200
_BRACKETS = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>|【[^【】]*】|〔[^〔〕]*〕|〖[^〖〗]*〗|《[^《》]*》|「[^「」]*」|『[^『』]*』"
)


def normalise_heading(cell: object) -> str:
    """A heading, title or label as compared. Cells that are no text, or longer than any heading, compare as nothing."""
    return _normalised(cell) if isinstance(cell, str) and len(cell) <= LONGEST_HEADING else ""


def whole_title(title: str) -> str:
    """A sheet's title compared with what stands in its brackets: a copy that Excel has numbered (2) is another."""
    return _bare(title)


@lru_cache(maxsize=10_000)
def _normalised(text: str) -> str:
    name, before = _bare(text), ""
    while name != before:  # brackets in brackets
        name, before = _BRACKETS.sub("", name), name
    return name.rstrip("*:").lstrip("*")


def _bare(text: str) -> str:
    return "".join(clean_text(text)[0].split()).casefold()
