"""report.docx: the report as an official document in Word, to be signed and sent on.

Belongs here: headings, contents, captions, tables, pictures, their order. Does not: page, type and numbering
(official_style.py), drawing charts (charts.py), how values are written (notation.py).

What is written comes from others: all of it passes `_run`, which escapes it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC
from html import escape
from typing import Any

from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from lxml import etree

from reports import notation
from reports.model import Chart, Column, Matrix, Report, Section, Table
from reports.official_style import new_document, section_xml, style_id, text_width
from reports.pictures import as_png
from reports.printed import MOST_ROWS, Cell, breakable, drawing, ems, months, printed

TWIPS = 20  # of a point
SIZES = (10.5, 9.0, 7.5)  # points of type in tables
TURNED = 9.0  # and on a turned page
SQUEEZE = 1.08  # how much more than the page a table may ask for
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold
PICTURE_WIDTH = 440.0  # points
CHART_WIDTH = 640  # pixels, as charts.py counts
FILLS = {
    "on_time": "D9E6F2", "late": "F6B98A", "incomplete": "FBE3A1", "returned": "E9C6DB", "missing": "A4161A",
}  # fmt: skip
EMPHASIS = "F2F2F2"
SHORT = 250  # characters of a paragraph, with its markup, that is kept on one page with the table after it
BOLD = "<w:b/><w:bCs/>"
_DIGITS = "〇一二三四五六七八九"


def _run(text: str, properties: str = "") -> str:
    """A run of text, escaped; line breaks as such."""
    wrap = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    lines = escape(notation.clean(text).replace("\r\n", "\n").replace("\r", "\n"), quote=False).split("\n")
    inner = "<w:br/>".join(f'<w:t xml:space="preserve">{line}</w:t>' for line in lines)
    return f"<w:r>{wrap}{inner}</w:r>"


def _paragraph(style: str, runs: str, properties: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style_id(style)}"/>{properties}</w:pPr>{runs}</w:p>'


def _field(instruction: str, result: str) -> str:
    """A field with the result that it has until an editor brings it up to date."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> {instruction} </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def _caption(number: str, title: str, properties: str = "") -> str:
    """表1　各单位报送情况, its number a field that counts on when tables are put in."""
    word = number.rstrip("0123456789")
    counted = _run(word) + _field(f"SEQ {word.strip()} \\* ARABIC", _run(number[len(word) :]))
    return _paragraph("Caption", (counted + _run("　" if number else "") if number else "") + _run(title), properties)


def chinese_number(n: int) -> str:
    """1 to 99 as Chinese counts headings: 一, 十, 十二, 二十一."""
    tens, ones = divmod(n, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十") + (_DIGITS[ones] if ones else "")


# ------------------------------------------------------------------------------------------------------------ tables


def _cell(runs: str, width: int, align: str = "left", properties: str = "", keep: bool = False) -> str:
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{properties}</w:tcPr>'
        + _paragraph("Table Text", runs, ("<w:keepNext/>" if keep else "") + f'<w:jc w:val="{align}"/>')
        + "</w:tc>"
    )


def _shade(colour: str) -> str:
    return f'<w:shd w:val="clear" w:color="auto" w:fill="{colour}"/>' if colour else ""


_HEAD = (
    '<w:tcBorders><w:bottom w:val="single" w:sz="8" w:space="0" w:color="000000"/></w:tcBorders>'
    '<w:vAlign w:val="bottom"/>'
)


def _table_xml(head: str, rows: Iterable[str], widths: Sequence[int], title: str) -> str:
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    rule = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="{}"/>'
    borders = (
        rule.format("top", 12, "000000") + rule.format("bottom", 12, "000000") + rule.format("insideH", 4, "BFBFBF")
    )
    body = "".join(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{row}</w:tr>" for row in rows)
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:jc w:val="center"/>'
        f'<w:tblBorders>{borders}</w:tblBorders><w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="60" w:type="dxa"/><w:right w:w="60" w:type="dxa"/></w:tblCellMar>'
        f'<w:tblLook w:val="0020" w:firstRow="1"/><w:tblCaption w:val="{escape(notation.clean(title))}"/></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>"
        f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>{body}</w:tbl>"
    )


