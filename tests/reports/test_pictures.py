"""Charts as pictures: their own colours, as wide as asked for, the same again."""

from __future__ import annotations

import io
import re

import pytest
import typst
from PIL import Image

from reports.forms.svg_charts import svg
from reports.forms.svg_to_png import DOTS_PER_INCH, as_png
from reports.model import Chart
from tests.reports import made_reports

CHARTS = [b for s in made_reports.full().sections for b in s.blocks if isinstance(b, Chart)]


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
def test_grounds_and_marks_keep_their_colours(chart: Chart) -> None:
    drawing = svg(chart, "zh", 640)
    picture = opened(as_png([drawing], 440.0)[0])
    counted = {colour: n for n, colour in picture.getcolors(1 << 24) or ()}
    assert counted[255, 255, 255] > 1000
    for code in re.findall('<rect[^>]* fill="#([0-9a-f]{6})"', drawing):
        assert counted[tuple(bytes.fromhex(code))] > 100


def test_pictures_are_as_wide_as_asked_and_come_in_order() -> None:
    drawings = [svg(chart, "zh", 640) for chart in CHARTS]
    together = as_png(drawings, 440.0)
    assert together == [as_png([drawing], 440.0)[0] for drawing in drawings]
    for png in together:
        assert abs(opened(png).width - 440 * DOTS_PER_INCH / 72) <= 1


def test_smoothed_edges_lie_between_two_colours() -> None:
    text = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 40"><circle cx="20" cy="20" r="15" fill="#000000"/></svg>'
    picture = opened(as_png([text], 100.0)[0])
    shades = {colour for _, colour in picture.getcolors(1 << 24) or ()}
    assert {(0, 0, 0), (255, 255, 255)} < shades
    assert all(max(colour) - min(colour) == 0 for colour in shades)
    assert len(shades) > 8


def test_what_is_no_drawing_is_an_error() -> None:
    with pytest.raises(typst.TypstError):
        as_png(["<p>"], 100.0)


def test_no_drawing_is_no_picture() -> None:
    assert as_png([], 100.0) == []
