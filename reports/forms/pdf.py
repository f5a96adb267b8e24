"""report.pdf: the report laid out for print by Typst, with the house's own fonts.

Belongs here: the report as data for templates/report.typ, the widths of columns, the compiler. Does not: page and
type (the template), pictures of charts (charts.py), how values are written (formats.py).
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTFont

from assets.instance.periods import is_period
from expectations.language import language
from reports.forms.pdf_object_streams import packed
from reports.forms.print_tables import (
    BAR,
    BOLDER,
    BREAK,
    HAN,
    MOST_ROWS,
    Cell,
    balanced,
    breakable,
    drawing,
    ems,
    fit,
    height_of,
    months,
    printed,
    with_bars,
    without_bars,
)
from reports.model import Chart, Kpi, Matrix, Report, Section, Table
from reports.text import formats
from reports.text.sentences import words

log = logging.getLogger("sixth.pdf")
HERE = Path(__file__).parent
TEMPLATE, NOTHING = HERE / "templates" / "report.typ", HERE / "templates" / "nothing.typ"
FONTS = HERE / "fonts"
PORTRAIT, LANDSCAPE = 481.0, 728.0  # points between the margins
INSET = 6.0  # points between the text of a cell and its sides
TITLE_SIZES = (20.0, 23.0)  # points, least and most
SIZES = (8.0, 7.0)  # points of type in tables
MATRIX_SIZE, MATRIX_INSET = 7.5, 4.0  # points of its type, and between its texts and the sides of its cells
MOST_KPI_COLUMNS = 4
CONTENTS_ROOM = 22.0  # em of a title in the contents that certainly takes one line
NO_GLYPH = "□"
KERNED, PAIR = 1.02, 0.1  # what kerning may make of a line's length, and em that a single pair may add
REMEMBERED = 10  # compilations: typst-py ages its cache at each one, and drops what is older
CHART_WIDTH = 740  # pixels, as charts.py counts
TALLEST = 580.0  # points of a chart, which must leave room for its caption
WIDEST_MONTH = 36.0  # points of a month of the matrix

# Between Chinese and other writing stands a quarter em, if not at every sign.
_JOINT = re.compile(rf"(?<=[{HAN}])(?=[!-~\u00a1-\u2e7f])|(?<=[!-~\u00a1-\u2e7f])(?=[{HAN}])")
_MOVES = {"better": "good", "worse": "bad"}


class LayoutError(Exception):
    """Typst warned, such as of a font that is not there: the document would not be what it should."""


@cache
def compiler(template: Path) -> typst.Compiler:
    """The compiler of a template, once a process: it keeps its fonts."""
    return typst.Compiler(str(template), root=str(template.parent), font_paths=[str(FONTS)], ignore_system_fonts=True)


def forget() -> None:
    """Give back the memory of earlier reports, about 80 MB each, which Typst keeps through so many compilations."""
    for _ in range(REMEMBERED):
        compiler(NOTHING).compile(format="pdf")


def prepare() -> None:
    """Work out what every PDF needs of the fonts."""
    _unseen()
    for bold in (False, True):
        _advances(bold)


@cache
def _unseen() -> re.Pattern[str]:
    """The characters that our fonts, which are cut to the same set, have no glyph for."""
    seen = TTFont(min(FONTS.glob("*.ttf")), lazy=True).getBestCmap()
    return re.compile(f"[^{''.join(re.escape(chr(code)) for code in sorted(seen))}\n{BREAK}]")


def unseen_in(text: str) -> list[str]:
    """The characters of a text that our fonts have no glyph for, in order."""
    return sorted(set(_unseen().findall(_composed(text))))


def displayable(value: Any) -> Any:
    """The same with every text in it free of characters without a glyph, which stand as □.

    Typst refuses to write a PDF/A with them, and a unit may send any: an emoji must not cost the carrier its report.
    """
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else _unseen().sub(_boxed, _composed(value))
    if isinstance(value, dict):
        return {key: displayable(item) for key, item in value.items()}
    return [displayable(item) for item in value] if isinstance(value, list | tuple) else value


def _boxed(unseen: re.Match[str]) -> str:
    _tell_once(unseen[0])
    return NO_GLYPH


@cache
def _tell_once(character: str) -> None:
    log.warning("report.pdf shows %s for %s (U+%04X): our fonts lack it", NO_GLYPH, character, ord(character))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", formats.clean(text).replace("\t", " "))


@cache
def _advances(bold: bool) -> dict[str, float]:
    """How far each character takes the line on in our sans-serif, in em."""
    font = TTFont(FONTS / f"NotoSansSC-{'Bold' if bold else 'Regular'}.ttf", lazy=True)
    metrics, em = font["hmtx"], font["head"].unitsPerEm
    return {chr(code): metrics[glyph][0] / em for code, glyph in font.getBestCmap().items()} | {BREAK: 0.0}


@lru_cache(maxsize=16_384)
def length(text: str, *, bold: bool) -> float:
    """How long a line of text is in the PDF, in em, give or take the kerning. A character that we lack is a box."""
    known = _advances(bold)
    return sum(known.get(c, 1.0) for c in text) + len(_JOINT.findall(text)) / 4


def _fits(text: str, room: float, *, bold: bool) -> bool:
    """Whether a text certainly needs no second line in so many em."""
    return "\n" not in text and length(text, bold=bold) * KERNED + PAIR <= room


def _in_one_line(cell: Cell, room: float, *, bold: bool) -> bool:
    bar = BAR if cell.share is not None else 0.0
    return _fits(cell.text, room - bar, bold=bold or bool(cell.tone))


def _cell(cell: Cell) -> str | dict[str, Any]:
    """A cell as the template reads it: most are nothing but text."""
    if cell.tone or cell.share is not None:
        return {"text": cell.text, "tone": cell.tone, "share": cell.share}
    return cell.text


def _table(table: Table, number: str, lang: str) -> dict[str, Any]:
    """A table as text, its columns' widths in points, and how it lies on the page."""
    ready = printed(table, lang)
    barred = with_bars(ready)
    bars = sum(barred.asked) * SIZES[-1] <= PORTRAIT  # they must not cost a name its place in one line
    ready = barred if bars else without_bars(ready)
    lies = fit(ready, SIZES, PORTRAIT, LANDSCAPE)
    room = [(width - INSET) / lies.size for width in lies.widths]
    values = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    return {
        "kind": "table",
        "anchor": table.anchor,
        "number": number,
        "title": table.title,
        "columns": [
            {
                "title": balanced(c.title, space),
                "unit": formats.unit_of(c),
                "right": formats.is_numeric(c, own),
                "width": width,
            }
            for c, width, space, own in zip(table.columns, lies.widths, room, values, strict=True)
        ],
        "single": all(
            _fits(balanced(c.title, em), em, bold=True) and _fits(formats.unit_of(c), em, bold=False)
            for c, em in zip(table.columns, room, strict=True)
        ),
        "rows": [
            {
                "single": all(_in_one_line(c, r, bold=n in table.emphasis) for c, r in zip(row, room, strict=True)),
                "plain": all(not c.tone and c.share is None for c in row),
                "cells": [_cell(c) for c in row],
            }
            for n, row in enumerate(ready.rows)
        ],
        "emphasis": sorted(n for n in table.emphasis if n < len(ready.rows)),
        "empty": table.empty or formats.labels(lang)["nothing"],
        "size": lies.size,
        "landscape": lies.turned,
        "notes": ready.notes,
    }


