"""Charts: well-formed whatever the figures and names, every number written, the same bytes each time."""

from __future__ import annotations

import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from reports.forms.svg_charts import sparkline, svg
from reports.model import Chart, Series

NAMES = st.sampled_from(["综合部", "<script>alert(1)</script>", "A&B \"x\" 'y'", "很长的单位名称" * 6, "NSW", ""])
NUMBER = st.one_of(st.none(), st.integers(0, 5), st.integers(0, 10**7), st.floats(0, 100).map(lambda v: round(v, 2)))


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    kind = draw(st.sampled_from(["line", "columns", "bars", "heat"]))
    count = draw(st.integers(1, 12))
    months = kind in {"line", "columns"} and draw(st.booleans())
    labels = tuple(f"2026-{i + 1:02d}" if months else draw(NAMES) for i in range(count))
    several = draw(st.integers(1, 4)) if kind in {"columns", "heat"} else 1
    series = tuple(Series(draw(NAMES), tuple(draw(NUMBER) for _ in labels)) for _ in range(several))
    drawn = any(v for s in series for v in s.values)
    if not drawn:
        series = (Series("一", tuple(1.0 for _ in labels)), *series[1:])
    target = draw(st.sampled_from([None, 60.0, 100.0])) if kind in {"line", "bars"} else None
    unit = draw(st.sampled_from(["", "%"])) if max((v or 0 for s in series for v in s.values), default=0) <= 100 else ""
    return Chart("c", kind, draw(NAMES), "小题", labels, series, target=target, unit=unit)


@given(charts(), st.sampled_from(["zh", "en"]), st.sampled_from([380, 520, 1176]))
@settings(max_examples=200, deadline=None)
def test_any_chart_is_well_formed_and_within_its_bounds(chart: Chart, lang: str, width: int) -> None:
    drawn = svg(chart, lang, width)
    assert drawn == svg(chart, lang, width)
    root = etree.fromstring(drawn.encode())
    assert root.get("role") == "img"
    assert root.get("aria-label").startswith(chart.title)
    height = float(root.get("viewBox").split()[3])
    for mark in root.iter("{*}rect", "{*}circle", "{*}line"):
        numbers = [
            float(v)
            for k, v in mark.attrib.items()
            if k in {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}
        ]
        assert all(math.isfinite(n) for n in numbers)
        across = max(float(mark.get(k, 0)) for k in ("x", "x1", "x2", "cx")) + (float(mark.get("width", 0)))
        down = max(float(mark.get(k, 0)) for k in ("y", "y1", "y2", "cy")) + (float(mark.get("height", 0)))
        assert across <= width + 0.2
        assert down <= height + 0.2


def texts(drawn: str) -> list[str]:
    return ["".join(t.itertext()) for t in etree.fromstring(drawn.encode()).iter("{*}text")]


def test_bars_write_every_number_and_name() -> None:
    chart = Chart("c", "bars", "t", "s", ("网站", "接口", "其他"), (Series("n", (12, 1234, None)),))
    assert {"网站", "接口", "其他", "12", "1,234", "–"} <= set(texts(svg(chart, "zh", 520)))


def test_a_line_writes_its_first_and_last_number_and_its_target() -> None:
    chart = Chart(
        "c", "line", "t", "s", ("2026-08", "2026-09", "2026-10"), (Series("r", (None, 90.11, 89.77)),), 95.0, "%"
    )
    assert {"90.11%", "89.77%", "95%", "8月", "10月", "2026年"} <= set(texts(svg(chart, "zh", 520)))
    assert {"Aug", "Oct", "2026"} <= set(texts(svg(chart, "en", 520)))


def test_columns_write_totals_and_the_last_months_parts() -> None:
    series = (Series("逾期", (1, 35)), Series("未逾期", (4, 38)))
    drawn = texts(svg(Chart("c", "columns", "t", "s", ("2026-09", "2026-10"), series), "zh", 520))
    assert {"5", "73", "逾期 35", "未逾期 38"} <= set(drawn)


def test_a_heat_map_writes_every_rate() -> None:
    series = (Series("综合部", (66.7, None)), Series("财务部", (100.0, 84.6)))
    drawn = texts(svg(Chart("c", "heat", "t", "s", ("NSW", "WXS"), series, unit="%"), "zh", 900))
    assert {"66.7", "100.0", "84.6", "–", "综合部", "财务部", "NSW", "WXS"} <= set(drawn)


def test_a_line_beside_a_figure_needs_two_numbers() -> None:
    assert sparkline((None, 3.0)) == ""
    assert "polyline" in sparkline((1.0, None, 3.0))
    assert etree.fromstring(sparkline((0.0, 0.0, 0.0)).encode()) is not None


def test_labels_of_a_stack_stay_within_the_picture_and_name_no_empty_series() -> None:
    """A single platform with one stage had the names of three empty stages above it, the last cut off by the edge."""
    names = ("新上线", "版本更新", "开发中", "下线")
    values = ((900.0,), (3.0,), (2.0,), (0.0,))
    series = tuple(Series(name, value) for name, value in zip(names, values, strict=True))
    drawn = svg(Chart("c", "columns", "多", "个", ("Android",), series), "zh", 520)
    assert "下线 0" not in texts(drawn)
    heights = [float(y) for y in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*font-weight', drawn)]
    assert len(heights) >= 3
    assert min(heights) >= 13
    assert sorted(heights) == sorted(set(heights))


def test_names_under_columns_are_made_to_fit_before_they_are_cut() -> None:
    """In English three of five platforms were cut: Mini pr…, Harmony…, Officia…"""
    platforms = ("Android", "iOS", "Mini program", "HarmonyOS", "Official account")
    stages = ("Newly launched", "Updated", "In development", "Taken offline")
    series = tuple(Series(stage, (1.0,) * 5) for stage in stages)
    drawn = texts(svg(Chart("c", "columns", "t", "s", platforms, series), "en", 520))
    assert {"Android", "iOS", "Mini", "program", "HarmonyOS", "Official", "account"} <= set(drawn)
