"""The blank forms of one unit and month: hard to fill in wrongly, made from what they are checked by.

Belongs here: workbooks with XlsxWriter, and writing them for many units. Does not: what a cell takes (cells.py),
the signature page (signature_page.py), headings, code lists and items (expectations/), instructions (blank_forms.yaml),
reading forms (assets/intake/forms.py).
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from assets.instance.periods import Deadline, preceding
from assets.instance.register import Register, Unit
from assets.instance.warehouse import Warehouse, model
from assets.instance.workers import in_order
from expectations.catalogue import Catalogue, Column, SheetForm, clauses
from reports.blank.book import (
    A4,
    BLUE,
    FAINT,
    GREY,
    HEADING_ROW,
    MISSING,
    NAVY,
    PROTECTION,
    RULE,
    Before,
    Blank,
    Sending,
)
from reports.blank.cells import Wording, choices, lacks
from reports.blank.signature_page import signature_page
from reports.feedback.folders import safe_name
from reports.forms.xlsx_book import disarm, text_width
from reports.text.deadline import deadline_in_words
from reports.text.formats import clean

ROWS = 250  # open rows of a table whose rows are not known beforehand
NOTE_SHEET = "填表说明"  # ours: ignored on the way in (assets/intake/forms.py)
FEW = 8  # units for which no worker processes are started
WIDTHS = {"date": 13, "datetime": 18, "int": 11, "percent": 11, "phone": 15, "ip": 20, "url": 26, "ports": 16}
FROZEN = 2  # columns that stay in sight, and stand on every page
WIDEST = 44  # characters of a column
CHARACTER = 1.87  # millimetres of a digit's width in a column (7 pixels)
PAGE = 277.0  # millimetres across a landscape A4 within its margins
LEGIBLE = 0.7  # of its size: 10 points become 7; a sheet that is wider goes on more pages
STAYS = ("prepared_by", "phone", "manager")  # of a cover, from month to month
_MADE = datetime(2000, 1, 1)  # the same bytes whenever it is made
_CONFIRMED = {  # what the unit says anew of a row that is carried over, by sheet
    "rectification": ("status", "closed_on", "effective"),
    "incidents": ("resolved_at", "cause", "reviewed", "improvement"),
    "agreements": (),
}


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A row that is there from the start: values by column, which of them stay, its clauses that hold, and a note."""

    values: Mapping[str, Any]
    locked: frozenset[str]
    holds: frozenset[str] = frozenset()
    note: tuple[str, str] | None = None  # column and text
    small: Mapping[str, str] = field(default_factory=dict)  # what stands small below a value