def _matrix(matrix: Matrix, number: str, lang: str) -> dict[str, Any]:
    labels = formats.labels(lang)
    shown = matrix.rows[:MOST_ROWS]
    width = min(max(MATRIX_SIZE * max((ems(unit) for unit, _ in shown), default=0.0) + 6, 60.0), 150.0)
    each = min((PORTRAIT - width) / max(len(matrix.periods), 1), WIDEST_MONTH)
    room, month_room = ((points - MATRIX_INSET) / MATRIX_SIZE for points in (width, each))
    names = [breakable(formats.clean(unit)) for unit, _ in shown]
    marks = [[formats.in_matrix(state, lang)[:2] for state in states] for _, states in shown]
    cut = formats.cut_note(matrix.total, len(shown), "report.xlsx" if len(matrix.rows) > len(shown) else "", lang)
    return {
        "kind": "matrix",
        "anchor": matrix.anchor,
        "number": number,
        "title": matrix.title,
        "periods": months(matrix.periods, lang),
        "organisation": labels["organisation"],
        "width": width,
        "each": each,
        "size": MATRIX_SIZE,
        "rows": [
            {
                "name": name,
                "single": _fits(name, room, bold=False) and all(_fits(m, month_room, bold=True) for _, m in states),
                "states": states,
            }
            for name, states in zip(names, marks, strict=True)
        ],
        "key": formats.matrix_key(lang),
        "empty": labels["nothing"],
        "landscape": False,
        "notes": [cut] if cut else [],
    }


def _chart(chart: Chart, number: str, lang: str) -> dict[str, Any]:
    labels = formats.labels(lang)
    drawn = drawing(chart, lang, CHART_WIDTH)
    height = PORTRAIT / CHART_WIDTH * height_of(drawn) if drawn else 0.0
    return {
        "kind": "chart",
        "anchor": chart.anchor,
        "number": number,
        "title": chart.title,
        "subtitle": chart.subtitle,
        "svg": drawn,
        "alt": f"{chart.title} {chart.subtitle}",
        "width": 100 * min(1.0, TALLEST / height) if drawn else 100,
        "empty": labels["nothing"],
        "landscape": False,
        "notes": [labels["source"].format(source=chart.source)] if chart.source else [],
    }


