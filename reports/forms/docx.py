"""report.docx: the report as an official document in Word, to be signed and sent on.

Belongs here: headings, contents, captions, tables, pictures, their order. Does not: page, type and numbering
(official_style.py), XML (wordml.py), drawing charts (charts.py), how values are written (formats.py).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from itertools import groupby
from typing import Any

from docx.document import Document
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from lxml import etree

from expectations.language import language
from reports.forms.official_style import (
    CLOSER,
    LINES,
    TABLE_STYLES,
    TYPES,
    new_document,
    section_xml,
    text_height,
    text_width,
)
from reports.forms.page_flow import Piece, Span, lines_of, paragraph_heights, placed
from reports.forms.print_tables import MOST_ROWS, SMALLER, balanced, breakable, drawing, ems, fit, months, printed
from reports.forms.svg_to_png import as_png
from reports.forms.wordml import (
    BOLD,
    FIELD_END,
    KEEP_NEXT,
    TWIPS,
    UNDER_HEADINGS,
    aligned,
    bookmark,
    caption,
    cell,
    field,
    field_start,
    paragraph,
    run,
    shade,
    sized,
    table,
)  # fmt: skip
from reports.model import Chart, Column, Matrix, Report, Section, Table
from reports.text import formats

PICTURE_WIDTH, TALLEST_PICTURE = 440.0, 520.0  # points; below it stand caption and notes
BODY_SIZE = 32  # half-points of the type whose characters stand closer
INSET = 6.0  # points between the text of a cell and its sides
WIDEST_MONTH = 700  # twips of a month of the matrix
CHART_WIDTH = 640  # pixels, as charts.py counts
FILLS = {
    "on_time": "D9E6F2", "late": "F6B98A", "incomplete": "FBE3A1", "returned": "E9C6DB", "missing": "A4161A",
}  # fmt: skip
EMPHASIS = "F2F2F2"
SIGNING_LINE = "＿" * 5
SLIM = 1.15  # how much narrower Times is than the sans-serif that printed.py measures for
KEPT_TOGETHER = 7  # rows of a table that is never cut by the end of a page
RULE, STRONG_RULES = 0.75, 4.0  # points that a rule may add to a row, and the strong ones to a table
BESIDE_PICTURE = 8.0  # points that a line may be higher than the picture in it
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold
_DIGITS = "〇一二三四五六七八九"
_MIDDLE = aligned("center")
_UNINDENTED = '<w:ind w:firstLineChars="0" w:firstLine="0"/>'
_SPACING = '<w:spacing w:before="{}" w:after="{}" w:line="{}" w:lineRule="exact"/>'
_STYLED = re.compile("(<w:pStyle [^>]*/>(?:<w:keepNext/>)?)")  # of a paragraph, and where a page break is said


def chinese_number(n: int) -> str:
    """1 to 99 as Chinese counts headings: 一, 十, 十二, 二十一."""
    tens, ones = divmod(n, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十") + (_DIGITS[ones] if ones else "")


# ------------------------------------------------------------------------------------------------------------- pieces
def _said(style: str, runs: str, text: str, lang: str, properties: str = "", **more: Any) -> Piece:
    """A paragraph of `runs`, which say `text`, with the heights of its lines."""
    page = language(lang).page
    face, lines = TYPES[page][style], LINES[page][style]
    official = page == "official"
    size = face.size / 2 + (CLOSER / TWIPS if official and face.size == BODY_SIZE else 0)
    indent = 2.0 if official and style in {"Body Text", "Heading 1"} else 0.0
    taken = lines_of(text, text_width(landscape=more.get("turned", False)) / TWIPS / size, indent)
    before, pitch, after = (twips / TWIPS for twips in (lines.before, lines.pitch, lines.after))
    least, most = paragraph_heights(taken, before, pitch, after)
    return Piece(paragraph(style, runs, properties), least, most, **more)


def _together(pieces: Sequence[Piece], **more: Any) -> Piece:
    """Paragraphs that no end of a page comes between."""
    least, most = sum(h for p in pieces for h in p.least), sum(h for p in pieces for h in p.most)
    return Piece("".join(p.xml for p in pieces), (least,), (most,), whole=True, **more)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A table as XML: its headings, its rows, the columns' widths in twips, and how high each row is."""

    title: str
    head: str
    rows: Sequence[str]
    widths: Sequence[int]
    head_height: Span
    heights: Sequence[Span]
    lang: str

    def piece(self, caption: Piece, notes: Piece | None, *, whole: bool, **more: Any) -> Piece:
        """The table below its caption, before its notes. Where it is cut, it goes on under a caption that says so."""
        least, most = [low for low, _ in self.heights], [high for _, high in self.heights]
        least[0] += sum(caption.least) + self.head_height[0]
        most[0] += sum(caption.most) + self.head_height[1] + STRONG_RULES
        if notes:
            least[-1], most[-1] = least[-1] + sum(notes.least), most[-1] + sum(notes.most)
        xml = caption.xml + table(self.head, self.rows, self.widths, self.title) + (notes.xml if notes else "")

        def cut(rows: int) -> tuple[Piece, Piece]:
            here = replace(self, rows=self.rows[:rows], heights=self.heights[:rows])
            there = replace(self, rows=self.rows[rows:], heights=self.heights[rows:])
            text = formats.labels(self.lang)["continued"].format(title=self.title)
            again = _said("Caption", run(text), text, self.lang, **more)
            return here.piece(caption, None, whole=True, **more), there.piece(again, notes, whole=whole, **more)

        return Piece(xml, tuple(least), tuple(most), whole=whole, cut=None if whole else cut, **more)


