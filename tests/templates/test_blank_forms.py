"""Blank forms say what they want, let in what fits, and are recognised as what they are.

Belongs here: blank_forms.py and blank_cells.py. Does not: filled forms through the whole intake (test_filled_in.py).
"""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from assets.instance.limits import Limits
from assets.instance.register import Register, Unit
from assets.intake.forms import normalise_heading, recognise
from assets.intake.workbooks.workbook import read_workbook
from expectations.catalogue import HERE, Catalogue, Column, Form, SheetForm, clauses, condition, load_catalogue
from reports.blank.book import Before
from reports.blank.cells import Wording, lacks
from reports.blank.forms import NOTE_SHEET, ROWS, blank_forms, write_templates
from tests.feedback.made_month import Home, home
from tests.templates.filled_forms import FIRST_ROW, HEADINGS, PERIOD, cell, cover_cell
from tests.templates.libreoffice import through_libreoffice

CATALOGUE = load_catalogue()
PROBLEMS: list[dict[str, Any]] = [
    {
        "issue_no": f"20260{n}-007", "source": "自查", "item_code": "NSW-11", "problem": "=1+1 日志留存不足", "severity": "中",
        "found_on": date(2026, 9, 10), "action": "扩容", "due_on": date(2026, 11, 30), "status": status,
        "closed_on": None, "effective": None,
    }
    for n, status in ((7, "整改中"), (8, "未开始"))
]  # fmt: skip
SHEETS = [(f, s) for f in CATALOGUE.forms for s in f.sheets]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home(tmp_path_factory.mktemp("home"), ("NET", "OTHER"))


def forms(made: Home, lang: str = "zh", unit: Unit | None = None) -> dict[str, bytes]:
    return blank_forms(
        unit or made.unit("NET"), PERIOD, made.catalogue, made.register, Before(problems=PROBLEMS), lang=lang
    )


@pytest.fixture(scope="module")
def books(made: Home) -> dict[str, openpyxl.Workbook]:
    """The unit's forms by key; tests only look."""
    contents = zip(CATALOGUE.forms, forms(made).values(), strict=True)
    return {form.key: openpyxl.load_workbook(io.BytesIO(content)) for form, content in contents}


def rules_at(sheet: Worksheet, place: str) -> list[Any]:
    return [d for d in sheet.data_validations.dataValidation if any(place in r for r in d.sqref.ranges)]


def marks_at(sheet: Worksheet, place: str) -> list[str]:
    return [
        rule.formula[0]
        for area in sheet.conditional_formatting
        for rule in area.rules
        if any(place in r for r in area.sqref.ranges)
    ]


# -------------------------------------------------------------------------------------------------------- recognised
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_blank_forms_are_recognised_with_nothing_unknown_in_them(made: Home, lang: str) -> None:
    contents = forms(made, lang)
    assert [name[:3] for name in contents] == ["附件2", "附件3", "附件6"]
    for form, (name, content) in zip(CATALOGUE.forms, contents.items(), strict=True):
        (found,) = recognise(read_workbook(content, name, Limits()), name, made.catalogue, Limits())
        assert (found.form, found.faults) == (form.key, [])
        assert {c.key for c in form.cover} == found.cover.keys()
        known = {k: r.value for k, r in found.cover.items() if r.value is not None}
        assert known == {
            "unit_code": "NET", "unit_name": "NET单位", "period": PERIOD, "form_version": CATALOGUE.form_version,
        }  # fmt: skip
        for table, sheet in zip(found.tables, form.sheets, strict=True):
            assert set(table.columns) == {c.key for c in sheet.columns}


