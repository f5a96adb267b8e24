"""The style sheet of a workbook: a cell's own style with a mark's fill, and back again.

Belongs here: cell formats, fonts, fills and borders by number. Does not: which cell has which (cells.py).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache

from lxml import etree

from assets.instance.limits import MIB
from reports.feedback.marking.package import MAIN, NotMarkable, main, parsed
from reports.feedback.marking.shapes import FILLS

_ORDER = ("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs")  # and others
_MOST_FORMATS = 64_000  # Excel opens no workbook with more
_ALIKE = MIB // 4  # bytes; smaller style sheets are often the same from unit to unit
_OWN = frozenset(FILLS.values())
_APPLIED = "".join(f" apply{what}='1'" for what in ("Font", "Fill", "Border", "Alignment", "Protection"))
_DEFAULTS = {
    "fonts": "<font><sz val='11'/><name val='Calibri'/></font>",
    "fills": "<fill><patternFill patternType='none'/></fill><fill><patternFill patternType='gray125'/></fill>",
    "borders": "<border><left/><right/><top/><bottom/><diagonal/></border>",
    "cellStyleXfs": "<xf numFmtId='0' fontId='0' fillId='0' borderId='0'/>",
    "cellXfs": "<xf numFmtId='0' fontId='0' fillId='0' borderId='0' xfId='0'/>",
}


Fingerprint = tuple[object, ...]


def _elements(xml: str) -> list[etree._Element]:
    return list(etree.fromstring(f"<x xmlns='{MAIN}'>{xml}</x>"))


@lru_cache(maxsize=1024)
def _own(xml: str) -> tuple[etree._Element, Fingerprint]:
    """An element of ours, to be copied, and its fingerprint."""
    element = _elements(xml)[0]
    return element, _fingerprint(element)


def empty_styles() -> etree._Element:
    """The style sheet of a workbook that came without one."""
    return etree.Element(main("styleSheet"), nsmap={None: MAIN})


class Styles:
    """The formats of one workbook. Equal ones are made once, so that marking again adds nothing."""

    def __init__(self, root: etree._Element, content: bytes, *, keeps_colours: bool) -> None:
        """`content` is the part that `root` was parsed from.

        `keeps_colours` is False for workbooks of LibreOffice, which writes a second colour of its own into fills.
        """
        self.root = root
        self._keeps_colours = keeps_colours
        self._lists = {name: _list(root, name) for name in _DEFAULTS}
        self._there = (_numbers_alike if len(content) < _ALIKE else _numbers)(content)
        self._known: dict[str, dict[Fingerprint, int]] = {}
        self._marked: dict[tuple[int, str], int] = {}
        if len(self._lists["cellXfs"]) > _MOST_FORMATS:
            raise NotMarkable(f"{len(self._lists['cellXfs'])} cell formats")

    def _number(self, name: str, element: etree._Element, fingerprint: Fingerprint) -> int:
        """The number of an element like this one, of which a copy is added where there is none."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = dict(self._there[name])
        number = known.get(fingerprint)
        if number is None:
            own = self._lists[name]
            own.append(copy.deepcopy(element))
            number = known[fingerprint] = len(own) - 1
            own.set("count", str(number + 1))
        return number

    def _format(self, style: int) -> etree._Element:
        formats = self._lists["cellXfs"]
        return formats[style if 0 <= style < len(formats) else 0]

    def _fill(self, style: int) -> etree._Element | None:
        fills = self._lists["fills"]
        number = int(self._format(style).get("fillId", "0"))
        return fills[number] if 0 <= number < len(fills) else None

    def marked(self, style: int, kind: str) -> int:
        """The style with the fill of a mark. A plain fill that was there is kept as its second colour, unseen."""
        if (style, kind) not in self._marked:
            xml = f"<fill><patternFill patternType='solid'><fgColor rgb='{FILLS[kind]}'/></patternFill></fill>"
            fill = _elements(xml)[0]
            before = _solid(self._fill(style))
            behind = etree.SubElement(fill[0], main("bgColor"))
            for name, value in (before or {"indexed": "64"}).items():
                behind.set(name, value)
            self._marked[style, kind] = self._with_fill(style, fill)
        return self._marked[style, kind]

    def highlight(self, kind: str) -> int:
        """The number of the differential format with the fill of a mark, for a conditional format."""
        colour = FILLS[kind]
        pattern = f"<patternFill patternType='solid'><fgColor rgb='{colour}'/><bgColor rgb='{colour}'/></patternFill>"
        element = _elements(f"<dxf><fill>{pattern}</fill></dxf>")[0]
        own = _list(self.root, "dxfs")
        same = (i for i, there in enumerate(own) if _fingerprint(there) == _fingerprint(element))
        number = next(same, None)
        if number is None:
            own.append(element)
            number = len(own) - 1
            own.set("count", str(len(own)))
        return number

    def highlights(self) -> frozenset[str]:
        """The numbers of the differential formats that have the fill of a mark."""
        formats = enumerate(self.root.iterfind(f"{main('dxfs')}/{main('dxf')}"))
        found = ((i, dxf.find(f"{main('fill')}/{main('patternFill')}/{main('bgColor')}")) for i, dxf in formats)
        return frozenset(str(i) for i, colour in found if colour is not None and colour.get("rgb") in _OWN)

    def marks(self) -> frozenset[int]:
        """The styles that have the fill of a mark."""
        own = set()
        for number, fill in enumerate(self._lists["fills"]):
            if _solid(fill).get("rgb") in _OWN:
                own.add(str(number))
        return frozenset(i for i, f in enumerate(self._lists["cellXfs"]) if f.get("fillId", "0") in own)

    def unmarked(self, style: int) -> int:
        """The style that a marked one had before."""
        fill = self._fill(style)
        behind = fill.find(f"{main('patternFill')}/{main('bgColor')}") if fill is not None else None
        if behind is None or behind.get("indexed") == "64" or not self._keeps_colours:
            return self._with_fill(style, self._lists["fills"][0])
        before = _elements("<fill><patternFill patternType='solid'><fgColor/></patternFill></fill>")[0]
        for name, value in behind.items():
            before[0][0].set(name, value)
        # Whatever its own second colour was: nobody sees it.
        alike = (f for f in self._lists["fills"] if _solid(f) == _solid(before))
        return self._with_fill(style, next(alike, before))

    def _with_fill(self, style: int, fill: etree._Element) -> int:
        number = next((i for i, f in enumerate(self._lists["fills"]) if f is fill), None)
        number = self._number("fills", fill, _fingerprint(fill)) if number is None else number
        twin = copy.deepcopy(self._format(style))
        twin.set("fillId", str(number))
        twin.set("applyFill", "1")
        return self._number("cellXfs", twin, _fingerprint(twin))

    def made(self, *, font: str, fill: str = "", border: str = "", inside: str = "") -> int:
        """A style from XML: font, fill and border, and `inside` the format alignment and protection."""
        numbers = {
            "fontId": self._number("fonts", *_own(font)),
            "fillId": self._number("fills", *_own(fill)) if fill else 0,
            "borderId": self._number("borders", *_own(border)) if border else 0,
        }
        said = "".join(f" {name}='{number}'" for name, number in numbers.items())
        return self._number("cellXfs", *_own(f"<xf numFmtId='0' xfId='0'{said}{_APPLIED}>{inside}</xf>"))