def blank_forms(
    unit: Unit,
    period: str,
    catalogue: Catalogue,
    register: Register,
    before: Before | None = None,
    *,
    deadline: Deadline | None = None,
    mailbox: str = "",
    lang: str = "zh",
) -> dict[str, bytes]:
    """Every annex for one unit and month, by file name.

    `before` is what earlier returns say of the unit; `mailbox` is where to send the forms, "" where nobody knows.
    Headings and codes are Chinese in every `lang`, as on paper; instructions and messages are in that language.
    """
    catalogue = catalogue.of_month(period)
    wording = Wording(catalogue, lang, period)
    sending = Sending(deadline_in_words((deadline or Deadline()).cutoff(period), lang), mailbox)
    files: dict[str, bytes] = {}
    for form in catalogue.forms:
        stem = wording.say("file", hint=form.file_hint, unit=unit.name, period=period)
        file = io.BytesIO()
        options = {
            "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        }  # fmt: skip
        with xlsxwriter.Workbook(file, options) as book:
            book.set_properties({"title": form.title, "created": _MADE})
            blank = Blank(book, form, unit, period, catalogue, wording, before or Before(), sending)
            _cover(blank)
            for sheet in form.sheets:
                _table(blank, sheet, list(_known_rows(sheet, blank, register)))
            signature_page(blank)
            _notes(blank)
        files[safe_name(stem, ".xlsx", files)] = file.getvalue()
    return files


# ---------------------------------------------------------------------------------------------------------- the cover
def _cover(blank: Blank) -> None:
    """Labels and values. Nothing may stand right of a value: intake would take it for one."""
    sheet, wording, columns = blank.book.add_worksheet(blank.form.cover_title), blank.wording, blank.form.cover
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 44)
    sheet.write_string(0, 0, blank.form.title, blank.format(bold=True, font_size=14, font_color=NAVY))
    sheet.write_string(1, 0, wording.say("cover_lead"), blank.format(font_color=FAINT))
    known = {
        "unit_code": blank.unit.code,
        "unit_name": blank.unit.name,
        "period": blank.period,
        "form_version": blank.catalogue.form_version,
    }
    label = {"bold": True, "border": 1, "border_color": RULE, "bg_color": BLUE}
    for row, column in enumerate(columns, HEADING_ROW):
        sheet.set_row(row, 22)
        star = "*" if column.required == "always" else ""
        sheet.write_string(row, 0, column.zh + star, blank.format(**label))
        _comment(sheet, row, 0, wording.hint("cover", column, columns))
        value = known.get(column.key)
        look = blank.cell(column, locked=value is not None, align="left")
        if value is None:
            if last := blank.before.cover.get(column.key):
                sheet.write_string(row, 1, disarm(clean(last)), look)
            else:
                sheet.write_blank(row, 1, None, look)
            blank.guard(sheet, "cover", column, columns, (row, row), 1)
            cell = xl_rowcol_to_cell(row, 1)
            _mark_missing(blank, sheet, (row, 1, row, 1), lacks(cell, column, "$A$1", lambda key: "$A$1"))
        else:
            sheet.write_string(row, 1, value, look)
    sheet.protect("", PROTECTION)
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, HEADING_ROW + len(columns) - 1, 1)
    sheet.activate()