def test_the_units_own_items_are_listed_with_what_they_rest_on(made: Home, books: dict[str, openpyxl.Workbook]) -> None:
    unit, sheet = made.unit("NET"), books["annex3"]["自查结果"]
    wanted = CATALOGUE.items_for(unit.kind, unit.services, PERIOD in made.register.protection_periods, PERIOD)
    rows = [[c.value for c in row[:2]] for row in sheet.iter_rows(min_row=FIRST_ROW) if row[0].value]
    assert [r[0] for r in rows] == [i.code for i in wanted]
    for item, (_, text) in zip(wanted, rows, strict=True):
        assert text.startswith(item.text)
        assert "依据：" in text
        assert ("目标：" in text) == (item.target is not None)
    other = replace(unit, kind="finance", services=frozenset())
    fewer = openpyxl.load_workbook(io.BytesIO(list(forms(made, unit=other).values())[1]))["自查结果"]
    assert [r[0].value for r in fewer.iter_rows(min_row=FIRST_ROW) if r[0].value] == [
        i.code for i in CATALOGUE.items_for("finance", frozenset(), False, PERIOD)
    ]


def test_indicators_are_listed_and_counts_want_no_denominator(books: dict[str, openpyxl.Workbook]) -> None:
    sheet, form = books["annex3"]["工作指标"], CATALOGUE.sheets["indicators"]
    for row, indicator in enumerate(CATALOGUE.indicators, FIRST_ROW):
        assert sheet.cell(row, 1).value == indicator.code
        place = cell(sheet, form, "denominator", row)
        assert sheet[place].protection.locked == (indicator.kind == "count")
        assert bool(marks_at(sheet, place)) == (indicator.kind == "ratio")


def test_open_problems_are_carried_over_with_their_status_to_be_said(books: dict[str, openpyxl.Workbook]) -> None:
    sheet, form = books["annex3"]["问题整改"], CATALOGUE.sheets["rectification"]
    rows = [r for r in range(FIRST_ROW, FIRST_ROW + 5) if sheet.cell(r, 1).value]
    assert [sheet.cell(r, 1).value for r in rows] == ["202607-007", "202608-007"]
    for row, problem in zip(rows, PROBLEMS, strict=False):
        said = {c.key: sheet[cell(sheet, form, c.key, row)] for c in form.columns}
        assert said["problem"].value == "'=1+1 日志留存不足"
        assert said["found_on"].value == datetime(2026, 9, 10)
        assert [said[k].value for k in ("status", "closed_on", "effective")] == [None, None, None]
        assert problem["status"] in said["status"].comment.text
        assert marks_at(sheet, said["status"].coordinate)
        assert said["issue_no"].protection.locked
        assert not said["action"].protection.locked
        assert said["problem"].data_type == "s"


# ---------------------------------------------------------------------------------------------------------- protection
@pytest.mark.parametrize(("form", "definition"), SHEETS, ids=[s.key for _, s in SHEETS])
def test_headings_are_closed_and_the_cells_below_are_open(
    books: dict[str, openpyxl.Workbook], form: Form, definition: SheetForm
) -> None:
    sheet = books[form.key][definition.title]
    assert sheet.protection.sheet
    assert not sheet.protection.password
    for at, column in enumerate(definition.columns, 1):
        heading = sheet.cell(HEADINGS, at)
        assert heading.protection.locked
        assert heading.value == column.zh + ("*" if column.required == "always" else "")
        assert normalise_heading(heading.value) == normalise_heading(column.zh)
        assert Wording(CATALOGUE, "zh").wants(definition.key, column) in heading.comment.text
    if definition.key not in ("self_check", "indicators"):
        for row in (FIRST_ROW + 5, FIRST_ROW + 200):
            assert not any(sheet.cell(row, at).protection.locked for at in range(1, len(definition.columns) + 1))
    assert sheet.freeze_panes == "C5"
    assert ROWS >= 200


def test_the_cover_is_closed_where_it_is_filled_in(books: dict[str, openpyxl.Workbook]) -> None:
    for form in CATALOGUE.forms:
        sheet = books[form.key][form.cover_title]
        for column in form.cover:
            place = sheet[cover_cell(sheet, form, column.key)]
            assert place.protection.locked == (place.value is not None)
            assert bool(marks_at(sheet, place.coordinate)) == (place.value is None and column.required != "never")


