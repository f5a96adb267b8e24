"""A mail taken apart: its forms, rows, scans and faults, as columns on disk.

This is what runs in the worker processes, in one pass over each mail. Belongs here: going from the archived
bytes to the tables of `SCHEMAS`. Does not: starting workers and loading the tables (assets/intake/staging.py), anything
that depends on the register or the month (assets/month/submissions.py).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.instance.limits import Limits
from assets.instance.session import Session
from assets.instance.settings import SealThresholds
from assets.instance.workers import restart_clock
from assets.intake.fault import Fault
from assets.intake.forms import (
    Explanation,
    RecognisedForm,
    form_like,
    hinted_form,
    is_answer,
    read_explanations,
    recognise,
    unknown_sheets,
)
from assets.intake.mail.archive import load
from assets.intake.mail.kinds import WORKBOOK_EXTENSIONS, extension_of
from assets.intake.mail.machines import Bounce
from assets.intake.mail.message import Attachment, Message, parse_message
from assets.intake.scans.scan import Scan, read_scan
from assets.intake.values import Reading, as_text, url_key
from assets.intake.workbooks.sheet import Workbook, WorkbookUnreadable
from assets.intake.workbooks.workbook import read_workbook
from expectations.catalogue import Catalogue, Column, SheetForm
from expectations.signature import signed_totals

UTC_TIME = pl.Datetime("us", "UTC")
POLARS_TYPES: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "decimal": pl.Float64(),
    "percent": pl.Float64(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "bool": pl.Boolean(),
}
MAILS: dict[str, Any] = {
    "mail": pl.String,
    "sender": pl.String,
    "subject": pl.String,
    "message_id": pl.String,
    "refs": pl.String,
    "text_start": pl.String,
    "header_received_at": UTC_TIME,
    "dated_at": UTC_TIME,
    "bounced": pl.String,
    "bounce_reason": pl.String,
    "parser": pl.String,
}
FORMS: dict[str, Any] = {
    "form_id": pl.String,
    "mail": pl.String,
    "number": pl.Int64,
    "file": pl.String,
    "form": pl.String,
    "readable": pl.Boolean,
    "period": pl.String,
    "cover": pl.String,
    "tables": pl.String,
    "totals": pl.List(pl.Int64),
    "totals_at_most": pl.List(pl.Int64),
    "is_answer": pl.Boolean,
    "content": pl.String,
    "span": pl.List(pl.Int64),
}
FAULTS: dict[str, Any] = {
    "mail": pl.String,
    "form_id": pl.String,
    "ordinal": pl.Int64,
    "rule_id": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "cell": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "expected": pl.String,
    "reason": pl.String,
}
EXPLANATIONS: dict[str, Any] = {
    "mail": pl.String,
    "form_id": pl.String,
    "ordinal": pl.Int64,
    "line": pl.Int64,
    "finding_id": pl.String,
    "subject": pl.String,
    "rule_id": pl.String,
    "sheet_key": pl.String,
    "row": pl.Int64,
    "column_key": pl.String,
    "text": pl.String,
}
SCANS: dict[str, Any] = {
    "mail": pl.String,
    "number": pl.Int64,
    "file": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "digest": pl.String,
    "prints": pl.List(pl.String),
    "codes": pl.List(pl.String),
}


ODD_CELLS = ("error_cells", "cleaned_cells", "merged_cells")
"""Lists of column keys of a row: see assets.intake.forms.Table."""


def row_schema(sheet: SheetForm) -> dict[str, Any]:
    """The columns of a sheet's rows: place, each value and its text as entered, the keys of urls, odd cells."""
    schema: dict[str, Any] = {"form_id": pl.String, "row": pl.Int64}
    for column in sheet.columns:
        schema[column.key] = POLARS_TYPES.get(column.type, pl.String())
        schema[f"{column.key}__text"] = pl.String
        if column.type == "url":
            schema[f"{column.key}__key"] = pl.String
    return schema | dict.fromkeys(ODD_CELLS, pl.List(pl.String))


