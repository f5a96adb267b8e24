"""How values, names and captions are written, in both languages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reports.model import Kpi
from reports.text import formats
from tests.reports import made_reports

MOMENT = datetime(2026, 9, 5, 9, 4, tzinfo=made_reports.CHINA)


@pytest.mark.parametrize(
    ("value", "kind", "zh", "en"),
    [
        (1234, "int", "1,234", "1,234"),
        (-3, "delta", "−3", "−3"),
        (3, "delta", "+3", "+3"),
        (0, "delta", "0", "0"),
        (99.5, "percent", "99.5", "99.5"),
        (100.0, "percent", "100.0", "100.0"),
        (86.54, "percent", "86.54", "86.54"),
        (-0.001, "points", "0.0", "0.0"),
        (None, "int", "–", "–"),
        (None, "text", "", ""),
        (float("nan"), "decimal", "–", "–"),
        (True, "bool", "是", "Yes"),
        (MOMENT, "datetime", "2026-09-05 09:04", "5 Sept 2026 09:04"),
        (date(2026, 9, 5), "date", "2026-09-05", "5 Sept 2026"),
        ("missing", "state", "未报", "Missing"),
        ("unheard-of", "state", "unheard-of", "unheard-of"),
        ("0123456789abcdef", "mail", "0123456789ab", "0123456789ab"),
        ("a\x00b", "text", "ab", "ab"),
    ],
)
def test_values_are_written_by_kind_and_language(value: Any, kind: str, zh: str, en: str) -> None:
    codes = "states" if kind == "state" else ""
    unit = "%" if kind == "percent" else ""
    assert formats.written(value, kind, "zh", codes).removesuffix(unit) == zh.removesuffix(unit)
    assert formats.written(value, kind, "en", codes).removesuffix(unit) == en.removesuffix(unit)


@given(st.lists(st.none() | st.floats(allow_nan=True) | st.integers(-(10**9), 10**9)))
def test_the_numbers_of_a_column_have_the_same_decimals(values: list[float | None]) -> None:
    decimals = formats.decimals_of(values, "decimal")
    written = [formats.written(v, "decimal", "zh", decimals=decimals) for v in values]
    assert {len(w.partition(".")[2]) for w in written if w != "–"} <= {decimals}


@given(st.text())
def test_clean_text_can_be_written_as_xml(text: str) -> None:
    from lxml import etree

    element = etree.Element("t")
    element.text = formats.clean(text)


@pytest.mark.parametrize(
    ("path", "zh", "en"),
    [
        ("units.expected", "应报单位", "Units expected"),
        ("exposed_assets.by_type.网站", "按资产类型 · 网站", "By asset type · Website"),
        ("indicators.IND-01.rate", "完成率 · IND-01", "Rate · IND-01"),
        (
            "self_check.by_checklist.NSW.pass_rate",
            "自查符合率 · 网络安全工作自查",
            "Self-check pass rate · Network-security work",
        ),
        ("app_launches.by_platform.公众号", "按平台 · 公众号", "By platform · Official account"),  # three characters
        ("nothing.known", "nothing.known", "nothing.known"),
    ],
)
def test_figures_are_named(path: str, zh: str, en: str) -> None:
    assert formats.figure_name(path, "zh") == zh
    assert formats.figure_name(path, "en") == en


@pytest.mark.parametrize(
    ("value", "before", "kind", "good", "text", "tone"),
    [
        (97.22, 95.5, "percent", "up", "▲ 1.72 个百分点 改善", "good"),
        (7, 3, "int", "down", "▲ 4 退步", "bad"),
        (1, 3, "int", "none", "▼ 2", "plain"),
        (1, 1, "int", "down", "与上期持平", "plain"),
        (None, 1, "int", "down", "", "plain"),
        (1, None, "int", "down", "", "plain"),
    ],
)
def test_changes_are_told_by_what_is_better(
    value: float | None, before: float | None, kind: str, good: str, text: str, tone: str
) -> None:
    assert formats.change_of(Kpi("", value, kind, "", before, good, (), ""), "zh") == (text, tone)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(80.25, 1, "80.3"), (80.35, 1, "80.4"), (0.125, 2, "0.13"), (2.5, 0, "3"), (-2.5, 0, "−3"), (1234.5, 0, "1,235")],
)
def test_a_half_is_rounded_up_as_in_the_summary(value: float, decimals: int, text: str) -> None:
    """The heat map wrote 80.2 where tables write 80.3: a half that binary fractions hold goes to the even digit."""
    assert formats.number(value, decimals) == text


@pytest.mark.parametrize(
    ("state", "lang", "shown"),
    [
        ("late+2", "zh", ("late", "+2", "迟报 2 天")),
        ("late+1", "en", ("late", "+1", "1 day late")),
        ("late+12", "en", ("late", "+12", "12 days late")),
        ("missing", "zh", ("missing", "未", "未报")),
        ("", "en", ("", "", "not on the register")),
    ],
)
def test_a_late_month_says_by_how_many_days(state: str, lang: str, shown: tuple[str, str, str]) -> None:
    assert formats.in_matrix(state, lang) == shown


def test_blocks_are_numbered_alike_for_every_form() -> None:
    numbers = [number for _, _, number in formats.blocks(made_reports.full())]
    assert numbers == ["表1", "表2", "图1", "表3", "图2", "图3", "图4", "表4"]


def test_every_label_is_there_in_both_languages() -> None:
    content = yaml.safe_load((formats.HERE / "labels.yaml").read_text(encoding="utf-8"))
    for key, texts in {**content, **content["marks"]}.items():
        if key != "marks":
            assert set(texts) == {"zh", "en"}, key
