"""What a unit says of a warning in its marked workbook is taken for what it is about, and refused with words.

Belongs here: the way of an explanation from the sheet 反馈 to the next answer. Does not: reading the sheet
(tests/forms), marking (test_marking.py).
"""

from __future__ import annotations

import copy
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from assets.month.findings.explanations import verdicts
from assets.month.work import Work
from expectations.catalogue import load_catalogue
from reports.feedback.folders import PAGE, write_feedback
from tests.feedback.made_month import PERIOD, Home, drop_mail, home, settled
from tests.templates.filled_forms import FIRST_ROW, cell, changed, filled_forms, saved

pytestmark = pytest.mark.slow  # whole months
CATALOGUE = load_catalogue()
ASSETS = CATALOGUE.sheets["exposed_assets"]
REASON = "22 端口仅对运维堡垒机地址开放，工单 2026-118"
Edit = Callable[[openpyxl.Workbook], None]


def put(key: str, value: object, row: int = FIRST_ROW) -> Edit:
    """Write a value into the table of assets."""

    def edit(book: openpyxl.Workbook) -> None:
        sheet = book[ASSETS.title]
        sheet[cell(sheet, ASSETS, key, row)].value = value

    return edit


def say(rule: str, text: str, nth: int = 0) -> Edit:
    """Explain the nth line of a rule on the sheet 反馈."""

    def edit(book: openpyxl.Workbook) -> None:
        rows = list(book["反馈"].iter_rows())
        (head,) = (row for row in rows if any(c.value == "情况说明" for c in row))
        at = next(c.column for c in head if c.value == "情况说明")
        own = [row[0].row for row in rows if any(c.value == rule for c in row)]
        book["反馈"].cell(own[nth], at).value = text

    return edit


