"""The charts of report.xlsx: native, so that they follow the cells that they are drawn from.

Belongs here: a chart over the cells of its sheet. Does not: writing those cells (xlsx.py), charts as pictures
(charts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from expectations.language import language
from reports.forms.svg_charts import SERIES, ticks_of
from reports.forms.xlsx_book import HEADINGS_BELOW, NAVY, ORANGE, RULE, Book
from reports.model import Chart, Series
from reports.text import formats

PALETTE = (*SERIES, "#3d3d3d", "#a285d1")
WIDTH, HEIGHT = 720, 380  # pixels
ROW_HEIGHT = 22  # pixels of a row of cells, a little less than it has
BAR = 26  # pixels of a bar, where many of them need more height
TALLEST = 1400
MOST_LABELLED = 30  # points of a series that a chart has room to label
_KINDS = {"line": "line", "columns": "column", "bars": "bar"}


def height_of(chart: Chart) -> int:
    """How high a chart is, in pixels."""
    return min(max(HEIGHT, BAR * len(chart.labels) + 120), TALLEST) if chart.kind == "bars" else HEIGHT


def native_chart(book: Book, chart: Chart, target: Series | None, figures: str) -> Any:
    """The chart of a sheet that has labels in its first column, the series beside them, and the target last.

    `figures`: the number format of the cells. The target is a dashed line; a chart of bars has it in its cells alone.
    """
    kind = {"type": _KINDS[chart.kind]}
    if chart.kind != "line" and len(chart.series) > 1:
        kind["subtype"] = "stacked"
    native = book.file.add_chart(kind)
    font = {"name": language(book.lang).screen_font, "size": 9, "color": "#3A4651"}
    for i, series in enumerate(chart.series):
        native.add_series(_cells(book, chart, i) | _look(chart, series, i, font, figures))
    if target is not None and chart.kind != "bars":
        line = _cells(book, chart, len(chart.series)) | {
            "line": {"color": ORANGE, "width": 1.5, "dash_type": "dash"},
            "marker": {"type": "none"},
        }
        if chart.kind == "line":
            native.add_series(line)
        else:
            overlay = book.file.add_chart({"type": "line"})
            overlay.add_series(line)
            native.combine(overlay)
    title_font = {"name": language(book.lang).screen_font, "size": 12, "bold": True, "color": NAVY}
    native.set_title({"name": formats.clean(chart.title), "name_font": title_font, "overlay": False})
    labels: dict[str, Any] = {"num_font": font, "line": {"color": "#8A959E"}, "major_tick_mark": "none"}
    values: dict[str, Any] = {
        "num_font": font, "num_format": "#,##0.##" if "." in figures else "#,##0", "line": {"none": True},
        "major_gridlines": {"visible": True, "line": {"color": RULE, "width": 0.75}}, "major_tick_mark": "none",
    }  # fmt: skip
    if chart.unit == "%":
        known = [v for series in chart.series for v in series.values if v is not None]
        ticks = ticks_of(known, chart.target, "%")
        values |= {"min": ticks[0] if chart.kind == "line" else 0, "max": ticks[-1]}
    if chart.kind == "bars":
        native.set_x_axis(values)
        native.set_y_axis({**labels, "reverse": True, "crossing": "max"})
    else:
        native.set_x_axis(labels)
        native.set_y_axis(values)
    alone = len(chart.series) == 1 and (target is None or chart.kind == "bars")
    native.set_legend({"none": True} if alone else {"position": "bottom", "font": font})
    native.show_blanks_as("gap")
    native.set_size({"width": WIDTH, "height": height_of(chart)})
    native.set_chartarea({"border": {"color": RULE}})
    return native


def _cells(book: Book, chart: Chart, i: int) -> dict[str, Any]:
    name, row = book.places[chart.anchor]
    head = row + HEADINGS_BELOW
    last = head + len(chart.labels)
    return {
        "name": [name, head, i + 1],
        "categories": [name, head + 1, 0, last, 0],
        "values": [name, head + 1, i + 1, last, i + 1],
    }


def _look(chart: Chart, series: Series, i: int, font: dict[str, Any], figures: str) -> dict[str, Any]:
    colour = PALETTE[i % len(PALETTE)]
    few = len(chart.labels) <= MOST_LABELLED
    if chart.kind == "line":
        dot = {"type": "circle", "size": 5, "fill": {"color": colour}, "border": {"color": colour}}
        labels = _last_label(series.values, {**font, "bold": True, "color": colour}, figures) if few else None
        return {"line": {"color": colour, "width": 2}, "marker": dot, "data_labels": labels}
    labels = {"value": True, "font": font, "num_format": figures} if few and len(chart.series) == 1 else None
    return {"fill": {"color": colour}, "border": {"none": True}, "gap": 55, "data_labels": labels}


def _last_label(values: Sequence[float | None], font: dict[str, Any], figures: str) -> dict[str, Any]:
    """A line says its last figure at its end, and no other."""
    last = max((i for i, v in enumerate(values) if v is not None), default=-1)
    custom = [None if i == last else {"delete": True} for i in range(len(values))]
    return {"value": True, "position": "above", "font": font, "num_format": figures, "custom": custom}