# ---------------------------------------------------------------------------------------------------------- what fits
@pytest.mark.parametrize(("form", "definition"), SHEETS, ids=[s.key for _, s in SHEETS])
def test_every_column_says_and_enforces_what_it_takes(
    books: dict[str, openpyxl.Workbook], form: Form, definition: SheetForm
) -> None:
    sheet, wording = books[form.key][definition.title], Wording(CATALOGUE, "zh")
    kinds = {"date": "date", "datetime": "date", "int": "whole", "percent": "decimal", "enum": "list", "bool": "list"}
    for column in definition.columns:
        (rule,) = rules_at(sheet, cell(sheet, definition, column.key, FIRST_ROW))
        assert rule.promptTitle == column.zh
        assert rule.prompt == wording.hint(definition.key, column, definition.columns)[:255]
        if column.type in kinds:
            assert rule.type == kinds[column.type]
        elif column.max_len:
            assert (rule.type, rule.formula1) == ("textLength", str(column.max_len))
        if column.type == "enum":
            assert rule.formula1 == f'"{",".join(column.codes)}"'
            assert rule.showErrorMessage
        if column.type == "bool":
            assert rule.formula1 == ('"有,无"' if "有无" in column.zh else '"是,否"')
        if column.type == "enum_list":
            assert not rule.showErrorMessage


def test_codes_of_items_can_be_chosen_from_those_that_are_listed(books: dict[str, openpyxl.Workbook]) -> None:
    sheet, form = books["annex3"]["问题整改"], CATALOGUE.sheets["rectification"]
    (rule,) = rules_at(sheet, cell(sheet, form, "item_code", FIRST_ROW))
    assert rule.type == "list"
    assert rule.formula1.startswith("'自查结果'!$A$5:$A$")


@pytest.mark.parametrize(
    ("sheet", "key", "shown"),
    [
        ("exposed_assets", "ports", "@"), ("exposed_assets", "online_on", "yyyy-mm-dd"), ("app_launches", "version", "@"),
        ("incidents", "occurred_at", "yyyy-mm-dd hh:mm"), ("self_check", "measured", "0.00%"),
        ("self_check", "problem", "General"), ("exposed_assets", "high_vulns", "0"),
    ],
)  # fmt: skip
def test_cells_have_the_number_format_of_their_type(
    books: dict[str, openpyxl.Workbook], sheet: str, key: str, shown: str
) -> None:
    form = CATALOGUE.sheets[sheet]
    page = books[form.form][form.title]
    assert page[cell(page, form, key, FIRST_ROW)].number_format == shown


def test_a_list_too_long_for_a_rule_stands_on_a_hidden_sheet_that_intake_ignores(made: Home) -> None:
    codes = tuple(f"设备类型编号{n:03}" for n in range(60))
    form = CATALOGUE.form("annex2")
    columns = tuple(replace(c, codes=codes) if c.key == "asset_type" else c for c in form.sheets[0].columns)
    longer = replace(form, sheets=(replace(form.sheets[0], columns=columns), form.sheets[1]))
    catalogue: Catalogue = replace(CATALOGUE, forms=(longer,))
    ((name, content),) = blank_forms(made.unit("NET"), PERIOD, catalogue, made.register).items()
    book = openpyxl.load_workbook(io.BytesIO(content))
    (rule,) = rules_at(book["暴露面资产新增"], "C5")
    assert rule.formula1 == "'说明'!$A$1:$A$60"
    assert book["说明"].sheet_state == "hidden"
    assert [c.value for c in book["说明"]["A"]] == list(codes)
    (found,) = recognise(read_workbook(content, name, Limits()), name, catalogue, Limits())
    assert found.faults == []


