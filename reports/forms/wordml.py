"""Paragraphs, fields and tables of a Word document as XML.

Belongs here: WordprocessingML that says nothing yet. Does not: what is said (docx.py), the styles that it names
(official_style.py). All that is written passes `run` or `quoted`, which escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape

from reports.forms.official_style import style_id
from reports.text import formats

TWIPS = 20  # of a point
BOLD = "<w:b/><w:bCs/>"
KEEP_NEXT = "<w:keepNext/>"
UNDER_HEADINGS = (
    '<w:tcBorders><w:bottom w:val="single" w:sz="8" w:space="0" w:color="000000"/></w:tcBorders>'
    '<w:vAlign w:val="bottom"/>'
)
_RULE = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="{}"/>'
_RULES = _RULE.format("top", 12, "000000") + _RULE.format("bottom", 12, "000000") + _RULE.format("insideH", 4, "BFBFBF")


def quoted(text: str) -> str:
    """A text for an attribute."""
    return escape(formats.clean(text))


@lru_cache(maxsize=4096)  # most cells of a report say what another has said
def run(text: str, properties: str = "") -> str:
    """A run of text, escaped; line breaks as such."""
    wrap = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    lines = escape(formats.clean(text), quote=False).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    inner = "<w:br/>".join(f'<w:t xml:space="preserve">{line}</w:t>' for line in lines)
    return f"<w:r>{wrap}{inner}</w:r>"


def paragraph(style: str, runs: str, properties: str = "") -> str:
    """A paragraph. `properties` stand in the order of the schema: keepNext, spacing, ind, jc."""
    return f'<w:p><w:pPr><w:pStyle w:val="{style_id(style)}"/>{properties}</w:pPr>{runs}</w:p>'


def aligned(side: str) -> str:
    """The property of a paragraph that stands left, right or in the middle (center)."""
    return f'<w:jc w:val="{side}"/>'


def field(instruction: str, result: str) -> str:
    """A field with the result that it has until an editor brings it up to date."""
    return f"{field_start(instruction)}{result}{FIELD_END}"


def field_start(instruction: str) -> str:
    """A field up to its result."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> {instruction} </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
    )


FIELD_END = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'


def caption(number: str, title: str, properties: str = "") -> str:
    """表1　各单位报送情况, its number a field that counts on where tables are put in."""
    word = number.rstrip("0123456789")
    counted = run(word) + field(f"SEQ {word.strip()} \\* ARABIC", run(number[len(word) :])) + run("　")
    return paragraph("Caption", (counted if number else "") + run(title), properties)


def bookmark(name: str, n: int, runs: str) -> str:
    """Runs that links and fields can name."""
    return f'<w:bookmarkStart w:id="{n}" w:name="{name}"/>{runs}<w:bookmarkEnd w:id="{n}"/>'


def cell(runs: str, width: int, style: str, side: str = "left", properties: str = "", *, keep: bool = False) -> str:
    """A cell of a table, so many twips wide, of one paragraph."""
    before, after = _around(width, style, side, properties, keep=keep)
    return f"{before}{runs}{after}"


@lru_cache(maxsize=1024)
def _around(width: int, style: str, side: str, properties: str, *, keep: bool) -> tuple[str, str]:
    text = paragraph(style, "\n", (KEEP_NEXT if keep else "") + (aligned(side) if side != "left" else ""))
    before, _, after = text.partition("\n")
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{properties}</w:tcPr>{before}', f"{after}</w:tc>"


def sized(points: float) -> str:
    """The properties of a run in type of that size, to the half-point."""
    return f'<w:sz w:val="{round(2 * points)}"/><w:szCs w:val="{round(2 * points)}"/>'


def shade(colour: str) -> str:
    """The property of a cell with that ground."""
    return f'<w:shd w:val="clear" w:color="auto" w:fill="{colour}"/>' if colour else ""


def table(head: str, rows: Iterable[str], widths: Sequence[int], title: str) -> str:
    """A table between two strong rules, its head repeated on every page, its rows in one piece each."""
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    body = "".join(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{row}</w:tr>" for row in rows)
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:jc w:val="center"/>'
        f'<w:tblBorders>{_RULES}</w:tblBorders><w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="60" w:type="dxa"/><w:right w:w="60" w:type="dxa"/></w:tblCellMar>'
        f'<w:tblLook w:val="0020" w:firstRow="1"/><w:tblCaption w:val="{quoted(title)}"/></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>"
        f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>{body}</w:tbl>"
    )