def _row_height(texts: Sequence[str], widths: Sequence[int], style: str, lang: str) -> Span:
    """How high a row of a table is, its cells so many twips wide."""
    lines, size = LINES[language(lang).page][style], TABLE_STYLES[style]
    taken = [
        lines_of(text, max((width / TWIPS - INSET) / size, 1.0)) for text, width in zip(texts, widths, strict=True)
    ]
    around = (lines.before + lines.after) / TWIPS
    least, most = max(low for low, _ in taken), max(high for _, high in taken)
    return least * lines.pitch / TWIPS + around, most * lines.pitch / TWIPS + around + RULE


# ------------------------------------------------------------------------------------------------------------- tables
def _table(shown: Table, number: str, lang: str) -> Piece:
    """A table with its caption and notes."""
    ready = printed(shown, lang)
    if not ready.rows:
        text = shown.empty or formats.labels(lang)["nothing"]
        return _together([_caption(number, shown.title, lang), _said("Note", run(text), text, lang, _MIDDLE)])
    slim = 1.0 if language(lang).full_width else SLIM
    upright, turned = (text_width(landscape=across) / TWIPS * slim for across in (False, True))
    lies = fit(ready, tuple(TABLE_STYLES.values()), upright, turned)
    style = next(name for name, size in TABLE_STYLES.items() if size == lies.size)
    widths = [int(width * TWIPS / slim) for width in lies.widths]
    values = zip(*shown.rows, strict=True)
    sides = ["right" if formats.is_numeric(c, v) else "left" for c, v in zip(shown.columns, values, strict=True)]
    titles = [
        balanced(column.title, (width / TWIPS * slim - INSET) / lies.size)
        for column, width in zip(shown.columns, widths, strict=True)
    ]
    head = "".join(
        cell(_heading(title, column, lies.size), width, style, side, UNDER_HEADINGS, keep=True)
        for title, column, width, side in zip(titles, shown.columns, widths, sides, strict=True)
    )
    rows = [
        "".join(
            cell(
                run(one.text, BOLD if n in shown.emphasis or one.tone in {"bad", "warn"} else ""),
                width,
                style,
                side,
                shade(EMPHASIS if n in shown.emphasis else ""),
                keep=n == len(ready.rows) - 1 and bool(ready.notes),
            )
            for one, width, side in zip(row, widths, sides, strict=True)
        )
        for n, row in enumerate(ready.rows)
    ]
    headings = [f"{title}\n{formats.unit_of(c)}".rstrip() for title, c in zip(titles, shown.columns, strict=True)]
    texts = [headings, *([one.text for one in row] for row in ready.rows)]
    heights = [_row_height(row, widths, style, lang) for row in texts]
    notes = "\n".join(ready.notes)
    drawn = _Drawn(
        f"{number}　{shown.title}" if number else shown.title, head, rows, widths, heights[0], heights[1:], lang
    )
    return drawn.piece(
        _caption(number, shown.title, lang, turned=lies.turned),
        _said("Note", run(notes), notes, lang, turned=lies.turned),
        whole=len(rows) <= KEPT_TOGETHER,
        turned=lies.turned,
    )


