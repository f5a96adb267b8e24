"""The signature page of a form: printed once the form is filled in, signed, sealed, scanned and sent along.

Its totals and its code are formulas over the sheets of the same workbook, so that what is signed is what is sent.
Belongs here: layout and formulas. Does not: which totals (expectations/signature.yaml), modules (live_code.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from assets.intake.forms import SIGNATURE_SHEET
from expectations.signature import DIGITS, MOST, SignedTotal, code_start, signed_totals
from reports.blank.book import A4, FAINT, HEADING_ROW, NAVY, PROTECTION, RULE, Blank
from reports.blank.live_code import BITS, LiveCode, live_code

LAST_ROW = 20_000  # of a sheet that is counted; a form has room for 250 rows and may be given more
MODULE = 5  # pixels of a side: 1.3 mm on paper, eight dots at 150 dpi
QUIET = 4  # modules that stay white on every side (ISO/IEC 18004)
LABEL, VALUE = 0, 1  # columns; the code stands to the right of both
FIRST_MODULE = 2
NOTHING = ("无", "/", "-", "—", "／", "－")  # a cell with one of them alone says nothing (system.md, Values)
_LABEL_PIXELS, _VALUE_PIXELS, _LINE = 150, 230, 26
_WIDEST = 45  # modules across, code and quiet zone, that the page's width is made for
_ROOM = 60  # rows of a module's height for signature, seal and date: 79 mm, of which 46 for a seal of 42 at most


def signature_page(blank: Blank) -> None:
    """Add the page to a form whose sheets are written."""
    sheet, wording = blank.book.add_worksheet(SIGNATURE_SHEET), blank.wording
    totals = signed_totals(blank.catalogue, blank.form.key)
    start = code_start(blank.catalogue.form_version, blank.form.key, blank.unit.code, blank.period)
    code = live_code(start, len(totals) * DIGITS)
    across = max(code.size + 2 * QUIET, _WIDEST)
    last = FIRST_MODULE + across - 1
    sheet.hide_gridlines(2)
    sheet.set_column_pixels(LABEL, LABEL, _LABEL_PIXELS)
    sheet.set_column_pixels(VALUE, VALUE, _VALUE_PIXELS)
    sheet.set_column_pixels(FIRST_MODULE, last, MODULE)
    title = blank.format(bold=True, font_size=16, font_color=NAVY, align="center")
    sheet.merge_range(0, 0, 0, last, wording.say("signature_title"), title)
    sheet.set_row_pixels(0, 40)
    subtitle = blank.format(font_size=11, font_color=FAINT, align="center", text_wrap=True)
    sheet.merge_range(1, 0, 1, last, blank.form.title, subtitle)
    row = _lines(blank, sheet, 3, last)
    at = {total: (row + 1 + n, VALUE) for n, total in enumerate(totals)}
    row = _totals(blank, sheet, row, last, at)
    statement = blank.format(text_wrap=True, font_size=11)
    sheet.merge_range(row, 0, row, last, wording.say("signature_statement"), statement)
    sheet.set_row_pixels(row, 44)
    row += 2
    height = max(code.size + 2 * QUIET, _ROOM)
    hidden = row + height + 4
    for line in range(row, row + height):
        sheet.set_row_pixels(line, MODULE)
    _sign_here(blank, sheet, row, height)
    _code(blank, sheet, code, (row + QUIET, FIRST_MODULE + QUIET), hidden, [_count(blank, t) for t in totals])
    row += height
    joined = "&".join(f'TEXT(MIN({xl_rowcol_to_cell(*at[t])},{MOST}),"{"0" * DIGITS}")' for t in totals)
    told = start + "".join(f"{_count(blank, total):0{DIGITS}d}" for total in totals)
    small = blank.format(font_size=8, font_color=FAINT, align="right")
    sheet.merge_range(row, 0, row, last, "", small)
    sheet.write_formula(row, 0, f'="{start}"&{joined}', small, told)
    row += 1
    advice = blank.format(font_size=9, font_color=FAINT, text_wrap=True, valign="top")
    where = wording.say("send_to", mailbox=blank.sending.mailbox) if blank.sending.mailbox else ""
    text = wording.say("signature_advice", deadline=blank.sending.deadline) + where
    sheet.merge_range(row, 0, row, last, text, advice)
    sheet.set_row_pixels(row, 72)
    _digits(sheet, hidden, [xl_rowcol_to_cell(*at[total]) for total in totals], [_count(blank, t) for t in totals])
    sheet.protect("", PROTECTION)
    sheet.set_paper(A4)
    sheet.set_portrait()
    sheet.set_margins(left=0.7, right=0.7, top=0.7, bottom=0.7)
    sheet.center_horizontally()
    sheet.fit_to_pages(1, 1)
    sheet.print_area(0, 0, row, last)


def _count(blank: Blank, total: SignedTotal) -> int:
    """A total of the rows that the form is sent out with."""
    values = [row.get(total.column) for row in blank.written.get(total.sheet, ())]
    return sum(value == total.code if total.code else bool(value) for value in values)


def _lines(blank: Blank, sheet: Worksheet, row: int, last: int) -> int:
    """Who reports on what; the row after them. What the cover says is taken from there."""
    wording, form = blank.wording, blank.form
    label = blank.format(border=1, border_color=RULE, bold=True)
    value = blank.format(border=1, border_color=RULE, align="left")
    known = {
        "unit_code": blank.unit.code, "unit_name": blank.unit.name, "period": blank.period,
        "form_version": blank.catalogue.form_version,
    }  # fmt: skip
    for key in ("unit_name", "unit_code", "period", "form_version", "prepared_by", "phone"):
        number = next(n for n, column in enumerate(form.cover) if column.key == key)
        sheet.set_row_pixels(row, _LINE)
        sheet.write_string(row, LABEL, wording.heading("cover", form.cover[number]), label)
        sheet.merge_range(row, VALUE, row, last, "", value)
        if key in known:
            sheet.write_string(row, VALUE, known[key], value)
        else:
            cell = f"'{form.cover_title}'!{xl_rowcol_to_cell(HEADING_ROW + number, 1, row_abs=True, col_abs=True)}"
            sheet.write_formula(row, VALUE, f'=IF(TRIM({cell})="","",{cell})', value, blank.before.cover.get(key, ""))
        row += 1
    return row


def _totals(blank: Blank, sheet: Worksheet, row: int, last: int, at: dict[SignedTotal, tuple[int, int]]) -> int:
    """The totals as formulas; the row after them."""
    head = blank.format(bold=True, bg_color=NAVY, font_color="#FFFFFF", border=1, border_color=RULE)
    sheet.set_row_pixels(row, _LINE)
    sheet.write_string(row, LABEL, blank.wording.say("signature_totals"), head)
    sheet.merge_range(row, VALUE, row, last, blank.wording.say("signature_number"), head)
    label, value = blank.format(border=1, border_color=RULE), blank.format(border=1, border_color=RULE, align="left")
    sheets = {s.key: s for s in blank.form.sheets}
    for total, (line, column) in at.items():
        sheet.set_row_pixels(line, _LINE)
        sheet.write_string(line, LABEL, total.title[blank.wording.lang], label)
        sheet.merge_range(line, column, line, last, "", value)
        form = sheets[total.sheet]
        place = [c.key for c in form.columns].index(total.column)
        cells = f"'{form.title}'!{xl_range_abs(HEADING_ROW + 1, place, LAST_ROW - 1, place)}"
        sheet.write_formula(line, column, counted(cells, total.code), value, _count(blank, total))
    return row + len(at) + 2


def counted(cells: str, code: str) -> str:
    """The formula that counts the cells of a range that say something, or, with a code, say that."""
    if code:
        return f'=SUMPRODUCT(--(SUBSTITUTE({cells}," ","")="{code}"))'
    nothing = ",".join(f'"{word}"' for word in NOTHING)
    return f"=SUMPRODUCT((LEN(TRIM({cells}))>0)*ISNA(MATCH(TRIM({cells}),{{{nothing}}},0)))"


def _sign_here(blank: Blank, sheet: Worksheet, row: int, height: int) -> None:
    """Room for the signature, the seal and the date, left of the code."""
    parts = (("sign_manager", 3), ("sign_seal", 7), ("sign_date", 2))
    whole = sum(share for _, share in parts)
    label = blank.format(border=1, border_color=RULE, bold=True, text_wrap=True, font_size=11)
    room = blank.format(border=1, border_color=RULE, font_color=FAINT, align="center", valign="bottom", font_size=9)
    top = row
    for n, (key, share) in enumerate(parts, 1):
        bottom = row + height - 1 if n == len(parts) else top + height * share // whole - 1
        sheet.merge_range(top, LABEL, bottom, LABEL, blank.wording.say(key), label)
        told = "" if key == "sign_manager" else blank.wording.say(f"{key}_room")
        sheet.merge_range(top, VALUE, bottom, VALUE, told, room)
        top = bottom + 1


def _code(
    blank: Blank, sheet: Worksheet, code: LiveCode, place: tuple[int, int], hidden: int, totals: Sequence[int]
) -> None:
    """The code: black cells that stay, and cells that are black where the bits in the hidden rows say so."""
    top, left = place
    black, unseen = blank.format(bg_color="#000000", num_format=";;;"), blank.format(num_format=";;;")
    now = code.with_digits([int(figure) for total in totals for figure in f"{min(total, MOST):0{DIGITS}d}"])
    for r, line in enumerate(code.dark):
        for c, dark in enumerate(line):
            bits = code.turned.get((r, c))
            if bits:
                added = "+".join([*(["1"] if dark else []), *(_bit_cell(hidden, bit) for bit in bits)])
                sheet.write_formula(top + r, left + c, f"=MOD({added},2)", unseen, int(now[r][c]))
            elif dark:
                sheet.write_blank(top + r, left + c, None, black)
    last = (top + code.size - 1, left + code.size - 1)
    rule: dict[str, Any] = {"type": "cell", "criteria": "==", "value": 1, "format": blank.format(bg_color="#000000")}
    sheet.conditional_format(top, left, *last, rule)


def _bit_cell(hidden: int, bit: int) -> str:
    """Where a bit stands: a row for each total, its digits first and then their bits."""
    total, within = divmod(bit, DIGITS * BITS)
    return xl_rowcol_to_cell(hidden + total, DIGITS + within)


def _digits(sheet: Worksheet, hidden: int, cells: Sequence[str], totals: Sequence[int]) -> None:
    """The totals as decimal digits and their bits, in hidden rows."""
    for n, (cell, total) in enumerate(zip(cells, totals, strict=True)):
        row = hidden + n
        sheet.set_row(row, None, None, {"hidden": True})
        for place in range(DIGITS):
            power = 10 ** (DIGITS - 1 - place)
            digit = min(total, MOST) // power % 10
            sheet.write_formula(row, place, f"=MOD(INT(MIN({cell},{MOST})/{power}),10)", None, digit)
            mine = xl_rowcol_to_cell(row, place)
            for bit in range(BITS):
                weight = 2 ** (BITS - 1 - bit)
                at = DIGITS + place * BITS + bit
                sheet.write_formula(row, at, f"=MOD(INT({mine}/{weight}),2)", None, digit // weight % 2)
