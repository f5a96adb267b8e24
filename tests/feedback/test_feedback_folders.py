"""published/<period>/feedback/: who gets a folder, what is in it, and when it is written again.

Belongs here: folders.py over a settled month. Does not: what the answer says (test_feedback.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.instance.workers import Died
from assets.month.digests import remember_tables
from assets.month.work import Work
from reports.feedback import folders
from reports.feedback.folders import (
    DIGEST,
    PAGE,
    Written,
    digests_of_answers,
    draw_feedback,
    extension,
    safe_name,
    write_feedback,
)
from tests.feedback.made_month import PERIOD, Home, drop_mail, home, settled
from tests.templates.filled_forms import changed, filled_forms

WARNED, RETURNED, SILENT = "WARNED", "RETURNED", "SILENT"
NAMES = ("附件2 网络部.xlsx", "附件3: 自查?.xlsx")


def old_workbook() -> bytes:
    """What is called .xls and is none: it can be answered with a list only."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000


class Month:
    """A settled month of three units, one of which sent nothing."""

    def __init__(self, root: Path) -> None:
        self.made: Home = home(root / "home", (WARNED, RETURNED, SILENT))
        self.folder = root / "published" / "feedback"
        forms = filled_forms(self.made.unit(WARNED), self.made.catalogue, self.made.register)
        annex2 = changed(forms["annex2"], lambda book: book["暴露面资产新增"].__setitem__("Q5", "无"))
        drop_mail(self.made, WARNED, zip(NAMES, (annex2, forms["annex3"]), strict=True))
        drop_mail(self.made, RETURNED, [("附件2.xls", old_workbook())], scan=False)

    def write(self, work: Work, software: str = "1", lang: str = "zh") -> Written:
        return write_feedback(
            work, PERIOD, self.made.root / "archive", self.folder,
            software=software, lang=lang, workers=1,
        )  # fmt: skip

    def names(self, unit: str) -> set[str]:
        return {p.name for p in (self.folder / unit).iterdir()}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return Month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def opened(month: Month) -> Iterator[Work]:
    with settled(month.made) as work:
        yield work


def test_units_that_sent_something_get_their_answer_and_others_none(month: Month, opened: Work) -> None:
    outcome = month.write(opened)
    assert set(outcome.changed) == {WARNED, RETURNED}
    assert outcome.failed == ()
    assert {p.name for p in month.folder.iterdir()} == {WARNED, RETURNED}
    assert month.names(WARNED) == {PAGE, DIGEST, "附件2 网络部.xlsx", "附件3_ 自查_.xlsx"}
    assert month.names(RETURNED) == {PAGE, DIGEST, "附件2（反馈）.xlsx"}


def test_a_workbook_is_answered_with_its_marked_copy(month: Month, opened: Work) -> None:
    month.write(opened)
    book = openpyxl.load_workbook(month.folder / WARNED / "附件2 网络部.xlsx")
    assert book.sheetnames[:2] == ["反馈", "填报信息"]
    assert "AST-09" in book["暴露面资产新增"]["Q5"].comment.text


def test_what_cannot_be_marked_is_answered_with_a_list(month: Month, opened: Work) -> None:
    month.write(opened)
    book = openpyxl.load_workbook(month.folder / RETURNED / "附件2（反馈）.xlsx")
    assert book.sheetnames == ["反馈"]
    assert "ENV-03" in [row[5].value for row in book["反馈"].iter_rows()]


def test_a_second_run_writes_nothing(month: Month, opened: Work) -> None:
    month.write(opened)
    before = {p: p.stat().st_mtime_ns for p in month.folder.rglob("*")}
    assert month.write(opened) == Written((), ())
    assert {p: p.stat().st_mtime_ns for p in month.folder.rglob("*")} == before


def test_the_same_month_gives_the_same_bytes(month: Month, opened: Work, tmp_path: Path) -> None:
    month.write(opened)
    again = write_feedback(opened, PERIOD, month.made.root / "archive", tmp_path, software="1", workers=2)
    assert len(again.changed) == 2
    for path in month.folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(month.folder)).read_bytes() == path.read_bytes()


def test_only_the_unit_whose_findings_changed_is_written_again(month: Month, opened: Work) -> None:
    warehouse = opened.warehouse
    month.write(opened)
    warehouse.execute("create temp table kept as select * from core.all_findings")
    try:
        warehouse.execute("update core.all_findings set status = 'waived' where rule_id = 'AST-09'")
        remember_tables(warehouse, PERIOD)  # as if the month had been settled so
        assert month.write(opened).changed == (WARNED,)
        book = openpyxl.load_workbook(month.folder / WARNED / "附件2 网络部.xlsx")
        assert book["暴露面资产新增"]["Q5"].comment is None
    finally:
        warehouse.execute("delete from core.all_findings")
        warehouse.execute("insert into core.all_findings select * from kept")
        warehouse.execute("drop table kept")
        remember_tables(warehouse, PERIOD)


