"""report.docx: the report as an official document in Word, to be signed and sent on.

Belongs here: headings, contents, captions, tables, pictures, their order. Does not: page, type and numbering
(official_style.py), XML (wordml.py), drawing charts (charts.py), how values are written (formats.py).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import groupby

from docx.document import Document
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from lxml import etree

from expectations.language import language
from reports.forms.official_style import TABLE_STYLES, TYPES, new_document, section_xml, text_width
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
INSET = 6.0  # points between the text of a cell and its sides
WIDEST_MONTH = 700  # twips of a month of the matrix
CHART_WIDTH = 640  # pixels, as charts.py counts
FILLS = {
    "on_time": "D9E6F2", "late": "F6B98A", "incomplete": "FBE3A1", "returned": "E9C6DB", "missing": "A4161A",
}  # fmt: skip
EMPHASIS = "F2F2F2"
SIGNING_LINE = "＿" * 5
SLIM = 1.15  # how much narrower Times is than the sans-serif that printed.py measures for
KEPT_TOGETHER = 12  # rows of a table that is not cut by the end of a page
SHORT = 250  # characters of a paragraph, with its markup, that is kept on one page with the table after it
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold
_DIGITS = "〇一二三四五六七八九"
_MIDDLE = aligned("center")


def chinese_number(n: int) -> str:
    """1 to 99 as Chinese counts headings: 一, 十, 十二, 二十一."""
    tens, ones = divmod(n, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十") + (_DIGITS[ones] if ones else "")


# ------------------------------------------------------------------------------------------------------------ tables
def _table(shown: Table, number: str, lang: str) -> tuple[str, bool]:
    """A table with its caption and notes, and whether its page is turned."""
    ready = printed(shown, lang)
    if not ready.rows:
        text = shown.empty or formats.labels(lang)["nothing"]
        return caption(number, shown.title) + paragraph("Note", run(text), _MIDDLE), False
    slim = 1.0 if language(lang).full_width else SLIM
    upright, turned = (text_width(landscape=across) / TWIPS * slim for across in (False, True))
    lies = fit(ready, tuple(TABLE_STYLES.values()), upright, turned)
    style = next(name for name, size in TABLE_STYLES.items() if size == lies.size)
    widths = [int(width * TWIPS / slim) for width in lies.widths]
    together = len(ready.rows) <= KEPT_TOGETHER
    values = zip(*shown.rows, strict=True)
    sides = ["right" if formats.is_numeric(c, v) else "left" for c, v in zip(shown.columns, values, strict=True)]
    head = "".join(
        cell(_heading(column, width / TWIPS * slim, lies.size), width, style, side, UNDER_HEADINGS, keep=True)
        for column, width, side in zip(shown.columns, widths, sides, strict=True)
    )
    rows = (
        "".join(
            cell(
                run(one.text, BOLD if n in shown.emphasis or one.tone in {"bad", "warn"} else ""),
                width,
                style,
                side,
                shade(EMPHASIS if n in shown.emphasis else ""),
                keep=together or (n == len(ready.rows) - 1 and bool(ready.notes)),
            )
            for one, width, side in zip(row, widths, sides, strict=True)
        )
        for n, row in enumerate(ready.rows)
    )
    notes = paragraph("Note", run("\n".join(ready.notes)))
    return caption(number, shown.title) + table(head, rows, widths, shown.title) + notes, lies.turned


def _heading(column: Column, width: float, size: float) -> str:
    """A column's heading, its unit smaller below it; of a column so many points wide."""
    unit = formats.unit_of(column)
    title = run(balanced(column.title, (width - INSET) / size), BOLD)
    return title + (run(f"\n{unit}", sized(SMALLER * size)) if unit else "")


