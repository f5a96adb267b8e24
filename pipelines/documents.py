"""`sixth document`: documents made from the figures of a published report, ready to sign. Nothing is sent.

Belongs here: which report they rest on, and the files. Does not: what they say (reports/report/documents.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.home import Home
from assets.instance.periods import is_period
from assets.instance.register import Tree
from assets.month import spans
from assets.month.settle import on_record, work_of
from assets.month.work import Work, made_by
from pipelines.copied_session import copied_session
from reports.forms.docx import render_docx
from reports.model import Header
from reports.publishing.publish import counts_as_published
from reports.publishing.versions import header_of, latest_version
from reports.report.documents import NoSuchDocument, document, is_made_of, kinds, subject_of


class NoDocument(Exception):
    """A document cannot be made; the message says why and what to do."""

    exit_status = 2


def listing() -> list[tuple[str, str, str, str]]:
    """Every kind with its Chinese name, whom it is of, and an example of the command."""
    examples = {
        ("scope", "month"): "--scope EX-15 --period 2026-10",
        ("scope", "half"): "--scope EX-15 --period 2026H2",
    }
    examples |= {("unit", "month"): "--scope EX-15-01-001 --period 2026-10"}
    return [
        (
            kind,
            entry["name"],
            f"a {' or a '.join(entry['of'])}, by the {'month' if entry['span'] == 'month' else 'half-year'}",
            f"sixth document {kind} {examples[entry['of'][0], entry['span']]}"
            + (f" --lead {next(iter(entry['led']))}" if "led" in entry else ""),
        )
        for kind, entry in kinds().items()
    ]


def write_documents(home: Home, kind: str, period: str, code: str, target: Path, lead: str = "") -> Iterator[Path]:
    """Write a document into a folder; of a kind that is of units alone, for a scope that of every unit below it.

    The paths, one by one. Raises NoDocument where there is no such kind, scope or report, where the month has been
    worked on since the report, or where there is nothing for it to say.
    """
    if kind not in kinds():
        raise NoDocument(f"{kind!r} is no kind of document; `sixth document --list` shows them")
    entry = kinds()[kind]
    if is_period(period) != (entry["span"] == "month"):
        wanted = "a month, as 2026-10" if entry["span"] == "month" else "a half-year, as 2026H2"
        raise NoDocument(f"{kind} is of {wanted}, not of {period}")
    with _settled(home, period) as (work, tree, parameters):
        code = code or tree.carrier
        if code not in tree.by_code:
            raise NoDocument(f"--scope {code}: no unit or node of that code is on the register in {period}")
        header = _header(home, period, tree, code, work)
        asked = subject_of(tree, code)
        below = [subject_of(tree, unit) for unit in asked.units]
        subjects = [asked] if is_made_of(kind, asked, period) else [s for s in below if is_made_of(kind, s, period)]
        if not subjects:
            raise NoDocument(f"{kind} is made of a {' or a '.join(entry['of'])}; {code} is none")
        written, refused = 0, ""
        for subject in subjects:
            try:
                made = document(
                    kind,
                    subject,
                    header,
                    work.warehouse,
                    work.catalogue,
                    parameters,
                    lead,
                )
            except NoSuchDocument as nothing:
                refused = str(nothing)
                continue
            led = f"-{entry['led'][lead]}" if "led" in entry else ""
            path = target / f"{period}-{subject.code}{led}-{entry['name']}.docx"
            path.write_bytes(render_docx(made))
            written += 1
            yield path
        if not written:
            raise NoDocument(f"there is no {kind} of {code} for {period}: {refused}")


@contextmanager
def _settled(home: Home, period: str) -> Iterator[tuple[Work, Tree, Mapping[str, Any]]]:
    """The settled period as its published reports have it, with its tree and its parameters."""
    made = [
        datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["as_of"])
        for path in (home.published / period).glob("*/*/summary.json")
    ]
    if not made:
        how = _how(period)
        raise NoDocument(f"there is no report of {period} yet, on which a document could rest; `{how}` makes one")
    with copied_session(home, max(made)) as session:
        warehouse = session.warehouse
        there = all(warehouse.exists(table) for table in ("core.scope_units", "marts.summaries"))
        if not (there and warehouse.is_made_by(made_by(session.catalogue))):
            raise NoDocument("the months are not settled by this version of the software; `sixth run` settles them")
        work = on_record(session.once(work_of), session)
        if is_period(period):
            yield _as_published(work, period, home), work.register.tree(period), work.parameters(period)
        else:
            with spans.span_tables(work, period) as (span_work, parameters):
                yield _as_published(span_work, period, home), span_work.register.tree(period), parameters


def _how(period: str) -> str:
    """The command that makes the report of a period."""
    return f"sixth run --period {period}" if is_period(period) else f"sixth report --half {period}"


def _as_published(work: Work, period: str, home: Home) -> Work:
    carrier = work.register.tree(period).carrier
    if not counts_as_published(work, period, carrier, home.published):
        raise NoDocument(f"{period} has been worked on since its report was made; `{_how(period)}` first")
    return work


def _header(home: Home, period: str, tree: Tree, code: str, work: Work) -> Header:
    """The header of the report on which a document rests: of a unit that of the node above it."""
    scope = next(node for node in tree.above(code) if tree.by_code[node].level != "unit")
    folder = home.published / period / scope
    version = latest_version(folder)
    if version is None:
        raise NoDocument(f"there is no report of {scope} for {period}")
    return header_of(folder / version, tree.by_code[scope].name, work.software)
