"""report.html: one self-contained page, made by a template from the content.

Belongs here: content to HTML, the heading font embedded in the page. Does not: what the report says (content.py), how
values are written (formats.py), charts (charts.py), the page's layout (templates/report.html.jinja, .css, .js).

No request leaves the page. Headings are set in Noto Serif SC, cut down to their characters; all else is set in the
reader's own fonts. The same report gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from assets.instance.periods import is_period
from expectations.language import language
from reports.forms.svg_charts import sparkline, svg
from reports.model import Chart, Column, Kpi, Matrix, Report, Table, Value
from reports.text import formats
from reports.text.sentences import texts, words

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
HEADING_FONT = HERE / "fonts" / "NotoSerifSC-Bold.ttf"
CHART_WIDTH, CHART_WIDTH_BESIDE, HEAT_WIDTH = 520, 380, 1176
ROWS_BEFORE_FOLD = 15  # a script folds what is beyond, and unfolds it when asked; without it all rows stand there
MATRIX_ROWS_BEFORE_FOLD = 40
ROWS_TO_FOLD = 6  # fewer than these are not worth folding
NARROW_COLUMNS, NARROW_ROWS = 6, 15  # a table of no more stands beside its neighbour
MOST_IN_GROUP = 4
SHORT_TEXT = 18  # characters that are kept on one line

Block = Table | Chart | Matrix
_MAIL = re.compile(rf"(?:<code>)?\b([0-9a-f]{{{formats.MAIL_SHOWN}}})\b(?:</code>)?")
MAILS = "appendix_mails"  # the table that links on mails lead to


def render_html(report: Report) -> bytes:
    """The page, UTF-8."""
    page = _Page(report)
    spoken = language(report.header.lang)
    html = (
        _environment()
        .get_template("report.html.jinja")
        .render(page=page, report=report, header=report.header, tag=spoken.tag, between=spoken.between_sentences)
    )
    return html.lstrip().encode()


def prepare(lang: str) -> None:
    """Work out what every page of that language needs: the template compiled, the font of headings taken apart."""
    _environment().get_template("report.html.jinja")
    embedded(_common(lang))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = _asset
    return environment


@cache
def _asset(name: str) -> Markup:
    """A file of templates/ as it is: the style and the script of the page."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # our own file


# ---------------------------------------------------------------------------------------------------------------- font
@cache
def _heading_font() -> TTFont:
    # From memory: workers that share an open file would read from each other's places in it.
    return TTFont(io.BytesIO(HEADING_FONT.read_bytes()), lazy=True, recalcTimestamp=False, recalcBBoxes=False)


def _with_parts(glyphs: Iterable[str]) -> list[str]:
    """The glyphs, those that they are composed of, and the one for what is missing, in order."""
    table = _heading_font()["glyf"]
    found = [".notdef"]
    waiting = list(glyphs)[::-1]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.append(name)
        if table[name].isComposite():
            waiting.extend(table[name].getComponentNames(table))
    return found


