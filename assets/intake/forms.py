"""Forms recognised in a workbook: which annexes it holds, what their covers say, and their rows cell by cell.

system.md, Mail (recognised by sheets) and Tables in a workbook. Belongs here: finding sheets, heading rows and
labels, and reading their cells as typed values that remember their place. Does not: opening files
(assets/workbooks), whose form it is (assets/month/submissions.py), what the rules say of a value (expectations/).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache

from assets.instance.limits import Limits
from assets.intake.fault import Fault
from assets.intake.values import Reading, reader
from assets.intake.workbooks.sheet import Cell, Sheet, Workbook
from expectations.catalogue import Catalogue, Column, Form, SheetForm

HEADING_ROWS = 10
LONGEST_HEADING = 200
FEEDBACK_SHEET = "反馈"
SERVICE_SHEETS = frozenset({FEEDBACK_SHEET, "填表说明", "说明"})  # ours, in templates and marked workbooks
EXPLANATION_COLUMNS = ("finding_id", "subject", "情况说明")
NOTE = re.compile(r"(注|说明|填表说明)|备注:")
SEQUENCE = "seq"
cached_reader = cache(reader)  # the values that repeat from form to form are read once a process
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕|<[^<>]*>")


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
    row, the keys of the columns with an error cell (WBK-04) or removed characters (GEN-06), None where none.
    """

    sheet: SheetForm
    title: str
    columns: dict[str, tuple[str, str]]
    rows: list[int] = field(default_factory=list)
    values: dict[str, list[object]] = field(default_factory=dict)
    texts: dict[str, list[str | None]] = field(default_factory=dict)
    error_cells: list[list[str] | None] = field(default_factory=list)
    cleaned_cells: list[list[str] | None] = field(default_factory=list)


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
    """What a unit says of a finding in its marked workbook; `subject` names the finding from month to month."""

    finding_id: str
    subject: str
    text: str


@lru_cache(maxsize=10_000)
def _normalised(text: str) -> str:
    folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    return _BRACKETS.sub("", folded).rstrip("*:").lstrip("*")


def normalise_heading(cell: object) -> str:
    """A heading as compared: NFKC, without white space, what stands in brackets, trailing * and colon.

    Cells that are no text, or longer than any heading, compare as nothing.
    """
    return _normalised(cell) if isinstance(cell, str) and len(cell) <= LONGEST_HEADING else ""


