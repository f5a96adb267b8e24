"""The notes of one worksheet: ours put in, merged into those that are there, and taken out again.

Belongs here: the comments part and the VML drawing that shows it. Does not: what a note says
(reports/feedback/answer.py). VML is kept as bytes: Excel itself writes some that is no XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from reports.feedback.marking.cells import Cells, place, reference
from reports.feedback.marking.package import MAIN, ContentTypes, NotMarkable, Package, Relations, main
from reports.feedback.marking.shapes import FeedbackSheet

MOST_NOTES = 1000  # a sheet; beyond, cells are filled and listed only
_COMMENTS = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_VML = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_NAMESPACES = (
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:x="urn:schemas-microsoft-com:office:excel"'
)
_SHAPE_TYPE = (
    f'<v:shapetype {_NAMESPACES} id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_SHAPE = (
    '<v:shape {namespaces} id="_x0000_s{number}" type="#_x0000_t202" '
    'style="position:absolute;width:{width}px;height:{height}px;z-index:1;visibility:hidden" '
    'fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/>'
    '<v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div>'
    "</v:textbox>"
    '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor>'
    "<x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"
)
_SHAPE_START = re.compile(rb"<((?:\w+:)?)shape(?=[\s>])")
_SHAPE_NUMBER = re.compile(rb"_x0000_s(\d{1,9})")
_CLUSTER = 1024  # shape numbers of a drawing begin at a multiple of it
_FIRST_CLUSTER = 600  # beyond what any workbook has drawings
_BOX_WIDTH, _LINE_HEIGHT, _CHARACTERS_A_LINE, _MARGIN = 340, 17, 25, 14  # pixels; a line of Chinese text at 9 points


@dataclass(slots=True)
class _Comment:
    element: etree._Element
    place: tuple[int, int]


class Notes:
    """The notes of one worksheet part."""

    def __init__(
        self,
        package: Package,
        types: ContentTypes,
        relations: Relations,
        cells: Cells,
        number: int,
        sheet: FeedbackSheet,
    ) -> None:
        """`number` tells this sheet's drawing from those of other sheets. Raises NotMarkable."""
        self._package, self._types, self._relations, self._cells = package, types, relations, cells
        self._number, self._sheet = number, sheet
        self._part = relations.of_kind("comments")
        if self._part and self._part in package:
            self._root = package.xml(self._part)
        else:
            self._part = None
            self._root = etree.fromstring(f"<comments xmlns='{MAIN}'><authors/><commentList/></comments>")
        identifier = cells.drawing_of_notes()
        target = relations.target(identifier) if identifier else None
        self._drawing = target[1] if target and target[1] in package else None
        self._vml = package.read(self._drawing) if self._drawing else b""
        if self._vml and b"</xml" not in self._vml[-200:]:
            raise NotMarkable("the drawing of the notes cannot be added to")
        self._list = self._child("commentList")
        self._shapes = dict(self._note_shapes())

    def _child(self, name: str) -> etree._Element:
        found = self._root.find(main(name))
        if found is None:
            raise NotMarkable(f"a comments part without {name}")
        return found

    def _comments(self) -> Iterator[_Comment]:
        for element in list(self._list):
            if element.tag == main("comment"):
                yield _Comment(element, place(element.get("ref", "")))

    # ------------------------------------------------------------------------------------------------ the drawing
    def _all_shapes(self) -> Iterator[bytes]:
        at = 0
        while match := _SHAPE_START.search(self._vml, at):
            opened = self._vml.find(b">", match.end() - 1)
            if opened < 0:
                return
            if self._vml[opened - 1 : opened] == b"/":
                at = opened + 1
            else:
                closing = b"</" + match[1] + b"shape>"
                closed = self._vml.find(closing, opened)
                if closed < 0:
                    return
                at = closed + len(closing)
            yield self._vml[match.start() : at]

    def _note_shapes(self) -> Iterator[tuple[tuple[int, int], bytes]]:
        for shape in self._all_shapes():
            row = re.search(rb"<(?:\w+:)?Row>\s*(\d{1,7})\s*<", shape)
            column = re.search(rb"<(?:\w+:)?Column>\s*(\d{1,5})\s*<", shape)
            if row and column and b'"Note"' in shape:
                yield (int(row[1]) + 1, int(column[1]) + 1), shape

    def _box(self, row: int, column: int, text: str) -> tuple[int, int, str]:
        """Width, height and anchor of the box of a note: right of its cell, as high as its text needs."""
        lines = sum(1 + max(0, len(line) - 1) // _CHARACTERS_A_LINE for line in text.split("\n"))
        width, height = _BOX_WIDTH, lines * _LINE_HEIGHT + _MARGIN
        right, right_offset = _walk(column + 1, _MARGIN + width, self._cells.width)
        top = max(1, row - 1)
        bottom, bottom_offset = _walk(top, 8 + height, self._cells.height)
        anchor = (column, _MARGIN, top - 1, 8, right - 1, right_offset, bottom - 1, bottom_offset)
        return width, height, ", ".join(map(str, anchor))

    def _draw(self, row: int, column: int, text: str, number: int) -> bytes:
        width, height, anchor = self._box(row, column, text)
        shape = _SHAPE.format(
            namespaces=_NAMESPACES, number=number, width=width, height=height, anchor=anchor,
            row=row - 1, column=column - 1,
        )  # fmt: skip
        return shape.encode()

    # ------------------------------------------------------------------------------------------- out, in, written
    def remove_own(self) -> bool:
        """Take out what begins with one of our marks, and notes that were nothing else; whether there was any."""
        found = False
        for comment in self._comments():
            text = comment.element.find(main("text"))
            if text is None or not _cut(text, self._sheet.note_marks):
                continue
            found = True
            if not "".join(t.text or "" for t in text.iter(main("t"))):
                self._list.remove(comment.element)
                if shape := self._shapes.pop(comment.place, None):
                    self._vml = self._vml.replace(shape, b"", 1)
        return found

    def put(self, texts: dict[tuple[int, int], str]) -> None:
        """Add notes by row and column; a cell that has one gets the text below it."""
        present = {c.place: c.element for c in self._comments()}
        author = self._author_number()
        numbers = [int(n) for n in _SHAPE_NUMBER.findall(self._vml)]
        number = max(numbers, default=(_FIRST_CLUSTER + self._number) * _CLUSTER)
        made, drawn = [], []
        for (row, column), text in texts.items():
            comment = present.get((row, column))
            if comment is None:
                made.append(
                    f'<comment ref="{reference(row, column)}" authorId="{author}"><text>'
                    f"{_run(text, self._sheet.font)}</text></comment>"
                )
                before = ""
            else:
                body = comment.find(main("text"))
                if body is None:
                    body = etree.SubElement(comment, main("text"))
                before = _as_runs(body)
                _append_run(body, _run(f"\n{text}" if before else text, self._sheet.font))
            shape = self._shapes.get((row, column))
            if shape is None:
                number += 1
                drawn.append(self._draw(row, column, text, number))
            else:
                self._enlarge(shape, row, column, f"{before}\n{text}")
        self._list.extend(_elements("".join(made)))
        self._draw_all(drawn)

    def _author_number(self) -> int:
        authors = self._child("authors")
        names = [a.text for a in authors]
        if self._sheet.author not in names:
            etree.SubElement(authors, main("author")).text = self._sheet.author
            return len(names)
        return names.index(self._sheet.author)

    def _enlarge(self, shape: bytes, row: int, column: int, text: str) -> None:
        """Give a note that is there the room that it needs with ours in it."""
        _, _, anchor = self._box(row, column, text)
        larger = re.sub(rb"(<(?:\w+:)?Anchor>)[^<]*", lambda m: m[1] + anchor.encode(), shape, count=1)
        self._vml = self._vml.replace(shape, larger, 1)

    def _draw_all(self, drawn: list[bytes]) -> None:
        if not self._vml:
            self._vml = (
                f'<xml {_NAMESPACES}><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" '
                f'data="{_FIRST_CLUSTER + self._number}"/></o:shapelayout></xml>'
            ).encode()
        if drawn and b'id="_x0000_t202"' not in self._vml:
            drawn.insert(0, _SHAPE_TYPE.encode())
        end = self._vml.rindex(b"</xml")
        self._vml = self._vml[:end] + b"".join(drawn) + self._vml[end:]

    def save(self) -> None:
        """Write both parts, or leave them out where no note is left."""
        has_comments = next(self._comments(), None) is not None
        if has_comments and self._part:
            self._package.put_xml(self._part, self._root)
        elif has_comments:
            self._part = self._package.free("xl/comments{}.xml")
            self._relations.add("comments", self._part)
            self._types.add(self._part, _COMMENTS)
            self._package.put_xml(self._part, self._root)
        elif self._part:
            self._leave_out(self._part)
        if next(self._all_shapes(), None) is not None or (has_comments and self._vml):
            self._save_drawing()
        elif self._drawing:
            self._leave_out(self._drawing)
            self._cells.set_drawing_of_notes(None)
        self._relations.save()

    def _save_drawing(self) -> None:
        if not self._drawing:
            self._drawing = self._package.free("xl/drawings/vmlDrawing{}.vml")
            self._cells.set_drawing_of_notes(self._relations.add("vmlDrawing", self._drawing))
            self._types.extension("vml", _VML)
        self._package.put(self._drawing, self._vml)

    def _leave_out(self, part: str) -> None:
        self._relations.remove(part)
        self._types.remove(part)
        self._package.drop(part)


def _walk(start: int, pixels: int, size: object) -> tuple[int, int]:
    """The row or column that lies so many pixels on from the start of `start`, and how far into it."""
    at = start
    while pixels > (step := size(at)) and at < start + 200:  # type: ignore[operator]
        pixels -= step
        at += 1
    return at, min(pixels, step)


def _cut(text: etree._Element, marks: Sequence[str]) -> bool:
    """Cut a note's text off where one of the marks begins, with the line break before it; whether there was one."""
    pieces = [t for t in text.iter(main("t")) if t.getparent().tag != main("rPh")]
    joined = "".join(t.text or "" for t in pieces)
    starts = [joined.find(mark) for mark in marks if mark in joined]
    if not starts:
        return False
    keep = min(starts)
    keep -= joined[keep - 1 : keep] == "\n"
    for piece in pieces:
        own = piece.text or ""
        piece.text, keep = own[:keep], max(0, keep - len(own))
        parent = piece.getparent()
        if not piece.text and parent is not None:
            parent.remove(piece)
            if parent.tag == main("r") and (above := parent.getparent()) is not None:
                above.remove(parent)
    return True


def _as_runs(body: etree._Element) -> str:
    """Turn a plain text into a run, so that another may follow; what the note says."""
    for plain in body.findall(main("t")):
        run = etree.Element(main("r"))
        plain.addprevious(run)
        run.append(plain)
    return "".join(t.text or "" for t in body.iter(main("t")))


def _run(text: str, font: str) -> str:
    """A run of text of a note, as XML."""
    words = escape(text, {"\r": "&#13;"})
    return f'<r><rPr><sz val="9"/><rFont val={quoteattr(font)}/></rPr><t xml:space="preserve">{words}</t></r>'


def _elements(xml: str) -> list[etree._Element]:
    return list(etree.fromstring(f'<x xmlns="{MAIN}">{xml}</x>'))


def _append_run(body: etree._Element, run: str) -> None:
    last = body.findall(main("r"))
    made = _elements(run)[0]
    if last:
        last[-1].addnext(made)
    else:
        body.insert(0, made)