def schemas(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """Every table that parsing makes, by name, with its columns."""
    return {
        "mails": MAILS,
        "forms": FORMS,
        "faults": FAULTS,
        "scans": SCANS,
        "explanations": EXPLANATIONS,
        **{key: row_schema(sheet) for key, sheet in catalogue.sheets.items()},
    }


@dataclass(frozen=True, slots=True)
class Parser:
    """What parsing depends on beside the bytes; `fingerprint` names it in the warehouse."""

    catalogue: Catalogue
    limits: Limits
    seal: SealThresholds
    fingerprint: str


def parser_of(session: Session) -> Parser:
    """The parser of an opened home."""
    catalogue, settings = session.catalogue, session.settings
    return Parser(catalogue, settings.limits, settings.seal, settings.parser_fingerprint(catalogue))


@dataclass(slots=True)
class ParsedMail:
    """One mail taken apart; forms and scans in the order of the attachments."""

    mail: str
    sender: str = ""
    subject: str = ""
    message_id: str = ""
    references: str = ""
    text: str = ""
    received_at: datetime | None = None
    dated_at: datetime | None = None
    bounce: Bounce | None = None
    forms: list[tuple[str, Attachment, RecognisedForm | None, str]] = field(default_factory=list)
    scans: list[tuple[Attachment, Scan]] = field(default_factory=list)
    faults: list[tuple[str | None, Fault]] = field(default_factory=list)
    explanations: list[tuple[str, Explanation]] = field(default_factory=list)
    guesses: list[tuple[Attachment, str, list[Fault]]] = field(default_factory=list)  # see _settle_guesses
    answers: set[str] = field(default_factory=set)  # the forms that came back with our answer in them


def form_id(mail: str, number: int, form: str) -> str:
    """The name of a submission: it says mail, attachment and form, and is the same in every run."""
    return f"{mail[:20]}-{number}-{form}"


def parse_mail(
    mail: str,
    raw: bytes,
    parser: Parser,
    only: frozenset[int] | None = None,
    dead: dict[int, str] | None = None,
) -> ParsedMail:
    """Take one mail apart. `mail` is the sha256 of `raw`.

    `only` restricts the attachments that are opened; `dead` gives the reason of attachments whose reading killed
    its process, which are not opened again. Nothing that a mail holds makes this raise, short of killing it.
    """
    restart_clock(parser.limits.file_seconds)
    message = parse_message(raw, parser.limits)
    parsed = ParsedMail(
        mail=mail,
        sender=message.sender,
        subject=message.subject,
        message_id=message.message_id,
        references=message.references,
        text=message.text,
        received_at=message.received_at,
        dated_at=message.dated_at,
        bounce=message.bounce,
    )
    _book_unopened(parsed, message, parser.catalogue)
    for attachment in message.attachments:
        if only is not None and attachment.number not in only:
            continue
        open_attachment(parsed, attachment, parser, (dead or {}).get(attachment.number))
    _settle_guesses(parsed, parser.catalogue)
    return parsed


def _book_unopened(parsed: ParsedMail, message: Message, catalogue: Catalogue) -> None:
    """Keep the faults of taking the mail apart. A file that was not to be had (ENV-03: in a damaged archive, over the
    limits), or an archive, is taken for the form that its name hints at, as a workbook is that cannot be opened.
    """
    number = len(message.attachments) + len(message.faults)  # of none of its attachments
    for fault in message.faults:
        hint = hinted_form(fault.file, catalogue) if fault.rule_id == "ENV-03" else None
        name = None
        if hint and extension_of(fault.file) in {*WORKBOOK_EXTENSIONS, ".zip"}:
            number += 1
            name = form_id(parsed.mail, number, hint)
            parsed.forms.append((name, Attachment(number, fault.file, b"", (), "other"), None, hint))
        parsed.faults.append((name, fault))


def open_attachment(parsed: ParsedMail, attachment: Attachment, parser: Parser, reason: str | None = None) -> None:
    """Add an attachment's forms, scan or faults; with a `reason` it is not opened.

    In a worker it may take limits.file_seconds. A scan that is named as a form's workbook is a scan, and a fault: the
    form that it should be is not there.
    """
    restart_clock(parser.limits.file_seconds)
    if attachment.kind in ("workbook", "csv"):
        _parse_workbook(parsed, attachment, parser, reason)
    elif attachment.kind == "scan":
        if reason:
            scan = Scan("unreadable", reason, 0, 0.0)
        else:
            scan = read_scan(attachment.content, attachment.name, parser.limits, parser.seal)
        parsed.scans.append((attachment, scan))
        named_a_form = hinted_form(attachment.name, parser.catalogue)
        if named_a_form and extension_of(attachment.name) in WORKBOOK_EXTENSIONS:
            _parse_workbook(parsed, attachment, parser, "not_workbook")


def _parse_workbook(parsed: ParsedMail, attachment: Attachment, parser: Parser, reason: str | None) -> None:
    """Add a workbook's forms and faults; one that cannot be opened is taken for the form its name hints at."""
    workbook = None
    if not reason:
        try:
            workbook = read_workbook(attachment.content, attachment.name, parser.limits)
        except WorkbookUnreadable as unreadable:
            reason = unreadable.reason
    if workbook is None:
        hint = hinted_form(attachment.name, parser.catalogue)
        name = form_id(parsed.mail, attachment.number, hint) if hint else None
        if hint and name:
            parsed.forms.append((name, attachment, None, hint))
        parsed.faults.append((name, Fault("ENV-03", file=attachment.name, reason=reason or "damaged")))
        return
    forms = recognise(workbook, attachment.name, parser.catalogue, parser.limits)
    names = [form_id(parsed.mail, attachment.number, form.form) for form in forms]
    for name, form in zip(names, forms, strict=True):
        parsed.forms.append((name, attachment, form, form.form))
        parsed.faults.extend((name, fault) for fault in form.faults)
    about = names[0] if names else ""  # a list of findings sent back alone, as those get who sent .xls or .csv
    if is_answer(workbook):
        parsed.answers.update(names)
    parsed.explanations.extend((about, e) for e in read_explanations(workbook))
    if not forms:
        _add_unrecognised(parsed, attachment, workbook, parser.catalogue)
    if workbook.macros:
        parsed.faults.append((names[0] if names else None, Fault("ENV-06", file=attachment.name)))


def _add_unrecognised(parsed: ParsedMail, attachment: Attachment, workbook: Workbook, catalogue: Catalogue) -> None:
    """Say what no form is recognised in: the form that it hints at comes back (ENV-09), else its sheets are unknown.

    A list of findings that is sent back alone is named as the form's workbook was, and hints at nothing. Headings
    alone hint at a form only where no other file of the mail is that form: a unit may enclose a table of its own.
    """
    unknown = unknown_sheets(workbook.sheets, attachment.name)
    hint = None if is_answer(workbook) else hinted_form(attachment.name, catalogue)
    if hint:
        _add_returned(parsed, attachment, hint, catalogue)
    elif not is_answer(workbook) and (like := form_like(workbook, catalogue)):
        parsed.guesses.append((attachment, like, unknown))
    else:
        parsed.faults.extend((None, fault) for fault in unknown)


def _add_returned(parsed: ParsedMail, attachment: Attachment, form: str, catalogue: Catalogue) -> None:
    name = form_id(parsed.mail, attachment.number, form)
    parsed.forms.append((name, attachment, None, form))
    expected = catalogue.form(form).file_hint
    parsed.faults.append((name, Fault("ENV-09", file=attachment.name, value=attachment.name, expected=expected)))


def _settle_guesses(parsed: ParsedMail, catalogue: Catalogue) -> None:
    """Take what looks like a form for it, where the mail has no other file of that form."""
    there = {form for _, _, _, form in parsed.forms}
    for attachment, form, unknown in parsed.guesses:
        if form in there:
            parsed.faults.extend((None, fault) for fault in unknown)
        else:
            _add_returned(parsed, attachment, form, catalogue)


def _cover_json(form: RecognisedForm, columns: Iterable[Column]) -> str:
    """Cover fields as {key: {text, value, readable, cell, sheet}}; a field that is not on the sheet is absent."""
    by_key = {c.key: c for c in columns}
    return json.dumps(
        {
            key: {
                "text": reading.text,
                "value": _cover_value(reading, by_key[key]),
                "readable": reading.readable,
                "cell": form.cover_cells[key],
                "sheet": form.cover_title,
            }
            for key, reading in form.cover.items()
        },
        ensure_ascii=False,
    )


def _cover_value(reading: Reading, column: Column) -> str | None:
    return None if reading.value is None else as_text(reading.value, column.type)


def _tables_json(form: RecognisedForm) -> str:
    """Tables as {sheet: {title, rows, columns: {key: [letter, heading]}, skipped: {kind: [row]}}}."""
    return json.dumps(
        {
            t.sheet.key: {"title": t.title, "rows": len(t.rows), "columns": t.columns, "skipped": t.skipped}
            for t in form.tables
        },
        ensure_ascii=False,
    )


def _content(form: RecognisedForm) -> str:
    """A digest of all that a form says: the values of its cover and of its rows, wherever on the sheet they stand."""
    cover = sorted((key, _said(reading.value, reading.text)) for key, reading in form.cover.items())
    digest = hashlib.sha256(repr((form.form, cover)).encode())
    for table in form.tables:
        keys = [column.key for column in table.sheet.columns]
        columns = ([*map(_said, table.values[key], table.texts[key])] for key in keys)
        digest.update(repr((table.sheet.key, [*zip(*columns, strict=True)])).encode())
    return digest.hexdigest()


def _said(value: object, text: str | None) -> str:
    """A cell by its value, or, where it cannot be read, by its text."""
    return f"{text or ''}" if value is None else f"={value}"


def _signed_totals(form: RecognisedForm, catalogue: Catalogue) -> tuple[list[int], list[int]]:
    """The totals that the head of the unit signs for (SIG-05), in their order, and what each may be on the page.

    The page counts cells, and so the rows that are none, as a total under the table, where they fill the column.
    """
    tables = {table.sheet.key: table for table in form.tables}
    totals, at_most = [], []
    for total in signed_totals(catalogue, form.form):
        table = tables.get(total.sheet)
        count = skipped = 0
        if table is not None and total.code:
            count = sum(value == total.code for value in table.values[total.column])
        elif table is not None:
            count = sum(text is not None for text in table.texts[total.column])
            skipped = sum(len(rows) for rows in table.skipped.values())
        totals.append(count)
        at_most.append(count + skipped)
    return totals, at_most


def _row_columns(tables: list[tuple[str, Any]], sheet: SheetForm) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in row_schema(sheet)}
    for name, table in tables:
        columns["form_id"].extend([name] * len(table.rows))
        columns["row"].extend(table.rows)
        for column in sheet.columns:
            values = table.values[column.key]
            columns[column.key].extend(values)
            columns[f"{column.key}__text"].extend(table.texts[column.key])
            if column.type == "url":
                columns[f"{column.key}__key"].extend([url_key(v) if v else None for v in values])
        for odd in ODD_CELLS:
            columns[odd].extend(getattr(table, odd))
    return columns


