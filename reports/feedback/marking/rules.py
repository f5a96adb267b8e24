"""The conditional formats of a worksheet part: a mark stands above them, else its cell would show their colour.

Belongs here: the rules that show our marks, put before all others and taken out again. Does not: the cells' own fills
(cells.py, styles.py), rules that are not ours, which keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lxml import etree

from reports.feedback.marking.cells import reference
from reports.feedback.marking.package import MAIN, main
from reports.feedback.marking.shapes import CHECK, MUST
from reports.feedback.marking.styles import Styles

# What stands before conditionalFormatting in a worksheet (ECMA-376 part 1, 18.3.1.99).
_BEFORE = frozenset(
    {"sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr", "sheetProtection"}
    | {"protectedRanges", "scenarios", "autoFilter", "sortState", "dataConsolidate", "customSheetViews", "mergeCells"}
    | {"phoneticPr"}
)
_EXTENDED = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
_RULES = (main("cfRule"), f"{{{_EXTENDED}}}cfRule")


class Rules:
    """The conditional formats of one worksheet under change."""

    def __init__(self, root: etree._Element, styles: Styles) -> None:
        self._root, self._styles = root, styles

    def _there(self) -> Iterator[etree._Element]:
        """Every rule of the sheet, those in its extensions included: they share one order."""
        yield from self._root.iter(*_RULES)

    def remove_own(self) -> bool:
        """Take out the rules of an earlier mark; whether there were any."""
        ours = self._styles.highlights()
        own = [r for r in self._there() if r.tag == main("cfRule") and r.get("dxfId") in ours]
        for rule in own:
            block = rule.getparent()
            assert block is not None  # a rule is never the root
            block.remove(rule)
            if not block.findall(main("cfRule")):
                self._root.remove(block)
        if own and all(priority > len(own) for _, priority in self._ranked()):
            self._shift(-len(own))
        return bool(own)

    def _ranked(self) -> list[tuple[etree._Element, int]]:
        """The rules that have a place in the order, and it; one that only adds to another has none."""
        return [(rule, int(said)) for rule in self._there() if (said := rule.get("priority"))]

    def _shift(self, by: int) -> None:
        for rule, priority in self._ranked():
            rule.set("priority", str(priority + by))

    def put(self, marked: Mapping[tuple[int, int], str]) -> None:
        """Let the marks of these places (row, column: kind) be seen above the sheet's own rules, if it has any."""
        cells = {kind: [reference(*at) for at, k in marked.items() if k == kind] for kind in (MUST, CHECK)}
        kinds = [kind for kind, found in cells.items() if found]
        if next(self._there(), None) is None:
            return
        self._shift(len(kinds))
        place = max((i + 1 for i, e in enumerate(self._root) if _name(e) in _BEFORE), default=0)
        for priority, kind in enumerate(kinds, 1):
            block = self._block(cells[kind], self._styles.highlight(kind), priority)
            self._root.insert(place + priority - 1, block)

    @staticmethod
    def _block(cells: Sequence[str], style: int, priority: int) -> etree._Element:
        block = etree.Element(main("conditionalFormatting"), sqref=" ".join(cells), nsmap={None: MAIN})
        said = {"type": "expression", "dxfId": str(style), "priority": str(priority), "stopIfTrue": "1"}
        rule = etree.SubElement(block, main("cfRule"), said)
        etree.SubElement(rule, main("formula")).text = "TRUE"
        return block


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