# ---------------------------------------------------------------------------------------------- what is still missing
ALL_COLUMNS = [(s.key, c) for s in CATALOGUE.sheets.values() for c in s.columns]


@pytest.mark.parametrize(("sheet", "column"), ALL_COLUMNS, ids=[f"{s}.{c.key}" for s, c in ALL_COLUMNS])
def test_every_condition_is_read_and_said_in_both_languages(sheet: str, column: Column) -> None:
    others = CATALOGUE.sheets[sheet].columns
    assert bool(clauses(column.required)) == bool(condition(column.required))
    assert {c.column for c in clauses(column.required)} <= {"", *(c.key for c in others)}
    for lang in ("zh", "en"):
        assert Wording(CATALOGUE, lang).hint(sheet, column, others)


ROWS_AND_GAPS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("exposed_assets", {}, set()),
    (
        "exposed_assets",
        {"asset_name": "门户", "asset_type": "网站", "system_name": "门户", "mlps_level": "未定级", "holds_personal_data": "否",
         "owner": "王五", "owner_phone": "1", "online_on": 46000, "reason": "x", "three_sync": "是"},
        {"public_ip", "url", "icp_no"},
    ),
    (
        "exposed_assets",
        {"asset_name": "门户", "asset_type": "接口", "public_ip": "203.0.113.5", "mlps_level": "三级", "scanned_on": 46000,
         "system_name": " ", "holds_personal_data": "否", "owner": "王五", "owner_phone": "1", "online_on": 46000,
         "reason": "x", "three_sync": "是"},
        {"ports", "mlps_no", "high_vulns", "system_name"},
    ),
    (
        "app_launches",
        {"app_name": "a", "platform": "H5", "stage": "新上线", "developer_kind": "外包", "collects_personal_data": "是",
         "interactive": "是", "owner": "王五", "owner_phone": "1"},
        {"launched_on", "developer", "assessed", "privacy_url", "real_name"},
    ),
    (
        "app_launches",
        {"app_name": "a", "platform": "iOS", "stage": "开发中", "developer_kind": "自研", "collects_personal_data": "是",
         "interactive": "否", "owner": "王五", "owner_phone": "1"},
        {"package_id", "version"},
    ),
    (
        "exposed_assets",
        {"asset_name": "无", "asset_type": "接口", "public_ip": "/", "url": "—", "mlps_level": "三级", "mlps_no": "－",
         "protection": "无", "system_name": "-", "holds_personal_data": "否", "owner": " 无 ", "owner_phone": "1",
         "online_on": 46000, "reason": "x", "three_sync": "是"},
        {"asset_name", "public_ip", "mlps_no", "system_name", "owner"},
    ),
    (
        "self_check",
        {"item_code": "NSW-05", "result": "不适用", "checked_by": "张三", "checked_on": 46000},
        set(),
    ),
    (
        "incidents",
        {"incident_no": "1", "kind": "其他", "level": "低", "occurred_at": 46000.5, "reported_at": 46000.6,
         "resolved_at": 46001, "description": "x", "scope": "x"},
        {"cause", "reviewed"},
    ),
]  # fmt: skip


@pytest.mark.outside
def test_the_formulas_find_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for n, (key, values, _) in enumerate(ROWS_AND_GAPS):
        page, keys = book.create_sheet(f"s{n}"), [c.key for c in CATALOGUE.sheets[key].columns]

        def at(key: str, keys: list[str] = keys) -> str:
            return f"${openpyxl.utils.get_column_letter(keys.index(key) + 1)}1"

        for name, value in values.items():
            page[at(name).replace("$", "")].value = value
        for row, column in enumerate(CATALOGUE.sheets[key].columns, 3):
            # A new row is told apart by everything but its number, as in the forms.
            filled = f"{at(next(k for k in keys if k != 'seq'))}:{at(keys[-1])}"
            page.cell(row, 1).value = column.key
            page.cell(row, 2).value = lacks(at(column.key), column, filled, at) or "=FALSE()"
    file = io.BytesIO()
    book.save(file)
    calculated = through_libreoffice({"f": file.getvalue()}, tmp_path / "office")["f"]
    pages = openpyxl.load_workbook(io.BytesIO(calculated), data_only=True)
    for n, (_, _, expected) in enumerate(ROWS_AND_GAPS):
        found = {row[0].value for row in pages[f"s{n}"].iter_rows(min_row=3) if row[1].value is True}
        assert found == expected, ROWS_AND_GAPS[n]


