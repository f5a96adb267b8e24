"""Forms recognised in a workbook: which annexes it holds, what their covers say, and their rows cell by cell.

system.md, Mail (recognised by sheets) and Tables in a workbook. Belongs here: finding sheets, heading rows and
labels, and reading their cells as typed values that remember their place. Does not: opening files (workbooks/), which
rows are none (rows.py), whose form it is (assets/month/submissions.py), what the rules say of a value (expectations/).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

from assets.instance.limits import Limits
from assets.intake.fault import Fault
from assets.intake.headings import normalise_heading, normalise_title, whole_title
from assets.intake.rows import RowReader
from assets.intake.values import Reading, clean_text, reader
from assets.intake.workbooks.sheet import Cell, Sheet, Workbook
from expectations.catalogue import ALWAYS, Catalogue, Column, Form, SheetForm

HEADING_ROWS = 10
FEEDBACK_SHEET = "反馈"
SIGNATURE_SHEET = "签字盖章页"
# How the pages of a template begin that nothing is read from; the words are those of reports/blank/blank_forms.yaml.
OUR_PAGES = ("填表说明", "How to fill in this form", "网络安全报送签字盖章页", "Signature page")
SERVICE_SHEETS = frozenset({FEEDBACK_SHEET, SIGNATURE_SHEET, "填表说明", "说明"})  # ours
RESERVED_SHEET = "wpsreserved"  # how WPS begins the titles of hidden sheets of its own
EXPLANATION_COLUMNS = ("finding_id", "subject", "情况说明")
PLACE_COLUMN = "place"  # of each finding: rule|sheet|row|column
SEQUENCE = "seq"
COVER_LABELS = ("unit_code", "period")  # by which a cover is known whatever its title
MOST_NAMED = 3  # unknown sheets beside a missing one
MOST_HIDDEN = 200_000  # cells of a sheet under merged ranges that are remembered
COVER_ROWS = 1000  # in which its labels are looked for
MOST_TOLD = 500  # characters of a label and its value in one cell
LEAST_HINT = 3  # headings of a table, and half of the required ones, that hint at a form
ANNEX_NUMBERS = "〇一二三四五六七八九"
# 附件二, 附件（2）, 附件-02; 附件20 is another one.
_ANNEX = re.compile(r"附件[(\[【第#_.-]*(?:0*(?P<number>[1-9][0-9]*|[一二三四五六七八九](?![一二三四五六七八九十])))")
PICTURE = re.compile(r"=?(?:_xlfn\.)?DISPIMG\(", re.IGNORECASE)  # how WPS writes a picture in a cell
cached_reader = cache(reader)  # the values that repeat from form to form are read once a process


@cache
def column_letter(number: int) -> str:
    """The letters of a 1-based column: 1 is A, 27 is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass(slots=True)
