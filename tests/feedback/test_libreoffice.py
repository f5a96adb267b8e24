"""Marked workbooks open in LibreOffice with all that is in them, and are known again after it saved them.

Belongs here: what needs LibreOffice. Does not: what openpyxl can tell (test_marking.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.instance.limits import Limits
from assets.intake.forms import read_explanations
from assets.intake.workbooks.workbook import read_workbook
from reports.feedback.marking.shapes import CHECK, MUST, Mark
from tests.feedback.made_books import MARKS, OTHER, SHEET, by_openpyxl, by_xlsxwriter, entry
from tests.feedback.test_marking import as_intake_reads, filled, marked, noted, opened
from tests.templates.libreoffice import through_libreoffice

pytestmark = pytest.mark.outside

ENTRIES = (entry(1), entry(2, kind=CHECK, explanation="租用云主机，合同 2026-017"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = {"openpyxl": by_openpyxl(), "xlsxwriter": by_xlsxwriter()}
    folder: Path = tmp_path_factory.mktemp("office") / "marked"
    return through_libreoffice({name: marked(content, MARKS, *ENTRIES) for name, content in made.items()}, folder)


@pytest.mark.parametrize("maker", ["openpyxl", "xlsxwriter"])
def test_marks_notes_and_contents_survive_libreoffice(saved: dict[str, bytes], maker: str) -> None:
    book = opened(saved[maker])
    assert book.sheetnames[:3] == ["反馈", SHEET, OTHER]
    assert filled(book[SHEET]) == {"C3": MUST, "B2": CHECK, "F9": MUST}
    notes = noted(book[SHEET])
    assert notes["C3"] == "【反馈】\n强制 · 不在可选范围（GEN-03）"
    assert "用户自己的批注" in notes["B2"]
    assert "核实 · 二" in notes["B2"]
    assert book[SHEET].data_validations.count == 1
    assert book[SHEET]["D2"].data_type == "f"
    assert len(book[SHEET]._images) == 1
    assert "全局" in book.defined_names


@pytest.mark.parametrize("maker", ["openpyxl", "xlsxwriter"])
def test_explanations_survive_libreoffice(saved: dict[str, bytes], maker: str) -> None:
    told = read_explanations(read_workbook(saved[maker], "x.xlsx", Limits()))
    assert [(e.subject, e.text) for e in told] == [(f"{2:016x}", "租用云主机，合同 2026-017")]


@pytest.mark.parametrize("maker", ["openpyxl", "xlsxwriter"])
def test_a_workbook_that_libreoffice_saved_is_marked_anew(saved: dict[str, bytes], maker: str) -> None:
    again = marked(saved[maker], [Mark(SHEET, "F9", MUST, "强制 · 仍然")])
    book = opened(again)
    assert book.sheetnames.count("反馈") == 1
    assert filled(book[SHEET]) == {"F9": MUST}
    assert filled(book[OTHER]) == {}
    assert noted(book[SHEET])["F9"] == "【反馈】\n强制 · 仍然"
    assert "【反馈】" not in noted(book[SHEET])["B2"]
    assert as_intake_reads(again) == as_intake_reads(saved[maker])
    assert marked(again, [Mark(SHEET, "F9", MUST, "强制 · 仍然")]) == again