def test_a_measure_is_missed_only_where_the_item_has_a_target(books: dict[str, openpyxl.Workbook]) -> None:
    sheet, form = books["annex3"]["自查结果"], CATALOGUE.sheets["self_check"]
    for row in range(FIRST_ROW, FIRST_ROW + 40):
        item = CATALOGUE.item_by_code[sheet.cell(row, 1).value]
        assert bool(marks_at(sheet, cell(sheet, form, "measured", row))) == (item.target is not None)


# ------------------------------------------------------------------------------------------------------------ and more
def test_the_note_sheet_explains_every_column(books: dict[str, openpyxl.Workbook]) -> None:
    for form in CATALOGUE.forms:
        sheet = books[form.key][NOTE_SHEET]
        told = {(r[0].value, r[1].value) for r in sheet.iter_rows()}
        assert {(s.title, c.zh) for s in form.sheets for c in s.columns} <= told
        assert {(form.cover_title, c.zh) for c in form.cover} <= told
        assert any("11月5日（星期四）24:00" in str(r[0].value) for r in sheet.iter_rows())


def test_nothing_stands_right_of_the_covers_values_where_it_would_be_read_as_one(
    books: dict[str, openpyxl.Workbook],
) -> None:
    for form in CATALOGUE.forms:
        assert books[form.key][form.cover_title].max_column == 2


def test_the_same_unit_gets_the_same_bytes(made: Home) -> None:
    assert forms(made) == forms(made)


@pytest.mark.slow
def test_templates_of_many_units_are_written_into_a_folder_each(made: Home, tmp_path: Path) -> None:
    register: Register = made.register
    units = [replace(made.unit("NET"), code=f"U/{n}") for n in range(10)]
    written = {
        unit.code: paths
        for unit, paths in write_templates(
            PERIOD, units, tmp_path, made.catalogue, register, {"U/3": Before(problems=PROBLEMS)}
        )
    }
    assert list(written) == [u.code for u in units]
    for code, paths in written.items():
        assert [p.parent.name for p in paths] == [code.replace("/", "_")] * 3
        book = openpyxl.load_workbook(paths[1], read_only=True)
        carried = [r[0] for r in book["问题整改"].iter_rows(min_row=FIRST_ROW, max_row=FIRST_ROW + 3, values_only=True)]
        assert [c for c in carried if c] == (["202607-007", "202608-007"] if code == "U/3" else [])
    assert not list(tmp_path.rglob(".*"))


def test_a_blank_form_has_the_columns_of_its_month(made: Home, tmp_path: Path) -> None:
    text = (HERE / "forms.yaml").read_text(encoding="utf-8")
    gone = text.replace("{key: remark,", "{key: remark, valid_to: 2026-09,", 1)
    (tmp_path / "forms.yaml").write_text(gone, encoding="utf-8")
    catalogue = load_catalogue(tmp_path)
    content = next(iter(blank_forms(made.unit("NET"), PERIOD, catalogue, made.register).values()))
    sheet = openpyxl.load_workbook(io.BytesIO(content))["暴露面资产新增"]
    headings = {str(cell.value).removesuffix("*") for row in sheet.iter_rows(max_row=FIRST_ROW - 1) for cell in row}
    wanted = {c.zh for c in catalogue.sheets["exposed_assets"].columns}
    assert wanted - headings == {"备注"}
