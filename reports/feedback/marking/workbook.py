"""A workbook marked: failing cells filled and noted, the sheet 反馈 in front, earlier marks gone.

Belongs here: what is changed in which part, in which order. Does not: how a part is changed (the modules beside it).
Nothing is changed but: the style sheet (formats added), the sheets with marks, their notes, the list of sheets, the
names that count sheets, and which tab is selected.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from assets.instance.limits import Limits
from assets.intake.forms import EXPLANATION_COLUMNS, FEEDBACK_SHEET
from assets.intake.headings import whole_title
from assets.intake.workbooks.sheet import WorkbookUnreadable
from reports.feedback.marking.cells import Cells, place
from reports.feedback.marking.feedback_sheet import feedback_xml
from reports.feedback.marking.notes import MOST_NOTES, Notes
from reports.feedback.marking.package import LINK, ContentTypes, NotMarkable, Package, Relations, main
from reports.feedback.marking.rules import Rules
from reports.feedback.marking.shapes import CHECK, MUST, FeedbackSheet, Mark
from reports.feedback.marking.styles import Styles, empty_styles
from reports.text.formats import clean

log = logging.getLogger(__name__)

_WORKSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_STYLES = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_SELECTED = re.compile(rb'(<(?:\w+:)?sheetView\b[^>]*?)\s+tabSelected\s*=\s*["\'](?:1|true)["\']')
_LONGEST_NOTE = 4000  # characters
_BETWEEN = "\n――――――――\n"
_MOST_STRINGS = 1_000_000


def mark_workbook(
    content: bytes, marks: Sequence[Mark], sheet: FeedbackSheet, limits: Limits | None = None
) -> bytes | None:
    """The workbook with its cells marked and the sheet 反馈 in front; None where it is none that can be marked.

    That is .xls, .csv, Strict OOXML, and whatever is damaged, hostile or too large to be parsed whole. Marks and the
    sheet 反馈 of an earlier time are replaced. Marks on sheets or cells that the workbook does not have are left out.
    The same arguments give the same bytes. Raises nothing but MemoryError.
    """
    try:
        return _Book(Package(content, limits or Limits()), sheet).marked(marks)
    except (NotMarkable, WorkbookUnreadable, etree.LxmlError) as refused:
        log.info("a workbook cannot be marked: %s", refused)
    except MemoryError:
        raise
    except Exception:  # a stranger's file must never stop a run: its unit gets the list, and the log has the trace
        log.exception("a workbook could not be marked")
    return None


@dataclass(slots=True)
class _Sheet:
    element: etree._Element
    title: str
    kind: str
    part: str


class _Book:
    """One workbook under change."""

    def __init__(self, package: Package, sheet: FeedbackSheet) -> None:
        self._package, self._feedback = package, sheet
        self._part = Relations(package, "").of_kind("officeDocument") or "xl/workbook.xml"
        if self._part.lower().endswith(".bin"):
            raise NotMarkable("an .xlsb workbook")
        self._root = package.xml(self._part)
        listed = self._root.find(main("sheets"))
        if self._root.tag != main("workbook") or listed is None:
            raise NotMarkable("no workbook of transitional SpreadsheetML")
        self._listed = listed
        self._relations = Relations(package, self._part)
        self._types = ContentTypes(package)
        self._sheets = [s for e in listed if (s := self._sheet(e)) is not None]
        version = self._root.find(main("fileVersion"))
        self._is_libreoffice = version is not None and version.get("appName") == "Calc"

    def _sheet(self, element: etree._Element) -> _Sheet | None:
        target = self._relations.target(element.get(f"{{{LINK}}}id", ""))
        return _Sheet(element, element.get("name", ""), *target) if target else None

    def marked(self, marks: Sequence[Mark]) -> bytes:
        """The package with everything done."""
        for sheet in [s for s in self._sheets if self._is_own(s)]:
            self._remove(sheet)
        styles_part, styles = self._styles()
        earlier = styles.marks()
        by_sheet: dict[str, list[Mark]] = {}
        for mark in marks:
            by_sheet.setdefault(whole_title(mark.sheet), []).append(mark)
        for number, sheet in enumerate(self._sheets):
            own = by_sheet.pop(whole_title(sheet.title), []) if sheet.kind == "worksheet" else []
            if sheet.kind == "worksheet" and (own or earlier):
                self._mark_sheet(sheet, number, own, styles, earlier)
            elif sheet.part in self._package:
                self._deselect(sheet.part)
        self._insert(styles)
        self._package.put_xml(styles_part, styles.root)
        self._package.put_xml(self._part, self._root)
        self._relations.save()
        self._types.save()
        return self._package.written()

    # --------------------------------------------------------------------------------------------- an earlier time
    def _is_own(self, sheet: _Sheet) -> bool:
        """Whether a sheet 反馈 is ours, and not one of the unit's own: it has the two hidden headings."""
        if sheet.kind != "worksheet" or whole_title(sheet.title) != FEEDBACK_SHEET:
            return False
        root = self._package.xml(sheet.part)
        texts = {"".join(t.itertext()) for t in root.iter(main("is"))}
        if set(EXPLANATION_COLUMNS[:2]) <= texts:
            return True
        numbers = {c.findtext(main("v"), "") for c in root.iter(main("c")) if c.get("t") == "s"}
        strings = self._relations.of_kind("sharedStrings")
        if not strings or strings not in self._package:
            return False
        items = self._package.xml(strings).findall(main("si"))[:_MOST_STRINGS]
        wanted = {str(i) for i, item in enumerate(items) if item.findtext(main("t")) in EXPLANATION_COLUMNS[:2]}
        return len(wanted & numbers) == len(EXPLANATION_COLUMNS[:2])

    def _remove(self, sheet: _Sheet) -> None:
        """Take a sheet out, with the names that are its own; names of later sheets count one less."""
        at = list(self._listed).index(sheet.element)
        self._listed.remove(sheet.element)
        self._sheets.remove(sheet)
        self._relations.remove(sheet.part)
        self._types.remove(sheet.part)
        self._package.drop(sheet.part)
        relations = Relations(self._package, sheet.part)
        if relations.name in self._package:
            self._package.drop(relations.name)
        self._renumber(at, -1)

    def _renumber(self, at: int, step: int) -> None:
        """Names local to a sheet say which by its number: let them follow sheets that move by `step` from `at` on."""
        names = self._root.find(main("definedNames"))
        for name in [] if names is None else list(names):
            local = name.get("localSheetId")
            if local is None or int(local) < at:
                continue
            if step < 0 and int(local) == at:
                name.getparent().remove(name)
            else:
                name.set("localSheetId", str(int(local) + step))
        if names is not None and not len(names):
            self._root.remove(names)

    # ------------------------------------------------------------------------------------------------- this time
    def _styles(self) -> tuple[str, Styles]:
        part = self._relations.of_kind("styles")
        if part and part in self._package:
            root, content = self._package.xml_with_bytes(part)
            if root.tag != main("styleSheet"):
                raise NotMarkable("no style sheet of transitional SpreadsheetML")
        else:
            part = "xl/styles.xml" if "xl/styles.xml" not in self._package else self._package.free("xl/styles{}.xml")
            root, content = empty_styles(), b""
            self._relations.add("styles", part)
            self._types.add(part, _STYLES)
        return part, Styles(root, content, keeps_colours=not self._is_libreoffice)

    def _mark_sheet(
        self, sheet: _Sheet, number: int, marks: list[Mark], styles: Styles, earlier: frozenset[int]
    ) -> None:
        cells = Cells(self._package.xml(sheet.part))
        relations = Relations(self._package, sheet.part)
        notes = Notes(self._package, self._types, relations, cells, number, self._feedback)
        had_fills = cells.restyle(earlier, styles.unmarked) if earlier else False
        had_notes = notes.remove_own()
        rules = Rules(cells.root, styles)
        had_rules = rules.remove_own()
        if not marks and not had_fills and not had_notes and not had_rules:
            self._deselect(sheet.part)
            return
        texts: dict[tuple[int, int], list[str]] = {}
        kinds: dict[tuple[int, int], str] = {}
        for mark in marks:
            try:
                at = cells.shown_at(*place(mark.cell))
            except ValueError:
                continue
            texts.setdefault(at, []).append(mark.text)
            kinds[at] = MUST if MUST in (mark.kind, kinds.get(at)) else CHECK
        for at, kind in kinds.items():
            cells.style(*at, lambda style, kind=kind: styles.marked(style, kind))  # type: ignore[misc]
        rules.put(kinds)
        notes.put({at: self._note(texts[at]) for at in list(texts)[:MOST_NOTES]})
        notes.save()
        cells.deselect()
        self._package.put_xml(sheet.part, cells.root)

    def _note(self, texts: list[str]) -> str:
        text = clean(_BETWEEN.join(dict.fromkeys(texts)))
        return f"{self._feedback.note_marks[0]}\n{text}"[:_LONGEST_NOTE]

    def _deselect(self, part: str) -> None:
        """Select a sheet's tab no more, and leave all else of the part as its bytes are."""
        content = self._package.read(part)
        if b"tabSelected" not in content:
            return
        changed = _SELECTED.sub(rb"\1", content, count=1)
        if changed != content:
            self._package.put(part, changed)

    def _insert(self, styles: Styles) -> None:
        """Put the sheet 反馈 in front and open the workbook on it."""
        part = self._package.free("xl/worksheets/sheet{}.xml")
        self._package.put(part, feedback_xml(self._feedback, styles))
        self._types.add(part, _WORKSHEET)
        taken = {s.title.lower() for s in self._sheets}
        title = FEEDBACK_SHEET
        while title in taken:  # a sheet of the unit's own; intake compares titles without spaces
            title += " "
        numbers = [int(e.get("sheetId", "0")) for e in self._listed]
        element = etree.Element(main("sheet"), name=title, sheetId=str(max(numbers, default=0) + 1))
        element.set(f"{{{LINK}}}id", self._relations.add("worksheet", part))
        self._listed.insert(0, element)
        self._renumber(0, 1)
        for view in self._root.iterfind(f"{main('bookViews')}/{main('workbookView')}"):
            view.attrib.pop("firstSheet", None)
            view.set("activeTab", "0")
