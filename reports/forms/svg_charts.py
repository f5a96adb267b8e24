"""Charts as SVG, drawn by hand: a line with its target, stacked columns, horizontal bars, a heat map.

Belongs here: the drawing of a model.Chart. Does not: its figures and its title (content.py), the page around it.
The same SVG stands in report.html and, as a picture, in the other forms. Every number is written beside its mark, no
chart needs its colours to be told apart, and the same chart gives the same bytes (findings/render.md, 4 and 8).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from html import escape

from expectations.language import language
from reports.model import Chart
from reports.text import formats
from reports.text.formats import labels, written
from reports.text.sentences import words

INK, MUTED, GRID = "#16202e", "#5a6675", "#dde2e8"
BLUE, TARGET = "#12436d", "#b4470f"
SERIES = ("#12436d", "#28a197", "#f46a25", "#801650")
TYPE, LEAST_TYPE = 13, 10  # px
WIDE = 1.0  # of the type size: what a Chinese character takes
NARROW = 0.56
FAMILY = "Noto Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
# Of a heat map of percentages: the colour below each bound, and of the number on it.
HEAT = (
    (70.0, "#a4161a", "#ffffff"),
    (80.0, "#f3b58c", "#4a1c02"),
    (90.0, "#fbe3d5", "#4a1c02"),
    (95.0, "#eef3f8", INK),
)
HEAT_TOP = ("#d3e0ec", INK)
ROW = 26
YEAR_ROOM = 50  # px from one year's label to the next


def svg(chart: Chart, lang: str, width: int) -> str:
    """The chart as one `<svg>` of that width in px; the height follows from what is drawn."""
    if all(value is None for series in chart.series for value in series.values):
        body, height = [_text(0, TYPE + 4, labels(lang)["nothing"], fill=MUTED)], 28.0
    else:
        body, height = _DRAWN[chart.kind](chart, lang, width)
    label = escape(chart.title + labels(lang)["full_stop"] + language(lang).between_sentences + chart.subtitle)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_px(height)}" width="{width}"'
        f' height="{_px(height)}" role="img" aria-label="{label}" font-family="{FAMILY}" font-size="{TYPE}">'
        f"{''.join(body)}</svg>"
    )


def sparkline(values: Sequence[float | None], width: int = 120, height: int = 26) -> str:
    """A line without axes, for beside a figure; "" where there are fewer than two numbers."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    step = (width - 6) / (len(values) - 1)
    points = [
        (3 + i * step, height / 2 if high == low else height - 3 - (v - low) / (high - low) * (height - 6))
        for i, v in enumerate(values)
        if v is not None
    ]
    x, y = points[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">'
        f'<polyline points="{_points(points)}" fill="none" stroke="{BLUE}" stroke-width="1.4"/>'
        f'<circle cx="{_px(x)}" cy="{_px(y)}" r="2.4" fill="{BLUE}"/></svg>'
    )


# -------------------------------------------------------------------------------------------------------------- marks
def _px(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_px(x)},{_px(y)}" for x, y in points)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    fill: str = INK,
    bold: bool = False,
    size: float | None = None,
) -> str:
    weight = (' font-weight="700"' if bold else "") + (f' font-size="{_px(size)}"' if size else "")
    return f'<text x="{_px(x)}" y="{_px(y)}" text-anchor="{anchor}" fill="{fill}"{weight}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str = GRID, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{_px(x1)}" y1="{_px(y1)}" x2="{_px(x2)}" y2="{_px(y2)}" stroke="{stroke}"{dashed}/>'


def _box(x: float, y: float, width: float, height: float, fill: str, told: str = "") -> str:
    title = f"<title>{escape(told)}</title>" if told else ""
    box = f'<rect x="{_px(x)}" y="{_px(y)}" width="{_px(max(width, 0))}" height="{_px(max(height, 0))}" fill="{fill}"'
    return f"{box}>{title}</rect>" if title else f"{box}/>"


