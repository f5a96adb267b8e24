"""The page, the type and the numbering of report.docx, as GB/T 9704-2012 asks of official documents.

Belongs here: margins, line grid, styles, numbered headings, page numbers: a document with nothing in it yet. Does
not: what is in it (docx.py). Fonts are named and never shipped: those who write official documents have them.

Sizes: 二号 22 pt, 三号 16 pt, 四号 14 pt, 五号 10.5 pt. 22 lines of 28 characters fill the type area of 156 x 225 mm:
characters stand 0.25 pt closer (shared/findings/render.md, 3: LibreOffice gives 14 characters a line where the grid is
of characters too). English takes the page, with type of its own. Every line has its height said and none is moved to
the grid, so that a page holds the same in every program and with every font: its number can stand in the contents.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import docx
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from expectations.language import language

MM = 56.6929  # twips
PAGE = (210, 297)  # mm
TOP, BOTTOM, LEFT, RIGHT = 37, 35, 28, 26  # mm; 天头, foot, 订口, right
LINE_PITCH = 579  # twips; 22 lines in 225 mm
FOOTER_FROM_EDGE = 28  # mm: the page number stands 7 mm below the type area
CLOSER = -5  # twentieths of a point


@dataclass(frozen=True, slots=True)
class Type:
    """A face for Chinese, a face for Latin, and a size in half-points."""

    chinese: str
    latin: str
    size: int
    bold: bool = False

    def xml(self) -> str:
        """The run properties of it."""
        bold = "<w:b/><w:bCs/>" if self.bold else '<w:b w:val="0"/><w:bCs w:val="0"/>'
        return (
            f'<w:rFonts w:ascii="{self.latin}" w:hAnsi="{self.latin}" w:cs="{self.latin}" w:eastAsia="{self.chinese}"/>'
            f'{bold}<w:i w:val="0"/><w:color w:val="000000"/>{{closer}}<w:sz w:val="{self.size}"/>'
            f'<w:szCs w:val="{self.size}"/>'
        )


FANGSONG, KAI, HEI, SONG, TITLE = "仿宋_GB2312", "楷体_GB2312", "黑体", "宋体", "方正小标宋简体"
ROMAN, GOTHIC = "Times New Roman", "Arial"
TABLE_STYLES = {"Table Text": 10.5, "Table Text Small": 9.0, "Table Text Smallest": 7.5}  # and their size in points
TYPES = {
    "official": {
        "Normal": Type(FANGSONG, ROMAN, 32),
        "Body Text": Type(FANGSONG, ROMAN, 32),
        "Title": Type(TITLE, ROMAN, 44),
        "Subtitle": Type(KAI, ROMAN, 32),
        "Heading 1": Type(HEI, ROMAN, 32),
        "Heading 2": Type(KAI, ROMAN, 32),
        "Heading 3": Type(FANGSONG, ROMAN, 32, bold=True),
        "Heading 4": Type(FANGSONG, ROMAN, 32),
        "Annex Heading": Type(HEI, ROMAN, 32),
        "TOC Heading": Type(HEI, ROMAN, 32),
        "toc 1": Type(FANGSONG, ROMAN, 24),
        "toc 2": Type(FANGSONG, ROMAN, 24),
        "Caption": Type(HEI, ROMAN, 24),
        **{style: Type(FANGSONG, ROMAN, round(2 * size)) for style, size in TABLE_STYLES.items()},
        "Note": Type(FANGSONG, ROMAN, 21),
        "Figure": Type(FANGSONG, ROMAN, 21),
        "Footer": Type(SONG, SONG, 28),
    },
    "plain": {
        "Normal": Type(FANGSONG, ROMAN, 23),
        "Body Text": Type(FANGSONG, ROMAN, 23),
        "Title": Type(TITLE, ROMAN, 40, bold=True),
        "Subtitle": Type(KAI, ROMAN, 24),
        "Heading 1": Type(HEI, GOTHIC, 28, bold=True),
        "Heading 2": Type(KAI, GOTHIC, 24, bold=True),
        "Heading 3": Type(FANGSONG, GOTHIC, 22, bold=True),
        "Heading 4": Type(FANGSONG, GOTHIC, 22),
        "Annex Heading": Type(HEI, GOTHIC, 28, bold=True),
        "TOC Heading": Type(HEI, GOTHIC, 28, bold=True),
        "toc 1": Type(FANGSONG, ROMAN, 23),
        "toc 2": Type(FANGSONG, ROMAN, 23),
        "Caption": Type(HEI, GOTHIC, 20, bold=True),
        **{style: Type(FANGSONG, ROMAN, round(2 * size)) for style, size in TABLE_STYLES.items()},
        "Note": Type(FANGSONG, ROMAN, 19),
        "Figure": Type(FANGSONG, ROMAN, 19),
        "Footer": Type(SONG, ROMAN, 24),
    },
}
CONTENTS_PITCH = 420  # twips of a line of the contents


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a paragraph in twips: the room before and after it, the height of each; 0: as its content asks."""

    before: int
    after: int
    pitch: int

    def xml(self) -> str:
        """The paragraph properties of it; nothing is moved to the grid."""
        rule = f'w:line="{self.pitch}" w:lineRule="exact"' if self.pitch else 'w:line="240" w:lineRule="auto"'
        return f'<w:snapToGrid w:val="0"/><w:spacing w:before="{self.before}" w:after="{self.after}" {rule}/>'