def _fitted(widths: Sequence[float], columns: Sequence[Column], size: float, room: int) -> list[int]:
    """The columns' widths in twips: as asked where that leaves room over a half, else filling it, else squeezed.

    What is too much is taken from the columns of long text, then from all.
    """
    asked = [w * size * TWIPS for w in widths]
    over = sum(asked) - room
    soft = [i for i, c in enumerate(columns) if c.wide or c.kind == "text"]
    if over > 0 and soft:
        give = sum(asked[i] for i in soft)
        share = max(0.35, 1 - over / give)
        asked = [w * share if i in soft else w for i, w in enumerate(asked)]
    if sum(asked) > room or sum(asked) > room * 0.55:
        asked = [w * room / sum(asked) for w in asked]
    return [int(w) for w in asked]


def _fits(width: float) -> tuple[float, bool]:
    """The size of type for a table so many em wide, and whether its page is turned: upright where that can be."""
    room = text_width() / TWIPS
    for size in SIZES:
        if width * size <= room * SQUEEZE:
            return size, False
    return TURNED, True


def _data_table(table: Table, number: str, lang: str) -> tuple[str, bool]:
    """A table with its caption and notes, and whether its page is turned."""
    ready = printed(table, lang)
    if not ready.rows:
        text = table.empty or notation.labels(lang)["nothing"]
        return _caption(number, table.title) + _paragraph("Note", _run(text), '<w:jc w:val="center"/>'), False
    size, landscape = _fits(ready.width)
    widths = _fitted(ready.widths, table.columns, size, text_width(landscape=landscape))
    type_size = f'<w:sz w:val="{round(size * 2)}"/><w:szCs w:val="{round(size * 2)}"/>'
    sides = ["right" if c.kind in notation.NUMBERS else "left" for c in table.columns]
    titles = [c.title + (f"\n{unit}" if (unit := notation.unit_of(c)) else "") for c in table.columns]
    head = "".join(
        _cell(_run(title, BOLD + type_size), width, side, _HEAD, keep=True)
        for title, width, side in zip(titles, widths, sides, strict=True)
    )
    rows = (
        "".join(
            _data_cell(cell, width, side, type_size, n in table.emphasis)
            for cell, width, side in zip(row, widths, sides, strict=True)
        )
        for n, row in enumerate(ready.rows)
    )
    notes = _paragraph("Note", _run("\n".join(ready.notes)))
    return _caption(number, table.title) + _table_xml(head, rows, widths, table.title) + notes, landscape


def _data_cell(cell: Cell, width: int, side: str, type_size: str, emphasis: bool) -> str:
    bold = BOLD if emphasis or cell.tone in {"bad", "warn"} else ""
    return _cell(_run(cell.text, bold + type_size), width, side, _shade(EMPHASIS if emphasis else ""))


def _matrix(matrix: Matrix, number: str, lang: str) -> str:
    words, short = notation.labels(lang), notation.marks(lang)
    shown = matrix.rows[:MOST_ROWS]
    if not shown:
        return _caption(number, matrix.title) + _paragraph("Note", _run(words["nothing"]), '<w:jc w:val="center"/>')
    type_size = '<w:sz w:val="17"/><w:szCs w:val="17"/>'
    room = text_width()
    first = min(max(int(max(ems(unit) for unit, _ in shown) * 8.5 * TWIPS) + 160, 1200), 2800)
    each = (room - first) // max(len(matrix.periods), 1)
    widths = [first, *[each] * len(matrix.periods)]
    bold, small = BOLD + type_size, '<w:sz w:val="13"/><w:szCs w:val="13"/>'
    head = _cell(_run(words["organisation"], bold), first, "left", _HEAD, keep=True)
    head += "".join(
        _cell(
            (_run(year + "\n", small) if year else "") + _run(month, bold),
            each,
            "center",
            _HEAD,
        )
        for year, month in months(matrix.periods, lang)
    )
    rows = (
        _cell(_run(breakable(unit), type_size), first)
        + "".join(_state_cell(state, short, each, type_size) for state in states)
        for unit, states in shown
    )
    key = "　".join(f"{mark} {notation.name('states', state, lang)}" for state, mark in short.items())
    notes = [f"{words['key']}{words['colon']}{key}"]
    if cut := notation.cut_note(matrix.total, len(shown), "report.xlsx" if len(matrix.rows) > len(shown) else "", lang):
        notes.append(cut)
    table = _table_xml(head, rows, widths, matrix.title)
    return _caption(number, matrix.title) + table + _paragraph("Note", _run("\n".join(notes)))


def _state_cell(state: str, short: Any, width: int, type_size: str) -> str:
    colour = '<w:color w:val="FFFFFF"/>' if state == "missing" else ""
    bold = BOLD if state not in {"on_time", ""} else ""
    return _cell(
        _run(short.get(state, state), bold + colour + type_size), width, "center", _shade(FILLS.get(state, ""))
    )


