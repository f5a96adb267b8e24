"""What changed when a form was sent again: by the sheet's key and by what was read, in the order of the rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from expectations.catalogue import load_catalogue
from reports.portal.differences import MOST, _of_sheet
from reports.portal.reading import opened
from reports.portal.shared import Portal
from tests.portal.made_portal import OTHER_UNIT, UNIT, Browser
from tests.reports.settled_sample import LAST, Sample

SHEET = load_catalogue().sheets["self_check"]
PAIRS = pl.DataFrame({"form_id": ["now"], "before_id": ["was"]})


def rows(form: str, *told: dict[str, tuple[Any, str] | str]) -> pl.DataFrame:
    """Rows of a form as they are staged: of a column its value and its text, or one that is both."""
    made = []
    for number, row in enumerate(told, 3):
        cells: dict[str, Any] = {"form_id": form, "row": number}
        for column in SHEET.columns:
            value = row.get(column.key, (None, None))
            read, text = value if isinstance(value, tuple) else (value, value)
            cells |= {column.key: read, f"{column.key}__text": text}
        made.append(cells)
    names = [n for c in SHEET.columns for n in (c.key, f"{c.key}__text")]
    return pl.DataFrame(made, schema={"form_id": pl.String, "row": pl.Int64, **dict.fromkeys(names, pl.String)})


def compared(was: pl.DataFrame, now: pl.DataFrame) -> list[tuple[Any, ...]]:
    frame = _of_sheet(SHEET, PAIRS, pl.concat([was, now]))
    return frame.select("row", "what", "key", "column_key", "was", "now").rows()


def test_rows_are_matched_by_key_and_values_by_what_was_read() -> None:
    was = rows(
        "was",
        {"item_code": "ACC-01", "result": "符合", "measured": ("1.0", "100"), "checked_by": "张三丰"},
        {"item_code": "ACC-02", "result": "不符合", "problem": "未配置"},
        {"item_code": "ACC-03", "result": "符合"},
        {"item_code": ("ACC-04", "acc－04"), "due_on": (None, "下周"), "action": "口令 password: Abc12345!"},
    )
    now = rows(
        "now",
        {"item_code": "ACC-02", "result": "符合", "problem": "未配置"},
        {"item_code": "ACC-01", "result": "符合", "measured": ("1.0", "1"), "checked_by": "李四光"},
        {"item_code": "ACC-04", "due_on": (None, "本周"), "action": "已改"},
        {"item_code": "ACC-05", "result": "符合"},
    )
    assert compared(was, now) == [
        (3, "changed", "ACC-02", "result", "不符合", "符合"),
        (4, "changed", "ACC-01", "checked_by", "张**", "李**"),
        (5, "changed", "ACC-04", "action", compared(was, now)[2][4], "已改"),
        (5, "changed", "ACC-04", "due_on", "下周", "本周"),
        (5, "gone", "ACC-03", "", "", ""),
        (6, "new", "ACC-05", "", "", ""),
    ]
    assert "Abc12345" not in str(compared(was, now))
    assert compared(was, rows("now", *[{}][:0])) == [
        (3, "gone", "ACC-01", "", "", ""), (4, "gone", "ACC-02", "", "", ""),
        (5, "gone", "ACC-03", "", "", ""), (6, "gone", "acc－04", "", "", ""),
    ]  # fmt: skip


def test_rows_with_one_key_are_compared_in_their_order_and_of_many_changes_the_first_are_kept() -> None:
    twice = [{"item_code": "ACC-01", "result": "符合"}, {"item_code": "ACC-01", "result": "不符合"}]
    assert compared(rows("was", *twice), rows("now", *twice)) == []
    assert [r[1] for r in compared(rows("was", *twice), rows("now", twice[0]))] == ["gone"]
    many = rows("now", *({"item_code": f"X-{n}", "result": "符合"} for n in range(MOST + 7)))
    frame = _of_sheet(SHEET, PAIRS, pl.concat([rows("was"), many]))
    assert (frame.height, set(frame["total"])) == (MOST, {MOST + 7})


def test_a_steward_and_the_office_see_it_and_nobody_else(portal: Portal, sample: Sample) -> None:
    with opened(portal.home.portal, LAST, [UNIT]) as month:
        node = month.one("node", unit_code=UNIT)
        assert node is not None
        (again,) = [f for f in month.rows("forms", place=node["place"]) if f["before_id"]]
        found = month.rows("changes", form_id=again["form_id"])
    items = {
        form: {
            r["item_code"]: r["result"]
            for r in sample.warehouse.rows(
                "select item_code, result from staging.self_check where form_id = $f", {"f": form}
            )
        }
        for form in (again["form_id"], again["before_id"])
    }
    now, was = items.values()
    of = [r for r in found if r["sheet_key"] == "self_check"]
    assert {r["key"].upper() for r in of if r["what"] == "gone"} == was.keys() - now.keys()
    assert {r["key"].upper() for r in of if r["what"] == "new"} == now.keys() - was.keys()
    assert {r["key"].upper() for r in of if r["column_key"] == "result"} == {
        k for k in was.keys() & now if was[k] != now[k]
    }
    for name, path in (("steward", "units"), ("office", "office")):
        browser = Browser(portal, name)
        link = f"/{path}/{UNIT}/{again['form_id']}?period={LAST}"
        assert link in browser.get(f"/{path}/{UNIT}?period={LAST}").text
        page = browser.get(link)
        assert f"改了 {len(found)} 处" in page.text
        for none in (
            f"/{path}/{UNIT}/{again['before_id']}",
            f"/{path}/{UNIT}/x",
            f"/{path}/{OTHER_UNIT}/{again['form_id']}",
        ):
            assert browser.get(f"{none}?period={LAST}").status_code == 404, none
    english = Browser(portal, "steward").get(f"/units/{UNIT}/{again['form_id']}?period={LAST}&lang=en").text
    assert f"{len(found)} changes" in english
    assert "<td>checked_on</td>" not in english  # columns by their English names