def _list(root: etree._Element, name: str) -> etree._Element:
    """A list of the style sheet, made where it has none."""
    found = root.find(main(name))
    if found is None:
        found = etree.Element(main(name))
        before = [main(n) for n in _ORDER[: _ORDER.index(name)]]
        at = max((i + 1 for i, e in enumerate(root) if e.tag in before), default=0)
        root.insert(at, found)
    if not len(found):
        found.extend(_elements(_DEFAULTS.get(name, "")))
    return found


def _numbers(content: bytes) -> Mapping[str, Mapping[Fingerprint, int]]:
    """The numbers of the elements in the lists of a style sheet, of equal ones the first."""
    root = parsed(content) if content else empty_styles()
    numbers: dict[str, dict[Fingerprint, int]] = {}
    for name in _DEFAULTS:
        own = numbers[name] = {}
        for i, element in enumerate(_list(root, name)):
            own.setdefault(_fingerprint(element), i)
    return numbers


_numbers_alike = lru_cache(maxsize=16)(_numbers)


def _solid(fill: etree._Element | None) -> dict[str, str]:
    """The colour of a plain fill as the XML says it; nothing where it is none, or a pattern or gradient."""
    pattern = fill.find(main("patternFill")) if fill is not None else None
    colour = pattern.find(main("fgColor")) if pattern is not None and pattern.get("patternType") == "solid" else None
    return {} if colour is None else {str(k): str(v) for k, v in colour.items()}


def _fingerprint(element: etree._Element) -> Fingerprint:
    """What two equal elements share, whether or not they say that their fill applies (it does)."""
    own = sorted((k, v) for k, v in element.items() if k != "applyFill")
    return (element.tag, tuple(own), (element.text or "").strip(), tuple(_fingerprint(e) for e in element))