def _matrix(matrix: Matrix, number: str, lang: str) -> str:
    words = formats.labels(lang)
    rows = matrix.rows[:MOST_ROWS]
    if not rows:
        return caption(number, matrix.title) + paragraph("Note", run(words["nothing"]), _MIDDLE)
    style, size = "Table Text Small", TABLE_STYLES["Table Text Small"]
    first = min(max(round(max(ems(unit) for unit, _ in rows) * size * TWIPS) + 160, 1200), 2800)
    each = min((text_width() - first) // max(len(matrix.periods), 1), WIDEST_MONTH)
    small = sized(6.5)
    head = cell(run(words["organisation"], BOLD), first, style, "left", UNDER_HEADINGS, keep=True) + "".join(
        cell((run(f"{year}\n", small) if year else "") + run(month, BOLD), each, style, "center", UNDER_HEADINGS)
        for year, month in months(matrix.periods, lang)
    )
    lines = (
        cell(run(breakable(unit)), first, style)
        + "".join(_state(*formats.in_matrix(state, lang)[:2], each) for state in states)
        for unit, states in rows
    )
    key = "　".join(f"{mark} {told}" for _, mark, told in formats.matrix_key(lang))
    workbook = "report.xlsx" if len(matrix.rows) > len(rows) else ""
    notes = [f"{words['key']}{words['colon']}{key}", formats.cut_note(matrix.total, len(rows), workbook, lang)]
    drawn = table(head, lines, [first, *[each] * len(matrix.periods)], matrix.title)
    return caption(number, matrix.title) + drawn + paragraph("Note", run("\n".join(filter(None, notes))))


def _state(state: str, mark: str, width: int) -> str:
    colour = '<w:color w:val="FFFFFF"/>' if state == "missing" else ""
    bold = BOLD if state not in {"on_time", ""} else ""
    return cell(run(mark, bold + colour), width, "Table Text Small", "center", shade(FILLS.get(state, "")))


# ----------------------------------------------------------------------------------------------------------- pictures
def _figure(document: Document, chart: Chart, number: str, png: bytes | None, n: int, lang: str) -> str:
    """A chart: picture, caption below it as the custom is, measure and source."""
    words = formats.labels(lang)
    below = [chart.subtitle, words["source"].format(source=chart.source) if chart.source else ""]
    title = caption(number, chart.title, KEEP_NEXT + '<w:spacing w:before="60" w:after="0"/>')
    notes = paragraph("Note", run("\n".join(filter(None, below))), _MIDDLE)
    if png is None:
        return paragraph("Figure", run(words["nothing"])) + title + notes
    return paragraph("Figure", _picture(document, png, n, f"{chart.title} {chart.subtitle}")) + title + notes


def _picture(document: Document, png: bytes, n: int, told: str) -> str:
    """A picture in the line, with its description for those who cannot see it."""
    inline = document.part.new_pic_inline(io.BytesIO(png), width=Pt(PICTURE_WIDTH))
    if inline.extent.cy > Pt(TALLEST_PICTURE):
        inline = document.part.new_pic_inline(io.BytesIO(png), height=Pt(TALLEST_PICTURE))
    inline.docPr.set("id", str(n))
    inline.docPr.set("name", f"Picture {n}")
    inline.docPr.set("descr", formats.clean(told))
    return f"<w:r><w:drawing>{etree.tostring(inline, encoding='unicode')}</w:drawing></w:r>"


def _pictures(charts: Sequence[Chart], lang: str) -> dict[str, bytes | None]:
    """The picture of each chart, by anchor; None where it has no figure."""
    drawings = {chart.anchor: drawing(chart, lang, CHART_WIDTH) for chart in charts}
    made = iter(as_png([d for d in drawings.values() if d], PICTURE_WIDTH))
    return {anchor: next(made) if drawn else None for anchor, drawn in drawings.items()}


# ------------------------------------------------------------------------------------------------------- the document
def _front(report: Report) -> str:
    """Title, which report it is, what it says before all else."""
    header, lang = report.header, report.header.lang
    words = formats.labels(lang)
    parts = [
        paragraph("Title", run(_title(report.title, lang))),
        paragraph("Subtitle", run(formats.subtitle(header))),
        paragraph("Body Text", ""),
    ]
    if report.provisional:
        lead = run(words["provisional"] + words["colon"], BOLD)
        parts.append(paragraph("Body Text", lead + run(report.provisional)))
    parts += [paragraph("Body Text", run(line)) for line in report.headlines]
    if report.changes:
        parts.append(_table(report.changes, "", lang)[0])
    for kind, moves in groupby(report.moves, lambda move: move.kind):
        lead = run(words[kind].capitalize() + words["colon"], BOLD)
        told = words["semicolon"].join(move.text.rstrip("。.") for move in moves) + words["full_stop"]
        parts.append(paragraph("Body Text", lead + run(told)))
    if report.kpis:
        parts.append(_table(_kpi_table(report), "", lang)[0])
    return "".join(parts)


def _title(title: str, lang: str) -> str:
    """The title, whose period in brackets begins a line where it does not fit into one: no bracket is broken."""
    size = TYPES[language(lang).page]["Title"].size / 2
    if ems(title) * size * TWIPS <= text_width():
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


def _contents(report: Report, lang: str) -> str:
    """The contents as a field, with the headings as links; an editor adds the page numbers as it updates it."""
    entries = []
    for n, section in enumerate((*report.sections, *report.annexes), start=1):
        annex = n - len(report.sections)
        if annex > 0:
            number = _annex_number(annex, lang)
        else:
            number = f"{chinese_number(n)}、" if language(lang).page == "official" else f"{n} "
        inner = run(number + section.title) + "<w:r><w:tab/></w:r>" + field(f"PAGEREF {_mark(n)} \\h", run(""))
        entries.append(f'<w:hyperlink w:anchor="{_mark(n)}" w:history="1">{inner}</w:hyperlink>')
    entries[0] = field_start('TOC \\o "1-2" \\h \\z \\u', stale=True) + entries[0]
    entries[-1] += FIELD_END
    heading = paragraph("TOC Heading", run(formats.labels(lang)["contents"]))
    kind = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/><w:docPartUnique/></w:docPartObj>'
    content = heading + "".join(paragraph("toc 1", entry) for entry in entries)
    return f"<w:sdt><w:sdtPr>{kind}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def _mark(n: int) -> str:
    return f"_Toc{n:09d}"


def _opening(section: Section, n: int, lang: str) -> str:
    """A section's heading, its finding in bold, and what else it says, the first of it in the same paragraph."""
    words = formats.labels(lang)
    lead = ""
    if section.headline:
        ended = section.headline.rstrip().endswith(tuple("。！？.!?"))
        text = section.headline + ("" if ended else words["full_stop"])
        lead = run(text + (language(lang).between_sentences if section.sentences else ""), BOLD)
    runs = [run(sentence) for sentence in section.sentences] or [""]
    runs[0] = lead + runs[0]
    kept = [KEEP_NEXT if section.blocks and text is runs[-1] and len(text) < SHORT else "" for text in runs]
    paragraphs = (paragraph("Body Text", text, keep) for text, keep in zip(runs, kept, strict=True) if text)
    return paragraph("Heading 1", bookmark(_mark(n), n, run(section.title))) + "".join(paragraphs)


def _annex_number(annex: int, lang: str) -> str:
    return formats.labels(lang)["annex"].format(n=annex) + "　"


def _annex(section: Section, n: int, annex: int, lang: str) -> str:
    """The heading of an annex; the first begins a page."""
    title = bookmark(_mark(n), n, run(_annex_number(annex, lang) + section.title))
    return paragraph("Annex Heading", title, KEEP_NEXT + ("<w:pageBreakBefore/>" if annex == 1 else ""))


def _signature(report: Report) -> str:
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
        (f"{header.scope_name}{words['seal_here']}", right),
        (formats.day(header.as_of.date(), header.lang), right),
    )
    last = len(lines) - 1
    return "".join(
        paragraph("Body Text", run(text), ("" if n == last else KEEP_NEXT) + where)
        for n, (text, where) in enumerate(lines)
    )


