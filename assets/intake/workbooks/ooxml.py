"""Reads .xlsx and .xlsm: one pass of expat over each part that is needed, which is guard and reader at once.

Why no library: python-calamine, the best of them, shows error cells, formulas without a value and numbers
written with a character reference as blank, cuts numbers at a comment, and aborts the process on lying
counts and far-apart cells (README.md). A guard before it has to parse every part anyway, and then has the
cells in hand; calamine is the second opinion of the tests. Belongs here: what the XML of a workbook says.
Does not: the zip container (package.py), which numbers are dates (serial.py), what a cell's value means.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from math import isfinite
from typing import NamedTuple
from xml.parsers import expat

from assets.instance.limits import Limits
from assets.intake.workbooks.package import Package
from assets.intake.workbooks.serial import Moment, built_in_format, format_shows, iso_moment, moment
from assets.intake.workbooks.sheet import (
    MAX_COLUMN,
    MAX_ROW,
    MOST_MERGED,
    PLACE_BITS,
    Cell,
    Merged,
    Room,
    Sheet,
    Workbook,
    WorkbookUnreadable,
    arranged,
)
from assets.intake.workbooks.shown import BUILT_IN, GENERAL, with_format

_DEPTH = 64
_TAGS = 10_000_000  # of a part, opening and closing; more cannot be read in time
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")  # ECMA-376 part 1, 22.9.2.19 ST_Xstring
# A blank cell or row is taken without a look at its place, which must be one that a sheet has: up to column XFD, and
# row 999,999, as few have more.
_PLACE = r"(?:[A-Z]{1,2}|[A-W][A-Z]{2}|X[A-E][A-Z]|XF[A-D])[1-9][0-9]{0,5}"
_BLANK_CELL = re.compile(rf'<c r="{_PLACE}"(?: s="[0-9]{{1,5}}")? ?/>')
_BLANK_ROW = re.compile(r'<row r="[1-9][0-9]{0,5}"(?: [\w:]+="[^"<>&]*")*(?: ?/>|></row>)')
_PLAIN_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"(?: s="([0-9]{1,5})")?(?: t="([ns])")?><v>([0-9.Ee+-]{1,40})</v></c>'
)
_PLAIN_ROWS = re.compile(  # rows of nothing but the cells above, each attribute and bracket of them
    r'(?>(?:<row r="[1-9][0-9]{0,5}"(?: [\w:]+="[^"<>&]*")*+(?: ?/>|>(?>'
    rf'<c r="{_PLACE}"(?: s="[0-9]{{1,5}}")?(?: ?/>|(?: t="[ns]")?><v>[0-9.Ee+-]{{1,40}}</v></c>)'
    r")*+</row>))*+)"
)
# Markup that can hold text like a cell, and cells without a place: one search each, as each begins with fixed text.
_NOT_PLAIN = tuple(map(re.compile, ("<!", r"<\?(?!xml )", r'<c(?! r=")[\s/>]', r":c[\s/>]")))
_PLAIN_STRINGS = re.compile(
    r'(?:<\?xml version="1\.0" encoding="(?:UTF|utf)-8"(?: standalone="(?:yes|no)")?\?>[ \t\r\n]*)?'
    r'<sst(?: [\w:]+="[^"<>&]*")*>'
    r'((?:<si><t(?: xml:space="preserve")?>[^<&\x00-\x08\x0b-\x1f\ufffe\uffff]*</t></si>)*)'
    r"</sst>[ \t\r\n]*"
)
_PLAIN_STRING = re.compile("<t[^>]*>([^<]*)")
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


class _Format(NamedTuple):
    """What a style shows: whether a date, and the code of its number format."""

    shows: Moment
    code: str


class _Common(NamedTuple):
    """What the sheets of a workbook share."""

    strings: list[str]
    by_number: dict[str, str]  # the same under their numbers as cells write them
    formats: dict[str, _Format]
    epoch: int


def read_ooxml(content: bytes, limits: Limits) -> Workbook:
    """The workbook in the zip archive `content`. Raises WorkbookUnreadable."""
    package = Package(content, limits)
    main = _main_part(package)
    epoch, listing = _listing(package, main)
    if len(listing) > limits.workbook_sheets:
        raise WorkbookUnreadable("too_many_sheets", f"{len(listing)} sheets")
    relations = _relations(package, main)
    parts = {kind: path for kind, path in relations.values() if path in package}
    strings = _strings(package, parts["sharedStrings"]) if "sharedStrings" in parts else []
    common = _Common(
        strings,
        {str(number): text for number, text in enumerate(strings)},
        _formats(package, parts["styles"]) if "styles" in parts else {},
        epoch,
    )
    room = Room(limits.workbook_cells, limits.workbook_extent)
    sheets = []
    for title, visible, relation in listing:
        kind, path = relations.get(relation, ("", ""))
        if kind == "worksheet":
            sheets.append(_sheet(package, path, title, visible, common=common, room=room))
        elif relation and not kind:  # a module of macros of Excel 5 has no part, and says so
            raise WorkbookUnreadable("damaged", f"sheet {title!r} has no part")
    macros = any(name.endswith("vbaproject.bin") or "macrosheets/" in name for name in package.names)
    return Workbook(sheets, epoch, macros, "xlsx")


def _parse(
    pieces: Iterable[bytes],
    name: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Feed the `pieces` of part `name` to the handlers, which get the names of elements without prefix.

    Any DTD is refused, so no entity but XML's own five exists.
    """
    depth = tags = 0

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise WorkbookUnreadable("damaged", f"part {name!r}: more than {_DEPTH} elements deep")
        start(tag.rpartition(":")[2] if ":" in tag else tag, attributes)

    def closed(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if end:
            end(tag.rpartition(":")[2] if ":" in tag else tag)

    def dtd(*_: object) -> None:
        raise WorkbookUnreadable("xml_entities", f"part {name!r}")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = dtd
    parser.EntityDeclHandler = dtd
    try:
        for piece in pieces:
            tags += piece.count(b"<") + piece.count(b"/>")
            if tags > _TAGS:
                raise WorkbookUnreadable("too_large", f"part {name!r} has more than {_TAGS} tags")
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two for encodings it cannot take
        raise WorkbookUnreadable("damaged", f"part {name!r}: {error}") from error


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """The relations of `part` by id: the last word of their type, and the part that they lead to."""
    folder, file = posixpath.split(part)
    name = posixpath.join(folder, "_rels", f"{file}.rels")
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "").replace("\\", "/")))
            found[attributes.get("Id", "")] = (
                attributes.get("Type", "").rpartition("/")[2],
                target.lstrip("/"),
            )

    if name in package:
        _parse(package.pieces(name), name, start)
    return found


