"""`sixth check` tells a unit before it sends what it would be told after, and what it cannot know it does not claim.

Belongs here: verdict, exit status and what is asked, with and without a home. Does not: the rules (tests/findings).
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from assets.instance.home import Home as Instance
from expectations.catalogue import HERE, NEEDS, load_catalogue
from pipelines.cli import app
from reports.feedback.checking import UNKNOWN_UNIT, check_files
from reports.feedback.precheck import precheck_text
from tests.feedback.made_month import Home, home, sealed_page
from tests.templates.filled_forms import FIRST_ROW, Change, cell, changed, cover_cell, filled_forms

CATALOGUE = load_catalogue()
NAMES = {"annex2": "附件2.xlsx", "annex3": "附件3.xlsx", "annex6": "附件6.xlsx"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home(tmp_path_factory.mktemp("home"), ("NET", "OTHER"))


@pytest.fixture(scope="module")
def right(made: Home) -> dict[str, bytes]:
    return filled_forms(made.unit("NET"), made.catalogue, made.register)


@pytest.fixture
def folder(tmp_path: Path, right: dict[str, bytes]) -> Path:
    """Files that are right."""
    for key, content in right.items():
        (tmp_path / NAMES[key]).write_bytes(content)
    (tmp_path / "扫描件.jpg").write_bytes(sealed_page())
    return tmp_path


def asset(key: str, value: Any, row: int = FIRST_ROW) -> Change:
    """A change of a cell of the first sheet of annex 2."""
    form = CATALOGUE.sheets["exposed_assets"]

    def change(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        sheet[cell(sheet, form, key, row)].value = value

    return change


def sixth(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return done.exit_code, done.stdout


def rules(files: Iterable[Path], of: Home | None = None, **more: Any) -> list[str]:
    checked = check_files(list(files), home=Instance(of.root) if of else None, **more)
    return [f["rule_id"] for f in checked.findings]


def test_right_files_with_a_scan_may_be_sent(folder: Path) -> None:
    status, told = sixth(*sorted(folder.iterdir()))
    assert status == 0
    assert "结论：可以报送。\n" in told
    assert "还缺" not in told
    assert "扫描件.jpg：扫描件，已盖章" in told


def test_what_is_missing_is_named_and_does_not_make_it_fail(folder: Path) -> None:
    status, told = sixth(folder / "附件2.xlsx")
    assert status == 0
    assert "还缺：附件3、单位负责人签字并盖章的扫描件。" in told


def test_rows_that_would_not_count_are_counted_and_told_with_what_to_do(folder: Path, right: dict[str, bytes]) -> None:
    wrong = changed(changed(right["annex2"], asset("asset_name", None)), asset("asset_type", "网页"))
    (folder / "附件2.xlsx").write_bytes(wrong)
    status, told = sixth(folder / "附件2.xlsx", folder / "附件3.xlsx")
    assert status == 1
    assert "结论：有 1 行不计入。必须改正 2 处。" in told
    assert "强制 2" in told
    assert "附件2 · 暴露面资产新增 B5  本行的必填项“资产名称”没有填写。" in told
    assert "怎么改：请补填后重新报送整份表。" in told


def test_a_rule_is_asked_in_the_months_of_its_life_and_advises_first(
    made: Home, folder: Path, right: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The form is of October."""
    (folder / "附件2.xlsx").write_bytes(changed(right["annex2"], asset("asset_name", None)))
    (folder / "附件3.xlsx").unlink()
    text, head = (HERE / "rules.yaml").read_text(encoding="utf-8"), "- {id: GEN-01,"
    told = {}
    for dated in ("valid_from: 2026-11", "valid_to: 2026-09", "advice_until: 2026-10", "valid_to: 2026-10"):
        other = tmp_path_factory.mktemp("dated") / "home"
        shutil.copytree(made.root / "register", other / "register")
        (other / "register" / "rules.yaml").write_text(text.replace(head, f"{head} {dated},"), encoding="utf-8")
        checked = check_files([folder / "附件2.xlsx"], home=Instance(other))
        told[dated] = [f["effect"] for f in checked.findings if f["rule_id"] == "GEN-01"]
    assert told == {
        "valid_from: 2026-11": [], "valid_to: 2026-09": [], "advice_until: 2026-10": ["flag"], "valid_to: 2026-10": ["drop"],
    }  # fmt: skip


def test_many_of_a_kind_are_one_line_as_in_the_answer(folder: Path, right: dict[str, bytes]) -> None:
    def many(book: openpyxl.Workbook) -> None:
        form = CATALOGUE.sheets["self_check"]
        sheet = book[form.title]
        for row in range(FIRST_ROW, FIRST_ROW + 20):
            sheet[cell(sheet, form, "checked_by", row)].value = None

    (folder / "附件3.xlsx").write_bytes(changed(right["annex3"], many))
    status, told = sixth(folder / "附件3.xlsx")
    assert status == 1
    assert "有 20 行不计入" in told
    assert told.count("附件3 · 自查结果") == 1
    assert "共 20 处" in told