# ----------------------------------------------------------------------------------------------------------- pictures


def _picture(document: Document, png: bytes, n: int, alt: str) -> str:
    """A picture in the line, with its description for those who cannot see it."""
    inline = document.part.new_pic_inline(io.BytesIO(png), width=Pt(PICTURE_WIDTH))
    inline.docPr.set("id", str(n))
    inline.docPr.set("name", f"Picture {n}")
    inline.docPr.set("descr", notation.clean(alt))
    return f"<w:r><w:drawing>{etree.tostring(inline, encoding='unicode')}</w:drawing></w:r>"


def _figure(document: Document, chart: Chart, number: str, png: bytes | None, n: int, lang: str) -> str:
    """A chart: picture, caption below it as the custom is, measure and source."""
    words = notation.labels(lang)
    below = [chart.subtitle, words["source"].format(source=chart.source) if chart.source else ""]
    notes = _paragraph("Note", _run("\n".join(filter(None, below))), '<w:jc w:val="center"/>')
    caption = _caption(number, chart.title, '<w:keepNext/><w:spacing w:before="60" w:after="0"/>')
    if png is None:
        return caption + notes
    return _paragraph("Figure", _picture(document, png, n, f"{chart.title} {chart.subtitle}")) + caption + notes


# ------------------------------------------------------------------------------------------------------- the document


def _contents(sections: Sequence[Section], lang: str) -> str:
    """The contents as a field, with the headings as links; an editor adds the page numbers when it updates it."""
    entries = []
    for n, section in enumerate(sections, start=1):
        number = f"{chinese_number(n)}、" if lang == "zh" else f"{n} "
        link = f'<w:hyperlink w:anchor="{_bookmark(n)}" w:history="1">{_run(number + section.title)}<w:r><w:tab/></w:r>'
        entries.append(link + _field(f"PAGEREF {_bookmark(n)} \\h", _run("")) + "</w:hyperlink>")
    begin = (
        '<w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r>'
        '<w:r><w:instrText xml:space="preserve"> TOC \\o "1-2" \\h \\z \\u </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
    )
    end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    last = len(entries) - 1
    paragraphs = "".join(
        _paragraph("toc 1", (begin if i == 0 else "") + entry + (end if i == last else ""))
        for i, entry in enumerate(entries)
    )
    heading = _paragraph("TOC Heading", _run(notation.labels(lang)["contents"]))
    kind = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/><w:docPartUnique/></w:docPartObj>'
    return f"<w:sdt><w:sdtPr>{kind}</w:sdtPr><w:sdtContent>{heading}{paragraphs}</w:sdtContent></w:sdt>"


def _bookmark(n: int) -> str:
    return f"_Toc{n:09d}"


def _heading(title: str, n: int) -> str:
    mark = f'<w:bookmarkStart w:id="{n}" w:name="{_bookmark(n)}"/>{_run(title)}<w:bookmarkEnd w:id="{n}"/>'
    return _paragraph("Heading 1", mark)


def _kpi_table(report: Report) -> Table:
    """The headline figures as a table, written: each row has a kind of its own."""
    lang = report.header.lang
    words = notation.labels(lang)
    columns = (
        Column("kpi", words["kpi"]),
        Column("value", words["value"], "figure"),
        Column("before", words["before"], "figure"),
        Column("change", words["change"]),
        Column("detail", words["detail"]),
    )
    rows = tuple(
        (
            k.label,
            *(notation.with_unit(v, k, lang) for v in (k.value, k.before)),
            notation.change_of(k, lang)[0],
            k.detail,
        )
        for k in report.kpis
    )
    kept = len(columns) if any(k.detail for k in report.kpis) else len(columns) - 1
    return Table("kpis", words["kpis"], columns[:kept], tuple(row[:kept] for row in rows), len(rows))


def _front(report: Report) -> str:
    """Title, which report it is, what it says before all else."""
    header, words = report.header, notation.labels(report.header.lang)
    lang = header.lang
    parts = [_paragraph("Title", _run(report.title))]
    parts += [_paragraph("Subtitle", _run(notation.subtitle(header))), _paragraph("Body Text", "")]
    if report.provisional:
        parts.append(
            _paragraph("Body Text", _run(words["provisional"] + words["colon"], BOLD) + _run(report.provisional))
        )
    parts += [_paragraph("Body Text", _run(line)) for line in report.headlines]
    if header.changes:
        parts.append(_data_table(notation.change_table(header), "", lang)[0])
    if report.kpis:
        parts.append(_data_table(_kpi_table(report), "", lang)[0])
    return "".join(parts)