@pytest.mark.parametrize(("software", "lang"), [("2", "zh"), ("1", "en")])
def test_another_software_or_language_writes_all_again(month: Month, opened: Work, software: str, lang: str) -> None:
    month.write(opened)
    assert set(month.write(opened, software=software, lang=lang).changed) == {WARNED, RETURNED}
    shown = (month.folder / WARNED / PAGE).read_text(encoding="utf-8")
    assert ("feedback on the return for October 2026" in shown) == (lang == "en")


def test_a_folder_that_a_killed_run_left_half_done_is_made_anew(month: Month, opened: Work) -> None:
    month.write(opened)
    place = month.folder / WARNED
    place.rename(month.folder / f".replaced-{WARNED}")
    (month.folder / f".building-{WARNED}").mkdir()
    assert month.write(opened).changed == (WARNED,)
    assert {p.name for p in month.folder.iterdir()} == {WARNED, RETURNED}


def test_answers_of_units_that_have_none_any_more_are_removed(month: Month, opened: Work) -> None:
    month.write(opened)
    old, other = month.folder / "GONE", month.folder / "notes"
    for folder in (old, other):
        folder.mkdir()
    (old / DIGEST).write_text("x")
    month.write(opened)
    assert not old.exists()
    assert other.exists()
    other.rmdir()


def test_a_unit_whose_workbook_kills_the_worker_gets_a_list(
    month: Month, opened: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    def run(tasks: Iterable[Any], *_: Any) -> Iterator[tuple[Any, Died | None]]:
        for task in tasks:
            seen.append((task.unit.unit_code, task.marks))
            yield task, Died("crashed", "as if") if task.marks else None

    monkeypatch.setattr(folders, "_run", run)
    outcome = month.write(opened, software="3")
    assert seen == [(WARNED, True), (RETURNED, True), (WARNED, False), (RETURNED, False)]
    assert outcome == Written((WARNED, RETURNED), ())


def test_progress_is_told_to_the_end(month: Month, opened: Work) -> None:
    told: list[tuple[int, int]] = []
    write_feedback(
        opened, PERIOD, month.made.root / "archive", month.folder,
        software="1", workers=1, progress=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert told == [(1, 2), (2, 2)]


# ------------------------------------------------------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("附件2 网络部", "附件2 网络部"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("x\u202egpj\x00", "xgpj"),
        (" . ", "_"),
        ("", "_"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("长" * 200, "长" * 80),
    ],
)
def test_file_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    assert safe_name("A", ".xlsx", ["a.xlsx", "A (2).xlsx"]) == "A (3).xlsx"


@given(st.text(max_size=120))
def test_any_name_becomes_one_file_in_its_folder(name: str) -> None:
    made = safe_name(name, ".xlsx")
    assert Path(made).name == made
    assert not made.startswith(".")
    assert len(made.encode()) <= 255


def test_a_workbook_with_macros_is_called_so() -> None:
    for options, ending in (({}, ".xlsx"), ({"macros": True}, ".xlsm")):
        file = io.BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
            book.add_worksheet()
            if options:
                book.add_vba_project(io.BytesIO(b"\xd0\xcf"), True)
        assert extension(file.getvalue()) == ending


def test_an_answer_drawn_beforehand_is_taken_where_it_rests_on_what_it_should(
    month: Month, opened: Work, tmp_path: Path
) -> None:
    archive, of = month.made.root / "archive", {"lang": "zh", "limits": Limits()}
    plain, folder = tmp_path / "plain", tmp_path / "published"
    write_feedback(opened, PERIOD, archive, plain, software="1", workers=1)
    for software in ("0", "1"):
        digests = digests_of_answers(opened, PERIOD, software=software)
        chosen = {unit: digest for unit, digest in digests.items() if software == "0" or unit == WARNED}
        drawn = draw_feedback(opened, PERIOD, archive, tmp_path / software, chosen, **of)
        assert drawn == Written(tuple(chosen), ())
    (tmp_path / "0" / RETURNED / PAGE).write_text("stale", encoding="utf-8")
    places = [tmp_path / "0", tmp_path / "1"]
    written = write_feedback(opened, PERIOD, archive, folder, software="1", workers=1, drawn=places)
    assert written == Written((WARNED, RETURNED), ())
    assert [sorted(p.name for p in place.iterdir()) for place in places] == [[RETURNED, WARNED], []]
    got, expected = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()} for root in (folder, plain)
    )
    assert got == expected