_TABLE_LINES = {
    "Caption": Lines(200, 80, 340), "Note": Lines(60, 200, 280), "Figure": Lines(160, 0, 0), "Footer": Lines(0, 0, 0),
    "Table Text": Lines(20, 20, 280), "Table Text Small": Lines(20, 20, 240), "Table Text Smallest": Lines(20, 20, 200),
}  # fmt: skip
_HEADINGS = ("Heading 1", "Heading 2", "Heading 3", "Heading 4", "Annex Heading")
LINES = {
    "official": {
        **dict.fromkeys(("Normal", "Body Text", "Subtitle", "TOC Heading", *_HEADINGS), Lines(0, 0, LINE_PITCH)),
        **dict.fromkeys(("toc 1", "toc 2"), Lines(0, 0, CONTENTS_PITCH)),
        "Title": Lines(LINE_PITCH, LINE_PITCH // 2, 700),
        **_TABLE_LINES,
    },
    "plain": {
        **dict.fromkeys(("Normal", "Subtitle"), Lines(0, 0, 330)),
        **dict.fromkeys(("toc 1", "toc 2"), Lines(0, 0, 320)),
        **dict.fromkeys(_HEADINGS, Lines(280, 100, 400)),
        "Body Text": Lines(0, 120, 330),
        "TOC Heading": Lines(0, 0, 400),
        "Title": Lines(LINE_PITCH, LINE_PITCH // 2, 600),
        **_TABLE_LINES,
    },
}
_INDENT = '<w:ind w:firstLineChars="200" w:firstLine="640"/>'
_FLUSH = '<w:ind w:left="0" w:right="0" w:firstLineChars="0" w:firstLine="0"/>'
_NUMBERED = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="{}"/></w:numPr>'
_CONTENTS_TABS = '<w:tabs><w:tab w:val="right" w:leader="dot" w:pos="{}"/></w:tabs>'
_HEADING_LEVELS = ("Heading 1", "Heading 2", "Heading 3", "Heading 4")
_BUILT_IN = {**{h: h.lower() for h in _HEADING_LEVELS}, "Caption": "caption", "Footer": "footer"}
# 一、 （一） 1. （1）; Arabic throughout in English.
_LEVELS = {
    "official": (
        ("chineseCountingThousand", "%1、"), ("chineseCountingThousand", "（%2）"), ("decimal", "%3."),
        ("decimal", "（%4）"),
    ),
    "plain": (("decimal", "%1"), ("decimal", "%1.%2"), ("decimal", "%1.%2.%3"), ("decimal", "(%4)")),
}  # fmt: skip
_LEVEL_ONE = '<w:jc w:val="left"/><w:outlineLvl w:val="0"/>'
_NUMBERING = 90  # clear of the numberings of python-docx's own template


def text_width(*, landscape: bool = False) -> int:
    """The width of the type area in twips."""
    return round((PAGE[1] - TOP - BOTTOM if landscape else PAGE[0] - LEFT - RIGHT) * MM)


def text_height(*, landscape: bool = False) -> int:
    """The height of the type area in twips."""
    return round((PAGE[0] - LEFT - RIGHT if landscape else PAGE[1] - TOP - BOTTOM) * MM)


def _paragraph(style: str, lang: str) -> str:
    """The paragraph properties of a style, in the order of the schema."""
    page = language(lang).page
    zh, lines = page == "official", LINES[page][style].xml()
    tabs = _CONTENTS_TABS.format(text_width())
    numbered = _NUMBERED.format(_HEADING_LEVELS.index(style) if style in _HEADING_LEVELS else 0, _NUMBERING)
    heading = f'<w:keepNext/><w:keepLines/><w:widowControl w:val="0"/>{numbered}'
    level = f'<w:outlineLvl w:val="{_HEADING_LEVELS.index(style)}"/>' if style in _HEADING_LEVELS else ""
    if style in _HEADING_LEVELS:
        return heading + lines + (_INDENT if zh else _FLUSH) + '<w:jc w:val="left"/>' + level
    middle, keep = '<w:jc w:val="center"/>', "<w:keepNext/>"
    return {
        "Normal": '<w:widowControl w:val="0"/>' + lines,
        "Body Text": lines + _INDENT + '<w:jc w:val="both"/>' if zh else lines + _FLUSH,
        "Title": keep + lines + middle,
        "Subtitle": keep + lines + middle,
        "Annex Heading": keep + lines + _FLUSH + _LEVEL_ONE,
        "TOC Heading": keep + lines + middle,
        "toc 1": tabs + lines + _FLUSH,
        "toc 2": tabs + lines + '<w:ind w:left="420"/>',
        "Caption": keep + "<w:keepLines/>" + lines + _FLUSH + middle,
        **dict.fromkeys(TABLE_STYLES, lines + _FLUSH),
        "Note": lines + _FLUSH,
        "Figure": keep + lines + _FLUSH + middle,
        "Footer": lines,
    }[style]


def _set_styles(document: Document, lang: str) -> None:
    """The styles of this module in place of the template's, of which only the defaults stay."""
    styles = document.styles.element
    for old in styles.findall(qn("w:style")):
        if old.get(qn("w:type")) == "paragraph" or old.get(qn("w:default")) != "1":
            styles.remove(old)
    spoken = styles.find(f"{qn('w:docDefaults')}//{qn('w:lang')}")
    spoken.set(qn("w:val"), "en-GB")
    spoken.set(qn("w:eastAsia"), "zh-CN")
    for style, face in TYPES[language(lang).page].items():
        closer = f'<w:spacing w:val="{CLOSER}"/>' if language(lang).page == "official" and face.size == 32 else ""
        default = ' w:default="1"' if style == "Normal" else ""
        based = "" if style == "Normal" else '<w:basedOn w:val="Normal"/>'
        following = '<w:next w:val="BodyText"/>' if style in (*_HEADING_LEVELS, "Title", "Subtitle") else ""
        styles.append(
            parse_xml(
                f'<w:style {nsdecls("w")} w:type="paragraph"{default} w:styleId="{style_id(style)}">'
                f'<w:name w:val="{_BUILT_IN.get(style, style)}"/>{based}{following}<w:qFormat/>'
                f"<w:pPr>{_paragraph(style, lang)}</w:pPr><w:rPr>{face.xml().format(closer=closer)}</w:rPr></w:style>"
            )
        )


def style_id(style: str) -> str:
    """The id of a style in the file: its name without spaces, TOC in capitals."""
    return style.replace("toc ", "TOC").replace(" ", "")


def _set_numbering(document: Document, lang: str) -> None:
    """One list of four levels, bound to the headings."""
    suffix = "nothing" if language(lang).page == "official" else "space"
    levels = "".join(
        f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:pStyle w:val="{style_id(style)}"/>'
        f'<w:suff w:val="{suffix}"/><w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/></w:lvl>'
        for i, ((kind, text), style) in enumerate(zip(_LEVELS[language(lang).page], _HEADING_LEVELS, strict=True))
    )
    numbering = document.part.numbering_part.element
    abstract = parse_xml(
        f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{_NUMBERING}">'
        f'<w:multiLevelType w:val="multilevel"/>{levels}</w:abstractNum>'
    )
    first = numbering.find(qn("w:num"))
    first.addprevious(abstract) if first is not None else numbering.append(abstract)
    numbering.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="{_NUMBERING}"><w:abstractNumId w:val="{_NUMBERING}"/></w:num>')
    )


def _set_page_numbers(document: Document) -> None:
    """— 1 —: outside, one character in; right on odd pages, left on even ones."""
    document.settings.odd_and_even_pages_header_footer = True
    section = document.sections[0]
    section.footer.is_linked_to_previous = False
    section.even_page_footer.is_linked_to_previous = False
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        field = "".join(
            f"<w:r>{part}</w:r>"
            for part in (
                '<w:t xml:space="preserve">— </w:t>', '<w:fldChar w:fldCharType="begin"/>',
                '<w:instrText xml:space="preserve"> PAGE </w:instrText>', '<w:fldChar w:fldCharType="separate"/>',
                "<w:t>1</w:t>", '<w:fldChar w:fldCharType="end"/>', '<w:t xml:space="preserve"> —</w:t>',
            )
        )  # fmt: skip
        old = footer.paragraphs[0]._p
        new = parse_xml(
            f'<w:p {nsdecls("w")}><w:pPr><w:pStyle w:val="Footer"/><w:ind w:{side}Chars="100" w:{side}="280"/>'
            f'<w:jc w:val="{side}"/></w:pPr>{field}</w:p>'
        )
        old.getparent().replace(old, new)


def section_xml(document: Document, lang: str, *, landscape: bool = False) -> str:
    """The page of a section, with the page numbers of the whole document; a grid of lines in Chinese."""
    footers = "".join(
        f'<w:footerReference w:type="{ref.get(qn("w:type"))}" r:id="{ref.get(qn("r:id"))}"/>'
        for ref in document.sections[-1]._sectPr.findall(qn("w:footerReference"))
    )
    width, height = PAGE[::-1] if landscape else PAGE
    # A page across is the upright one turned: what was its left is its top.
    sides = (LEFT, RIGHT, BOTTOM, TOP) if landscape else (TOP, BOTTOM, LEFT, RIGHT)
    top, bottom, left, right = (round(side * MM) for side in sides)
    foot = round((FOOTER_FROM_EDGE if not landscape else bottom / MM / 2) * MM)
    grid = f'<w:docGrid w:type="lines" w:linePitch="{LINE_PITCH}"/>' if language(lang).page == "official" else ""
    across = ' w:orient="landscape"' if landscape else ""
    return (
        f"<w:sectPr>{footers}"
        f'<w:pgSz w:w="{round(width * MM)}" w:h="{round(height * MM)}"{across}/>'
        f'<w:pgMar w:top="{top}" w:right="{right}" w:bottom="{bottom}" w:left="{left}" w:header="851" '
        f'w:footer="{foot}" w:gutter="0"/>'
        f"{grid}</w:sectPr>"
    )


def _set_settings(document: Document) -> None:
    """As today's Word writes documents, not as that of the template's time, with nothing left of the template.

    That is its picture, its bibliography, and a second copy of its styles, which Word may hold against ours.
    """
    for setting in document.settings.element.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), "15")
    for relations in (document.part.package.rels, document.part.rels):
        for key in [key for key, relation in relations.items() if relation.reltype in _LEFT_BY_TEMPLATE]:
            del relations[key]


_LEFT_BY_TEMPLATE = {
    RT.THUMBNAIL, RT.CUSTOM_XML, "http://schemas.microsoft.com/office/2007/relationships/stylesWithEffects",
}  # fmt: skip


@cache
def empty_document(lang: str) -> bytes:
    """A .docx without content in this style, from which every other is made."""
    document = docx.Document()
    _set_styles(document, lang)
    _set_numbering(document, lang)
    _set_page_numbers(document)
    _set_settings(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def new_document(lang: str, title: str, author: str, made: datetime) -> Document:
    """An empty document in this style. `made`: the time that it says it was made, UTC without zone."""
    document = docx.Document(io.BytesIO(empty_document(lang)))
    core = document.core_properties
    core.title, core.author, core.last_modified_by, core.comments = title, author, author, ""
    core.created = core.modified = made
    core.language = language(lang).tag
    core.revision = 1
    return document