def _width(text: str) -> float:
    return sum(WIDE if ord(c) > 0x2E7F else NARROW for c in text) * TYPE


def _fit(text: str, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than the room."""
    if _width(text) <= room:
        return text
    kept = text
    while kept and _width(kept + "…") > room:
        kept = kept[:-1]
    return kept + "…"


def _number(value: float, unit: str, lang: str) -> str:
    text = words(lang).number(round(value, 2))
    return text + "%" if unit == "%" else text


def _ticks(low: float, high: float, *, whole: bool, wanted: int = 4) -> list[float]:
    """Round numbers from at or below low to at or above high; `whole` where they count things."""
    if high <= low:
        high = low + 1
    rough = (high - low) / wanted
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * m for m in (1, 2, 2.5, 5, 10) if scale * m >= rough - 1e-12)
    if whole:
        step = max(1.0, 3.0 if step == 2.5 else step)
    first = math.floor(low / step + 1e-9) * step
    count = math.ceil((high - first) / step - 1e-9)
    return [round(first + i * step, 6) for i in range(count + 1)]


# -------------------------------------------------------------------------------------------------- charts over months
def _is_month(label: str) -> bool:
    return len(label) == 7 and label[4] == "-" and label[:4].isdigit()


def _under(labels: Sequence[str], xs: Sequence[float], y: float, room: float, lang: str) -> list[str]:
    """The labels under an axis; of months the number, with the year where it begins."""
    drawn = []
    for i, (label, x) in enumerate(zip(labels, xs, strict=True)):
        if not _is_month(label):
            drawn += _category(label, x, y + 17, room - 6)
            continue
        month = int(label[5:])
        named = written_month(month, lang)
        if room < _width(named) + 3:
            named = language(lang).dated(date(2000, month, 1), language(lang).narrow_month)
        last = i == len(labels) - 1
        drawn.append(_text(x, y + 17, named, anchor="middle", fill=INK if last else MUTED, bold=last))
        january = next((j for j in range(1, len(labels)) if _is_month(labels[j]) and labels[j].endswith("-01")), None)
        if month == 1 or (i == 0 and (january is None or xs[january] - x > YEAR_ROOM)):
            drawn.append(_text(x, y + 33, formats.year_name(label[:4], lang), anchor="middle", fill=MUTED))
    return drawn


def _category(label: str, x: float, y: float, room: float) -> list[str]:
    """A name under its column: in smaller type where it is too wide, its words in two lines, cut only at the last."""
    first, _, rest = label.partition(" ")
    lines = [first, rest] if rest and _width(label) > room else [label]
    size = max(TYPE * min(1.0, *(room / max(_width(line), 1.0) for line in lines)), LEAST_TYPE)
    fitted = [_fit(line, room * TYPE / size) for line in lines]
    return [
        _text(x, y + 14 * n, line, anchor="middle", fill=MUTED, size=size if size < TYPE else None)
        for n, line in enumerate(fitted)
    ]


def written_month(month: int, lang: str) -> str:
    """A month under an axis: 10月, Oct."""
    return formats.month_name(str(month), lang)


def _axis(
    ticks: Sequence[float], top: float, bottom: float, left: float, right: float, unit: str, lang: str
) -> list[str]:
    drawn = []
    for tick in ticks:
        y = bottom - (tick - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - top)
        drawn.append(_line(left, y, right, y, INK if tick == ticks[0] else GRID))
        text = words(lang).number(int(tick) if tick == int(tick) else tick)
        drawn.append(_text(left - 7, y + 4.5, text + ("%" if unit == "%" else ""), anchor="end", fill=MUTED))
    return drawn


def ticks_of(values: Sequence[float], target: float | None, unit: str) -> list[float]:
    """The ticks: from 0, but of rates from a round number below the lowest."""
    known = [*values, *([target] if target is not None else [])]
    if unit == "%":
        return _ticks(max(0.0, math.floor((min(known) - 4) / 10) * 10.0), 100.0, whole=False)
    return _ticks(0.0, max(known), whole=all(v == int(v) for v in known))


def _line_chart(chart: Chart, lang: str, width: int) -> tuple[list[str], float]:
    values = [v for s in chart.series for v in s.values if v is not None]
    ticks = ticks_of(values, chart.target, chart.unit)
    top, bottom, left = 22.0, 190.0, 46.0
    right = width - 74.0
    count = len(chart.labels)
    xs = [left + 16 + i * (right - left - 32) / max(count - 1, 1) for i in range(count)]

    def height(value: float) -> float:
        return bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - top)

    drawn = _axis(ticks, top, bottom, left, right, chart.unit, lang)
    if chart.target is not None:
        y = height(chart.target)
        drawn.append(_line(left, y, right, y, TARGET, "5 4"))
        drawn.append(_text(right + 8, y + 4.5, _number(chart.target, chart.unit, lang), fill=TARGET))
    for series, colour in zip(chart.series, SERIES, strict=False):
        points = [None if v is None else (x, height(v), v) for x, v in zip(xs, series.values, strict=True)]
        for run in _runs(points):
            if len(run) > 1:
                line = _points((x, y) for x, y, _ in run)
                drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        known = [(i, p) for i, p in enumerate(points) if p is not None]
        if not known:
            continue
        for i, (x, y, value) in known:
            last = i == known[-1][0]
            told = escape(f"{chart.labels[i]} {_number(value, chart.unit, lang)}")
            fill = colour if last else "#ffffff"
            drawn.append(
                f'<circle cx="{_px(x)}" cy="{_px(y)}" r="{4.5 if last else 3}" fill="{fill}" stroke="{colour}"'
                f' stroke-width="1.5"><title>{told}</title></circle>'
            )
        first, last_known = known[0], known[-1]
        if len(known) > 1:
            x, y, value = first[1]
            drawn.append(_text(x - 8, y - 10, _number(value, chart.unit, lang), fill=MUTED))  # clear of the axis
        x, y, value = last_known[1]
        drawn.append(_text(x + 10, y + 4.5, _number(value, chart.unit, lang), fill=colour, bold=True))
    return drawn + _under(chart.labels, xs, bottom, (right - left) / count, lang), bottom + 42


def _runs(
    points: Sequence[tuple[float, float, float] | None],
) -> list[list[tuple[float, float, float]]]:
    """The points in runs without a gap."""
    runs: list[list[tuple[float, float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _columns(chart: Chart, lang: str, width: int) -> tuple[list[str], float]:
    count = len(chart.labels)
    totals = [sum(s.values[i] or 0 for s in chart.series) for i in range(count)]
    ticks = _ticks(0.0, max(totals), whole=all(t == int(t) for t in totals))
    several, months = len(chart.series) > 1, _is_month(chart.labels[-1])
    named = max((_width(f"{s.name} 000") for s in chart.series), default=0.0) if several else 30.0
    top, bottom, left, right = 22.0, 190.0, 46.0, width - min(named + 12, width * 0.34)
    step = (right - left) / count
    bar = min(step * 0.64, 46.0)
    xs = [left + step * (i + 0.5) for i in range(count)]
    drawn = _axis(ticks, top, bottom, left, right, chart.unit, lang)
    scale = (bottom - top) / ticks[-1]
    ends: list[tuple[float, str, str]] = []
    for i, x in enumerate(xs):
        y = bottom
        for series, colour in zip(chart.series, SERIES, strict=False):
            value = series.values[i] or 0
            if value:
                tall = value * scale
                told = f"{chart.labels[i]} {series.name} {_number(value, chart.unit, lang)}"
                # A white gap keeps neighbours apart where their colours cannot be told.
                drawn.append(_box(x - bar / 2, y - tall + 1, bar, tall - 1, colour, told))
                y -= tall
            if i == count - 1 and several and any(series.values):
                # Beside the last month stands its own number; beside categories the series' sum over all of them.
                told_of = value if months else sum(v or 0 for v in series.values)
                ends.append((y + value * scale / 2, f"{series.name} {_number(told_of, chart.unit, lang)}", colour))
        if totals[i]:
            bold = months and i == count - 1
            drawn.append(_text(x, y - 6, _number(totals[i], chart.unit, lang), anchor="middle", bold=bold))
    for y, text, colour in _apart(ends, bottom):
        drawn.append(_text(right + 10, y + 4.5, text, fill=_readable(colour), bold=True))
    return drawn + _under(chart.labels, xs, bottom, step, lang), bottom + 42


def _readable(colour: str) -> str:
    """A colour dark enough for text on white."""
    return {"#28a197": "#1a6f68", "#f46a25": TARGET}.get(colour, colour)


def _apart(ends: Sequence[tuple[float, str, str]], bottom: float) -> list[tuple[float, str, str]]:
    """Labels of a stack moved until none covers the next nor leaves the picture, from the bottom up."""
    placed: list[tuple[float, str, str]] = []
    floor = bottom
    for y, text, colour in ends:
        at = min(y, floor)
        placed.append((at, text, colour))
        floor = at - (TYPE + 4)
    ceiling = float(TYPE)
    for i, (at, text, colour) in reversed(list(enumerate(placed))):
        placed[i] = (max(at, ceiling), text, colour)
        ceiling = placed[i][0] + TYPE + 4
    return placed


def _bars(chart: Chart, lang: str, width: int) -> tuple[list[str], float]:
    series = chart.series[0]
    known = [v for v in series.values if v is not None]
    most = max([*known, chart.target or 0, 1e-9])
    names = [_fit(label, width * 0.44) for label in chart.labels]
    left = max(_width(name) for name in names) + 10
    texts = ["–" if v is None else _number(v, chart.unit, lang) for v in series.values]
    right = width - max(_width(t) for t in texts) - 14
    drawn, y = [], 4.0
    for label, full, value, text in zip(names, chart.labels, series.values, texts, strict=True):
        drawn.append(_text(left - 8, y + 15, label, anchor="end"))
        long = (value or 0) / most * (right - left)
        drawn.append(_box(left, y + 3, long, ROW - 10, SERIES[0], f"{full} {text}"))
        at = right + 8 if chart.target is not None else left + long + 6
        drawn.append(_text(at, y + 15.5, text, bold=True))
        y += ROW
    drawn.append(_line(left, 0, left, y, INK))
    if chart.target is not None:
        x = left + chart.target / most * (right - left)
        drawn.append(_line(x, 0, x, y, TARGET, "5 4"))
    return drawn, y + 4


def _heat(chart: Chart, lang: str, width: int) -> tuple[list[str], float]:
    names = [_fit(s.name, width * 0.36) for s in chart.series]
    left = max(_width(name) for name in names) + 12
    step = (width - left) / len(chart.labels)
    drawn = [
        _text(left + step * (i + 0.5), 16, _fit(c, step - 4), anchor="middle", fill=MUTED)
        for i, c in enumerate(chart.labels)
    ]
    y = 24.0
    for name, series in zip(names, chart.series, strict=True):
        drawn.append(_text(left - 10, y + 17, name, anchor="end"))
        for i, value in enumerate(series.values):
            x = left + step * i
            if value is None:
                drawn.append(_text(x + step / 2, y + 17, "–", anchor="middle", fill=MUTED))
                continue
            fill, ink = next(((f, t) for bound, f, t in HEAT if value < bound), HEAT_TOP)
            drawn.append(_box(x + 1, y + 1, step - 2, ROW - 3, fill))
            drawn.append(
                _text(x + step / 2, y + 17, written(value, "percent", lang, decimals=1), anchor="middle", fill=ink)
            )
        y += ROW
    return drawn, y + 2


_DRAWN = {"line": _line_chart, "columns": _columns, "bars": _bars, "heat": _heat}
