"""How headings, sheet titles and labels are compared: the one definition for intake, blank forms and feedback.

system.md, Tables in a workbook: after the cleaning that values get, without white space, a trailing * or ：, anything
in brackets, and without case; headings and labels also without quotation marks and a number before them. Belongs here:
names of sheets and columns. Does not: finding them in a workbook.
"""

from __future__ import annotations

import re
from functools import lru_cache

from assets.intake.values import clean_text

LONGEST_HEADING = 200
_BRACKETS = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>|【[^【】]*】|〔[^〔〕]*〕|〖[^〖〗]*〗|《[^《》]*》|「[^「」]*」|『[^『』]*』"
)


_QUOTES = str.maketrans("", "", "\"'“”‘’")
# How people number headings: 1.资产名称, (二)状态, ③平台 (which is 3平台 by then). No heading begins so by itself.
_NUMBERED = re.compile(r"\(?(?:[0-9]{1,2}[).、:-]?|[一二三四五六七八九十]{1,3}[).、:])\s*(?=\D)")


def normalise_heading(cell: object) -> str:
    """A heading or label as compared. Cells that are no text, or longer than any heading, compare as nothing."""
    return _normalised(cell) if isinstance(cell, str) and len(cell) <= LONGEST_HEADING else ""


def normalise_title(title: str) -> str:
    """A sheet's title as compared; one with a number before it is another title, known by its headings (WBK-07), and
    one that is longer than any compares as nothing.
    """
    return _without_brackets(_bare(title)) if len(title) <= LONGEST_HEADING else ""


def whole_title(title: str) -> str:
    """A sheet's title compared with what stands in its brackets: a copy that Excel has numbered (2) is another."""
    return _bare(title)


@lru_cache(maxsize=10_000)
def _normalised(text: str) -> str:
    name = _bare(text).lstrip("*")
    if numbered := _NUMBERED.match(name):
        name = name[numbered.end() :]
    return _without_brackets(name.translate(_QUOTES))


def _without_brackets(name: str) -> str:
    before = ""
    while name != before:  # brackets in brackets
        name, before = _BRACKETS.sub("", name), name
    return name.rstrip("*:").lstrip("*")


def _bare(text: str) -> str:
    return "".join(clean_text(text)[0].split()).casefold()
