"""The figures of summary.json found in each of the four forms, read back by other programs, on the sample.

Belongs here: figures that a reader must find. Does not: how a form is made (test_xlsx, test_docx, test_pdf).
"""

from __future__ import annotations

import io
import re
from typing import Any

import docx
import openpyxl
import pypdf
import pytest
from docx.oxml.ns import qn

from reports.forms.render import render
from reports.model import Kpi, Report
from reports.report.signed import for_signing
from reports.text import formats
from tests.reports import reading
from tests.reports.settled_sample import EMPTY, LAST, Sample

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")
IDENTITY = {"period", "scope", "version", "kind", "as_of", "cutoff"}
CASES = [(LAST, "zh"), (LAST, "en"), (EMPTY, "zh")]


@pytest.fixture(scope="module", params=CASES, ids=["-".join(case) for case in CASES])
def made(request: pytest.FixtureRequest, sample: Sample) -> tuple[Report, dict[str, Any], dict[str, bytes]]:
    """The carrier's report of a month, its summary, its documents."""
    period, lang = request.param
    scope, report = next(iter(sample.reports(period, lang).items()))
    return report, sample.summary(period, scope), render(report)


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]+", "", text)


def text_of(name: str, content: bytes) -> str:
    """The text of a document as a reader extracts it, without spaces."""
    if name == "report.pdf":
        return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages))
    if name == "report.docx":
        body = docx.Document(io.BytesIO(content)).element.body
        return squeezed("".join(t.text or "" for t in body.iter(qn("w:t"))))
    assert name == "report.html"
    return squeezed(re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", content.decode(), flags=re.S))


def written(kpi: Kpi, lang: str) -> str:
    return squeezed(formats.written(kpi.value, kpi.kind, lang))


@pytest.mark.parametrize("name", ["report.html", "report.docx", "report.pdf"])
def test_documents_hold_the_headline_figures_and_what_is_said_of_them(made: Any, name: str) -> None:
    report, _, documents = made
    text = text_of(name, documents[name]).replace("&lt;", "<").replace("&amp;", "&").replace("&#34;", '"')
    for kpi in report.kpis:
        assert squeezed(kpi.label) in text
        assert written(kpi, report.header.lang) in text
    for headline in report.headlines:
        assert squeezed(headline) in text
    parts = report.sections
    if name != "report.html":  # for the one who signs: other parts, in which each section is spoken of
        signed = for_signing(report)
        parts = (*signed.sections, *signed.annexes)
    for part in parts:
        assert squeezed(part.title) in text
    for section in report.sections:
        assert squeezed(section.headline) in text or (name != "report.html" and section.key in ("summary", "appendix"))


def test_the_workbook_holds_every_figure_of_the_summary(made: Any) -> None:
    report, summary, documents = made
    book = openpyxl.load_workbook(io.BytesIO(documents["report.xlsx"]))
    table = next(t for t in report.tables() if t.anchor == "appendix_figures")
    keys = [column.key for column in table.columns]
    sheet, first = reading.block_of(book, table.title)
    rows = sheet.iter_rows(min_row=first, max_row=first + len(table.rows) - 1)
    held = {row[keys.index("path")].value: row[keys.index("value")].value for row in rows}
    figures = {path: value for path, value in flat(summary) if path.partition(".")[0] not in IDENTITY}
    assert held.keys() >= {path for path in figures if ".by_" not in path}
    assert {path: held[path] for path in figures if path in held} == pytest.approx(
        {path: figures[path] for path in figures if path in held}
    )


def test_the_page_holds_every_figure_of_the_summary_with_its_name(made: Any) -> None:
    """What is signed has no definitions of figures: those are in the page and in the workbook (reports.md)."""
    report, summary, documents = made
    text = (
        text_of("report.html", documents["report.html"])
        .replace("&lt;", "<")
        .replace("&amp;", "&")
        .replace("&#34;", '"')
    )
    table = next(t for t in report.tables() if t.anchor == "appendix_figures")
    places = {column.key: place for place, column in enumerate(table.columns)}
    named = {str(row[places["path"]]): str(row[places["figure"]]) for row in table.rows}
    at = text.index(squeezed(table.title), text.index(squeezed(report.sections[-1].headline)))
    for path, value in flat(summary):
        if path.partition(".")[0] in IDENTITY or (path not in named and ".by_" in path):
            continue
        shown = squeezed(named[path] + formats.written(value, "text", report.header.lang))
        assert shown in text[at:], path


def flat(branch: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Every figure by its dotted path."""
    leaves = []
    for key, value in branch.items():
        leaves += flat(value, f"{before}{key}.") if isinstance(value, dict) else [(before + key, value)]
    return leaves