def _blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _title_key(title: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", title))


def recognise(workbook: Workbook, file: str, catalogue: Catalogue, limits: Limits) -> list[RecognisedForm]:
    """The forms in a workbook, in the order of forms.yaml; none where no sheet is one that only a form has.

    `file` is the attachment's displayed name, put into faults (WBK-01, WBK-02, WBK-03, WBK-05). Sheets of two
    forms in one workbook make two forms that share the cover.
    """
    by_title: dict[str, Sheet] = {}
    for sheet in workbook.sheets:
        by_title.setdefault(_title_key(sheet.title), sheet)
    present = [form for form in catalogue.forms if any(_title_key(s.title) in by_title for s in form.sheets)]
    known = {_title_key(s.title) for f in present for s in f.sheets} | SERVICE_SHEETS
    known |= {_title_key(f.cover_title) for f in present}
    forms = [_read_form(form, by_title, workbook.epoch, file, limits) for form in present]
    if forms:
        forms[0].faults.extend(
            Fault("WBK-03", file=file, sheet=sheet.title, column=sheet.title, value=sheet.title)
            for sheet in workbook.sheets
            if _title_key(sheet.title) not in known and any(not _blank(c) for r in sheet.rows for c in r)
        )
    return forms


def _names(cell: Cell) -> list[str]:
    return str(cell or "").split()


def _as_written(cell: Cell) -> str:
    """A unit's own words: on one line, without characters that cannot be seen, its punctuation as it is."""
    seen = (c if c.isprintable() else " " for c in str(cell))
    return " ".join("".join(seen).split())


def read_explanations(workbook: Workbook) -> list[Explanation]:
    """What a unit wrote into column 情况说明 of the sheet 反馈 that its feedback carried, blank cells left out."""
    explanations: list[Explanation] = []
    for sheet in workbook.sheets:
        if _title_key(sheet.title) != FEEDBACK_SHEET:
            continue
        for r, row in enumerate(sheet.rows):
            places = {normalise_heading(cell): c for c, cell in enumerate(row) if not _blank(cell)}
            if not places.keys() >= set(EXPLANATION_COLUMNS):
                continue
            finding_id, subject, text = (places[name] for name in EXPLANATION_COLUMNS)
            explanations.extend(
                Explanation(name, about, _as_written(below[text]))
                for below in sheet.rows[r + 1 :]
                if not _blank(below[text])
                # A line for many cells of a column names each of its findings, in the same order.
                for name, about in zip(_names(below[finding_id]), _names(below[subject]), strict=False)
            )
            break
    return explanations


def hinted_form(file: str, catalogue: Catalogue) -> str | None:
    """The form that a file's name hints at (ENV-03: a workbook that cannot be opened is taken for it)."""
    name = re.sub(r"\s+", "", unicodedata.normalize("NFKC", file))
    return next((f.key for f in catalogue.forms if f.file_hint in name), None)


def _read_form(form: Form, by_title: dict[str, Sheet], epoch: int, file: str, limits: Limits) -> RecognisedForm:
    faults: list[Fault] = []
    cover_sheet = by_title.get(_title_key(form.cover_title))
    cover: dict[str, Reading] = {}
    cells: dict[str, str] = {}
    if cover_sheet is None:
        faults.append(Fault("WBK-01", file=file, sheet=form.cover_title, value=form.cover_title))
    else:
        cover, cells = _read_cover(cover_sheet, form.cover, epoch)
    tables = []
    for sheet_form in form.sheets:
        sheet = by_title.get(_title_key(sheet_form.title))
        if sheet is None:
            faults.append(Fault("WBK-01", file=file, sheet=sheet_form.title, value=sheet_form.title))
            continue
        table, table_faults = _read_table(sheet, sheet_form, epoch, file, limits)
        faults.extend(table_faults)
        if table:
            tables.append(table)
    return RecognisedForm(form.key, cover, cells, form.cover_title, tables, faults)


def _read_cover(sheet: Sheet, columns: tuple[Column, ...], epoch: int) -> tuple[dict[str, Reading], dict[str, str]]:
    labels = {normalise_heading(c.zh): c for c in columns}
    cover: dict[str, Reading] = {}
    cells: dict[str, str] = {}
    for r, row in enumerate(sheet.rows):
        for c, cell in enumerate(row):
            column = labels.get(normalise_heading(cell)) if isinstance(cell, str) else None
            if column is None or column.key in cover:
                continue
            # A merged label leaves blanks before the value: the next filled cell, unless that is a label again.
            at = c + 1
            while at < len(row) and _blank(row[at]) and (r, at) not in sheet.errors:
                at += 1
            filled = at < len(row) and normalise_heading(row[at]) not in labels
            at = at if filled else c + 1
            raw = row[at] if filled else None
            place = (sheet.first_row + r, sheet.first_column + at)
            error = sheet.errors.get(place)
            read = cached_reader(column.type, codes=column.codes, read_as=column.read_as, epoch=epoch)
            cover[column.key] = Reading(None, error, False, False) if error else read(raw)
            cells[column.key] = f"{column_letter(place[1])}{place[0]}"
    return cover, cells


def _heading_row(sheet: Sheet, wanted: dict[str, Column]) -> tuple[int, list[str]] | None:
    """Index of the last heading row and the heading texts by column; headings may stand over two rows."""
    best: tuple[int, int, list[str]] | None = None
    top = sheet.rows[: max(0, HEADING_ROWS - sheet.first_row + 1)]
    for r, row in enumerate(top):
        texts = ["" if _blank(c) else str(c) for c in row]
        hits = sum(normalise_heading(t) in wanted for t in texts)
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
        return None, [Fault("WBK-02", file=file, sheet=form.title, column=first.zh)]
    heading_index, headings = found
    faults: list[Fault] = []
    places: dict[str, int] = {}
    for c, heading in enumerate(headings):
        column = wanted.get(normalise_heading(heading))
        if column and column.key not in places:
            places[column.key] = c
        elif heading.strip():
            cell = f"{column_letter(sheet.first_column + c)}{sheet.first_row + heading_index}"
            text = " ".join(heading.split())
            faults.append(Fault("WBK-03", file=file, sheet=form.title, cell=cell, column=text, value=text))
    faults.extend(
        Fault("WBK-02", file=file, sheet=form.title, column=column.zh)
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
    data = list(_data_rows(sheet, heading_index + 1, places))
    if len(data) > limits.table_rows:
        faults.append(Fault("WBK-05", file=file, sheet=form.title, value=str(len(data))))
        return None, faults
    table.rows = [sheet.first_row + r for r in data]
    _read_cells(table, sheet, data, places, epoch)
    return table, faults


def _data_rows(sheet: Sheet, start: int, places: dict[str, int]) -> Iterator[int]:
    """Indices of the rows that hold data: a note is none, nor a row that is empty but for its sequence number."""
    told = [c for key, c in places.items() if key != SEQUENCE]
    errors = {(r - sheet.first_row, c - sheet.first_column) for r, c in sheet.errors}
    for r in range(start, len(sheet.rows)):
        row = sheet.rows[r]
        if all(_says_nothing(row[c]) for c in told) and not (errors and any((r, c) in errors for c in told)):
            continue
        first = next((cell for cell in row if not _blank(cell)), None)
        if isinstance(first, str) and NOTE.match(unicodedata.normalize("NFKC", first).strip()):
            continue
        yield r


def _says_nothing(cell: Cell) -> bool:
    return _blank(cell) or (isinstance(cell, str) and cell.strip() in {"/", "-", "—", "－", "／"})


def _read_cells(table: Table, sheet: Sheet, data: list[int], places: dict[str, int], epoch: int) -> None:
    errors: dict[int, dict[int, str]] = {}
    for (sheet_row, sheet_column), code in sheet.errors.items():
        errors.setdefault(sheet_row - sheet.first_row, {})[sheet_column - sheet.first_column] = code
    table.error_cells = [None] * len(data)
    table.cleaned_cells = [None] * len(data)
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
                continue
            reading = read(raw)
            values.append(reading.value)
            texts.append(reading.text)
            if reading.cleaned:
                table.cleaned_cells[i] = [*(table.cleaned_cells[i] or ()), column.key]
        table.values[column.key] = values
        table.texts[column.key] = texts