class Table:
    """The rows of one sheet: per row its sheet row number, per column a list of values and of texts as entered.

    `columns` maps a column's key to (letter, heading as written). `error_cells` and `cleaned_cells` hold, per
    row, the keys of the columns with an error cell (WBK-04, WBK-08) or removed characters (GEN-06), None where none;
    `merged_cells` the keys of those that a merged range hides, each with the cell that shows it (`owner=M5`).
    `skipped` are the rows that are none, by what they are (rows.py).
    """

    sheet: SheetForm
    title: str
    columns: dict[str, tuple[str, str]]
    rows: list[int] = field(default_factory=list)
    values: dict[str, list[object]] = field(default_factory=dict)
    texts: dict[str, list[str | None]] = field(default_factory=dict)
    error_cells: list[list[str] | None] = field(default_factory=list)
    cleaned_cells: list[list[str] | None] = field(default_factory=list)
    merged_cells: list[list[str] | None] = field(default_factory=list)
    skipped: dict[str, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class RecognisedForm:
    """One annex found in a workbook. Cover values are Readings, `cover_cells` their places (A1)."""

    form: str
    cover: dict[str, Reading]
    cover_cells: dict[str, str]
    cover_title: str
    tables: list[Table]
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a unit says of a finding in its marked workbook; `subject` names the finding from month to month.

    `line` is the row of the sheet 反馈. Where the finding was is told by rule, sheet, row and column, "" and 0 in
    workbooks that were marked before it was.
    """

    finding_id: str
    subject: str
    text: str
    line: int = 0
    rule_id: str = ""
    sheet_key: str = ""
    row: int = 0
    column_key: str = ""


def _blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


class _Found(NamedTuple):
    """A sheet taken for a table or a cover; `by_title` where its title says so."""

    sheet: Sheet
    by_title: bool


def recognise(workbook: Workbook, file: str, catalogue: Catalogue, limits: Limits) -> list[RecognisedForm]:
    """The forms in a workbook, in the order of forms.yaml; none where no sheet is one that only a form has.

    A sheet is known by its title; where none has it, by its headings or labels (WBK-07). `file` is the attachment's
    displayed name, put into faults (WBK-01, -02, -03, -05, -07). Sheets of two forms in one workbook make two forms
    that share the cover.
    """
    taken: dict[int, str] = {}  # sheets of the workbook by their place, and what they are
    tables: dict[str, _Found] = {}
    titled = {s.key: _by_title(workbook.sheets, s.title) for f in catalogue.forms for s in f.sheets}
    covers = {f.key: _cover_by_title(workbook.sheets, f) for f in catalogue.forms}
    for key, at in titled.items():
        if at is not None:
            taken[at], tables[key] = key, _Found(workbook.sheets[at], True)
    others = [
        at
        for at, sheet in enumerate(workbook.sheets)
        if at not in taken and at not in covers.values() and not _is_our_page(sheet)
    ]
    rows = {at: _top_rows(workbook.sheets[at]) for at in others}
    for sheet_form in catalogue.sheets.values():
        always = _always(sheet_form)
        fits = (at for at in others if sheet_form.key not in tables and any(always <= row for row in rows[at]))
        if (at := next(fits, None)) is not None:
            others.remove(at)
            taken[at], tables[sheet_form.key] = sheet_form.key, _Found(workbook.sheets[at], False)
    present = [form for form in catalogue.forms if any(s.key in tables for s in form.sheets)]
    forms = []
    for form in present:
        at = covers[form.key]
        by_title = at is not None
        if at is None:
            at = next((at for at in others if _has_labels(workbook.sheets[at], form)), None)
        if at is not None:
            taken[at] = form.cover_title
        cover = None if at is None else _Found(workbook.sheets[at], by_title)
        forms.append(_read_form(form, cover, tables, workbook.epoch, file, limits))
    _tell_once(forms)
    if forms:
        left = (sheet for at, sheet in enumerate(workbook.sheets) if at not in taken)
        unknown = unknown_sheets(left, file)
        for found in forms:
            _name_instead(found.faults, unknown)
        forms[0].faults.extend(unknown)
    return forms


def _name_instead(faults: list[Fault], unknown: list[Fault]) -> None:
    """Let WBK-01 name the sheets that no form has: one of them may be the missing one under another title."""
    told = "、".join(f"“{fault.sheet}”" for fault in unknown[:MOST_NAMED])
    faults[:] = [replace(f, expected=told) if f.rule_id == "WBK-01" else f for f in faults]


def _tell_once(forms: list[RecognisedForm]) -> None:
    """Leave WBK-07 of a cover that two forms share with the first of them: one finding a sheet."""
    told: set[Fault] = set()
    for form in forms:
        form.faults[:] = [f for f in form.faults if f.rule_id != "WBK-07" or f not in told]
        told.update(form.faults)


def unknown_sheets(sheets: Iterable[Sheet], file: str) -> list[Fault]:
    """WBK-03 of sheets that no form has. Blank ones, ours, and those that WPS hides are left out."""
    return [
        Fault("WBK-03", file=file, sheet=sheet.title, column=sheet.title, value=sheet.title)
        for sheet in sheets
        if whole_title(sheet.title) not in SERVICE_SHEETS
        and not _is_our_page(sheet)
        and (sheet.visible or not whole_title(sheet.title).startswith(RESERVED_SHEET))
        and any(not _blank(cell) for row in sheet.rows for cell in row)
    ]


def _is_our_page(sheet: Sheet) -> bool:
    """Whether a sheet is a page of our templates that nothing is read from, whatever its title is now."""
    first = next((cell for row in sheet.rows for cell in row if not _blank(cell)), None)
    return normalise_heading(first) in {normalise_heading(line) for line in OUR_PAGES}


def _by_title(sheets: list[Sheet], title: str) -> int | None:
    """The place of the first sheet with a title; one that has it to the letter goes before one with brackets."""
    return next(_titled(sheets, title), None)


def _titled(sheets: list[Sheet], title: str) -> Iterator[int]:
    for compared in (whole_title, normalise_title):
        wanted = compared(title)
        yield from (at for at, sheet in enumerate(sheets) if compared(sheet.title) == wanted)


def _cover_by_title(sheets: list[Sheet], form: Form) -> int | None:
    """The place of a form's cover: of several with its title, as when the sheets of two forms are put into one workbook
    (填报信息, 填报信息 (2)), the first of those that have most of its labels.
    """
    found = list(dict.fromkeys(_titled(sheets, form.cover_title)))
    return max(found, key=lambda at: _labels_of(sheets[at], form)) if len(found) > 1 else next(iter(found), None)


def _labels_of(sheet: Sheet, form: Form) -> int:
    """How many labels of a form's cover a sheet has."""
    there = {normalise_heading(cell) for row in sheet.rows[:COVER_ROWS] for cell in row}
    return len(there & {normalise_heading(c.zh) for c in form.cover})


def _top_rows(sheet: Sheet) -> list[set[str]]:
    """The texts of the first rows as headings are compared, row by row."""
    top = sheet.rows[: max(0, HEADING_ROWS - sheet.first_row + 1)]
    return [{normalise_heading(cell) for cell in row} - {""} for row in top]


def _always(form: SheetForm) -> set[str]:
    """The headings by which a table is known: those of its columns that are required always, in every month."""
    return {normalise_heading(c.zh) for c in form.columns if c.required == "always" and c.life == ALWAYS}


def _has_labels(sheet: Sheet, form: Form) -> bool:
    labels = {normalise_heading(cell) for row in sheet.rows[:COVER_ROWS] for cell in row}
    return all(normalise_heading(c.zh) in labels for c in form.cover if c.key in COVER_LABELS)


def _names(cell: Cell) -> list[str]:
    return str(cell or "").split()


def _place(told: str) -> tuple[str, str, int, str]:
    """Rule, sheet, row and column of a finding, as a marked workbook tells them."""
    rule, _, rest = told.partition("|")
    sheet, _, rest = rest.partition("|")
    row, _, column = rest.partition("|")
    return (rule, sheet, int(row), column) if row.isdecimal() else ("", "", 0, "")


def _as_written(cell: Cell) -> str:
    """A unit's own words: on one line, without characters that cannot be seen, its punctuation as it is."""
    seen = (c if c.isprintable() else " " for c in str(cell))
    return " ".join("".join(seen).split())


def read_explanations(workbook: Workbook) -> list[Explanation]:
    """What a unit wrote into column 情况说明 of the sheet 反馈 that its feedback carried, blank cells left out."""
    explanations: list[Explanation] = []
    for sheet in workbook.sheets:
        if whole_title(sheet.title) != FEEDBACK_SHEET:
            continue
        for r, row in enumerate(sheet.rows):
            places = {normalise_heading(cell): c for c, cell in enumerate(row) if not _blank(cell)}
            if not places.keys() >= set(EXPLANATION_COLUMNS):
                continue
            finding_id, subject, text = (places[name] for name in EXPLANATION_COLUMNS)
            at = places.get(PLACE_COLUMN)
            explanations.extend(
                Explanation(name, about, _as_written(below[text]), sheet.first_row + line, *_place(place))
                for line, below in enumerate(sheet.rows[r + 1 :], r + 1)
                if not _blank(below[text])
                # A line for many cells of a column names each of its findings, in the same order.
                for name, about, place in zip_longest(
                    _names(below[finding_id]),
                    _names(below[subject]),
                    _names(below[at]) if at is not None else [],
                    fillvalue="",
                )
                if name and about
            )
            break
    return explanations


def is_answer(workbook: Workbook) -> bool:
    """Whether a workbook has the sheet 反馈 that a unit's feedback carried."""
    return any(whole_title(sheet.title) == FEEDBACK_SHEET for sheet in workbook.sheets)


def _annex(found: re.Match[str]) -> str:
    number = found["number"]
    return f"附件{ANNEX_NUMBERS.find(number) if number in ANNEX_NUMBERS else number}"


def hinted_form(file: str, catalogue: Catalogue) -> str | None:
    """The form that a file's name hints at: what cannot be opened (ENV-03), or recognised (ENV-09), is taken for it."""
    name = _ANNEX.sub(_annex, "".join(clean_text(file)[0].split()))
    return next((f.key for f in catalogue.forms if f.file_hint in name), None)


def form_like(workbook: Workbook, catalogue: Catalogue) -> str | None:
    """The form of which a row has half of a table's required headings, where none is recognised (ENV-09)."""
    for sheet in workbook.sheets:
        rows = _top_rows(sheet)
        for form in catalogue.sheets.values():
            known, always = {normalise_heading(c.zh) for c in form.columns}, _always(form)
            if any(len(row & known) >= LEAST_HINT and 2 * len(row & always) >= len(always) for row in rows):
                return form.form
    return None


def _read_form(
    form: Form, cover_sheet: _Found | None, found: dict[str, _Found], epoch: int, file: str, limits: Limits
) -> RecognisedForm:
    faults: list[Fault] = []
    cover: dict[str, Reading] = {}
    cells: dict[str, str] = {}
    if cover_sheet is None:
        faults.append(Fault("WBK-01", file=file, sheet=form.cover_title, value=form.cover_title))
    else:
        cover, cells = _read_cover(cover_sheet.sheet, form.cover, epoch)
        faults.extend(_renamed(cover_sheet, form.cover_title, file))
    tables = []
    for sheet_form in form.sheets:
        sheet = found.get(sheet_form.key)
        if sheet is None:
            faults.append(Fault("WBK-01", file=file, sheet=sheet_form.title, value=sheet_form.title))
            continue
        faults.extend(_renamed(sheet, sheet_form.title, file))
        table, table_faults = _read_table(sheet.sheet, sheet_form, epoch, file, limits)
        faults.extend(table_faults)
        if table:
            tables.append(table)
    title = cover_sheet.sheet.title if cover_sheet else form.cover_title
    return RecognisedForm(form.key, cover, cells, title, tables, faults)


def _renamed(found: _Found, title: str, file: str) -> list[Fault]:
    """WBK-07 of a sheet that is not known by its title."""
    name = found.sheet.title
    return [] if found.by_title else [Fault("WBK-07", file=file, sheet=name, value=name, expected=title)]


def _read_cover(sheet: Sheet, columns: tuple[Column, ...], epoch: int) -> tuple[dict[str, Reading], dict[str, str]]:
    labels = {normalise_heading(c.zh): c for c in columns}
    cover: dict[str, Reading] = {}
    cells: dict[str, str] = {}
    in_one: dict[str, tuple[Column, str, tuple[int, int]]] = {}
    for r, row in enumerate(sheet.rows):
        for c, cell in enumerate(row):
            column = labels.get(normalise_heading(cell)) if isinstance(cell, str) else None
            if column is None and isinstance(cell, str) and (told := _told_after_label(cell, labels)):
                in_one.setdefault(told[0].key, (*told, (sheet.first_row + r, sheet.first_column + c)))
            if column is None or column.key in cover:
                continue
            # A merged label leaves blanks before the value: the next filled cell, unless that is a label again.
            at = c + 1
            while (
                at < len(row) and _blank(row[at]) and (sheet.first_row + r, sheet.first_column + at) not in sheet.errors
            ):
                at += 1
            filled = at < len(row) and normalise_heading(row[at]) not in labels
            at = at if filled else c + 1
            raw = row[at] if filled else None
            place = (sheet.first_row + r, sheet.first_column + at)
            error = sheet.errors.get(place)
            read = cached_reader(column.type, codes=column.codes, read_as=column.read_as, epoch=epoch)
            cover[column.key] = Reading(None, error, False, False) if error else read(raw)
            cells[column.key] = f"{column_letter(place[1])}{place[0]}"
    # 单位编码：EX-15-01-001 in one cell, of a field that has no cell of its own: else it may be a note on the field.
    for key, (column, words, place) in in_one.items():
        if key not in cover:
            cover[key] = cached_reader(column.type, codes=column.codes, read_as=column.read_as, epoch=epoch)(words)
            cells[key] = f"{column_letter(place[1])}{place[0]}"
    return cover, cells


def _told_after_label(cell: str, labels: dict[str, Column]) -> tuple[Column, str] | None:
    """The field and its value where both stand in one cell, parted by a colon."""
    label, _, words = cell[:MOST_TOLD].replace("：", ":").partition(":")
    column = labels.get(normalise_heading(label)) if words.strip() else None
    return (column, words) if column else None


def _heading_row(sheet: Sheet, wanted: dict[str, Column]) -> tuple[int, list[str]] | None:
    """Index of the last heading row and the heading texts by column; headings may stand over two rows."""
    best: tuple[int, int, list[str]] | None = None
    top = sheet.rows[: max(0, HEADING_ROWS - sheet.first_row + 1)]
    for r, row in enumerate(top):
        texts = ["" if _blank(c) else str(c) for c in row]
        hits = len({normalise_heading(t) for t in texts} & wanted.keys())
        if hits and (best is None or hits > best[0]):
            best = (hits, r, texts)
        if hits == len(wanted):
            break
    if best is None:
        return None
    hits, r, texts = best
    if hits == len(wanted):
        return r, texts
    # Over two rows: a group above its columns, or one heading cut in two. Kept only where it tells more columns.
    for upper, lower in ((r - 1, r), (r, r + 1)):
        if upper < 0 or lower >= len(sheet.rows):
            continue
        joined = [_best_heading(up, low, wanted) for up, low in zip(sheet.rows[upper], sheet.rows[lower], strict=True)]
        more = sum(normalise_heading(t) in wanted for t in joined)
        if more > hits and len({normalise_heading(t) for t in joined} & wanted.keys()) == more:
            hits, r, texts = more, lower, joined
    return r, texts


def _best_heading(upper: Cell, lower: Cell, wanted: dict[str, Column]) -> str:
    up, low = ("" if _blank(upper) else str(upper)), ("" if _blank(lower) else str(lower))
    for text in (low, up, up + low):
        if normalise_heading(text) in wanted:
            return text
    return low or up


def _read_table(
    sheet: Sheet, form: SheetForm, epoch: int, file: str, limits: Limits
) -> tuple[Table | None, list[Fault]]:
    wanted = {normalise_heading(c.zh): c for c in form.columns}
    found = _heading_row(sheet, wanted)
    if found is None:
        first = next(c for c in form.columns if c.required == "always")
        return None, [Fault("WBK-02", file=file, sheet=sheet.title, column=first.zh)]
    heading_index, headings = found
    faults: list[Fault] = []
    places: dict[str, int] = {}
    for c, heading in enumerate(headings):
        column = wanted.get(normalise_heading(heading))
        if column and column.key not in places:
            places[column.key] = c
        elif heading.strip():
            text = " ".join(heading.split())
            again = column_letter(sheet.first_column + places[column.key]) if column else ""
            cell = f"{column_letter(sheet.first_column + c)}{sheet.first_row + heading_index}"
            faults.append(
                Fault("WBK-03", file=file, sheet=sheet.title, cell=cell, column=text, value=text, expected=again)
            )
    faults.extend(
        Fault("WBK-02", file=file, sheet=sheet.title, column=column.zh)
        for column in form.columns
        if column.required == "always" and column.key not in places
    )
    table = Table(
        sheet=form,
        title=sheet.title,
        columns={
            key: (column_letter(sheet.first_column + c), " ".join(headings[c].split())) for key, c in places.items()
        },
    )
    data = _data_rows(table, sheet, heading_index + 1, places)
    if len(data) > limits.table_rows:
        faults.append(Fault("WBK-05", file=file, sheet=sheet.title, value=str(len(data))))
        return None, faults
    faults.extend(_without_heading(sheet, headings, data, file))
    table.rows = [sheet.first_row + r for r in data]
    _read_cells(table, sheet, data, places, epoch)
    return table, faults


def _data_rows(table: Table, sheet: Sheet, start: int, places: dict[str, int]) -> list[int]:
    """Indices of the rows that hold data; which others have something in them is kept in `table.skipped`."""
    broken: dict[int, set[int]] = {}
    for r, c in sheet.errors:
        broken.setdefault(r - sheet.first_row, set()).add(c - sheet.first_column)
    rows = RowReader(
        places,
        {c.key: c.zh for c in table.sheet.columns},
        [c.key for c in table.sheet.columns if c.required == "always"],
        SEQUENCE,
    )
    data = []
    for r in range(start, len(sheet.rows)):
        kind = rows.kind(sheet.rows[r], broken.get(r, ()))
        if kind == "data":
            data.append(r)
        elif kind != "nothing":
            table.skipped.setdefault(kind, []).append(sheet.first_row + r)
    return data


def _without_heading(sheet: Sheet, headings: list[str], data: list[int], file: str) -> list[Fault]:
    """WBK-03 of columns that have no heading, but cells beside the rows of the table."""
    faults = []
    for c, heading in enumerate(headings):
        first = None if heading.strip() else next((r for r in data if not _blank(sheet.rows[r][c])), None)
        if first is not None:
            letter = column_letter(sheet.first_column + c)
            cell = f"{letter}{sheet.first_row + first}"
            faults.append(Fault("WBK-03", file=file, sheet=sheet.title, cell=cell, column=letter, value=letter))
    return faults


def _read_cells(table: Table, sheet: Sheet, data: list[int], places: dict[str, int], epoch: int) -> None:
    errors: dict[int, dict[int, str]] = {}
    for (sheet_row, sheet_column), code in sheet.errors.items():
        errors.setdefault(sheet_row - sheet.first_row, {})[sheet_column - sheet.first_column] = code
    table.error_cells = [None] * len(data)
    table.cleaned_cells = [None] * len(data)
    table.merged_cells = [None] * len(data)
    hidden = _hidden_by_merging(sheet)
    for column in table.sheet.columns:
        at = places.get(column.key)
        if at is None:
            table.values[column.key] = [None] * len(data)
            table.texts[column.key] = [None] * len(data)
            continue
        read = cached_reader(column.type, codes=column.codes, epoch=epoch, required_never=column.required == "never")
        values: list[object] = []
        texts: list[str | None] = []
        for i, r in enumerate(data):
            if errors and at in errors.get(r, ()):
                values.append(None)
                texts.append(errors[r][at])
                table.error_cells[i] = [*(table.error_cells[i] or ()), column.key]
                continue
            raw = sheet.rows[r][at]
            if raw is None:
                values.append(None)
                texts.append(None)
                if hidden and (shows := hidden.get((r, at))):
                    table.merged_cells[i] = [*(table.merged_cells[i] or ()), f"{column.key}={shows}"]
                continue
            if isinstance(raw, str) and PICTURE.match(raw):
                values.append(None)
                texts.append(raw)
                table.error_cells[i] = [*(table.error_cells[i] or ()), column.key]
                continue
            reading = read(raw)
            values.append(reading.value)
            texts.append(reading.text)
            if reading.cleaned:
                table.cleaned_cells[i] = [*(table.cleaned_cells[i] or ()), column.key]
        table.values[column.key] = values
        table.texts[column.key] = texts


def _hidden_by_merging(sheet: Sheet) -> dict[tuple[int, int], str]:
    """The places that a merged range hides, as indices into rows, and the cell that shows it."""
    hidden: dict[tuple[int, int], str] = {}
    height, width = len(sheet.rows), len(sheet.rows[0]) if sheet.rows else 0
    for top, left, bottom, right in sheet.merged:
        shows = f"{column_letter(left)}{top}"
        first, last = max(top - sheet.first_row, 0), min(bottom - sheet.first_row, height - 1)
        for r in range(first, last + 1):
            for c in range(max(left - sheet.first_column, 0), min(right - sheet.first_column, width - 1) + 1):
                if len(hidden) >= MOST_HIDDEN:
                    return hidden
                hidden[r, c] = shows
    return hidden
