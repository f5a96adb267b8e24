"""What we write for Word and Excel holds what the Open XML SDK asks of it, which they do before they offer a repair.

Belongs here: DOCX and XLSX of every kind before a port of Microsoft's validator. Does not: what is in them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openxml_audit import OpenXmlValidator, ValidationSeverity

from reports.blank.book import Before
from reports.blank.forms import blank_forms
from reports.feedback.marking.workbook import mark_workbook
from reports.forms.docx import render_docx
from reports.forms.xlsx import render_xlsx
from tests.feedback import made_month
from tests.feedback.made_books import MARKS, by_openpyxl, by_xlsxwriter, entry, feedback_sheet
from tests.reports import made_reports


def faults(content: bytes, folder: Path, kind: str) -> list[str]:
    """What the validator says is wrong with a file, each with its part; a warning says what Excel will write another
    way when it saves the file.
    """
    file = folder / f"file.{kind}"
    file.write_bytes(content)
    errors = OpenXmlValidator().validate(file).errors
    return [f"{e.part_uri}: {e.description}" for e in errors if e.severity is ValidationSeverity.ERROR]


def _marked(content: bytes) -> bytes:
    marked = mark_workbook(content, MARKS, feedback_sheet(entry()))
    assert marked is not None
    return marked


MADE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "report with every kind of block": ("docx", lambda: render_docx(made_reports.full())),
    "report in English": ("docx", lambda: render_docx(made_reports.full("en"))),
    "report with nothing in it": ("docx", lambda: render_docx(made_reports.empty())),
    "provisional report": ("docx", lambda: render_docx(made_reports.provisional())),
    "workbook with every kind of block": ("xlsx", lambda: render_xlsx(made_reports.full())),
    "workbook with nothing in it": ("xlsx", lambda: render_xlsx(made_reports.empty())),
}


@pytest.mark.parametrize("name", MADE)
def test_office_programs_need_not_repair_it(name: str, tmp_path: Path) -> None:
    kind, made = MADE[name]
    assert faults(made(), tmp_path, kind) == []


@pytest.mark.parametrize("made", [by_openpyxl, by_xlsxwriter])
def test_marks_bring_nothing_that_would_have_to_be_repaired(made: Callable[[], bytes], tmp_path: Path) -> None:
    """A unit's own workbook may have had something."""
    before = faults(made(), tmp_path, "xlsx")
    assert faults(_marked(made()), tmp_path, "xlsx") == before


def test_blank_forms_need_no_repair(tmp_path: Path) -> None:
    blank = made_month.home(tmp_path, ["NET"])
    forms = blank_forms(blank.unit("NET"), "2026-10", blank.catalogue, blank.register, Before())
    assert {form: faults(content, tmp_path, "xlsx") for form, content in forms.items()} == {form: [] for form in forms}


def test_the_validator_sees_what_word_would_repair(tmp_path: Path) -> None:
    """Else the tests above say nothing."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(render_docx(made_reports.empty()))) as whole,
        zipfile.ZipFile(packed, "w") as spoilt,
    ):
        for name in whole.namelist():
            part = whole.read(name)
            if name == "word/document.xml":
                assert b"<w:sectPr" in part
                part = part.replace(b"<w:body>", b"<w:body><w:tbl><w:tr/></w:tbl><w:tc/>", 1)
            spoilt.writestr(name, part)
    assert faults(packed.getvalue(), tmp_path, "docx")