def _comment(sheet: Worksheet, row: int, column: int, text: str) -> None:
    lines = sum(1 + text_width(line) // 36 for line in text.split("\n"))
    sheet.write_comment(row, column, text, {"width": 260, "height": 24 + 17 * lines, "font_size": 9, "author": ""})


def _mark_missing(blank: Blank, sheet: Worksheet, place: tuple[int, int, int, int], formula: str | None) -> None:
    if formula:
        fill = blank.format(bg_color=MISSING)
        sheet.conditional_format(*place, {"type": "formula", "criteria": formula, "format": fill})


# --------------------------------------------------------------------------------------------------------- the tables
def _known_rows(sheet: SheetForm, blank: Blank, register: Register) -> Iterator[Prefilled]:
    """The rows that a sheet is sent out with: the unit's checklist items, the indicators, and what earlier returns left
    open or in force.
    """
    wording, unit, before = blank.wording, blank.unit, blank.before
    glossary, lang = wording.glossary, wording.lang
    if sheet.key == "self_check":
        protected = blank.period in register.protection_periods
        for item in blank.catalogue.items_for(unit.kind, unit.services, protected, blank.period):
            source, place = re.split(r",?\s+", item.basis, maxsplit=1)
            named = glossary["sources"].get(source, {lang: source})[lang]
            basis = wording.say("basis", source=named, place=place)
            target = "" if item.target is None else wording.say("target", target=f"{item.target:g}%")
            text = wording.item(item)
            checker = {"checked_by": before.checked_by} if before.checked_by else {}
            yield Prefilled(
                {"item_code": item.code, "item_text": text, **checker},
                frozenset({"item_code", "item_text"}),
                frozenset({"target"} if target else ()),
                small={"item_text": "　".join(filter(None, (basis, target)))},
            )
    elif sheet.key == "indicators":
        for indicator in blank.catalogue.indicators:
            is_ratio = indicator.kind == "ratio"
            target = wording.say("target", target=f"{indicator.target:g}%") if is_ratio else ""
            name = wording.indicator(indicator)
            yield Prefilled(
                {"indicator_code": indicator.code, "indicator_name": name},
                frozenset({"indicator_code", "indicator_name"} | (set() if is_ratio else {"denominator"})),
                frozenset({"ratio"} if is_ratio else ()),
                small={"indicator_name": target},
            )
    else:
        carried = {"rectification": before.problems, "incidents": before.incidents, "agreements": before.agreements}
        for row in carried.get(sheet.key, ()):
            values = {c.key: row.get(c.key) for c in sheet.columns if c.key not in _CONFIRMED[sheet.key]}
            note = (
                ("status", wording.say("carried_note", status=row["status"])) if sheet.key == "rectification" else None
            )
            yield Prefilled(values, frozenset(sheet.key_columns), note=note)


def _is_listed(sheet: SheetForm) -> bool:
    """Whether all rows of a sheet are known beforehand."""
    return sheet.key in ("self_check", "indicators")


def _table(blank: Blank, form: SheetForm, rows: Sequence[Prefilled]) -> None:
    sheet = blank.book.add_worksheet(form.title)
    sheet.hide_gridlines(2)
    first, last = HEADING_ROW + 1, HEADING_ROW + (len(rows) if _is_listed(form) else ROWS)
    widths = [_width(column, rows) for column in form.columns]
    _head(blank, sheet, form, rows)
    for at, column in enumerate(form.columns):
        sheet.set_column(at, at, widths[at])
        look = blank.cell(column, locked=False)
        for row in range(first + len(rows), last + 1):
            sheet.write_blank(row, at, None, look)
        if last >= first:
            blank.guard(sheet, form.key, column, form.columns, (first, last), at)
            _mark_column(blank, sheet, form, rows, at, (first, last))
    blank.written[form.key] = [known.values for known in rows]
    for row, known in enumerate(rows, first):
        _row(blank, sheet, form, row, known, widths)
    if _is_listed(form):
        at = [c.key for c in form.columns].index(form.key_columns[0])
        blank.listed[form.key_columns[0]] = f"='{form.title}'!{xl_range_abs(first, at, last, at)}"
    sheet.freeze_panes(first, FROZEN)
    sheet.protect("", PROTECTION)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(pages_across(widths), 0)
    sheet.repeat_rows(HEADING_ROW)
    sheet.repeat_columns(0, FROZEN - 1)
    sheet.print_across()
    sheet.set_footer(f"&L&A&C{blank.unit.name.replace('&', '&&')} {blank.period}&R&P / &N")


def pages_across(widths: Sequence[int]) -> int:
    """How many pages a table of such columns (in characters) takes so that it can be read; the first stand on each."""
    repeated = sum(widths[:FROZEN]) * CHARACTER * LEGIBLE
    rest = sum(widths[FROZEN:]) * CHARACTER * LEGIBLE
    return max(1, math.ceil(rest / (PAGE - repeated)))


def _head(blank: Blank, sheet: Worksheet, form: SheetForm, rows: Sequence[Prefilled]) -> None:
    """Title, instructions and headings."""
    wording = blank.wording
    sheet.write_string(0, 0, form.title, blank.format(bold=True, font_size=14, font_color=NAVY))
    grey = blank.format(font_color=FAINT)
    sheet.write_string(1, 0, wording.say("table_lead"), grey)
    leads = []
    if form.nil_flag:
        flag = next(c.zh for c in blank.form.cover if c.key == form.nil_flag)
        leads.append(wording.say("nil_lead", cover=blank.form.cover_title, flag=flag))
    if _is_listed(form):
        leads.append(wording.say("listed_lead"))
    elif rows:
        leads.append(wording.say(f"carried_{form.key}", n=len(rows)))
    if blank.form.optional:
        leads.append(wording.say("register_lead"))
    sheet.write_string(2, 0, " ".join(leads), grey)
    sheet.set_row(HEADING_ROW, 32)
    base = {"bold": True, "border": 1, "border_color": RULE, "text_wrap": True, "align": "center"}
    looks = {
        "always": blank.format(**base, bg_color=NAVY, font_color="#FFFFFF"),
        "when": blank.format(**base, bg_color=BLUE),
        "never": blank.format(**base, bg_color=GREY),
    }
    for at, column in enumerate(form.columns):
        star = "*" if column.required == "always" else ""
        sheet.write_string(HEADING_ROW, at, column.zh + star, looks[column.required.partition(":")[0]])
        _comment(sheet, HEADING_ROW, at, wording.hint(form.key, column, form.columns))


def _width(column: Column, rows: Sequence[Prefilled]) -> int:
    """Characters of a column: what its heading needs, what may be chosen in it, and what it is sent out with."""
    told = max((text_width(str(r.values[column.key])) for r in rows if r.values.get(column.key)), default=0)
    listed = max((text_width(c) for c in choices(column)), default=0)
    usual = 34 if (column.max_len or 0) > 100 else 18 if column.type == "text" else WIDTHS.get(column.type, 14)
    return max(min(18, text_width(column.zh) + 4), usual, min(24, listed + 4), min(WIDEST, told + 2))


def _mark_column(
    blank: Blank, sheet: Worksheet, form: SheetForm, rows: Sequence[Prefilled], at: int, extent: tuple[int, int]
) -> None:
    """Colour the cells of a column that still lack something."""
    keys = [c.key for c in form.columns]
    column = form.columns[at]
    told = [i for i, key in enumerate(keys) if key != "seq"]
    known = {c.kind for c in clauses(column.required)} & {"target", "ratio"}
    for first, last in _runs(rows, known, extent) if known else [extent]:

        def cell_of(key: str, row: int = first) -> str:
            return xl_rowcol_to_cell(row, keys.index(key), col_abs=True)

        filled = f"{xl_rowcol_to_cell(first, told[0], col_abs=True)}:{xl_rowcol_to_cell(first, told[-1], col_abs=True)}"
        formula = lacks(cell_of(column.key), column, filled, cell_of)
        _mark_missing(blank, sheet, (first, at, last, at), formula)


def _runs(rows: Sequence[Prefilled], wanted: set[str], extent: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The stretches of known rows in which the wanted clauses hold."""
    start: int | None = None
    for row, known in enumerate([*rows, None], extent[0]):
        holds = known is not None and wanted <= known.holds
        if holds and start is None:
            start = row
        elif not holds and start is not None:
            yield start, row - 1
            start = None


def _row(blank: Blank, sheet: Worksheet, form: SheetForm, row: int, known: Prefilled, widths: Sequence[int]) -> None:
    """Write one of the rows that are known beforehand."""
    lines = 1
    for at, column in enumerate(form.columns):
        value = known.values.get(column.key)
        look = blank.cell(column, locked=column.key in known.locked)
        small = known.small.get(column.key, "")
        if value is None:
            sheet.write_blank(row, at, None, look)
        elif isinstance(value, bool):
            sheet.write_string(row, at, choices(column)[0 if value else 1], look)
        elif isinstance(value, datetime) or hasattr(value, "toordinal"):
            sheet.write_datetime(row, at, value, look)
        elif isinstance(value, str) and small:
            plain, grey = blank.format(), blank.format(font_size=8, font_color="#6B7785")
            sheet.write_rich_string(row, at, plain, f"{value}\n", grey, small, look)
        elif isinstance(value, str):
            sheet.write_string(row, at, disarm(clean(value)), look)
        else:
            sheet.write(row, at, value, look)
        if isinstance(value, str):
            told = (*value.split("\n"), *([small] if small else []))
            lines = max(lines, sum(-(-max(1, text_width(line)) // (widths[at] - 1)) for line in told))
    sheet.set_row(row, max(18, 14 * lines + 4))
    if known.note:
        _comment(sheet, row, [c.key for c in form.columns].index(known.note[0]), known.note[1])


# ------------------------------------------------------------------------------------------------------ the note sheet
def _notes(blank: Blank) -> None:
    """How to fill in the form, and what every column takes."""
    sheet, wording = blank.book.add_worksheet(NOTE_SHEET), blank.wording
    sheet.hide_gridlines(2)
    for at, width in enumerate((18, 26, 46, 70)):
        sheet.set_column(at, at, width)
    sheet.write_string(0, 0, wording.say("notes_title"), blank.format(bold=True, font_size=14, font_color=NAVY))
    row = 2
    where = wording.say("send_to", mailbox=blank.sending.mailbox) if blank.sending.mailbox else ""
    for n, line in enumerate(wording.lines("notes", deadline=blank.sending.deadline, where=where), 1):
        sheet.write_string(row, 0, f"{n}. {line}", blank.format())
        row += 1
    row += 1
    frame = {"border": 1, "border_color": RULE, "text_wrap": True, "valign": "top"}
    head = blank.format(**{**frame, "bold": True, "bg_color": NAVY, "font_color": "#FFFFFF"})
    for at, title in enumerate(wording.lines("notes_columns")):
        sheet.write_string(row, at, title, head)
    sheet.repeat_rows(row)
    text = blank.format(**frame)
    parts = [
        ("cover", blank.form.cover_title, blank.form.cover),
        *((s.key, s.title, s.columns) for s in blank.form.sheets),
    ]
    for key, title, columns in parts:
        for column in columns:
            row += 1
            told = (
                title, wording.heading(key, column), wording.required(key, column, columns), wording.wants(key, column),
            )  # fmt: skip
            for at, words in enumerate(told):
                sheet.write_string(row, at, words, text)
    sheet.protect("", PROTECTION)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)


# ------------------------------------------------------------------------------------------------------ for many units
LOOKED_INTO = (
    "core.submissions",
    "marts.agreement_register",
    "marts.agreements",
    "marts.incident_register",
    "marts.incidents",
    "marts.problems",
    "marts.self_check",
)
"""The tables that sql/templates looks into: all of them are there once a month was settled."""


def known_before(warehouse: Warehouse, period: str) -> dict[str, Before]:
    """What earlier returns say of each unit (sql/templates); nothing before the home's first run."""
    if not all(map(warehouse.exists, LOOKED_INTO)):
        return {}

    def by_unit(name: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        parameters = {"period": period, "previous": preceding(period)}
        for row in warehouse.rows(model(f"templates/{name}"), parameters):
            found.setdefault(row["unit_code"], []).append(row)
        return found

    problems, incidents, agreements = map(by_unit, ("open_problems", "open_incidents", "agreements_in_force"))
    covers, checkers = by_unit("last_covers"), by_unit("last_checkers")
    units = {*problems, *incidents, *agreements, *covers, *checkers}
    return {
        unit: Before(
            problems=problems.get(unit, ()),
            incidents=incidents.get(unit, ()),
            agreements=agreements.get(unit, ()),
            cover=_staying(covers[unit][0]["cover"]) if unit in covers else {},
            checked_by=checkers[unit][0]["checked_by"] if unit in checkers else "",
        )
        for unit in units
    }


def _staying(cover: str) -> dict[str, str]:
    """The fields of a cover (core.submissions) that stay from month to month."""
    fields = json.loads(cover)
    return {key: value for key in STAYS if (value := fields.get(key, {}).get("value"))}


def write_templates(
    period: str,
    units: Sequence[Unit],
    out: Path,
    catalogue: Catalogue,
    register: Register,
    before: Mapping[str, Before],
    *,
    deadline: Deadline | None = None,
    mailbox: str = "",
    lang: str = "zh",
) -> Iterator[tuple[Unit, list[Path]]]:
    """Write the blank forms of units active in the month into `out/<unit code>/`; what was written, unit by unit.

    `before` as `known_before` gives it. Many units are written on all cores.
    """
    tasks = ((unit, period, out, register, before.get(unit.code), deadline, mailbox, lang) for unit in units)
    if len(units) <= FEW:
        _start(catalogue)
        yield from map(_write, tasks)
        return
    numbered = enumerate(tasks)
    yield from (written for _, written in in_order(_write, numbered, [__name__], _start, (catalogue,)))


_catalogue: Catalogue | None = None


def _start(catalogue: Catalogue) -> None:
    """Keep the catalogue in the worker process."""
    global _catalogue  # noqa: PLW0603 - a worker process is told once
    _catalogue = catalogue


def _write(
    task: tuple[Unit, str, Path, Register, Before | None, Deadline | None, str, str],
) -> tuple[Unit, list[Path]]:
    unit, period, out, register, before, deadline, mailbox, lang = task
    assert _catalogue is not None
    folder = out / safe_name(unit.code)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in blank_forms(
        unit, period, _catalogue, register, before, deadline=deadline, mailbox=mailbox, lang=lang
    ).items():
        path = folder / name
        temporary = folder / f".{name}"
        temporary.write_bytes(content)
        temporary.replace(path)
        written.append(path)
    return unit, written
