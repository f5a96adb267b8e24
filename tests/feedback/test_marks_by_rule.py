"""For every rule that drops a row or returns a form: a faulty sample, and the mark in the right cell of its copy.

Belongs here: the way from mail to marked workbook. Does not: the marking of odd packages (test_marking.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from assets.instance.limits import Limits
from assets.intake.forms import read_explanations, recognise
from assets.intake.workbooks.workbook import read_workbook
from expectations.catalogue import load_catalogue
from reports.blank.forms import blank_forms
from reports.feedback.folders import PAGE, write_feedback
from reports.feedback.marking.shapes import CHECK, FILLS, MUST
from tests.feedback.faulty_forms import FAULTS, WITHOUT_CELL, Fault, Place
from tests.feedback.made_month import PERIOD, Home, drop_mail, findings, home, settled
from tests.templates.filled_forms import fill

pytestmark = pytest.mark.slow  # a month of all faults


class Sample:
    """The month of all faults, its published feedback, and where each fault was put."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "feedback"
        self.made: Home = home(root / "home", [f.unit for f in FAULTS])
        self.places: dict[str, Place] = {}
        self.found: dict[str, list[tuple[str, str]]] = {}
        for number, fault in enumerate(FAULTS, 1):
            self._send(fault, number)
        with settled(self.made) as work:
            outcome = write_feedback(work, PERIOD, self.made.root / "archive", self.folder, software="tests")
            assert outcome.failed == ()
            for fault in FAULTS:
                rows = findings(work.warehouse, fault.unit)
                self.found[fault.rule_id] = sorted((r["rule_id"], r["cell"]) for r in rows)

    def _send(self, fault: Fault, number: int) -> None:
        catalogue, form = self.made.catalogue, self.made.catalogue.form(fault.form)

        def spoil(book: openpyxl.Workbook) -> None:
            self.places[fault.rule_id] = fault.spoil(book, catalogue)

        (blank,) = blank_forms(
            self.made.unit(fault.unit), PERIOD, replace(catalogue, forms=(form,)), self.made.register
        ).values()
        drop_mail(self.made, fault.unit, [(f"{form.key}.xlsx", fill(blank, form, catalogue, number, change=spoil))])

    @cache  # noqa: B019 - lives as long as the module's fixture
    def marked(self, fault: Fault) -> openpyxl.Workbook:
        """A unit's marked copy, which no test changes."""
        return openpyxl.load_workbook(self.folder / fault.unit / f"{fault.form}.xlsx")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("faults"))


def filled_cells(sheet: Worksheet, kind: str) -> Iterator[str]:
    for row in sheet.iter_rows():
        yield from (c.coordinate for c in row if c.fill.fill_type == "solid" and c.fill.fgColor.rgb == FILLS[kind])


def test_there_is_a_sample_for_every_rule_that_has_a_cell() -> None:
    rules = load_catalogue().rules.values()
    wanted = {r.id for r in rules if r.effect in ("drop", "return")} - WITHOUT_CELL
    assert {f.rule_id for f in FAULTS} == wanted


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.rule_id)
def test_the_failing_cell_is_filled_and_noted_with_its_rule(sample: Sample, fault: Fault) -> None:
    assert fault.rule_id in {rule_id for rule_id, _ in sample.found[fault.rule_id]}
    sheet, cell = sample.places[fault.rule_id]
    book = sample.marked(fault)
    place = book[sheet][cell]
    assert place.fill.fgColor.rgb == FILLS[MUST]
    assert place.comment is not None
    texts = sample.made.catalogue.texts["messages"][fault.rule_id]
    note = place.comment.text
    assert fault.rule_id in note
    assert texts["remedy"]["zh"] in note
    assert texts["example"]["zh"] in note


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.rule_id)
def test_no_other_cell_is_said_to_be_wrong(sample: Sample, fault: Fault) -> None:
    sheet, cell = sample.places[fault.rule_id]
    book = sample.marked(fault)
    marked = {(s.title, c) for s in book.worksheets[1:] for kind in (MUST, CHECK) for c in filled_cells(s, kind)}
    noted = {
        (s.title, c.coordinate)
        for s in book.worksheets[1:]
        for row in s.iter_rows()
        for c in row
        if c.comment and "【反馈】" in c.comment.text
    }
    assert marked == noted
    assert marked == {(sheet, cell)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.rule_id)
def test_the_first_sheet_lists_the_finding_and_leads_to_its_cell(sample: Sample, fault: Fault) -> None:
    book = sample.marked(fault)
    first = book.worksheets[0]
    assert first.title == "反馈"
    row = next(r for r in first.iter_rows() if r[5].value == fault.rule_id)
    sheet, cell = sample.places[fault.rule_id]
    assert row[2].hyperlink.location == f"'{sheet}'!{cell}"
    assert row[1].value in ("退回", "强制")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.rule_id)
def test_a_marked_copy_is_read_on_the_way_in_as_its_original(sample: Sample, fault: Fault) -> None:
    content = (sample.folder / fault.unit / f"{fault.form}.xlsx").read_bytes()
    workbook = read_workbook(content, "x.xlsx", Limits())
    (form,) = recognise(workbook, "x.xlsx", sample.made.catalogue, Limits())
    assert form.faults == []  # the sheet 反馈 is no unknown sheet
    assert read_explanations(workbook) == []


def test_every_unit_has_its_page_beside_its_workbook(sample: Sample) -> None:
    for fault in FAULTS:
        names = {p.name for p in (sample.folder / fault.unit).iterdir()}
        assert names == {PAGE, ".digest", f"{fault.form}.xlsx"}
        assert fault.rule_id in (sample.folder / fault.unit / PAGE).read_text(encoding="utf-8")