def _caption(number: str, title: str, lang: str, properties: str = "", *, turned: bool = False) -> Piece:
    """表1　各单位报送情况."""
    xml, text = caption(number, title, properties), f"{number}　{title}" if number else title
    return replace(_said("Caption", "", text, lang, turned=turned), xml=xml)


def _heading(title: str, column: Column, size: float) -> str:
    """A column's heading, its unit smaller below it."""
    unit = formats.unit_of(column)
    return run(title, BOLD) + (run(f"\n{unit}", sized(SMALLER * size)) if unit else "")


def _matrix(matrix: Matrix, number: str, lang: str) -> Piece:
    words = formats.labels(lang)
    rows = matrix.rows[:MOST_ROWS]
    titled = _caption(number, matrix.title, lang)
    if not rows:
        return _together([titled, _said("Note", run(words["nothing"]), words["nothing"], lang, _MIDDLE)])
    style, size = "Table Text Small", TABLE_STYLES["Table Text Small"]
    first = min(max(round(max(ems(unit) for unit, _ in rows) * size * TWIPS) + 160, 1200), 2800)
    each = min((text_width() - first) // max(len(matrix.periods), 1), WIDEST_MONTH)
    widths = [first, *[each] * len(matrix.periods)]
    small = sized(6.5)
    headings = months(matrix.periods, lang)
    head = cell(run(words["organisation"], BOLD), first, style, "left", UNDER_HEADINGS, keep=True) + "".join(
        cell((run(f"{year}\n", small) if year else "") + run(month, BOLD), each, style, "center", UNDER_HEADINGS)
        for year, month in headings
    )
    lines = [
        cell(run(breakable(unit)), first, style)
        + "".join(_state(*formats.in_matrix(state, lang)[:2], each) for state in states)
        for unit, states in rows
    ]
    heights = [_row_height([words["organisation"], *(f"{y}\n{m}" for y, m in headings)], widths, style, lang)]
    heights += [_row_height([unit, *("" for _ in matrix.periods)], widths, style, lang) for unit, _ in rows]
    key = "　".join(f"{mark} {told}" for _, mark, told in formats.matrix_key(lang))
    workbook = "report.xlsx" if len(matrix.rows) > len(rows) else ""
    told = [f"{words['key']}{words['colon']}{key}", formats.cut_note(matrix.total, len(rows), workbook, lang)]
    notes = "\n".join(filter(None, told))
    drawn = _Drawn(f"{number}　{matrix.title}", head, lines, widths, heights[0], heights[1:], lang)
    return drawn.piece(titled, _said("Note", run(notes), notes, lang), whole=len(rows) <= KEPT_TOGETHER)


def _state(state: str, mark: str, width: int) -> str:
    colour = '<w:color w:val="FFFFFF"/>' if state == "missing" else ""
    bold = BOLD if state not in {"on_time", ""} else ""
    return cell(run(mark, bold + colour), width, "Table Text Small", "center", shade(FILLS.get(state, "")))


# ----------------------------------------------------------------------------------------------------------- pictures
def _figure(document: Document, chart: Chart, number: str, png: bytes | None, n: int, lang: str) -> Piece:
    """A chart: picture, caption below it as the custom is, measure and source."""
    words = formats.labels(lang)
    below = "\n".join(
        filter(None, [chart.subtitle, words["source"].format(source=chart.source) if chart.source else ""])
    )
    title = _caption(number, chart.title, lang, KEEP_NEXT + _SPACING.format(60, 0, LINES["official"]["Caption"].pitch))
    notes = _said("Note", run(below), below, lang, _MIDDLE)
    if png is None:
        return _together([_said("Figure", run(words["nothing"]), words["nothing"], lang), title, notes])
    drawn, height = _picture(document, png, n, f"{chart.title} {chart.subtitle}")
    before = LINES["official"]["Figure"].before / TWIPS
    picture = Piece(paragraph("Figure", drawn), (height,), (before + height + BESIDE_PICTURE,))
    return _together([picture, title, notes])


def _picture(document: Document, png: bytes, n: int, told: str) -> tuple[str, float]:
    """A picture in the line, with its description for those who cannot see it, and how many points high it is."""
    inline = document.part.new_pic_inline(io.BytesIO(png), width=Pt(PICTURE_WIDTH))
    if inline.extent.cy > Pt(TALLEST_PICTURE):
        inline = document.part.new_pic_inline(io.BytesIO(png), height=Pt(TALLEST_PICTURE))
    inline.docPr.set("id", str(n))
    inline.docPr.set("name", f"Picture {n}")
    inline.docPr.set("descr", formats.clean(told))
    drawn = f"<w:r><w:drawing>{etree.tostring(inline, encoding='unicode')}</w:drawing></w:r>"
    return drawn, inline.extent.cy / Pt(1)


def _pictures(charts: Sequence[Chart], lang: str) -> dict[str, bytes | None]:
    """The picture of each chart, by anchor; None where it has no figure."""
    drawings = {chart.anchor: drawing(chart, lang, CHART_WIDTH) for chart in charts}
    made = iter(as_png([d for d in drawings.values() if d], PICTURE_WIDTH))
    return {anchor: next(made) if drawn else None for anchor, drawn in drawings.items()}


# ------------------------------------------------------------------------------------------------------- the document
def _front(report: Report) -> Iterator[Piece]:
    """Title, which report it is, what it says before all else."""
    header, lang = report.header, report.header.lang
    words = formats.labels(lang)
    title = _title(report.title, lang)
    under = report.letter.draft if report.letter else formats.subtitle(header)
    yield replace(one := _said("Title", run(title), title, lang, with_next=True), least=one.most)
    yield _said("Subtitle", run(under), under, lang)
    yield _said("Body Text", "", "", lang)
    if report.letter and (to := report.letter.addressee):
        yield _said("Body Text", run(to), to, lang, _UNINDENTED)
    if report.provisional:
        lead = words["provisional"] + words["colon"]
        runs = run(lead, BOLD) + run(report.provisional)
        yield _said("Body Text", runs, lead + report.provisional, lang)
    for line in report.headlines:
        yield _said("Body Text", run(line), line, lang)
    if report.changes:
        yield _table(report.changes, "", lang)
    for kind, moves in groupby(report.moves, lambda move: move.kind):
        lead = words[kind].capitalize() + words["colon"]
        told = words["semicolon"].join(move.text.rstrip("。.") for move in moves) + words["full_stop"]
        yield _said("Body Text", run(lead, BOLD) + run(told), lead + told, lang)


def _title(title: str, lang: str) -> str:
    """The title, whose period in brackets begins a line where it does not fit into one: no bracket is broken."""
    size = TYPES[language(lang).page]["Title"].size / 2
    if "\n" in title or ems(title) * size * TWIPS <= text_width():
        return title
    before, bracket, period = title.rpartition("（")
    return f"{before}\n{bracket}{period}" if before else title


def _kpi_table(report: Report) -> Table:
    """The headline figures as a table, written: each row has a kind of its own."""
    lang = report.header.lang
    words = formats.labels(lang)
    columns = tuple(Column(key, words[key]) for key in ("kpi", "value", "before", "change", "detail"))
    rows = tuple(
        (
            kpi.label,
            formats.with_unit(kpi.value, kpi, lang),
            formats.with_unit(kpi.before, kpi, lang),
            formats.change_of(kpi, lang)[0],
            kpi.detail,
        )
        for kpi in report.kpis
    )
    kept = len(columns) if any(k.detail for k in report.kpis) else len(columns) - 1
    return Table("kpis", words["kpis"], columns[:kept], tuple(row[:kept] for row in rows), len(rows))


def _contents(report: Report, lang: str, pages: Mapping[int, int]) -> Piece:
    """The contents as a field that has its result: the headings as links, with the pages on which they stand."""
    entries, told = [], []
    for n, section in enumerate((*report.sections, *report.annexes), start=1):
        annex = n - len(report.sections)
        if annex > 0:
            number = _annex_number(annex, lang)
        else:
            number = f"{chinese_number(n)}、" if language(lang).page == "official" else f"{n} "
        page = run(str(pages.get(n, "")))
        inner = run(number + section.title) + "<w:r><w:tab/></w:r>" + field(f"PAGEREF {_mark(n)} \\h", page)
        entries.append(f'<w:hyperlink w:anchor="{_mark(n)}" w:history="1">{inner}</w:hyperlink>')
        told.append(number + section.title)
    entries[0] = field_start('TOC \\o "1-2" \\h \\z \\u') + entries[0]
    entries[-1] += FIELD_END
    title = formats.labels(lang)["contents"]
    head = _said("TOC Heading", run(title), title, lang)
    lines = [_said("toc 1", entry, text, lang) for entry, text in zip(entries, told, strict=True)]
    kind = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/><w:docPartUnique/></w:docPartObj>'
    piece = _together([head, *lines])
    return replace(piece, xml=f"<w:sdt><w:sdtPr>{kind}</w:sdtPr><w:sdtContent>{piece.xml}</w:sdtContent></w:sdt>")


def _mark(n: int) -> str:
    return f"_Toc{n:09d}"


def _opening(section: Section, n: int, lang: str, *, turned: bool) -> Iterator[Piece]:
    """A section's heading, its finding in bold, and what else it says, the first of it in the same paragraph."""
    bold = ""
    if section.headline:
        text = formats.sentence(section.headline, lang)
        bold = text + (language(lang).between_sentences if section.sentences else "")
    title = bookmark(_mark(n), n, run(section.title))
    number = f"{chinese_number(n)}、"
    yield _said("Heading 1", title, number + section.title, lang, turned=turned, with_next=True, mark=n)
    sentences: Sequence[str] = section.sentences or ([""] if bold else ())
    for i, sentence in enumerate(sentences):
        lead = bold if i == 0 else ""
        runs = (run(lead, BOLD) if lead else "") + (run(sentence) if sentence else "")
        yield _said("Body Text", runs, lead + sentence, lang, turned=turned)


def _annex_number(annex: int, lang: str) -> str:
    return formats.labels(lang)["annex"].format(n=annex) + "　"


def _annex(section: Section, n: int, annex: int, lang: str, *, turned: bool) -> Piece:
    """The heading of an annex; the first begins a page."""
    text = _annex_number(annex, lang) + section.title
    title = bookmark(_mark(n), n, run(text))
    more: dict[str, Any] = {"turned": turned, "with_next": True, "begins_page": annex == 1, "mark": n}
    return _said("Annex Heading", title, text, lang, KEEP_NEXT, **more)


def _signature(report: Report) -> Piece:
    """Who issues, checks and writes it, the seal and the day, in one piece; what is signed by hand has a line."""
    header, words = report.header, formats.labels(report.header.lang)
    right = '<w:ind w:rightChars="400" w:right="1280"/>' + aligned("right")
    signed = "　".join(
        f"{words[role]}{words['colon']}{SIGNING_LINE}" for role in ("issued_by", "checked_by", "written_by")
    )
    lines = (
        ("", ""),
        (signed, ""),
        ("", ""),
        (f"{report.letter.issuer if report.letter else header.scope_name}{words['seal_here']}", right),
        (words["day_by_hand"] if report.letter else formats.day(header.as_of.date(), header.lang), right),
    )
    last = len(lines) - 1
    return _together(
        [
            _said("Body Text", run(text), text, header.lang, ("" if n == last else KEEP_NEXT) + where)
            for n, (text, where) in enumerate(lines)
        ]
    )


def _pieces(document: Document, report: Report) -> tuple[list[Piece], int | None]:
    """All of the document in its order, piece by piece, and the place of the contents among them."""
    lang = report.header.lang
    numbered = list(formats.blocks(report))
    charts = [block for _, block, _ in numbered if isinstance(block, Chart)]
    pictures = _pictures(charts, lang)
    pieces = list(_front(report))
    contents = len(pieces) if len(report.sections) > 1 and not report.letter else None
    if contents is not None:
        pieces.append(_contents(report, lang, {}))
    if report.kpis:
        pieces.append(_table(_kpi_table(report), "", lang))
    for n, section in enumerate((*report.sections, *report.annexes), start=1):
        annex = n - len(report.sections)
        if annex == 1:
            pieces += _signed(pieces, report)
        drawn = []
        for owner, block, number in numbered:
            if owner is not section:
                continue
            if isinstance(block, Table):
                drawn.append(_table(block, number, lang))
            elif isinstance(block, Matrix):
                drawn.append(_matrix(block, number, lang))
            else:
                picture, place = pictures[block.anchor], charts.index(block) + 1
                drawn.append(_figure(document, block, number, picture, place, lang))
        # A heading turns with the table that it opens: else it stands alone at the foot of the page before.
        turned = bool(drawn) and drawn[0].turned
        if annex < 1:
            pieces += _opening(section, n, lang, turned=turned)
        else:
            pieces.append(_annex(section, n, annex, lang, turned=turned))
        pieces += drawn
    if not report.annexes:
        pieces += _signed(pieces, report)
    return pieces, contents


def _signed(before: list[Piece], report: Report) -> list[Piece]:
    """The signature, which takes the last paragraph along: no page has nothing on it but names."""
    last = before.pop()
    return [replace(last, with_next=not last.turned), _signature(report)]


def _body(document: Document, report: Report) -> str:
    """The content of document.xml: the pieces on their pages, with an end of section wherever the page turns."""
    lang = report.header.lang
    pieces, contents = _pieces(document, report)
    upright, across = (text_height(landscape=turned) / TWIPS for turned in (False, True))
    orders = [pieces]
    if contents is not None and report.kpis:  # the figures fill a page whose rest is too short for the contents
        orders.append([*pieces[:contents], pieces[contents + 1], pieces[contents], *pieces[contents + 2 :]])
    arranged = [placed(order, upright, across) for order in orders]
    on_pages, pages = min(arranged, key=lambda made: [*reversed(made[1].values())])  # the last heading's page above all
    listed = pieces[contents].xml if contents is not None else None
    parts = []
    turned = False
    for piece in on_pages:
        if piece.turned != turned:
            parts.append(_end_of_section(document, lang, landscape=turned))
            turned = piece.turned
        xml = _contents(report, lang, pages).xml if piece.xml == listed else piece.xml
        parts.append(_STYLED.sub(r"\1<w:pageBreakBefore/>", xml, count=1) if piece.begins_page else xml)
    return "".join(parts) + section_xml(document, lang, landscape=turned)


def _end_of_section(document: Document, lang: str, *, landscape: bool) -> str:
    tiny = '<w:snapToGrid w:val="0"/><w:spacing w:before="0" w:after="0" w:line="20" w:lineRule="exact"/>'
    return paragraph("Note", "", tiny + section_xml(document, lang, landscape=landscape))


def _saved(document: Document, body: str) -> bytes:
    """The document with that body as a file whose bytes do not tell when it was saved.

    The body is not read into python-docx: of a report of thousands of cells that is most of the time.
    """
    spaces = nsdecls("w", "r", "wp", "a", "pic")
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    content = f"{declaration}<w:document {spaces}><w:body>{body}</w:body></w:document>".encode()
    raw, packed = io.BytesIO(), io.BytesIO()
    document.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            part = content if name == "word/document.xml" else source.read(name)
            target.writestr(zipfile.ZipInfo(name, EPOCH), part, kind)
    return packed.getvalue()


def render_docx(report: Report) -> bytes:
    """The report as a Word document. The same report gives the same bytes.

    Tables are cut at MOST_ROWS rows, with a word on where the rest is; those too wide for an upright page lie on
    a turned one.
    """
    header = report.header
    made = header.as_of.astimezone(UTC).replace(tzinfo=None)
    title = formats.clean(report.title).replace("\n", "")
    document = new_document(header.lang, title, formats.clean(header.scope_name), made)
    return _saved(document, _body(document, report))