def _block(block: Table | Chart | Matrix, number: str, lang: str) -> dict[str, Any]:
    if isinstance(block, Table):
        return _table(block, number, lang)
    return _chart(block, number, lang) if isinstance(block, Chart) else _matrix(block, number, lang)


def _title_size(title: str, lang: str) -> float:
    """The points of the title: of a Chinese one as many as leave it in one line, within reason."""
    if not language(lang).full_width:
        return TITLE_SIZES[0]
    return round(max(TITLE_SIZES[0], min(TITLE_SIZES[1], PORTRAIT / (BOLDER * ems(title)))), 1)


def _kpi(kpi: Kpi, before: str, lang: str) -> dict[str, Any]:
    change, tone = formats.change_of(kpi, lang)
    return {
        "label": kpi.label,
        "value": formats.written(kpi.value, kpi.kind, lang),
        "unit": kpi.unit if kpi.value is not None else "",
        "change": change,
        "before": "" if kpi.before is None else words(lang).say(before, value=formats.with_unit(kpi.before, kpi, lang)),
        "tone": tone,
        "detail": kpi.detail,
        "trend": list(kpi.trend),
    }


def _content(report: Report) -> dict[str, Any]:
    """The report as the template reads it: every value written, every table measured."""
    header, lang = report.header, report.header.lang
    labels = formats.labels(lang)
    before = "page.before" if is_period(header.period) else "page.before_span"
    anchors = {"changes"} if report.changes else set()
    blocks: dict[int, list[dict[str, Any]]] = {}  # by section: a body and an annex may have the key of one
    for section, block, number in formats.blocks(report):
        blocks.setdefault(id(section), []).append(_block(block, number, lang))
        anchors.add(block.anchor)
    tags = [{"text": formats.version_name(header), "tone": "good" if header.kind == "deadline" else "warn"}]
    if report.provisional:
        tags.append({"text": labels["provisional"], "tone": "bad"})
    return {
        "tag": language(lang).tag.lower().split("-"),
        "full_width": language(lang).full_width,
        "title": report.title,
        "title_size": _title_size(report.title, lang),
        "author": header.scope_name,
        "description": " · ".join(text for _, text in formats.identity(header)),
        "date": [header.as_of.year, header.as_of.month, header.as_of.day],
        "running": f"{header.scope_name} · {formats.version_name(header)}",
        "software": labels["made_by"].format(software=header.software),
        "labels": {k: labels[k] for k in ("page", "provisional", "contents", "moves")},
        "tags": tags,
        "identity": formats.identity(header),
        "provisional": report.provisional,
        "headlines": [
            {"text": text, "anchor": anchor if anchor in anchors else ""}
            for text, anchor in zip_longest(report.headlines, report.headline_anchors, fillvalue="")
        ],
        "moves": [{"tone": _MOVES[m.kind], "word": labels[m.kind], "text": m.text} for m in report.moves],
        "changes": _table(report.changes, "", lang) if report.changes else None,
        "kpis": [_kpi(k, before, lang) for k in report.kpis],
        "contents_fit": all(ems(section.title) <= CONTENTS_ROOM for section in report.sections),
        "kpi_columns": min(MOST_KPI_COLUMNS, max(1, -(-len(report.kpis) // 2))),
        "sections": [_section(section, section.title, blocks) for section in report.sections],
        "annexes": [
            _section(section, f"{labels['annex'].format(n=n)}　{section.title}", blocks)
            for n, section in enumerate(report.annexes, start=1)
        ],
        "signature": [
            [f"{labels[role]}{labels['colon']}" for role in ("issued_by", "checked_by", "written_by")],
            [f"{header.scope_name}{labels['seal_here']}", formats.day(header.as_of.date(), lang)],
        ],
    }


def _section(section: Section, title: str, blocks: Mapping[int, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "title": title,
        "headline": section.headline,
        "sentences": section.sentences,
        "runs": [
            {"landscape": landscape, "blocks": list(run)}
            for landscape, run in groupby(blocks.get(id(section), ()), lambda b: b["landscape"])
        ],
    }


def render_pdf(report: Report) -> bytes:
    """The report as a tagged PDF with its fonts embedded. The same report gives the same bytes.

    Tables are cut at MOST_ROWS rows, with a word on where the rest is. Raises LayoutError where Typst warns or fails.
    """
    data = json.dumps(displayable(_content(report)), ensure_ascii=False)
    forget()
    try:
        document, warnings = compiler(TEMPLATE).compile_with_warnings(
            format="pdf", sys_inputs={"data": data}, pdf_standards=["a-2a", "ua-1"]
        )
    except typst.TypstError as error:
        raise LayoutError(error.diagnostic) from error
    if warnings:
        raise LayoutError("; ".join(str(w) for w in warnings))
    if not isinstance(document, bytes):
        raise LayoutError(f"not one document but {type(document)}")
    return packed(document)