@cache
def embedded(characters: str) -> str:
    """The heading font with those characters alone, as woff2 in base64: a font of its own, made glyph by glyph.

    fontTools' subsetter reads the whole font each time, which took longer than the rest of the page.
    """
    source = _heading_font()
    names = source.getBestCmap()
    wanted = {ord(c): names[ord(c)] for c in characters if ord(c) in names}
    glyphs = _with_parts(wanted.values())
    builder = FontBuilder(source["head"].unitsPerEm, isTTF=True)
    builder.font.recalcTimestamp = builder.font.recalcBBoxes = False
    builder.updateHead(created=source["head"].created, modified=source["head"].modified)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap(wanted)
    builder.setupGlyf({name: source["glyf"][name] for name in glyphs}, calcGlyphBounds=False)
    builder.setupHorizontalMetrics({name: source["hmtx"][name] for name in glyphs})
    builder.setupHorizontalHeader(ascent=source["hhea"].ascent, descent=source["hhea"].descent)
    builder.setupNameTable({"familyName": "Noto Serif SC", "styleName": "Bold", "licenseDescription": "SIL OFL 1.1"})
    lines = {key: getattr(source["OS/2"], key) for key in _LINES}
    builder.setupOS2(usWeightClass=700, **lines)
    builder.setupPost(keepGlyphNames=False)
    builder.font.flavor = "woff2"
    buffer = io.BytesIO()
    builder.font.save(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


_LINES = ("sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent")


@cache
def _common(lang: str) -> str:
    """The characters that headings of any report may need, names aside: those of the texts that become headings."""
    spoken = [
        form
        for key, text in texts().items()
        if key.partition(".")[0] in _HEADING_TEXTS
        for form in ([text[lang]] if isinstance(text[lang], str) else text[lang].values())
    ]
    labels = formats.labels(lang)
    parts = [*spoken, *(labels[key] for key in _HEADING_LABELS)]
    return "".join(sorted({c for text in parts for c in text} | set("0123456789.,%–−v")))


_HEADING_TEXTS = frozenset({"title", "head", "say", "noun", "names", "joint", "risk", "period"})
_HEADING_LABELS = ("moves", "contents", "changes")


# ---------------------------------------------------------------------------------------------------------------- page
@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading."""

    title: str
    unit: str
    css: str
    sort: str  # number | date | text: how a script sorts the column


class _Page:
    """What the template asks for beside the report itself."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lang = report.header.lang
        self.words = words(self.lang)
        self.labels = formats.labels(self.lang)
        self.is_month = is_period(report.header.period)
        self.numbers = {block.anchor: number for _, block, number in formats.blocks(report)}
        self.mails = {
            str(row[0])[: formats.MAIL_SHOWN]
            for table in report.tables()
            if table.anchor == MAILS
            for row in table.rows
        }

    def fonts(self) -> list[tuple[str, str]]:
        """The fonts of the headings by family: one that all pages share, and one for the names in this one's."""
        report, common = self.report, _common(self.lang)
        headings = [report.title, *report.headlines[:1], *(s.headline for s in report.sections)]
        own = "".join(sorted({c for text in headings for c in text if c > " "} - set(common)))
        fonts = [("Sixth Head", embedded(common))]
        return [*fonts, ("Sixth Names", embedded(own))] if own else fonts

    def say(self, key: str, **values: Any) -> str:
        """A text of texts.yaml."""
        return self.words.say(key, **values)

    def identity(self) -> list[tuple[str, str]]:
        """Which report it is."""
        return formats.identity(self.report.header)

    def points(self) -> list[tuple[str, str]]:
        """The headlines after the lead, each with its anchor."""
        anchors = [*self.report.headline_anchors, *[""] * len(self.report.headlines)]
        return list(zip(self.report.headlines, anchors, strict=False))[1:]

    def kind_of(self, block: Block) -> str:
        """Which macro draws a block."""
        return "chart" if isinstance(block, Chart) else "matrix" if isinstance(block, Matrix) else "table"

    def groups(self, blocks: Sequence[Block]) -> list[tuple[str, list[Block]]]:
        """Blocks as they are laid out: small ones two by two, or beside the matrix that they follow; others alone."""
        groups: list[tuple[str, list[Block]]] = []
        for block in blocks:
            kind = groups[-1][0] if groups else ""
            if _is_small(block) and kind in {"matrix", "small"} and len(groups[-1][1]) < MOST_IN_GROUP:
                groups[-1][1].append(block)
            else:
                groups.append(("small" if _is_small(block) else self.kind_of(block), [block]))
        return groups

    # ---------------------------------------------------------------------------------------------- figures and charts
    def value(self, kpi: Kpi) -> str:
        """A headline figure without its unit."""
        return formats.written(kpi.value, kpi.kind, self.lang) or self.labels["none"]

    def change(self, kpi: Kpi) -> tuple[str, str]:
        """How it changed, and whether that is good | bad | plain."""
        return formats.change_of(kpi, self.lang)

    def before(self, kpi: Kpi) -> str:
        """The period before's figure."""
        return formats.with_unit(kpi.before, kpi, self.lang)

    def spark(self, kpi: Kpi) -> Markup:
        """The line of the last months."""
        return Markup(sparkline(kpi.trend))  # numbers alone

    def drawn(self, chart: Chart, beside: bool) -> Markup:
        """The chart, narrower `beside` a matrix."""
        width = HEAT_WIDTH if chart.kind == "heat" else CHART_WIDTH_BESIDE if beside else CHART_WIDTH
        return Markup(svg(chart, self.lang, width))  # escapes its texts

    # ---------------------------------------------------------------------------------------------------------- matrix
    def months(self, periods: Sequence[str]) -> list[tuple[str, list[str]]]:
        """The months of a matrix by year."""
        years: dict[str, list[str]] = {}
        for period in periods:
            year, _, month = period.partition("-")
            years.setdefault(formats.year_name(year, self.lang), []).append(formats.month_name(month, self.lang))
        return list(years.items())

    def key(self) -> list[tuple[str, str, str]]:
        """State, mark and name, for the key of a matrix."""
        return formats.matrix_key(self.lang)

    def state(self, state: str) -> tuple[str, str, str]:
        """A cell of a matrix: its code, its mark and what it means."""
        return formats.in_matrix(state, self.lang)

    def on_time(self, states: Sequence[str]) -> tuple[str, str]:
        """How many of the months were on time, and how many of the last ones in a row."""
        active = [s for s in states if s]
        row = 0
        for state in reversed(active):
            if state != "on_time":
                break
            row += 1
        return f"{sum(s == 'on_time' for s in active)}/{len(active)}", str(row)

    def punctual(self, matrix: Matrix) -> list[int]:
        """Units on time in each month, of the rows shown."""
        return [sum(states[i] == "on_time" for _, states in matrix.rows) for i in range(len(matrix.periods))]

    def cut(self, total: int, shown: int, source: str) -> str:
        """That a table is cut, and where the rest is."""
        return formats.cut_note(total, shown, source, self.lang)

    # ---------------------------------------------------------------------------------------------------------- tables
    def head(self, table: Table) -> list[Heading]:
        """The headings of a table."""
        headings = []
        for place, column in enumerate(table.columns):
            numeric = formats.is_numeric(column, [row[place] for row in table.rows])
            sort = "number" if numeric else "date" if column.kind in {"date", "datetime"} else "text"
            css = " ".join(filter(None, ("n" if numeric else "", "w" if column.wide else "")))
            headings.append(Heading(column.title, formats.unit_of(column), css, sort))
        return headings

    def body(self, table: Table) -> Markup:
        """The rows of a table. Built here rather than in the template: a report has tens of thousands of cells."""
        mails = table.anchor == MAILS
        writers = [self._writer(c, [row[i] for row in table.rows], own=mails) for i, c in enumerate(table.columns)]
        named = next((i for i, c in enumerate(table.columns) if c.kind in {"text", "state"}), 0)
        rows = []
        for number, row in enumerate(table.rows):
            css = ' class="em"' if number in table.emphasis else ""
            own = f' id="mail-{escape(str(row[0])[: formats.MAIL_SHOWN])}"' if mails else ""
            cells = "".join(
                writer(value, *(("th scope=row", "th") if i == named and value else ("td", "td")))
                for i, (writer, value) in enumerate(zip(writers, row, strict=True))
            )
            rows.append(f"<tr{css}{own}>{cells}</tr>")
        return Markup("\n".join(rows))  # every cell is escaped where it is written

    def _writer(self, column: Column, values: Sequence[Value], *, own: bool) -> Any:
        """What writes the cells of a column; `own`: the column is where links to mails lead."""
        kind = column.kind
        decimals = formats.decimals_of(values, kind) if kind in formats.NUMBERS else None
        numeric = formats.is_numeric(column, values)
        is_short = all(len(str(v)) <= SHORT_TEXT for v in values)
        form = _CLASSES.get(kind, "")
        if kind == "text" and not column.wide and is_short:
            form = "s"
        elif kind == "code" and not is_short:
            form = "l"
        marks = ("n" if numeric else "", "w" if column.wide else "", form)
        classes = " ".join(filter(None, marks))
        css = f" class='{classes}'" if classes else ""
        written: dict[Value, str] = {}

        def write(value: Value, start: str, end: str) -> str:
            if value not in written:
                written[value] = self._cell(value, column, decimals, own=own)
            return f"<{start}{css}>{written[value]}</{end}>"

        return write

    def _cell(self, value: Value, column: Column, decimals: int | None, *, own: bool) -> str:
        text = str(escape(formats.written(value, column.kind, self.lang, column.codes, decimals)))
        if column.kind == "mail" and value:
            short = str(escape(str(value)[: formats.MAIL_SHOWN]))
            return f"<code>{short}</code>" if own else _MAIL.sub(self._to_mail, f"<code>{short}</code>")
        if column.kind == "state" and column.codes in _PILLS and isinstance(value, str):
            return f"<span class='st {escape(value)}'>{text}</span>" if value in _LOUD else text
        if column.bar and isinstance(value, int | float) and not isinstance(value, bool):
            share = max(0.0, min(100.0, 100 * value / column.bar))
            return f"<span class='bar'>{text}<i><b style='width:{share:.1f}%'></b></i></span>"
        if column.key == "rank_change" and isinstance(value, int) and value:
            arrow, tone = ("▲", "better") if value > 0 else ("▼", "worse")
            return f"<span class='{tone}'>{arrow} {text.lstrip('+' + formats.MINUS)}</span>"
        if value is False:
            return f"<span class='no'>{text}</span>"
        if column.key == "because":
            text = _MAIL.sub(self._to_mail, text)
        return text.replace("\n", "<br>")

    def _to_mail(self, found: re.Match[str]) -> str:
        """A mail's short name as a link to its row, where there is one."""
        return f"<a href='#mail-{found[1]}'>{found[0]}</a>" if found[1] in self.mails else found[0]

    def whereabouts(self, table: Table) -> Markup:
        """Where all rows of a table are; files of data/ as links, which lead beside the page."""
        text = str(escape(formats.whereabouts(table, len(table.rows), self.lang)))
        if table.source and table.source in text:
            file = escape(table.source)
            text = text.replace(str(file), f'<a href="{file}">{file}</a>')
        return Markup(text)

    def folds(self, block: Table | Matrix) -> int:
        """How many rows a script leaves unfolded; 0 where it folds none."""
        if isinstance(block, Table) and block.folded_after:
            return block.folded_after if len(block.rows) > block.folded_after else 0
        shown = MATRIX_ROWS_BEFORE_FOLD if isinstance(block, Matrix) else ROWS_BEFORE_FOLD
        return shown if len(block.rows) >= shown + ROWS_TO_FOLD else 0


_CLASSES = {"code": "c", "state": "s", "date": "s", "datetime": "s", "mail": "m"}
_PILLS = frozenset({"states", "form_states", "scan_states", "severities", "codes"})
_LOUD = frozenset(
    {"missing", "returned", "incomplete", "late", "complete_late", "unsealed", "reused", "unreadable", "critical", "高"}
)


def _is_small(block: Block) -> bool:
    if isinstance(block, Table):
        narrow = len(block.columns) <= NARROW_COLUMNS and not any(c.wide for c in block.columns)
        return narrow and len(block.rows) <= NARROW_ROWS
    return isinstance(block, Chart) and block.kind != "heat"
