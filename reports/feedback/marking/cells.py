"""The cells of one worksheet part: found, or made where there is none, and their look changed.

Belongs here: rows, cells, widths and merged ranges as the XML has them. Does not: styles themselves (styles.py), notes
(notes.py).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache

from lxml import etree

from assets.intake.forms import column_letter
from reports.feedback.marking.package import LINK, MAIN, NotMarkable, main

_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([1-9]\d{0,6})")
# What may follow legacyDrawing (ECMA-376 part 1, 18.3.1.99).
_AFTER_NOTES = frozenset(
    {"legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst"}
)
_HAS_NAMELESS = etree.XPath("boolean(.//m:c[not(@r)])", namespaces={"m": MAIN}, smart_strings=False)
_DEFAULT_WIDTH = 64  # pixels of a column, and
_DEFAULT_HEIGHT = 20  # of a row, of a sheet that does not say


@lru_cache(maxsize=8192)
def place(reference: str) -> tuple[int, int]:
    """Row and column, from 1, of an A1 reference. Raises ValueError where it is none."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise ValueError(f"{reference!r} is no cell")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]), column


def reference(row: int, column: int) -> str:
    """The A1 reference of a place."""
    return f"{column_letter(column)}{row}"


class Cells:
    """One worksheet part under change. Rows and cells that do not say where they are stand beside the one before."""

    def __init__(self, root: etree._Element) -> None:
        """Raises NotMarkable where the part is no worksheet."""
        data = root.find(main("sheetData"))
        if root.tag != main("worksheet") or data is None:
            raise NotMarkable("a sheet is no worksheet of transitional SpreadsheetML")
        self.root = root
        self._data = data
        self._rows: dict[int, list[etree._Element]] = {}
        self._in_row: dict[int, dict[int, etree._Element]] = {}  # of rows that were looked into, by column
        self._are_cells_named = False
        self._name_rows()
        merged = root.iterfind(f"{main('mergeCells')}/{main('mergeCell')}")
        self._merged = [self._range(m.get("ref", "")) for m in merged]
        columns = root.iterfind(f"{main('cols')}/{main('col')}")
        self._columns = [(int(c.get("min", "1")), int(c.get("max", "16384")), c) for c in columns]

    def _name_rows(self) -> None:
        number = 0
        for row in self._data.iterchildren(main("row")):
            number = int(row.get("r") or number + 1)
            row.set("r", str(number))
            self._rows.setdefault(number, []).append(row)

    def _name_cells(self) -> None:
        """Let every cell say where it is, before one is put between them: readers take no mixture."""
        if not self._are_cells_named and _HAS_NAMELESS(self._data):
            for number, rows in self._rows.items():
                for row in rows:
                    for column, cell in self._cells(row):
                        cell.set("r", reference(number, column))
        self._are_cells_named = True

    @staticmethod
    def _range(text: str) -> tuple[int, int, int, int]:
        first, _, last = text.partition(":")
        return (*place(first), *place(last or first))

    def shown_at(self, row: int, column: int) -> tuple[int, int]:
        """Where the content of a place is seen: the first cell of the merged range that holds it, else itself."""
        for top, left, bottom, right in self._merged:
            if top <= row <= bottom and left <= column <= right:
                return top, left
        return row, column

    def style(self, row: int, column: int, change: Callable[[int], int]) -> None:
        """Change the style of a cell, made where there is none."""
        cell = self._find(row, column)
        if cell is None:
            cell = self._make(row, column)
        cell.set("s", str(change(int(cell.get("s", "0")))))

    def restyle(self, styles: frozenset[int], change: Callable[[int], int]) -> bool:
        """Change the style of every cell that has one of these; whether there was any."""
        wanted = {str(s) for s in styles}
        found = [c for c in self._data.iter(main("c")) if c.get("s") in wanted]
        for cell in found:
            cell.set("s", str(change(int(cell.get("s", "0")))))
        return bool(found)

    def _cells(self, row: etree._Element) -> Iterator[tuple[int, etree._Element]]:
        column = 0
        for cell in row.iterchildren(main("c")):
            said = cell.get("r")
            column = place(said)[1] if said else column + 1
            yield column, cell

    def _find(self, row: int, column: int) -> etree._Element | None:
        cells = self._in_row.get(row)
        if cells is None:
            cells = self._in_row[row] = {}
            for element in self._rows.get(row, ()):
                for at, cell in self._cells(element):
                    cells.setdefault(at, cell)
        return cells.get(column)

    def _make(self, row: int, column: int) -> etree._Element:
        self._name_cells()
        if row not in self._rows:
            numbers = sorted(self._rows)
            before = bisect_right(numbers, row)
            element = etree.Element(main("row"), r=str(row))
            if before:
                self._rows[numbers[before - 1]][-1].addnext(element)
            else:
                self._data.insert(0, element)
            self._rows[row] = [element]
        element = self._rows[row][0]
        at = 0
        for position, (other, _) in enumerate(self._cells(element), 1):
            at = position if other < column else at
        made = etree.Element(main("c"), r=reference(row, column))
        made.set("s", self._style_of(element, column))
        element.insert(at, made)
        self._in_row[row][column] = made
        element.attrib.pop("spans", None)  # a hint that is wrong now
        self._stretch(row, column)
        return made

    def _style_of(self, row: etree._Element, column: int) -> str:
        if row.get("customFormat") in ("1", "true"):
            return row.get("s", "0")
        return next((c.get("style", "0") for first, last, c in self._columns if first <= column <= last), "0")

    def _stretch(self, row: int, column: int) -> None:
        """Let the stated extent of the sheet hold a new cell."""
        dimension = self.root.find(main("dimension"))
        if dimension is None:
            return
        try:
            top, left, bottom, right = self._range(dimension.get("ref", ""))
        except ValueError:
            return
        corners = (reference(min(top, row), min(left, column)), reference(max(bottom, row), max(right, column)))
        dimension.set("ref", corners[0] if corners[0] == corners[1] else ":".join(corners))

    # ------------------------------------------------------------------------------------------------- for notes
    def width(self, column: int) -> int:
        """Pixels of a column."""
        for first, last, element in self._columns:
            if first <= column <= last:
                if element.get("hidden") in ("1", "true"):
                    return 0
                return int(float(element.get("width", "9.14")) * 7 + 5) if element.get("width") else _DEFAULT_WIDTH
        return _DEFAULT_WIDTH

    def height(self, row: int) -> int:
        """Pixels of a row."""
        for element in self._rows.get(row, ()):
            if element.get("hidden") in ("1", "true"):
                return 0
            if element.get("ht"):
                return int(float(element.get("ht", "15")) * 4 / 3)
        return _DEFAULT_HEIGHT

    def drawing_of_notes(self) -> str | None:
        """The id of the relation to the drawing that shows the notes, if there is one."""
        element = self.root.find(main("legacyDrawing"))
        return None if element is None else element.get(f"{{{LINK}}}id")

    def set_drawing_of_notes(self, identifier: str | None) -> None:
        """Name the drawing that shows the notes, or none."""
        element = self.root.find(main("legacyDrawing"))
        if element is not None:
            self.root.remove(element)
        if identifier is None:
            return
        element = etree.Element(main("legacyDrawing"))
        element.set(f"{{{LINK}}}id", identifier)
        after = next((e for e in self.root if _follows_notes(e)), None)
        if after is None:
            self.root.append(element)
        else:
            after.addprevious(element)

    def deselect(self) -> None:
        """Select the sheet's tab no more: two selected tabs are edited together."""
        for view in self.root.iterfind(f"{main('sheetViews')}/{main('sheetView')}"):
            view.attrib.pop("tabSelected", None)


def _follows_notes(element: etree._Element) -> bool:
    if not isinstance(element.tag, str):
        return False
    name = etree.QName(element).localname
    if name == "AlternateContent":  # wraps controls and embedded objects
        return any(etree.QName(e).localname in _AFTER_NOTES for e in element.iter() if isinstance(e.tag, str))
    return name in _AFTER_NOTES
