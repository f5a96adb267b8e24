"""Makes the workbooks of these tests, byte by byte where no library would write them.

Belongs here: building. Does not: asserting.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"

Part = str | bytes


def zipped(parts: Mapping[str, Part], *, level: int = 6) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def sheet_xml(rows: Part, *, tail: str = "", namespace: str = MAIN) -> bytes:
    """A worksheet part around the rows."""
    rows = rows.encode() if isinstance(rows, str) else rows
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{namespace}"><sheetData>'.encode()
        + rows
        + f"</sheetData>{tail}</worksheet>".encode()
    )


def xlsx_parts(
    *sheets: Part,
    strings: Iterable[str] | None = None,
    formats: Iterable[str] = (),
    epoch: int = 1900,
    titles: Iterable[str] = (),
    states: Iterable[str] = (),
    relations: str = RELATIONS,
    namespace: str = MAIN,
) -> dict[str, Part]:
    """The parts of a workbook of these worksheet parts; style n shows the n-th of `formats`, from 1 on."""
    numbers = range(1, len(sheets) + 1)
    named = [*titles, *(f"表{number}" for number in numbers)][: len(sheets)]
    shown = [*states, *("visible" for _ in numbers)][: len(sheets)]
    links = [(f"s{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
    parts: dict[str, Part] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": _relations([("r", "officeDocument", "xl/workbook.xml")], relations),
        "xl/workbook.xml": (
            f'<workbook xmlns="{namespace}" xmlns:r="{relations}"><workbookPr date1904="{int(epoch == 1904)}"/><sheets>'
            + "".join(
                f'<sheet name={quoteattr(title)} sheetId="{number}" state="{state}" r:id="s{number}"/>'
                for number, title, state in zip(numbers, named, shown, strict=True)
            )
            + "</sheets></workbook>"
        ),
    }
    if strings is not None:
        links.append(("strings", "sharedStrings", "sharedStrings.xml"))
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{namespace}">{"".join(strings)}</sst>'
    codes = list(formats)
    if codes:
        links.append(("styles", "styles", "styles.xml"))
        parts["xl/styles.xml"] = styles_xml(codes, namespace)
    parts["xl/_rels/workbook.xml.rels"] = _relations(links, relations)
    return parts | {f"xl/worksheets/sheet{number}.xml": sheet for number, sheet in zip(numbers, sheets, strict=True)}


def xlsx(rows: Part, **kinds: object) -> bytes:
    """A workbook of one sheet with these rows; keywords as for xlsx_parts."""
    return zipped(xlsx_parts(sheet_xml(rows), **kinds))  # type: ignore[arg-type]


def styles_xml(codes: Iterable[str], namespace: str = MAIN) -> str:
    """Styles of which number n shows the n-th of `codes`: a format code, or the number of a built-in format."""
    custom, cells = "", '<xf numFmtId="0"/>'
    for number, code in enumerate(codes, 170):
        custom += "" if code.isdigit() else f'<numFmt numFmtId="{number}" formatCode={quoteattr(code)}/>'
        cells += f'<xf numFmtId="{code if code.isdigit() else number}"/>'
    return f'<styleSheet xmlns="{namespace}"><numFmts>{custom}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>'


def _relations(links: Iterable[tuple[str, str, str]], namespace: str) -> str:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        + "".join(f'<Relationship Id="{key}" Type="{namespace}/{kind}" Target="{path}"/>' for key, kind, path in links)
        + "</Relationships>"
    )


def string_item(text: str) -> str:
    return f"<si><t>{escape(text)}</t></si>"


# OLE and BIFF8 ([MS-CFB], [MS-XLS]): nothing in the environment writes them.


def ole(streams: Mapping[str, bytes], *, storages: Iterable[str] = (), sector_shift: int = 9) -> bytes:
    """An OLE file with these streams and empty storages under its root; streams below 4096 bytes are short ones."""
    size = 1 << sector_shift
    short_size = 64
    free, end, fat_mark, difat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
    short_stream = b""
    short_fat: list[int] = []
    places: dict[str, int] = {}
    for name, data in streams.items():
        if 0 < len(data) < 4096:
            count = -(-len(data) // short_size)
            places[name] = len(short_fat)
            short_fat += [*range(len(short_fat) + 1, len(short_fat) + count), end]
            short_stream += data.ljust(count * short_size, b"\0")
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        if not data:
            return end
        count = -(-len(data) // size)
        start = len(sectors)
        sectors.extend(data[i * size : (i + 1) * size].ljust(size, b"\0") for i in range(count))
        fat.extend([*range(start + 1, start + count), end])
        return start

    for name, data in streams.items():
        if len(data) >= 4096:
            places[name] = store(data)
    short_start = store(short_stream)
    short_fat_start = store(struct.pack(f"<{len(short_fat)}I", *short_fat))
    entries = [("Root Entry", 5, short_start, len(short_stream))]
    entries += [(name, 2, places.get(name, end), len(data)) for name, data in streams.items()]
    entries += [(name, 1, 0, 0) for name in storages]
    directory = b""
    for number, (name, kind, start, length) in enumerate(entries):
        text = name.encode("utf-16-le") + b"\0\0"
        right = number + 1 if 0 < number < len(entries) - 1 else free
        child = 1 if number == 0 and len(entries) > 1 else free
        directory += text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, free, right, child)
        directory += bytes(36) + struct.pack("<III", start, length, 0)
    directory_start = store(directory)
    per_sector = size // 4
    tables, mores = 1, 0  # sectors of the table of sectors, and of the list of those that the header has no room for
    while tables * per_sector < len(fat) + tables + mores:
        tables += 1
        mores = -(-max(tables - 109, 0) // (per_sector - 1))
    numbers = [*range(len(sectors), len(sectors) + tables)]
    more = len(sectors) + tables
    fat += [fat_mark] * tables + [difat_mark] * mores
    fat += [free] * (tables * per_sector - len(fat))
    sectors += [struct.pack(f"<{per_sector}I", *fat[i * per_sector : (i + 1) * per_sector]) for i in range(tables)]
    for index in range(mores):
        listed = numbers[109 + index * (per_sector - 1) :][: per_sector - 1]
        listed += [free] * (per_sector - 1 - len(listed))
        sectors.append(struct.pack(f"<{per_sector}I", *listed, more + index + 1 if index < mores - 1 else end))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3 if sector_shift == 9 else 4, 0xFFFE, sector_shift, 6)
    header += struct.pack("<II", 0, tables) + struct.pack("<III", directory_start, 0, 4096)
    short_tables = -(-len(short_fat) * 4 // size)
    header += struct.pack("<IIII", short_fat_start, short_tables, more if mores else end, mores)
    header += struct.pack("<109I", *numbers[:109], *[free] * (109 - tables))
    return header.ljust(size, b"\0") + b"".join(sectors)


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _wide(text: str) -> bytes:
    return b"\x01" + text.encode("utf-16-le")


def label(row: int, column: int, text: str) -> bytes:
    return record(0x204, struct.pack("<HHHH", row, column, 0, len(text)) + _wide(text))


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x203, struct.pack("<HHHd", row, column, style, value))


def boolean(row: int, column: int, value: bool) -> bytes:
    return record(0x205, struct.pack("<HHHBB", row, column, 0, value, 0))


def error(row: int, column: int, code: int) -> bytes:
    return record(0x205, struct.pack("<HHHBB", row, column, 0, code, 1))


def formula(row: int, column: int, value: float) -> bytes:
    return record(0x06, struct.pack("<HHHdHIH", row, column, 0, value, 0, 0, 0))


def biff(
    *sheets: bytes,
    titles: Iterable[str] = (),
    epoch: int = 1900,
    kinds: Iterable[int] = (),
    formats: Iterable[int] = (),
    protected: bool = False,
    globals_records: bytes = b"",
) -> bytes:
    """A BIFF8 stream of sheets of these cell records; style n shows the n-th of `formats` (built-in), from 1 on.

    `globals_records` follow the formats.
    """
    named = [*titles, *(f"表{index}" for index in range(1, len(sheets) + 1))][: len(sheets)]
    typed = [*kinds, *(0 for _ in sheets)][: len(sheets)]
    head = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0x0DBB, 1996, 0, 6))
    head += record(0x2F, bytes(54)) if protected else b""
    head += record(0x42, struct.pack("<H", 1200)) + record(0x22, struct.pack("<H", epoch == 1904))
    head += record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + b"\x01" + _wide("A")) * 4
    for built_in in (0, *formats):
        head += record(0xE0, struct.pack("<HHH14x", 0, built_in, 0))
    head += globals_records
    bodies = []
    for cells, kind in zip(sheets, typed, strict=True):
        start = struct.pack("<HHHHII", 0x600, 0x10 if kind == 0 else 0x40, 0x0DBB, 1996, 0, 6)
        bodies.append(record(0x809, start) + cells + record(0x0A))
    position = len(head) + sum(12 + 2 * len(title) for title in named) + 4
    listing = b""
    for title, kind, body in zip(named, typed, bodies, strict=True):
        listing += record(0x85, struct.pack("<IBBB", position, 0, kind, len(title)) + _wide(title))
        position += len(body)
    return head + listing + record(0x0A) + b"".join(bodies)


def xls(*sheets: bytes, storages: Iterable[str] = (), **kinds: object) -> bytes:
    """An .xls file; keywords as for biff."""
    return ole({"Workbook": biff(*sheets, **kinds)}, storages=storages)  # type: ignore[arg-type]