def _signature(report: Report) -> str:
    """Who issues it and when: four characters from the right."""
    header = report.header
    right = '<w:ind w:rightChars="400" w:right="1280"/><w:jc w:val="right"/>'
    lines = (header.scope_name, notation.day(header.as_of.date(), header.lang))
    blank = _paragraph("Body Text", "", "<w:keepNext/>")
    return blank + "".join(_paragraph("Body Text", _run(line), "<w:keepNext/>" + right) for line in lines)


def _turn(document: Document, lang: str, *, landscape: bool) -> str:
    """The end of a section of pages that lie as said."""
    tiny = '<w:snapToGrid w:val="0"/><w:spacing w:before="0" w:after="0" w:line="20" w:lineRule="exact"/>'
    page = section_xml(document, lang, landscape=landscape)
    return f'<w:p><w:pPr><w:pStyle w:val="Note"/>{tiny}{page}</w:pPr></w:p>'


def _body(document: Document, report: Report) -> tuple[str, bool]:
    """All of the document, and whether its last page is turned."""
    lang = report.header.lang
    charts = [b for _, b, _ in notation.blocks(report) if isinstance(b, Chart)]
    pictures = dict(zip((c.anchor for c in charts), _pictures(charts, lang), strict=True))
    numbered: dict[str, list[tuple[Any, str]]] = {}
    for section, block, number in notation.blocks(report):
        numbered.setdefault(section.key, []).append((block, number))
    parts = [_front(report)]
    if len(report.sections) > 1:
        parts.append(_contents(report.sections, lang))
    turned = False
    for n, section in enumerate(report.sections, start=1):
        pieces = [(_heading(section.title, n) + _sentences(section, lang), False)]
        for block, number in numbered.get(section.key, []):
            if isinstance(block, Table):
                pieces.append(_data_table(block, number, lang))
            elif isinstance(block, Matrix):
                pieces.append((_matrix(block, number, lang), False))
            else:
                png = pictures[block.anchor]
                pieces.append((_figure(document, block, number, png, charts.index(block) + 1, lang), False))
        for piece, landscape in pieces:
            if landscape != turned:
                parts.append(_turn(document, lang, landscape=turned))
                turned = landscape
            parts.append(piece)
    parts.append(_signature(report))
    return "".join(parts), turned


def _pictures(charts: Sequence[Chart], lang: str) -> list[bytes | None]:
    drawings = [drawing(chart, lang, CHART_WIDTH) for chart in charts]
    made = iter(as_png([d for d in drawings if d], PICTURE_WIDTH))
    return [next(made) if drawing else None for drawing in drawings]


def _sentences(section: Section, lang: str) -> str:
    """A section's finding in bold, and what else it says, the first of it in the same paragraph."""
    words = notation.labels(lang)
    lead = ""
    if section.headline:
        ended = section.headline.rstrip().endswith(tuple("。！？.!?"))
        text = section.headline + ("" if ended else words["full_stop"])
        lead = _run(text + (words["space"] if section.sentences else ""), BOLD)
    runs = [_run(sentence) for sentence in section.sentences]
    runs = [lead + runs[0], *runs[1:]] if runs else [lead] if lead else []
    last = len(runs) - 1
    return "".join(
        _paragraph("Body Text", run, "<w:keepNext/>" if i == last and section.blocks and len(run) < SHORT else "")
        for i, run in enumerate(runs)
    )


def _saved(document: Document) -> bytes:
    """The document as a file whose bytes do not tell when it was saved."""
    raw, packed = io.BytesIO(), io.BytesIO()
    document.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            target.writestr(zipfile.ZipInfo(name, EPOCH), content, kind)
    return packed.getvalue()


def render_docx(report: Report) -> bytes:
    """The report as a Word document. The same report gives the same bytes.

    Tables are cut at MOST_ROWS rows, with a word on where the rest is; those too wide for an upright page lie on
    a turned one.
    """
    header = report.header
    made = header.as_of.astimezone(UTC).replace(tzinfo=None)
    document = new_document(header.lang, report.title, header.scope_name, made)
    content, turned = _body(document, report)
    body = document.element.body
    last = parse_xml(section_xml(document, header.lang, landscape=turned))
    new = parse_xml(f"<w:body {nsdecls('w', 'r')}>{content}</w:body>")
    body[:] = [*new, last]
    return _saved(document)