def write_tables(parsed: list[ParsedMail], parser: Parser, folder: Path, stem: str) -> None:
    """Write the tables of a batch of mails as Parquet, `folder/<table>/<stem>.parquet`, empty ones left out."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("mails", "forms", "faults", "scans", "explanations")
    }
    rows: dict[str, list[tuple[str, Any]]] = {}
    for mail in parsed:
        tables["mails"].append(
            {
                "mail": mail.mail,
                "sender": mail.sender,
                "subject": mail.subject,
                "message_id": mail.message_id,
                "refs": mail.references,
                "text_start": mail.text[:500],
                "header_received_at": mail.received_at,
                "dated_at": mail.dated_at,
                "bounced": mail.bounce.address if mail.bounce else "",
                "bounce_reason": mail.bounce.reason if mail.bounce else "",
                "parser": parser.fingerprint,
            }
        )
        for name, attachment, form, key in mail.forms:
            period = form.cover.get("period") if form else None
            totals = _signed_totals(form, parser.catalogue) if form else None
            tables["forms"].append(
                {
                    "form_id": name,
                    "mail": mail.mail,
                    "number": attachment.number,
                    "file": attachment.name,
                    "form": key,
                    "readable": form is not None,
                    "period": period.value if period else None,
                    "cover": _cover_json(form, parser.catalogue.form(key).cover) if form else "{}",
                    "tables": _tables_json(form) if form else "{}",
                    "totals": totals[0] if totals else None,
                    "totals_at_most": totals[1] if totals else None,
                    "is_answer": name in mail.answers,
                    "content": _content(form) if form else None,
                    "span": attachment.span,
                }
            )
            for table in form.tables if form else ():
                rows.setdefault(table.sheet.key, []).append((name, table))
        for attachment, scan in mail.scans:
            tables["scans"].append(
                {
                    "mail": mail.mail,
                    "number": attachment.number,
                    "file": attachment.name,
                    "state": scan.state,
                    "reason": scan.reason,
                    "digest": hashlib.sha256(attachment.content).hexdigest(),
                    "prints": scan.prints,
                    "codes": scan.codes,
                }
            )
        for ordinal, (of_form, explanation) in enumerate(mail.explanations):
            tables["explanations"].append(
                {
                    "mail": mail.mail,
                    "form_id": of_form,
                    "ordinal": ordinal,
                    **asdict(explanation),
                }
            )
        for ordinal, (about_form, fault) in enumerate(mail.faults):
            tables["faults"].append(
                {
                    "mail": mail.mail,
                    "form_id": about_form,
                    "ordinal": ordinal,
                    **{k: getattr(fault, k) for k in FAULTS if k not in ("mail", "form_id", "ordinal")},
                }
            )
    for table_name, schema in schemas(parser.catalogue).items():
        if table_name in tables:
            frame = pl.DataFrame(tables[table_name], schema=schema)
        elif table_name in rows:
            columns = _row_columns(rows[table_name], parser.catalogue.sheets[table_name])
            frame = pl.DataFrame(columns, schema=schema, strict=False)
        else:
            continue
        if frame.height:
            (folder / table_name).mkdir(parents=True, exist_ok=True)
            frame.write_parquet(folder / table_name / f"{stem}.parquet", compression="lz4", statistics=False)


# ------------------------------------------------------------------------------------------ in the workers

_parser: Parser | None = None


def start_worker(parser: Parser) -> None:
    """Keep what parsing depends on in the worker process, and let libraries take the address space they start with.

    Polars and OpenCV reserve a gigabyte between them before they do anything, which is not the files' to answer for:
    the limit on memory counts from here.
    """
    global _parser  # noqa: PLW0603 - a worker process is told once
    _parser = parser
    import cv2  # noqa: F401, PLC0415

    pl.DataFrame({"warm": [0]}).write_parquet(io.BytesIO())


@dataclass(frozen=True, slots=True)
class ParseTask:
    """A batch of mails for one worker: (sha256, attachments known to kill it) each, and where the tables go."""

    mails: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    archive: Path
    folder: Path
    stem: str


def parse_batch(task: ParseTask) -> int:
    """Parse a batch and write its tables; the number of mails. Runs in a worker that `start_worker` prepared."""
    assert _parser is not None
    parsed = [parse_mail(mail, load(mail, task.archive), _parser, dead=dict(dead)) for mail, dead in task.mails]
    restart_clock(_parser.limits.file_seconds * len(parsed))
    write_tables(parsed, _parser, task.folder, task.stem)
    return len(parsed)


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """One attachment of a mail whose parsing died, to find out whether it is the guilty one; None: none opened."""

    mail: str
    archive: Path
    number: int | None


def probe(task: ProbeTask) -> list[int]:
    """Open one attachment alone (or none); the numbers of all attachments that could be opened."""
    assert _parser is not None
    raw = load(task.mail, task.archive)
    only = frozenset() if task.number is None else frozenset({task.number})
    parse_mail(task.mail, raw, _parser, only=only)
    message = parse_message(raw, _parser.limits)
    return [a.number for a in message.attachments if a.kind in ("workbook", "csv", "scan")]


def unparsable(mail: str, reason: str) -> ParsedMail:
    """What is kept of a mail whose very message kills its reader."""
    return replace(ParsedMail(mail=mail), faults=[(None, Fault("ENV-03", file="", reason=reason))])
