"""A form that is sent again says what it replaces, and what changed by it, row by row of the same key.

Belongs here: replacements.py and its SQL over a settled month. Does not: which of two forms stands (tests/test_submissions.py).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from reports.feedback.answer import told_on_page
from reports.feedback.folders import PAGE, write_feedback
from reports.feedback.replacements import SheetChange, sheet_changes
from tests.feedback.made_month import PERIOD, Home, drop_mail, home, settled
from tests.templates.filled_forms import FIRST_ROW, cell, changed, filled_forms

pytestmark = pytest.mark.slow  # whole months
ROW = FIRST_ROW


@pytest.fixture
def made(tmp_path: Path) -> Home:
    return home(tmp_path, ("NET",), PERIOD)


def answer(made: Home) -> tuple[str, dict[str, tuple[SheetChange, ...]]]:
    """The page that the unit gets, and what changed in each form that replaced another."""
    folder = made.root / "published"
    with settled(made, "2026-11-20T00:30:00") as work:
        write_feedback(work, PERIOD, made.root / "archive", folder, software="1", workers=1)
        pairs: dict[str, list[tuple[str, str]]] = {}
        for form, new, old in work.warehouse.execute(
            """
            select n.form, n.form_id, o.form_id
            from core.submissions as n
            inner join core.submissions as o using (period, unit_code, form)
            where n.status = 'effective' and o.status = 'replaced'
            qualify row_number() over (partition by n.form_id order by o.received_at desc) = 1
            """
        ).fetchall():
            pairs.setdefault(form, []).append((new, old))
        found = {f: sheet_changes(work.warehouse, made.catalogue, f, p)[p[0][0]] for f, p in pairs.items()}
    return (folder / "NET" / PAGE).read_text(encoding="utf-8"), found


def test_rows_added_gone_and_changed_are_told_by_their_key(made: Home) -> None:
    first = filled_forms(made.unit("NET"), made.catalogue, made.register)
    form = made.catalogue.sheets["exposed_assets"]

    def edit(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        values = [[c.value for c in row] for row in sheet.iter_rows(min_row=ROW, max_row=ROW + 1)]
        for column, value in enumerate(values[1], 1):  # the second row is the first now, and otherwise
            sheet.cell(ROW, column).value = value
        sheet[cell(sheet, form, "asset_name", ROW)].value = "门户网站二"
        sheet[cell(sheet, form, "public_ip", ROW + 1)].value = "203.0.113.200"  # another asset
        for column, value in enumerate(values[0], 1):
            sheet.cell(ROW + 2, column).value = value
        sheet[cell(sheet, form, "public_ip", ROW + 2)].value = "203.0.113.201"

    drop_mail(made, "NET", [("附件2.xlsx", first["annex2"]), ("附件3.xlsx", first["annex3"])], day=3)
    drop_mail(made, "NET", [("附件2 更正.xlsx", changed(first["annex2"], edit))], day=4)
    page, found = answer(made)
    assets, apps = found["annex2"]
    gone = "203.0.113.3 80,443 TCP https://w1-1.example.cn"
    assert assets == SheetChange("暴露面资产新增", before=2, after=3, added=2, gone=1, changed=1, gone_keys=(gone,))
    assert apps == SheetChange("APP上线情况", before=1, after=1, added=0, gone=0, changed=0, gone_keys=())
    assert "附件2替换 2026年11月3日 09:00 收到的“附件2.xlsx”" in page
    assert "暴露面资产新增 2 → 3 行（新增 2，删去 1，修改 1）" in page
    assert gone in page
    assert "APP上线情况 1 行，没有变化" in page
    assert "附件3替换" not in page
    # The plain text of the receipt says so too.
    (replaced,) = told_on_page(page, "zh")
    assert replaced.startswith("本次替换：附件2替换 2026年11月3日 09:00 收到的“附件2.xlsx”")
    assert gone in replaced


def test_a_number_under_the_sequence_is_no_change_and_a_value_written_otherwise_is_the_same(made: Home) -> None:
    first = filled_forms(made.unit("NET"), made.catalogue, made.register)
    form = made.catalogue.sheets["exposed_assets"]

    def renumbered(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        sheet[cell(sheet, form, "seq", ROW)].value = 17

    drop_mail(made, "NET", [("附件2.xlsx", first["annex2"])], day=3)
    drop_mail(made, "NET", [("附件2.xlsx", changed(first["annex2"], renumbered))], day=4)
    _, found = answer(made)
    assert [(c.added, c.gone, c.changed) for c in found["annex2"]] == [(0, 0, 0), (0, 0, 0)]


def test_rows_of_one_key_are_counted_each_and_unreadable_keys_by_what_is_written(made: Home) -> None:
    first = filled_forms(made.unit("NET"), made.catalogue, made.register)
    form = made.catalogue.sheets["exposed_assets"]

    def spoiled(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        for column in range(1, len(form.columns) + 1):
            sheet.cell(ROW + 2, column).value = sheet.cell(ROW, column).value
        sheet[cell(sheet, form, "public_ip", ROW + 1)].value = "不详"

    drop_mail(made, "NET", [("附件2.xlsx", first["annex2"])], day=3)
    drop_mail(made, "NET", [("附件2.xlsx", changed(first["annex2"], spoiled))], day=4)
    _, found = answer(made)
    assert (found["annex2"][0].before, found["annex2"][0].after) == (2, 3)
    assert (found["annex2"][0].added, found["annex2"][0].gone) == (2, 1)


def test_a_first_form_replaces_nothing(made: Home) -> None:
    first = filled_forms(made.unit("NET"), made.catalogue, made.register)
    drop_mail(made, "NET", [("附件2.xlsx", first["annex2"])], day=3)
    page, found = answer(made)
    assert found == {}
    assert "本次替换" not in page


def test_a_date_is_compared_as_a_date(made: Home) -> None:
    first = filled_forms(made.unit("NET"), made.catalogue, made.register)
    form = made.catalogue.sheets["exposed_assets"]

    def later(book: openpyxl.Workbook) -> None:
        sheet = book[form.title]
        sheet[cell(sheet, form, "online_on", ROW)].value = datetime.combine(date(2026, 10, 9), datetime.min.time())

    drop_mail(made, "NET", [("附件2.xlsx", first["annex2"])], day=3)
    drop_mail(made, "NET", [("附件2.xlsx", changed(first["annex2"], later))], day=4)
    _, found = answer(made)
    assert found["annex2"][0].changed == 1