def _pieces(document: Document, report: Report) -> Iterator[tuple[str, bool]]:
    """All of the document in its order, piece by piece, each with whether its page is turned."""
    lang = report.header.lang
    numbered = list(formats.blocks(report))
    charts = [block for _, block, _ in numbered if isinstance(block, Chart)]
    pictures = _pictures(charts, lang)
    yield _front(report), False
    if len(report.sections) > 1:
        yield _contents(report, lang), False
    for n, section in enumerate((*report.sections, *report.annexes), start=1):
        annex = n - len(report.sections)
        if annex == 1:
            yield _signature(report), False
        pieces = []
        for owner, block, number in numbered:
            if owner is not section:
                continue
            if isinstance(block, Table):
                pieces.append(_table(block, number, lang))
            elif isinstance(block, Matrix):
                pieces.append((_matrix(block, number, lang), False))
            else:
                picture, place = pictures[block.anchor], charts.index(block) + 1
                pieces.append((_figure(document, block, number, picture, place, lang), False))
        # A heading turns with the table that it opens: else it stands alone at the foot of the page before.
        opening = _opening(section, n, lang) if annex < 1 else _annex(section, n, annex, lang)
        yield opening, bool(pieces) and pieces[0][1]
        yield from pieces
    if not report.annexes:
        yield _signature(report), False


def _body(document: Document, report: Report) -> str:
    """The content of document.xml: the pieces, with an end of section wherever the page turns."""
    lang = report.header.lang
    parts = []
    turned = False
    for piece, landscape in _pieces(document, report):
        if landscape != turned:
            parts.append(_end_of_section(document, lang, landscape=turned))
            turned = landscape
        parts.append(piece)
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
    document = new_document(header.lang, formats.clean(report.title), formats.clean(header.scope_name), made)
    return _saved(document, _body(document, report))
