"""The sheet 反馈 as XML: every finding of the workbook, most important first, each with a link to its cell.

Belongs here: layout and look of the sheet. Does not: putting it into a workbook (workbook.py), the list that stands
alone (listing.py), the words (reports/feedback/answer.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from assets.intake.forms import EXPLANATION_COLUMNS, PLACE_COLUMN, column_letter
from reports.feedback.marking.package import MAIN
from reports.feedback.marking.shapes import FILLS, MUST, Entry, FeedbackSheet
from reports.feedback.marking.styles import Styles
from reports.forms.xlsx_book import disarm, text_width
from reports.text.formats import clean

WIDTHS = (6, 8, 24, 50, 50, 10, 34)  # characters, of the seven columns that are seen
HIDDEN_COLUMNS = (*EXPLANATION_COLUMNS[:2], PLACE_COLUMN)
LINE, TALLEST = 14.0, 400.0  # points; a spreadsheet takes 409
LONGEST = 32_000  # characters of a cell, which holds 32,767
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # ECMA-376 part 1, 22.9.2.19: it would be read as a character
_PLACE_COLUMN = 3
_SIDES = ("left", "right", "top", "bottom")
_BORDER = "".join(f"<{side} style='thin'><color rgb='FFD5DBE1'/></{side}>" for side in _SIDES)
_WRAPPED = "<alignment vertical='top' wrapText='1'/>"


@lru_cache(maxsize=2048)  # remedies, rules and severities come back from line to line, and from unit to unit
def safe(text: str) -> str:
    """The text as a cell may hold it: writable, of a length that fits, and no formula."""
    return disarm(clean(text))[:LONGEST]


def joined(names: tuple[str, ...]) -> str:
    """Ids of one line in one cell, space between; as many as fit."""
    text = " ".join(names)
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0]


def _looks(styles: Styles, font: str) -> dict[str, int]:
    def words(size: int, extra: str = "") -> str:
        return f"<font>{extra}<sz val='{size}'/><color rgb='FF1F2933'/><name val='{font}'/></font>"

    def solid(colour: str) -> str:
        colours = f"<fgColor rgb='{colour}'/><bgColor indexed='64'/>"
        return f"<fill><patternFill patternType='solid'>{colours}</patternFill></fill>"

    border = f"<border>{_BORDER}<diagonal/></border>"
    centred = "<alignment horizontal='center' vertical='top' wrapText='1'/>"
    link = f"<font><u/><sz val='10'/><color rgb='FF12436D'/><name val='{font}'/></font>"
    heading = f"<font><b/><sz val='10'/><color rgb='FFFFFFFF'/><name val='{font}'/></font>"
    looks = {
        "title": styles.made(font=words(14, "<b/>"), inside="<alignment vertical='center'/>"),
        "line": styles.made(font=words(10), inside="<alignment vertical='top'/>"),
        "heading": styles.made(
            font=heading, fill=solid("FF12436D"), border=border, inside="<alignment vertical='center' wrapText='1'/>"
        ),
        "text": styles.made(font=words(10), border=border, inside=_WRAPPED),
        "number": styles.made(font=words(10), border=border, inside=centred),
        "link": styles.made(font=link, border=border, inside=_WRAPPED),
        "open": styles.made(
            font=words(10), fill=solid("FFFFFBEA"), border=border, inside=_WRAPPED + "<protection locked='0'/>"
        ),
        "closed": styles.made(font=words(10), fill=solid("FFF1F3F5"), border=border, inside=_WRAPPED),
    }
    for kind, colour in FILLS.items():
        looks[kind] = styles.made(font=words(10), fill=solid(colour), border=border, inside=centred)
    return looks


def _cell(row: int, column: int, style: int, text: str) -> str:
    place = f"{column_letter(column)}{row}"
    if not text:
        return f'<c r="{place}" s="{style}"/>'
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{_written(text)}</t></is></c>'


@lru_cache(maxsize=2048)
def _written(text: str) -> str:
    return escape(_ESCAPE.sub("_x005F_", text))


def _row(row: int, cells: Iterator[str] | list[str], extra: str = "") -> str:
    return f'<row r="{row}"{extra}>{"".join(cells)}</row>'


def cells_of(number: int, entry: Entry) -> tuple[str, ...]:
    """The texts of a line, the hidden ones last."""
    texts = (entry.severity, entry.place, entry.problem, entry.remedy, entry.rule, entry.explanation)
    return (str(number), *map(safe, texts), joined(entry.finding_ids), joined(entry.subjects), joined(entry.places))


def height(texts: Sequence[str]) -> float:
    """Points of a row in which the texts of the seen columns can be read whole; programs differ in fitting it."""
    return min(TALLEST, max(map(_lines_of, texts, WIDTHS)) * LINE + 4)


@lru_cache(maxsize=2048)
def _lines_of(text: str, width: int) -> int:
    return sum(-(-max(1, text_width(line)) // (width - 1)) for line in text.split("\n"))


def _line(row: int, number: int, entry: Entry, looks: dict[str, int]) -> str:
    names = ("number", entry.kind, "link" if entry.sheet else "text", "text", "text", "number")
    last = "open" if entry.is_open else "closed"
    styles = (*names, last, *("text",) * len(HIDDEN_COLUMNS))
    texts = cells_of(number, entry)
    cells = [_cell(row, i, looks[s], t) for i, (s, t) in enumerate(zip(styles, texts, strict=True), 1)]
    return _row(row, cells, f' ht="{height(texts)}" customHeight="1"')


def _link(row: int, entry: Entry) -> str:
    title = entry.sheet.replace("'", "''")
    target = quoteattr(f"'{title}'!{entry.cell or 'A1'}")
    shown = quoteattr(safe(entry.place)[:255])
    return f'<hyperlink ref="{column_letter(_PLACE_COLUMN)}{row}" location={target} display={shown}/>'


def feedback_xml(sheet: FeedbackSheet, styles: Styles) -> bytes:
    """The worksheet part. Texts are inline, so that the workbook's own strings stay as they are."""
    looks = _looks(styles, sheet.font)
    rows = [_row(1, [_cell(1, 1, looks["title"], safe(sheet.title))], ' ht="26" customHeight="1"')]
    rows.extend(_row(n, [_cell(n, 1, looks["line"], safe(line))]) for n, line in enumerate(sheet.lines, 2))
    top = len(sheet.lines) + 3
    headings = (*sheet.headings, *HIDDEN_COLUMNS)
    rows.append(_row(top, [_cell(top, i, looks["heading"], safe(h)) for i, h in enumerate(headings, 1)]))
    rows.extend(_line(top + n, n, entry, looks) for n, entry in enumerate(sheet.entries, 1))
    if not sheet.entries:
        rows.append(_row(top + 1, [_cell(top + 1, 1, looks["line"], safe(sheet.empty))]))
    links = [_link(top + n, entry) for n, entry in enumerate(sheet.entries, 1) if entry.sheet]
    tab = FILLS[MUST][2:] if any(e.kind == MUST for e in sheet.entries) else "FFEDA3"
    widths = [*((width, "") for width in WIDTHS), *((9, ' hidden="1"') for _ in HIDDEN_COLUMNS)]
    columns = [
        f'<col min="{i}" max="{i}" width="{width}"{hidden} customWidth="1"/>'
        for i, (width, hidden) in enumerate(widths, 1)
    ]
    return "".join(
        (
            f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{MAIN}"><sheetPr>'
            f'<tabColor rgb="FF{tab}"/><pageSetUpPr fitToPage="1"/></sheetPr><sheetViews><sheetView showGridLines="0" '
            f'tabSelected="1" workbookViewId="0"><pane ySplit="{top}" topLeftCell="A{top + 1}" activePane="bottomLeft" '
            f'state="frozen"/><selection pane="bottomLeft" activeCell="A{top + 1}" sqref="A{top + 1}"/></sheetView>'
            f'</sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>{"".join(columns)}</cols><sheetData>',
            *rows,
            "</sheetData>",
            f"<hyperlinks>{''.join(links)}</hyperlinks>" if links else "",
            '<pageMargins left="0.5" right="0.5" top="0.6" bottom="0.6" header="0.3" footer="0.3"/>'
            '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/></worksheet>',
        )
    ).encode()
