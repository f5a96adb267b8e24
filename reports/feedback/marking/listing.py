"""The sheet 反馈 as a workbook of its own, for those that cannot be marked: .xls, .csv and what cannot be read.

Belongs here: that workbook. Does not: the sheet in a marked one (feedback_sheet.py).
"""

from __future__ import annotations

import io
from datetime import datetime

import xlsxwriter

from assets.intake.forms import FEEDBACK_SHEET
from reports.feedback.marking.feedback_sheet import HIDDEN_COLUMNS, WIDTHS, cells_of, height, safe
from reports.feedback.marking.shapes import FILLS, FeedbackSheet

_MADE = datetime(2000, 1, 1)  # the same bytes whenever it is made


def list_workbook(sheet: FeedbackSheet) -> bytes:
    """A workbook whose one sheet lists the findings."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"created": _MADE})
        font = {"font_name": sheet.font, "font_size": 10, "font_color": "#1F2933", "valign": "top"}
        line = book.add_format(font)
        framed = {**font, "text_wrap": True, "border": 1, "border_color": "#D5DBE1"}
        text = book.add_format(framed)
        centred = {**framed, "align": "center"}
        number = book.add_format(centred)
        kinds = {kind: book.add_format({**centred, "bg_color": f"#{colour[2:]}"}) for kind, colour in FILLS.items()}
        to_write = book.add_format({**framed, "bg_color": "#FFFBEA", "locked": False})
        closed = book.add_format({**framed, "bg_color": "#F1F3F5"})
        heading = book.add_format({**framed, "bold": True, "font_color": "#FFFFFF", "bg_color": "#12436D"})
        page = book.add_worksheet(FEEDBACK_SHEET)
        page.hide_gridlines(2)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        for column, width in enumerate(WIDTHS):
            page.set_column(column, column, width)
        page.set_column(len(WIDTHS), len(WIDTHS) + len(HIDDEN_COLUMNS) - 1, 9, None, {"hidden": True})
        page.set_row(0, 26)
        page.write_string(0, 0, safe(sheet.title), book.add_format({**font, "bold": True, "font_size": 14}))
        for row, words in enumerate(sheet.lines, 1):
            page.write_string(row, 0, safe(words), line)
        top = len(sheet.lines) + 2
        for column, words in enumerate((*sheet.headings, *HIDDEN_COLUMNS)):
            page.write_string(top, column, words, heading)
        page.freeze_panes(top + 1, 0)
        page.repeat_rows(top)
        for n, entry in enumerate(sheet.entries, 1):
            last = to_write if entry.is_open else closed
            looks = (number, kinds[entry.kind], text, text, text, number, last, *(text,) * len(HIDDEN_COLUMNS))
            texts = cells_of(n, entry)
            page.set_row(top + n, height(texts))
            for column, (words, look) in enumerate(zip(texts, looks, strict=True)):
                page.write_string(top + n, column, words, look)
        if not sheet.entries:
            page.write_string(top + 1, 0, safe(sheet.empty), line)
    return file.getvalue()