def test_a_form_that_would_come_back_is_named(folder: Path, right: dict[str, bytes]) -> None:
    def no_month(book: openpyxl.Workbook) -> None:
        sheet = book["填报信息"]
        sheet[cover_cell(sheet, CATALOGUE.form("annex2"), "period")].value = "上个月"

    (folder / "附件2.xlsx").write_bytes(changed(right["annex2"], no_month))
    status, told = sixth(folder / "附件2.xlsx", folder / "附件3.xlsx", "--period", "2026-10")
    assert status == 1
    assert "结论：报送后会被退回：附件2。" in told


@pytest.mark.parametrize("ending", [".docx", ".xlsx"])
def test_a_file_that_hints_at_a_form_and_yields_none_fails(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"附件3 网络部{ending}"
    book = openpyxl.Workbook()
    book.active.title = "Sheet1"
    book.active["A1"] = "检查项编号"
    book.save(file.with_suffix(".xlsx"))
    file.with_suffix(".xlsx").rename(file)
    status, told = sixth(file, "--unit", "NET", "--period", "2026-10")
    assert status == 1
    assert f"{file.name}：文件名像附件3，但其中没有认出这张表" in told
    assert "报送后会被退回：附件3。" in told


def test_what_nothing_can_be_read_of_is_not_ready_to_send(tmp_path: Path) -> None:
    (tmp_path / "扫描件.pdf").write_bytes(b"%PDF-1.4\n")
    status, told = sixth(tmp_path / "扫描件.pdf")
    assert (status, "结论：扫描件无法打开：扫描件.pdf。" in told, "可以报送" in told) == (0, True, False)
    (tmp_path / "月报.numbers").write_bytes(b"x")
    told = sixth(tmp_path / "月报.numbers")[1]
    assert "没有可以报送的内容" in told
    assert told.startswith("报送前检查：单位未知 ")
    (tmp_path / "附件2 签字.pdf").write_bytes(b"%PDF-1.4\n")
    assert sixth(tmp_path / "附件2 签字.pdf")[0] == 1


def test_forms_in_an_archive_are_checked_as_those_beside_one_another(folder: Path) -> None:
    packed = folder / "报送.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in NAMES.values():
            archive.write(folder / name, name)
    status, told = sixth(packed, folder / "扫描件.jpg")
    assert status == 0
    assert "不是报表" not in told
    assert "结论：可以报送。" in told


# What is said of an address without a home, which knows whose addresses are, and with one.
ADDRESSES = {
    "192.168.1.2": ("AST-01", "AST-01"), "100.64.3.4": ("AST-01", "AST-01"), "127.0.0.1": ("AST-01", "AST-01"),
    "169.254.1.1": ("AST-01", "AST-01"), "fe80::1": ("AST-01", "AST-01"), "ff02::1": ("AST-01", "AST-01"),
    "198.51.100.7": (None, "AST-01"), "203.0.113.9": (None, None), "8.8.8.8": (None, "AST-02"),
}  # fmt: skip


def test_of_an_address_is_asked_what_is_known_of_it(made: Home, folder: Path, right: dict[str, bytes]) -> None:
    form, file = CATALOGUE.sheets["exposed_assets"], folder / "附件2.xlsx"

    def enter(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        for row, address in enumerate(ADDRESSES, FIRST_ROW):
            for column in range(1, len(form.columns) + 1):
                sheet.cell(row, column).value = sheet.cell(FIRST_ROW, column).value
            sheet[cell(sheet, form, "public_ip", row)].value = address

    file.write_bytes(changed(right["annex2"], enter))
    told = []
    for of in (None, made):
        found = check_files([file], home=Instance(of.root) if of else None).findings
        rows = {f["row"]: f["rule_id"] for f in found if f["rule_id"] in {"AST-01", "AST-02"}}
        told.append([rows.get(row) for row, _ in enumerate(ADDRESSES, FIRST_ROW)])
    assert dict(zip(ADDRESSES, zip(*told, strict=True), strict=True)) == ADDRESSES


def test_with_a_home_the_units_name_and_items_are_asked_too(made: Home, folder: Path, right: dict[str, bytes]) -> None:
    def other_name(book: openpyxl.Workbook) -> None:
        for form in CATALOGUE.forms:
            if form.sheets[0].title in book.sheetnames:
                sheet = book["填报信息"]
                sheet[cover_cell(sheet, form, "unit_name")].value = "网络处"

    file = folder / "附件3.xlsx"
    file.write_bytes(changed(right["annex3"], other_name))
    assert "CVR-03" not in rules([file])
    assert "CVR-03" in rules([file], made)
    status, told = sixth(file, "--home", made.root)
    assert status == 0
    assert "NET单位 NET 2026年10月" in told
    assert "没有单位登记表" not in told


def test_a_unit_that_the_register_does_not_have_would_be_sent_back(made: Home, folder: Path) -> None:
    checked = check_files([folder / "附件2.xlsx"], home=Instance(made.root), unit="OTHER")
    assert "CVR-02" not in {f["rule_id"] for f in checked.findings}  # who sends it is for the mail to say
    status, told = sixth(folder / "附件2.xlsx", "--home", made.root, "--unit", "NOBODY")
    assert status == 2
    assert told == ""


def test_a_code_on_the_cover_that_is_not_registered_is_found(made: Home, folder: Path, right: dict[str, bytes]) -> None:
    def other_code(book: openpyxl.Workbook) -> None:
        sheet = book["填报信息"]
        sheet[cover_cell(sheet, CATALOGUE.form("annex2"), "unit_code")].value = "NBT"

    file = folder / "附件2.xlsx"
    file.write_bytes(changed(right["annex2"], other_code))
    checked = check_files([file], home=Instance(made.root))
    assert "CVR-01" in {f["rule_id"] for f in checked.findings}
    assert checked.unit_code == UNKNOWN_UNIT
    assert checked.is_rejected


def test_a_form_of_another_month_is_checked_too_and_told(made: Home, folder: Path, right: dict[str, bytes]) -> None:
    """Nothing was said of it, and it was ready to send."""

    def last_month(book: openpyxl.Workbook) -> None:
        sheet, form = book["填报信息"], CATALOGUE.sheets["self_check"]
        sheet[cover_cell(sheet, CATALOGUE.form("annex3"), "period")].value = "2026-09"
        sheet = book[form.title]
        sheet[cell(sheet, form, "result", FIRST_ROW)].value = "很好"

    (folder / "附件3.xlsx").write_bytes(changed(right["annex3"], last_month))
    status, told = sixth(folder / "附件2.xlsx", folder / "附件3.xlsx", "--home", made.root)
    assert status == 1
    assert "不在可选范围 GEN-03" in told
    assert "附件3.xlsx：附件3 网络安全工作自查情况月报表，填的是2026年9月\n" in told
    assert "有的表填的是另一个单位或月份（见上），请先核对填报信息。" in told


@pytest.mark.parametrize("month", ["2062-10", "9999-12", "2001-01"])
def test_a_month_that_nothing_is_owed_of_moves_no_clock(
    made: Home, folder: Path, right: dict[str, bytes], month: str
) -> None:
    """Everything was held against the rules of that month, or the check failed."""

    def slip(book: openpyxl.Workbook) -> None:
        sheet = book["填报信息"]
        sheet[cover_cell(sheet, CATALOGUE.form("annex3"), "period")].value = month

    (folder / "附件3.xlsx").write_bytes(changed(right["annex3"], slip))
    status, told = sixth(folder / "附件2.xlsx", folder / "附件3.xlsx", "--home", made.root)
    assert (status, "CVR-05" in told, "CHK-07" in told) == (1, True, False)


def test_a_form_of_another_unit_is_checked_as_its_own(folder: Path, right: dict[str, bytes]) -> None:
    """It was said to come back, and not why: whom a sender may file for is the mail's to tell."""

    def other_code(book: openpyxl.Workbook) -> None:
        sheet = book["填报信息"]
        sheet[cover_cell(sheet, CATALOGUE.form("annex3"), "unit_code")].value = "OTHER"

    (folder / "附件3.xlsx").write_bytes(changed(right["annex3"], other_code))
    (folder / "other").mkdir()
    (folder / "附件3.xlsx").rename(folder / "other" / "附件2.xlsx")  # under the name of the other one, too
    status, told = sixth(folder / "附件2.xlsx", folder / "other" / "附件2.xlsx")
    assert (status, "退回" in told) == (0, False)
    assert "附件2.xlsx：附件3 网络安全工作自查情况月报表，填的是OTHER\n" in told
    assert "附件2.xlsx：附件2 网络暴露面资产新增及APP上线情况月报表\n" in told


def test_a_file_that_is_there_twice_is_one(folder: Path) -> None:
    """Its copy was said to be no form and to come back, though a mail has both as one."""
    (folder / "附件2(1).xlsx").write_bytes((folder / "附件2.xlsx").read_bytes())
    status, told = sixth(folder / "附件2.xlsx", folder / "附件2(1).xlsx")
    assert status == 0
    assert "附件2(1).xlsx：与“附件2.xlsx”内容相同，只算一份\n" in told


def test_nothing_is_asked_that_only_others_can_tell(made: Home, folder: Path) -> None:
    needing = {r.id for r in CATALOGUE.rules.values() if set(r.needs) - {"register"}}
    assert {"ENV-01", "AST-11", "AST-12", "REC-04", "XFM-02"} <= needing
    assert not needing & set(rules(sorted(folder.glob("附件*")), made))
    assert {need for rule in CATALOGUE.rules.values() for need in rule.needs} == set(NEEDS)
    carried = {r.id for r in CATALOGUE.rules.values() if r.carried}
    assert carried <= needing | {"XFM-03"}


def test_it_speaks_english_when_asked(folder: Path, right: dict[str, bytes]) -> None:
    (folder / "附件2.xlsx").write_bytes(changed(right["annex2"], asset("asset_name", None)))
    checked = check_files([folder / "附件2.xlsx"], lang="en")
    told = precheck_text(checked)
    assert "Verdict: Rows that would not be counted: 1." in told
    assert "Remedy: Fill it in" in told


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    assert sixth(tmp_path / "附件2.xlsx")[0] == 2