def _main_part(package: Package) -> str:
    """The part that lists the sheets; usually, but not always, xl/workbook.xml."""
    mains = [target for kind, target in _relations(package, "").values() if kind == "officeDocument"]
    main = mains[0] if mains else "xl/workbook.xml"
    if main.lower().endswith(".bin") or "content.xml" in package:
        raise WorkbookUnreadable("format_unsupported", "an .xlsb or .ods workbook")
    if main not in package or main.lower().startswith(("word/", "ppt/", "visio/")):
        raise WorkbookUnreadable("not_workbook", f"a zip archive whose main part is {main!r}")
    return main


def _listing(package: Package, main: str) -> tuple[int, list[tuple[str, bool, str]]]:
    """The epoch, and for each sheet its title, whether it is shown, and the id of its relation."""
    epoch = 1900
    sheets: list[tuple[str, bool, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal epoch
        if tag == "workbookPr" and attributes.get("date1904") in ("1", "true", "on"):
            epoch = 1904
        elif tag == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            sheets.append((attributes.get("name", ""), attributes.get("state", "visible") == "visible", relation))

    _parse(package.pieces(main), main, start)
    return epoch, sheets


def _strings(package: Package, name: str) -> list[str]:
    """The shared strings; runs of rich text are joined, phonetic ones left out."""
    content = b"".join(package.pieces(name))
    plain = _plain_strings(content)
    return _parsed_strings(content, name) if plain is None else plain


def _parsed_strings(content: bytes, name: str) -> list[str]:
    """The shared strings of any part, by expat."""
    strings: list[str] = []
    texts: list[str] = []  # since the tag that wanted them
    runs: list[str] = []
    phonetic = False

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal phonetic
        if tag == "t":
            texts.clear()
        elif tag == "si":
            runs.clear()
        elif tag == "rPh":
            phonetic = True

    def end(tag: str) -> None:
        nonlocal phonetic
        if tag == "t" and not phonetic:
            runs.append("".join(texts))
        elif tag == "si":
            strings.append(_unescaped("".join(runs)))
        elif tag == "rPh":
            phonetic = False

    _parse([content], name, start, end, texts.append)
    return strings


def _plain_strings(content: bytes) -> list[str] | None:
    """The shared strings of a part without rich text or entities, five times as fast as expat; None for any other."""
    try:
        markup = content.decode()
    except UnicodeDecodeError:
        return None
    found = None if "]]>" in markup else _PLAIN_STRINGS.fullmatch(markup)
    return [_unescaped(text) for text in _PLAIN_STRING.findall(found[1])] if found else None


def _unescaped(text: str) -> str:
    """`text` with _x000D_ and its like resolved; halves of surrogate pairs stay as they are written."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: match[0] if 0xD800 <= int(match[1], 16) < 0xE000 else chr(int(match[1], 16)), text)


def _formats(package: Package, name: str) -> dict[str, _Format]:
    """What each style other than General shows, by the number that cells call it."""
    codes: dict[str, str] = {}
    styles: list[str] = []
    inside = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if tag == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif tag == "cellXfs":
            inside = True
        elif tag == "xf" and inside:
            styles.append(attributes.get("numFmtId", "0"))

    def end(tag: str) -> None:
        nonlocal inside
        if tag == "cellXfs":
            inside = False

    _parse(package.pieces(name), name, start, end)
    formats = {
        style: _Format(format_shows(codes[style]), codes[style])
        if style in codes
        else _Format(built_in_format(style), BUILT_IN.get(style, GENERAL))
        for style in set(styles)
    }
    found = {str(number): formats[style] for number, style in enumerate(styles)}
    return {number: format_ for number, format_ in found.items() if format_.shows or format_.code not in ("", GENERAL)}


def _sheet(package: Package, name: str, title: str, visible: bool, *, common: _Common, room: Room) -> Sheet:
    """Worksheet part `name`. Raises WorkbookUnreadable; see also `arranged`."""
    places: list[int] = []
    values: list[Cell] = []
    errors: dict[tuple[int, int], str] = {}
    merged: list[Merged] = []
    texts: list[str] = []  # since the tag that wanted them
    runs: list[str] = []  # of an inline string
    row = column = 0
    kind = style = ""
    value: str | None = None
    formula: str | None = None
    inside = phonetic = taken = False
    plain = True

    def fault(error: str) -> None:
        if (row, column) in errors:
            raise WorkbookUnreadable("damaged", f"part {name!r}: two cells in row {row}, column {column}")
        errors[row, column] = error

    def take(meaning: Cell) -> None:
        if meaning is None:
            fault("#NUM!")
        else:
            places.append(row << PLACE_BITS | column)
            values.append(meaning)

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, style, value, formula, inside, phonetic
        if tag == "c":
            reference = attributes.get("r")
            if reference is None and taken:
                raise WorkbookUnreadable("damaged", f"part {name!r}: cells with and without a place")
            row, column = _place(reference) if reference else _beside(row, column)
            kind, style = attributes.get("t", "n"), attributes.get("s", "0")
            value = formula = None
        elif tag in ("v", "f", "t"):
            texts.clear()
        elif tag == "row":
            texts.clear()  # of white space between the tags
            if inside:
                row, column = _row(attributes.get("r") or str(row + 1)), 0
            if len(places) + len(errors) > room.cells:
                raise WorkbookUnreadable("too_many_cells", f"part {name!r}: more than {room.cells}")
        elif tag == "is":
            runs.clear()
        elif tag == "rPh":
            phonetic = True
        elif tag == "sheetData":
            inside = True
        elif tag == "mergeCell" and len(merged) < MOST_MERGED:
            first, _, last = attributes.get("ref", "").partition(":")
            with suppress(WorkbookUnreadable):  # a range outside the sheet hides nothing
                merged.append((*_place(first), *_place(last)))

    def end(tag: str) -> None:
        nonlocal value, formula, inside, phonetic
        if tag == "v":
            value = "".join(texts)
        elif tag == "c" and inside:
            if value and kind != "e":
                take(_meaning(value, kind, style, common))
            elif value:
                fault(value)
            elif formula is not None and (value is None or kind != "str"):  # else calculated to be blank
                fault(f"={formula}")
        elif tag == "f":
            formula = "".join(texts)
        elif tag == "t" and not phonetic:
            runs.append("".join(texts))
        elif tag == "is":
            value = "".join(runs)
        elif tag == "rPh":
            phonetic = False
        elif tag == "sheetData":
            inside = False

    def unusual(rows: bytes) -> bytes:
        """Take what is plain out of `rows`, twice as fast as leaving it to expat: cells of a number or a shared
        string, cells and rows that are only formatted (of which people make a million).

        What is taken are whole elements without markup in them, so that what is left is as well formed as before;
        none any more once there was markup that can hold text like them, or a cell without a place. Most sheets have
        rows of such cells alone: those are taken whole.
        """
        nonlocal plain, taken, row, column
        known, base = common.by_number, 0
        markup = rows.decode("latin-1")  # plain cells are ASCII, whatever the encoding
        plain = plain and not any(odd.search(markup) for odd in _NOT_PLAIN)
        if not plain:
            return rows
        begin = markup.find("<row ")
        whole = begin >= 0 and _PLAIN_ROWS.match(markup, begin)
        if whole and markup.find("<row", whole.end()) < 0:
            left, markup = markup[:begin] + markup[whole.end() :], whole[0]
        else:
            left, markup = None, _BLANK_CELL.sub("", markup)
        row_digits = ""
        for letters, digits, style, kind, content in _PLAIN_CELL.findall(markup):
            if digits != row_digits:
                row, row_digits = _row(digits), digits
                base = row << PLACE_BITS
            column = _column(letters)
            if kind == "s" and content in known:  # most cells, spared two calls each
                places.append(base | column)
                values.append(known[content])
            else:
                take(_meaning(content, kind or "n", style, common))
        if len(places) + len(errors) > room.cells:
            raise WorkbookUnreadable("too_many_cells", f"part {name!r}: more than {room.cells}")
        left = _PLAIN_CELL.sub("", _BLANK_ROW.sub("", markup)) if left is None else left
        taken = taken or len(left) < len(rows)
        return left.encode("latin-1")

    pieces = map(unusual, _between_rows(package.pieces(name, kept=False)))
    _parse(pieces, name, start, end, texts.append)
    return arranged(title, places, values, errors, visible=visible, room=room, merged=merged)


def _between_rows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut where a row begins, if one does."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        end = whole.rfind(b"<row ")
        end = end if end > 0 else len(whole)
        yield whole[:end]
        rest = whole[end:]
    yield rest


def _meaning(content: str, kind: str, style: str, common: _Common) -> Cell:
    """What the text `content` of a cell of type `kind` stands for; None for a number that is not finite.

    Text that is not of its type stays text. Raises WorkbookUnreadable for a shared string that does not exist.
    """
    if kind == "n":
        if "_" in content:  # which float() would pass over
            return content
        try:
            number = float(content)
        except ValueError:
            return content
        if not isfinite(number):
            return None
        known = common.formats.get(style)
        if known is None:
            return number
        return with_format(moment(number, common.epoch, known.shows) if known.shows else number, known.code)
    if kind == "s":
        try:
            index = int(content)
            return common.strings[index if index >= 0 else len(common.strings)]
        except (IndexError, ValueError) as error:
            raise WorkbookUnreadable("damaged", f"there is no shared string {content[:20]!r}") from error
    if kind == "b":
        return _BOOLEANS.get(content, content)
    return iso_moment(content) if kind == "d" else _unescaped(content)


@cache
def _column(letters: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter.upper()) - 64
    if not (letters.isascii() and letters.isalpha() and number <= MAX_COLUMN):
        raise WorkbookUnreadable("cell_reference", f"column {letters[:20]!r}")
    return number


def _row(digits: str) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) <= 7 and 1 <= int(digits) <= MAX_ROW:
        return int(digits)
    raise WorkbookUnreadable("cell_reference", f"row {digits[:20]!r}")


def _place(reference: str) -> tuple[int, int]:
    """Row and column of a reference such as B7."""
    letters = reference.rstrip("0123456789")
    return _row(reference[len(letters) :]), _column(letters)


def _beside(row: int, column: int) -> tuple[int, int]:
    """The place of a cell without reference: right of the one before it."""
    if row == 0 or column == MAX_COLUMN:
        raise WorkbookUnreadable("cell_reference", f"right of row {row}, column {column}")
    return row, column + 1
