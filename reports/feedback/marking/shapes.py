"""What is to be marked in a workbook and listed on its sheet 反馈; every word that appears comes in here.

Belongs here: the shapes. Does not: filling them (reports/feedback/answer.py), drawing them (the other modules of this
folder).
"""

from __future__ import annotations

from dataclasses import dataclass

MUST, CHECK = "must", "check"  # must be mended; may stand if it is true
FILLS = {MUST: "FFFFC9CF", CHECK: "FFFFEDA3"}
"""ARGB of the two marks: unlike the colours that Excel offers, so that a mark is known again when it comes back."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell to be filled and noted: a sheet's title, an A1 reference, MUST or CHECK, and what the note says."""

    sheet: str
    cell: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the sheet 反馈.

    `place` is shown and links to `sheet` and `cell` where they are given; `is_open` says whether the unit may explain
    it; `finding_ids`, `subjects` and `places`, in the same order, are what the line stands for, in hidden columns.
    """

    severity: str
    kind: str
    place: str
    sheet: str
    cell: str
    problem: str
    remedy: str
    rule: str
    explanation: str
    is_open: bool
    finding_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedbackSheet:
    """The sheet 反馈: its title, lines of text above the table, the table's seven headings and its lines.

    `note_marks` begin our notes in cells, in every language: the first is written, all are known again. `empty` is
    said where there are no entries.
    """

    title: str
    lines: tuple[str, ...]
    headings: tuple[str, str, str, str, str, str, str]
    entries: tuple[Entry, ...]
    empty: str
    author: str
    note_marks: tuple[str, ...]
    font: str