class Month:
    """A unit's month, mail by mail, with the answer to each."""

    def __init__(self, root: Path) -> None:
        self.made: Home = home(root, ("NET",), PERIOD)
        self.folder = root / "published" / "feedback"
        self.day = 2
        forms = filled_forms(self.made.unit("NET"), self.made.catalogue, self.made.register)
        self.first = changed(changed(forms["annex2"], put("ports", "22")), put("ports", "22", FIRST_ROW + 1))
        self.answered: bytes = self.send(self.first)

    def copied(self, root: Path) -> Month:
        """The same elsewhere, to go on with."""
        shutil.copytree(self.made.root, root)
        other = copy.copy(self)
        other.made, other.folder = replace(self.made, root=root), root / "published" / "feedback"
        return other

    def settle(self) -> Work:
        with settled(self.made, f"2026-11-{self.day:02d}T23:30:00") as work:
            write_feedback(work, PERIOD, self.made.root / "archive", self.folder, software="1", workers=1)
            rows = work.warehouse.rows(
                "select * from core.all_findings where unit_code = 'NET' and form = 'annex2' order by rule_id, row"
            )
            self.found = {(r["rule_id"], r["row"]): (r["status"], r["reason"]) for r in rows if r["row"]}
            self.flags = work.warehouse.value(
                "select sum(cast(has_high_risk_port as integer)) from marts.exposed_assets where period = $period",
                {"period": PERIOD},
            )
            return work

    def send(self, annex2: bytes) -> bytes:
        """Send annex 2, and what comes back of it."""
        self.day += 1
        drop_mail(self.made, "NET", [("附件2.xlsx", annex2)], day=self.day)
        self.settle()
        return (self.folder / "NET" / "附件2.xlsx").read_bytes()

    @property
    def page(self) -> str:
        return (self.folder / "NET" / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The month after its first mail."""
    return Month(tmp_path_factory.mktemp("explained") / "home")


@pytest.fixture
def month(answered: Month, tmp_path: Path) -> Month:
    return answered.copied(tmp_path / "home")


def edited(content: bytes, *edits: Edit) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(content))
    for edit in edits:
        edit(book)
    return saved(book)


def test_an_explanation_holds_although_the_rows_key_was_mended_in_the_same_workbook(month: Month) -> None:
    assert month.found["AST-03", FIRST_ROW] == ("open", "")
    month.send(edited(month.answered, put("public_ip", "203.0.113.77"), say("AST-03", REASON)))
    assert month.found["AST-03", FIRST_ROW] == ("explained", REASON)
    assert month.found["AST-03", FIRST_ROW + 1] == ("open", "")
    assert "接受 1 处" in month.page
    # It lasts: the same row again, out of the unit's own file, without the sheet 反馈.
    month.send(changed(month.first, put("public_ip", "203.0.113.77")))
    assert month.found["AST-03", FIRST_ROW] == ("explained", REASON)
    # And goes with the row.
    month.send(changed(month.first, put("public_ip", "203.0.113.99")))
    assert month.found["AST-03", FIRST_ROW] == ("open", "")


def test_a_row_that_was_moved_keeps_its_explanation_and_gives_it_to_no_other(month: Month) -> None:
    def swapped(book: openpyxl.Workbook) -> None:
        sheet = book[ASSETS.title]
        for column in range(1, len(ASSETS.columns) + 1):
            upper, lower = (sheet.cell(row, column) for row in (FIRST_ROW, FIRST_ROW + 1))
            upper.value, lower.value = lower.value, upper.value

    month.send(edited(month.answered, say("AST-03", REASON), swapped))
    assert month.found["AST-03", FIRST_ROW + 1] == ("explained", REASON)
    assert month.found["AST-03", FIRST_ROW] == ("open", "")


def test_a_night_that_saw_all_mails_at_once_says_the_same(month: Month, tmp_path: Path) -> None:
    month.send(edited(month.answered, put("public_ip", "203.0.113.77"), say("AST-03", REASON)))
    month.send(changed(month.first, put("public_ip", "203.0.113.77")))
    for file in (month.made.root / "warehouse").rglob("sixth.duckdb*"):
        file.unlink()
    before = month.found
    month.settle()
    assert month.found == before


def test_what_says_nothing_is_refused_with_words(month: Month) -> None:
    answered = month.send(edited(month.answered, say("AST-03", "核实无误。")))
    assert month.found["AST-03", FIRST_ROW] == ("open", "")
    assert "您的说明“核实无误。”没有被接受：没有写出具体情况。请写明原因、依据或安排。" in month.page
    assert "没有接受 1 处" in month.page
    told = [str(c.value) for row in openpyxl.load_workbook(io.BytesIO(answered))["反馈"].iter_rows() for c in row]
    assert any("您的说明“核实无误。”没有被接受" in text for text in told)


def test_what_must_be_mended_cannot_be_explained(month: Month) -> None:
    wrong = month.send(changed(month.first, put("owner", None)))
    month.send(edited(wrong, say("GEN-01", "责任人尚未确定，下月补报。")))
    assert month.found["GEN-01", FIRST_ROW] == ("open", "")
    assert "强制性问题必须改正，不能用说明代替。" in month.page


def test_an_explained_flag_stays_a_fact_of_the_row(month: Month) -> None:
    before = month.flags
    month.send(edited(month.answered, say("AST-03", REASON)))
    assert month.found["AST-03", FIRST_ROW][0] == "explained"
    assert month.flags == before == 2


def told(*lines: tuple[int, str], mail: str = "m") -> pl.DataFrame:
    rows = [(mail, "f", line, text) for line, text in lines]
    return pl.DataFrame(rows, schema=["mail", "form_id", "line", "text"], orient="row")


def test_the_same_words_in_many_places_are_refused_and_a_line_for_many_cells_is_one_place() -> None:
    most = CATALOGUE.texts["explanations"]["most_lines"]
    few = told(*((n, "租用云主机，合同 2026-017") for n in range(most)))
    assert set(verdicts(few, CATALOGUE)) == {"accepted"}
    many = told(
        *((n, "租用云主机，合同 2026-017" + "。" * (n % 2)) for n in range(most + 1)), (99, "设备在更新，十二月完成")
    )
    assert verdicts(many, CATALOGUE).to_list() == ["repeated"] * (most + 1) + ["accepted"]
    folded = told(*((7, "租用云主机，合同 2026-017") for _ in range(40)))
    assert set(verdicts(folded, CATALOGUE)) == {"accepted"}


@pytest.mark.parametrize("text", ["核实无误", "已核实。", " 经核实，无误 ", "同上", "12345", "是", "Verified."])
def test_phrases_that_say_nothing_are_known(text: str) -> None:
    assert verdicts(told((1, text)), CATALOGUE).to_list() == ["says_nothing"]
