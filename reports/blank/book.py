"""A blank form under way: its workbook, its looks and its lists, as the modules that write its sheets share them.

Belongs here: what more than one sheet of a form needs. Does not: the sheets (forms.py, signature_page.py), what a
cell takes (cells.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs
from xlsxwriter.worksheet import Worksheet

from assets.instance.register import Unit
from expectations.catalogue import Catalogue, Column, Form
from reports.blank.cells import Wording, choices, number_format, validation

HEADING_ROW = 3  # from 0: a title and two lines of instructions stand above
LIST_SHEET = "说明"  # hidden; ours: ignored on the way in (assets/intake/forms.py)
LONGEST_LIST = 255  # characters that a list in a validation may have
NAVY, BLUE, GREY, MISSING, RULE, INK, FAINT = (
    "#12436D",
    "#B8D0E2",
    "#F1F3F5",
    "#FFF2B8",
    "#C7D0D9",
    "#1F2933",
    "#52606D",
)
A4 = 9  # as spreadsheets number paper
PROTECTION = {
    "format_columns": True, "format_rows": True, "sort": True, "autofilter": True, "insert_rows": True,
    "select_locked_cells": True,
}  # fmt: skip

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a unit before it fills in a form, from its earlier returns (sql/templates).

    Rows by column key: `problems` and `incidents` still open, `agreements` in force. `cover` has the fields of the last
    cover that stay from month to month, `checked_by` who made the last self-check.
    """

    problems: Sequence[Row] = ()
    incidents: Sequence[Row] = ()
    agreements: Sequence[Row] = ()
    cover: Mapping[str, str] = field(default_factory=dict)
    checked_by: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """Until when and where to a form is sent: the deadline in words, and the mailbox, "" where no setting says it."""

    deadline: str
    mailbox: str = ""


@dataclass
class Blank:
    """A form under way."""

    book: xlsxwriter.Workbook
    form: Form
    unit: Unit
    period: str
    catalogue: Catalogue
    wording: Wording
    before: Before
    sending: Sending
    formats: dict[tuple[tuple[str, Any], ...], Format] = field(default_factory=dict)
    lists: dict[tuple[str, ...], str] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)  # where the codes of a column are listed on an earlier sheet
    written: dict[str, list[Row]] = field(default_factory=dict)  # the rows that each sheet is sent out with

    def format(self, **properties: Any) -> Format:
        """The format with these properties over the form's own."""
        key = tuple(sorted(properties.items()))
        if key not in self.formats:
            base = {"font_name": self.wording.say("font"), "font_size": 10, "font_color": INK, "valign": "vcenter"}
            self.formats[key] = self.book.add_format({**base, **properties})
        return self.formats[key]

    def cell(self, column: Column, *, locked: bool, **more: Any) -> Format:
        """How a cell of a column looks."""
        wrap = column.type in ("text", "enum_list", "url")
        look = {"border": 1, "border_color": RULE, "num_format": number_format(column), "text_wrap": wrap}
        return self.format(**look, **more, **({"bg_color": GREY} if locked else {"locked": False}))

    def source(self, column: Column) -> list[str] | str | None:
        """The choices of a column, or, where they are too long for a validation, their place on the hidden sheet."""
        offered = choices(column)
        if column.key in self.listed:
            return self.listed[column.key]
        if len(",".join(offered)) <= LONGEST_LIST:
            return list(offered) or None
        if offered not in self.lists:
            sheet = self.book.get_worksheet_by_name(LIST_SHEET) or self.book.add_worksheet(LIST_SHEET)
            sheet.hide()
            sheet.protect()
            at = len(self.lists)
            sheet.write_column(0, at, offered)
            self.lists[offered] = f"='{LIST_SHEET}'!{xl_range_abs(0, at, len(offered) - 1, at)}"
        return self.lists[offered]

    def guard(
        self, sheet: Worksheet, key: str, column: Column, others: Sequence[Column], rows: tuple[int, int], at: int
    ) -> None:
        """Let only what fits into the cells of a column, and say what that is."""
        hint = self.wording.hint(key, column, others)
        refusal = (self.wording.say("not_allowed"), self.wording.wants(key, column))
        rule = validation(column, hint, refusal, self.source(column))
        sheet.data_validation(rows[0], at, rows[1], at, rule)

    @property
    def example(self) -> date:
        """A day in the month at hand, for examples."""
        return date(int(self.period[:4]), int(self.period[5:]), 8)
