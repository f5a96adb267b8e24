"""Tables as print has them: widths and headings. Belongs here: printed.py. Does not: the pages made with it."""

from __future__ import annotations

from datetime import date

import pytest

from reports.forms.pdf import INSET, SIZES
from reports.forms.print_tables import SMALLER, balanced, ems, fit, printed
from reports.model import Column, Table


@pytest.mark.parametrize(
    ("title", "room", "lines"),
    [
        ("按时完整单位", 5.0, ["按时完", "整单位"]),  # one character stood alone below the others
        ("月末未完成问题", 6.0, ["月末未完", "成问题"]),
        ("报告用时中位数（分钟）", 8.0, ["报告用时中位", "数（分钟）"]),
        ("单位", 5.0, ["单位"]),
        ("Problems open at the end", 6.0, ["Problems open at the end"]),  # words break by themselves
    ],
)
def test_a_heading_is_broken_into_lines_of_one_length(title: str, room: float, lines: list[str]) -> None:
    assert balanced(title, room).split("\n") == lines


def _long(names: str, texts: str) -> Table:
    columns = (
        Column("unit_name", "单位"),
        Column("problem", "问题描述", wide=True),
        Column("n", "逾期", "int", unit="个百分点"),
        Column("mail", "邮件", "mail"),
    )
    return Table("t", "逾期问题", columns, ((names, texts, 3, "0" * 64),) * 4, 4)


def test_long_texts_give_way_before_names_do() -> None:
    """The names of units were broken while the description beside them had room."""
    ready = printed(_long("青川盟第13旗县分公司", "端口未收敛" * 30), "zh")
    lies = fit(ready, (10.5, 9.0, 7.5), 442.0, 640.0)
    assert not lies.turned
    name, text = (width / lies.size for width in lies.widths[:2])
    assert name > ems("青川盟第13旗县分公司")
    assert text < ems("端口未收敛" * 30)


@pytest.mark.parametrize(("rows", "turned"), [(15, False), (16, True)])
def test_a_long_table_is_turned_before_its_names_are_broken(rows: int, turned: bool) -> None:
    columns = (Column("a", "单位"), *(Column(f"m{n}", "收到时间", "date") for n in range(6)))
    row = ("青川盟分公司渠道运营中心", *(date(2026, 10, 1),) * 6)
    lies = fit(printed(Table("t", "t", columns, (row,) * rows, rows), "zh"), (7.5,), 360.0, 640.0)
    assert lies.turned is turned


def test_a_unit_below_a_heading_has_room() -> None:
    ready = printed(_long("甲", "乙"), "zh")
    assert ready.asked[2] > SMALLER * ems("个百分点")


def test_a_short_heading_has_room_for_its_one_line() -> None:
    table = Table("t", "", (Column("a", "项目"), Column("b", "本期数", "int")), (("甲", 1),), 1)
    ready = printed(table, "zh")
    for size in SIZES:
        room = [(width * size - INSET) / size for width in ready.asked]
        assert [balanced(c.title, em) for c, em in zip(table.columns, room, strict=True)] == ["项目", "本期数"]
