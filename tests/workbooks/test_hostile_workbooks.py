"""Hostile and broken workbooks end as the reason that the unit is told, or are read for what they hold.

Each runs in a worker with the memory that intake gives it; one that died would be no reason, and fail the test.
"""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.instance.limits import MIB, Limits
from assets.instance.workers import run_isolated
from assets.intake.workbooks import ooxml
from assets.intake.workbooks.workbook import WorkbookUnreadable, read_workbook
from tests.workbooks import tasks
from tests.workbooks.made_workbooks import (
    RELATIONS,
    biff,
    boolean,
    error,
    formula,
    label,
    number,
    ole,
    record,
    sheet_xml,
    string_item,
    xls,
    xlsx,
    xlsx_parts,
    zipped,
)

LIMITS = Limits()
ONE = '<row r="1"><c r="A1"><v>7</v></c></row>'
FAR = '<row r="1"><c r="A1"><v>7</v></c></row><row r="1048576"><c r="XFD1048576"><v>7</v></c></row>'


def parts_with(name: str, part: str | bytes) -> dict[str, str | bytes]:
    return xlsx_parts(sheet_xml(ONE), strings=[string_item("x")], formats=["14"]) | {name: part}


def bomb(declared: int | None = None) -> bytes:
    """64 MiB of blanks in 64 KB; `declared` is the size that the archive says instead."""
    content = zipped(parts_with("xl/worksheets/sheet1.xml", b" " * (64 * MIB)), level=9)
    if declared is None:
        return content
    return content.replace(struct.pack("<I", 64 * MIB), struct.pack("<I", declared))


def with_dtd(part: str, dtd: str, entity: str = "") -> bytes:
    """A workbook whose `part` opens with a document type, and uses an entity of it."""
    parts = xlsx_parts(sheet_xml(ONE), strings=[string_item("x")], formats=["14"])
    content = parts[part]
    text = re.sub(r"<\?xml.*?\?>", "", content.decode() if isinstance(content, bytes) else content)
    return zipped(parts | {part: dtd + text.replace("x</t>", f"x{entity}</t>")})


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1:9/e.dtd"> %e;]>'


def renamed(name: str) -> bytes:
    return zipped(parts_with(name, "x"))


def twice() -> bytes:
    file = io.BytesIO(xlsx(ONE))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


def overlapping() -> bytes:
    """Two names for the same packed bytes."""
    content = zipped(parts_with("xl/worksheets/sheet2.xml", sheet_xml(ONE)))
    entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    first, last = entries[0].header_offset, entries[-1].header_offset
    at = content.rindex(b"PK\x01\x02")
    assert struct.unpack_from("<I", content, at + 42)[0] == last
    return content[: at + 42] + struct.pack("<I", first) + content[at + 46 :]


def flagged_encrypted() -> bytes:
    """The flag that says that an entry has a password, set on every entry."""
    content = bytearray(xlsx(ONE))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for match in re.finditer(re.escape(signature), bytes(content)):
            content[match.start() + offset] |= 1
    return bytes(content)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def patched(content: bytes, at: int, form: str, *numbers: int) -> bytes:
    data = struct.pack(form, *numbers)
    return content[:at] + data + content[at + len(data) :]


def directory_at(content: bytes) -> int:
    """Where the directory of an .xls file begins."""
    return 512 * (struct.unpack_from("<I", content, 48)[0] + 1)


def cyclic_short_stream() -> bytes:
    """A workbook stream in short sectors whose table leads in a circle; the stream says it is longer."""
    content = xls(label(0, 0, "x"))
    at = 512 * (struct.unpack_from("<I", content, 60)[0] + 1)
    content = patched(content, at, "<2I", 1, 0)
    return patched(content, directory_at(content) + 128 + 120, "<I", 4000)


def shared_directory_entries() -> bytes:
    """Each entry is left and right of the one before it: a reader that follows both takes 2**40 steps."""
    content = bytearray(ole({"Workbook": biff(label(0, 0, "x"))} | {f"s{n}": b"x" for n in range(40)}))
    at = directory_at(bytes(content))
    for entry in range(1, 41):
        struct.pack_into("<II", content, at + 128 * entry + 68, entry + 1, entry + 1)
    return bytes(content)


def package_of(main: str, content: str | bytes) -> bytes:
    """An Office file whose main part is another than a workbook's."""
    link = f'<Relationship Id="r" Type="{RELATIONS}/officeDocument" Target="{main}"/>'
    return zipped({"_rels/.rels": f"<Relationships>{link}</Relationships>", main: content})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # what is no workbook
    "an empty file": (lambda: b"", "empty"),
    "a file of blanks": (lambda: b"\r\n \0" * 100, "empty"),
    "a file above the limit": (lambda: b"PK\x03\x04".ljust(LIMITS.workbook_bytes + 1), "too_large"),
    "a PDF named .xlsx": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n", "not_workbook"),
    "a picture named .xlsx": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "not_workbook"),
    "a program named .xlsx": (lambda: b"MZ\x90\0" + bytes(100), "not_workbook"),
    "a note named .xlsx": (lambda: "本月无新增资产".encode("gb18030"), "not_workbook"),
    "a web page named .xls": (lambda: b"<html><table><tr><td>1</td></tr></table></html>", "format_unsupported"),
    "an XML table of 2003": (
        lambda: b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
        "format_unsupported",
    ),
    "a web archive named .xls": (
        lambda: b"MIME-Version: 1.0\nContent-Type: multipart/related\n\n",
        "format_unsupported",
    ),
    "a zip of something else": (lambda: zipped({"readme.txt": "x"}), "not_workbook"),
    "an empty zip": (lambda: zipped({}), "not_workbook"),
    "a letter named .xlsx": (lambda: package_of("word/document.xml", "<document/>"), "not_workbook"),
    "an .ods": (lambda: zipped({"mimetype": "x", "content.xml": "<x/>"}), "format_unsupported"),
    "an .xlsb": (lambda: package_of("xl/workbook.bin", b"\x83\x01"), "format_unsupported"),
    "a letter of Word 97": (lambda: ole({"WordDocument": bytes(5000)}), "not_workbook"),
    # passwords
    "a workbook with a password": (
        lambda: ole({"EncryptionInfo": bytes(200), "EncryptedPackage": bytes(9000)}),
        "encrypted",
    ),
    "the same in large sectors": (lambda: ole({"EncryptedPackage": bytes(9000)}, sector_shift=12), "encrypted"),
    "an .xls with a password": (lambda: xls(label(0, 0, "x"), protected=True), "encrypted"),
    "an archive with a password": (flagged_encrypted, "encrypted"),
    # the archive
    "cut short": (lambda: xlsx(ONE)[:-300], "damaged"),
    "cut to its head": (lambda: xlsx(ONE)[:40], "damaged"),
    "a bit flipped in a part": (lambda: flipped(xlsx(ONE), xlsx(ONE).index(b"sheet1.xml") + 30), "damaged"),
    "a checksum that is wrong": (
        lambda: patched(xlsx(ONE), xlsx(ONE).rindex(b"PK\x01\x02") + 16, "<I", 12345),
        "damaged",
    ),
    "a part that is missing": (
        lambda: zipped({k: v for k, v in xlsx_parts(sheet_xml(ONE)).items() if "sheet1" not in k}),
        "damaged",
    ),
    "a relation that is missing": (
        lambda: zipped(xlsx_parts(sheet_xml(ONE)) | {"xl/_rels/workbook.xml.rels": "<Relationships/>"}),
        "damaged",
    ),
    "a bomb": (bomb, "bomb"),
    "a bomb that says it is small": (lambda: bomb(1000), "bomb"),
    "a bomb that says it is larger still": (lambda: bomb(0x7FFFFFFF), "bomb"),
    "a part above the limit": (
        lambda: zipped(parts_with("xl/sharedStrings.xml", varied(101 * MIB)), level=1),
        "too_large",
    ),
    "two parts of one name": (twice, "zip_ambiguous"),
    "two parts of one name but for case": (lambda: renamed("XL/Workbook.xml"), "zip_ambiguous"),
    "parts that overlap": (overlapping, "zip_ambiguous"),
    "a name that climbs": (lambda: renamed("../../etc/cron.d/x"), "zip_ambiguous"),
    "a name that climbs in Windows": (lambda: renamed("xl\\..\\..\\x"), "zip_ambiguous"),
    "a name from the root": (lambda: renamed("/etc/x"), "zip_ambiguous"),
    "two archives in a row": (lambda: zipped({"a.txt": "x"}) + xlsx(ONE), "zip_ambiguous"),
    "a PDF before the archive": (lambda: b"%PDF-1.7\n" + bytes(50) + xlsx(ONE), "not_workbook"),
    # the XML
    "a billion laughs": (lambda: with_dtd("xl/sharedStrings.xml", LAUGHS + "]>", "&i;"), "xml_entities"),
    "a quadratic blow-up": (
        lambda: with_dtd("xl/sharedStrings.xml", f'<!DOCTYPE x [<!ENTITY a "{"a" * 50000}">]>', "&a;" * 50000),
        "xml_entities",
    ),
    "an external entity": (lambda: with_dtd("xl/worksheets/sheet1.xml", EXTERNAL), "xml_entities"),
    "a parameter entity": (lambda: with_dtd("xl/worksheets/sheet1.xml", PARAMETER), "xml_entities"),
    "a document type in the list of sheets": (lambda: with_dtd("xl/workbook.xml", EXTERNAL), "xml_entities"),
    "a document type in the styles": (lambda: with_dtd("xl/styles.xml", EXTERNAL), "xml_entities"),
    "a document type in the relations": (lambda: with_dtd("xl/_rels/workbook.xml.rels", EXTERNAL), "xml_entities"),
    "an entity nobody defined": (
        lambda: xlsx('<row r="1"><c r="A1" t="inlineStr"><is><t>&nbsp;</t></is></c></row>'),
        "damaged",
    ),
    "elements in a pit": (lambda: xlsx("<x>" * 100 + "</x>" * 100), "damaged"),
    "strings in a pit": (lambda: xlsx(ONE, strings=["<si>" * 100 + "</si>" * 100]), "damaged"),
    "XML that is none": (lambda: zipped(xlsx_parts(b"<worksheet><sheetData>")), "damaged"),
    "an encoding of several bytes": (
        lambda: zipped(xlsx_parts('<?xml version="1.0" encoding="GBK"?><worksheet/>'.encode("gbk"))),
        "damaged",
    ),
    "an unknown encoding": (
        lambda: zipped(xlsx_parts(b'<?xml version="1.0" encoding="x-klingon"?><worksheet/>')),
        "damaged",
    ),
    # the cells
    "two cells a sheet apart": (lambda: xlsx(FAR), "cells_far_apart"),
    "two cells 80 million places apart": (lambda: xlsx(FAR.replace("1048576", "5000")), "cells_far_apart"),
    "an error a sheet apart": (
        lambda: xlsx(ONE + '<row r="1048576"><c r="XFD1048576" t="e"><v>#N/A</v></c></row>'),
        "cells_far_apart",
    ),
    "a formula without value a sheet apart": (
        lambda: xlsx(ONE + '<row r="1048576"><c r="XFD1048576"><f>A1</f></c></row>'),
        "cells_far_apart",
    ),
    "sheets of a few far cells each": (
        lambda: zipped(xlsx_parts(*[sheet_xml(FAR.replace("XFD1048576", "B1000000"))] * 3)),
        "cells_far_apart",
    ),
    "row 4294967295": (lambda: xlsx('<row r="4294967295"><c><v>7</v></c></row>'), "cell_reference"),
    "row 0": (lambda: xlsx('<row r="0"><c r="A0"><v>7</v></c></row>'), "cell_reference"),
    "row 1048577": (lambda: xlsx('<row r="1"><c r="A1048577"><v>7</v></c></row>'), "cell_reference"),
    "a row in Arabic digits": (lambda: xlsx('<row r="١"><c><v>7</v></c></row>'), "cell_reference"),
    "column XFE": (lambda: xlsx('<row r="1"><c r="XFE1"><v>7</v></c></row>'), "cell_reference"),
    "column AAAA": (lambda: xlsx('<row r="1"><c r="AAAA1"><v>7</v></c></row>'), "cell_reference"),
    "a column without row": (lambda: xlsx('<row r="1"><c r="B"><v>7</v></c></row>'), "cell_reference"),
    "an absolute reference": (lambda: xlsx('<row r="1"><c r="$A$1"><v>7</v></c></row>'), "cell_reference"),
    "a cell right of the last column": (lambda: xlsx(f'<row r="1">{"<c/>" * 16385}</row>'), "cell_reference"),
    "a cell in no row": (lambda: xlsx("<c><v>7</v></c>"), "cell_reference"),
    "two cells in one place": (
        lambda: xlsx('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'),
        "damaged",
    ),
    "a value and an error in one place": (
        lambda: xlsx('<row r="1"><c r="A1"><v>1</v></c><c r="A1" t="e"><v>#N/A</v></c></row>'),
        "damaged",
    ),
    "two errors in one place": (
        lambda: xlsx("<row r='1'>" + "<c r='A1' t='e'><v>#N/A</v></c>" * 2 + "</row>"),
        "damaged",
    ),
    "two references in one cell": (lambda: xlsx('<row r="1"><c r="A1" r="B2"><v>1</v></c></row>'), "damaged"),
    "a string that does not exist": (lambda: xlsx('<row r="1"><c r="A1" t="s"><v>9</v></c></row>'), "damaged"),
    "a string before the first": (
        lambda: xlsx('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', strings=[string_item("x")]),
        "damaged",
    ),
    "20,000 sheets": (lambda: zipped(many_sheets(20_000)), "too_many_sheets"),
    # .xls
    "an .xls cut short": (lambda: xls(label(0, 0, "x") * 500)[:3000], "damaged"),
    "an .xls cut to its head": (lambda: xls(label(0, 0, "x"))[:600], "damaged"),
    "a container that says it has 4 billion tables": (
        lambda: patched(xls(label(0, 0, "x")), 44, "<I", 0xFFFFFFFF),
        "damaged",
    ),
    "a container that says it has 4 billion tables of tables": (
        lambda: patched(xls(label(0, 0, "x")), 68, "<II", 0, 0xFFFFFFFF),
        "damaged",
    ),
    "a container of sectors of 2**40 bytes": (lambda: patched(xls(label(0, 0, "x")), 30, "<H", 40), "damaged"),
    "a stream longer than its file": (
        lambda: patched(big_xls(), directory_at(big_xls()) + 128 + 120, "<I", 0x7FFFFFFF),
        "damaged",
    ),
    "short sectors in a circle": (cyclic_short_stream, "damaged"),
    "a directory that branches into itself": (shared_directory_entries, "damaged"),
    "a workbook stream of nothing": (lambda: ole({"Workbook": b""}), "damaged"),
    "an .xls of 200 sheets": (lambda: xls(*[label(0, 0, "x")] * 200), "too_many_sheets"),
    "a record of BIFF 5 outside a container, cut short": (lambda: b"\x09\x08\x08\x00\x00\x05\x05\x00", "damaged"),
}


def varied(length: int) -> bytes:
    """Bytes that pack, but by no suspicious ratio."""
    block = zlib.compress(random.Random(1).randbytes(1 << 16))[2:] + bytes(1 << 18)
    return (block * (length // len(block) + 1))[:length]


def many_sheets(count: int) -> dict[str, str | bytes]:
    parts = xlsx_parts(sheet_xml(ONE))
    return parts | {"xl/workbook.xml": f"<workbook><sheets>{'<sheet/>' * count}</sheets></workbook>"}


def big_xls() -> bytes:
    return xls(b"".join(label(row, 0, "单位编码") for row in range(400)))


def merges(count: int) -> str:
    return "<mergeCells>" + "".join(f'<mergeCell ref="A{n}:B{n}"/>' for n in range(1, count + 1)) + "</mergeCells>"


def counted(count: int) -> bytes:
    """One string, said to be `count`."""
    part = f'<sst uniqueCount="{count}" count="{count}">{string_item("x")}</sst>'
    return zipped(parts_with("xl/sharedStrings.xml", part))


HARMLESS: dict[str, Callable[[], bytes]] = {
    "a dimension that lies": lambda: xlsx_with("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>'),
    "a count of strings that lies": lambda: counted(4_000_000_000),
    "a count of strings beyond all numbers": lambda: counted(1 << 64),
    "a string of a million characters in 20,000 cells": lambda: xlsx(
        "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 20_001)),
        strings=[string_item("x" * 1_000_000)],
    ),
    "formats a sheet apart": lambda: xlsx(ONE + '<row r="1048576"><c r="XFD1048576" s="1"/></row>'),
    "blank values a sheet apart": lambda: xlsx(ONE + '<row r="1048576"><c r="XFD1048576"><v/></c></row>'),
    "a million formatted rows": lambda: xlsx(
        ONE + "".join(f'<row r="{row}" s="1" customFormat="1" ht="20"/>' for row in range(2, 1_000_001))
    ),
    "a million merged areas": lambda: zipped(xlsx_parts(sheet_xml(ONE, tail=merges(1_000_000)))),
    "a formula that would start a program": lambda: xlsx(
        '<row r="1"><c r="A1" t="str"><f>cmd|\'/C calc\'!A0</f><v>0</v></c></row>'
    ),
    "a directory of the archive": lambda: zipped({"xl/": ""} | xlsx_parts(sheet_xml(ONE))),
    "names with backslashes": lambda: zipped({k.replace("/", "\\"): v for k, v in xlsx_parts(sheet_xml(ONE)).items()}),
    "an .xls named .xlsx": lambda: xls(label(0, 0, "x")),
    "a CSV named .xlsx": lambda: "单位编码,单位名称\r\n001,网络部\r\n".encode("gb18030"),
}


def xlsx_with(old: str, new: str) -> bytes:
    return zipped(xlsx_parts(sheet_xml(ONE).replace(old.encode(), new.encode())))


def outcomes(contents: list[bytes]) -> list[str | object]:
    results = run_isolated(
        tasks.outcome,
        contents,
        workers=2,
        batch=1,
        seconds_per_task=60,
        memory_bytes=LIMITS.file_memory_bytes,
    )
    return [result for _, result in results]


@pytest.mark.parametrize(("make", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_file_ends_as_its_reason(make: Callable[[], bytes], reason: str) -> None:
    assert outcomes([make()]) == [reason]


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_only_looks_dangerous_is_read(make: Callable[[], bytes]) -> None:
    assert outcomes([make()]) == ["read"]


def test_every_reason_has_its_texts() -> None:
    with open("expectations/reasons.yaml", encoding="utf-8") as file:  # noqa: PTH123
        texts = yaml.safe_load(file)
    for reason in {reason for _, reason in HOSTILE.values()} | {"too_many_cells", "crashed", "timeout", "memory"}:
        assert set(texts[reason]) == {"zh", "en"}


REWRITINGS: dict[str, Callable[[str], str | bytes]] = {
    "single quotes": lambda xml: xml.replace('"', "'"),
    "line breaks for blanks": lambda xml: xml.replace(" ", "\n"),
    "tabs and blanks around": lambda xml: xml.replace("<c r=", "<c\t r =\n ").replace("</c>", "</c\n>"),
    "another attribute before": lambda xml: xml.replace("<c r", '<c s="1" x="r" r'),
    "a prefix": lambda xml: re.sub(r"<(/?)", r"<\1q:", xml).replace("<q:worksheet", '<q:worksheet xmlns:q="x"'),
    "a prefix for cells only": lambda xml: xml.replace("<c ", '<q:c xmlns:q="x" ').replace("</c>", "</q:c>"),
    "character references": lambda xml: xml.replace("XFD1048576", "&#88;&#x46;D&#49;048576"),
    "small letters": lambda xml: xml.replace("XFD1048576", "xfd1048576"),
    "no row number": lambda xml: xml.replace('<row r="1048576">', "<row>"),
    "a comment before": lambda xml: xml.replace("<row", '<!-- <c r="A1"/> --><row'),
    "a comment in the value": lambda xml: xml.replace("<v>7</v>", "<v>7<!-- --></v>"),
    "a character section": lambda xml: xml.replace("<v>7</v>", "<v><![CDATA[7]]></v>"),
    "a processing instruction": lambda xml: xml.replace("<row", "<?q <c?><row"),
    "an inline string": lambda xml: xml.replace("><v>7</v>", ' t="inlineStr"><is><t>7</t></is>'),
    "a byte order mark": lambda xml: b"\xef\xbb\xbf" + xml.encode(),
    "UTF-16": lambda xml: xml.encode("utf-16"),
    "UTF-16, big end first": lambda xml: b"\xfe\xff" + xml.encode("utf-16-be"),
    "ISO 8859-1": lambda xml: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + xml.encode(),
}


@pytest.mark.parametrize("rewrite", REWRITINGS.values(), ids=REWRITINGS.keys())
def test_no_way_of_writing_hides_a_far_cell(rewrite: Callable[[str], str | bytes]) -> None:
    content = zipped(xlsx_parts(rewrite(f"<worksheet><sheetData>{FAR}</sheetData></worksheet>")))
    with pytest.raises(WorkbookUnreadable, match="cells_far_apart"):
        read_workbook(content, "a.xlsx", LIMITS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("spelling", ["<!DOCTYPE x []>", "<!DOCTYPE\n x\tSYSTEM 'x'>", "<!--x--><!DOCTYPE x>"])
def test_no_way_of_writing_hides_a_document_type(spelling: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    part = mark + f"{spelling}<worksheet><sheetData>{ONE}</sheetData></worksheet>".encode(encoding)
    with pytest.raises(WorkbookUnreadable, match="xml_entities"):
        read_workbook(zipped(xlsx_parts(part)), "a.xlsx", LIMITS)


def test_cells_are_counted_over_all_sheets() -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>7</v></c></row>' for row in range(1, 101))
    limits = replace(LIMITS, workbook_cells=150)
    assert len(read_workbook(zipped(xlsx_parts(sheet_xml(rows))), "a.xlsx", limits).sheets) == 1
    for content in (zipped(xlsx_parts(sheet_xml(rows), sheet_xml(rows))), xlsx(rows + rows.replace('"A', '"B'))):
        with pytest.raises(WorkbookUnreadable, match="too_many_cells"):
            read_workbook(content, "a.xlsx", limits)


def test_tags_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many cannot be read in time; a part may hold a few times more."""
    content = xlsx(ONE + "<x/>" * 500)
    assert len(read_workbook(content, "a.xlsx", LIMITS).sheets) == 1
    monkeypatch.setattr(ooxml, "_TAGS", 1000)
    with pytest.raises(WorkbookUnreadable, match="too_large"):
        read_workbook(content, "a.xlsx", LIMITS)


def test_what_is_unpacked_is_counted_over_all_parts() -> None:
    content = zipped(xlsx_parts(*[sheet_xml(ONE + " " * 60_000)] * 3))
    with pytest.raises(WorkbookUnreadable, match="too_large"):
        read_workbook(content, "a.xlsx", replace(LIMITS, workbook_bytes_unpacked=150_000))


@pytest.mark.parametrize(
    "content",
    [
        zipped(parts_with("xl/vbaProject.bin", b"\xd0\xcf")),
        zipped(parts_with("xl/macrosheets/sheet1.xml", "<xm:macrosheet/>")),
        xls(label(0, 0, "x"), storages=["_VBA_PROJECT_CUR"]),
        xls(label(0, 0, "x"), record(0x0A), kinds=[0, 1]),
    ],
    ids=["xlsm", "xlsx with an Excel 4 sheet", "xls", "xls with an Excel 4 sheet"],
)
def test_macros_are_told_and_the_workbook_is_read(content: bytes) -> None:
    workbook = read_workbook(content, "a.xls", LIMITS)
    assert workbook.macros
    assert len(workbook.sheets) == 1


def test_without_macros_none_are_told() -> None:
    assert not read_workbook(xlsx(ONE), "a.xlsm", LIMITS).macros
    assert not read_workbook(xls(label(0, 0, "x")), "a.xls", LIMITS).macros


SEED = zipped(
    xlsx_parts(
        sheet_xml(
            '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46303</v></c><c r="C1"><f>A1</f></c></row>'
            '<row r="2"><c r="A2" t="inlineStr"><is><t>网络</t></is></c><c r="B2" t="e"><v>#N/A</v></c></row>'
        ),
        strings=[string_item("单位编码"), string_item("x")],
        formats=["yyyy-mm-dd", "[h]:mm"],
    )
)
SEED_PARTS = {
    entry: zipfile.ZipFile(io.BytesIO(SEED)).read(entry) for entry in zipfile.ZipFile(io.BytesIO(SEED)).namelist()
}
SCRAPS = [
    b"<",
    b">",
    b'"',
    b"&",
    b"<c>",
    b"</c>",
    b"-1",
    b"1e999",
    b"99999999999",
    b"\0",
    b"<!",
    b'r="',
    b"]]>",
    b"\xff",
    b"",
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(SEED_PARTS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(SCRAPS)), min_size=1, max_size=4),
)
def test_no_damage_to_a_part_escapes_as_anything_else(part: str, cuts: list[tuple[float, int, bytes]]) -> None:
    data = SEED_PARTS[part]
    for where, length, scrap in cuts:
        at = int(where * len(data))
        data = data[:at] + scrap + data[at + length :]
    assert tasks.outcome(zipped(SEED_PARTS | {part: data})) in {"read", "damaged", "cell_reference", "cells_far_apart",
        "xml_entities", "not_workbook", "format_unsupported", "encrypted"}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=6))
def test_no_damage_to_an_archive_escapes_as_anything_else(patches: list[tuple[float, bytes]]) -> None:
    content = SEED
    for where, data in patches:
        at = int(where * len(content))
        content = content[:at] + data + content[at + len(data) :]
    assert tasks.outcome(content) != ""


def test_no_damage_to_an_xls_kills_its_worker() -> None:
    """In isolation, as xlrd is not ours: a mutant that it hangs on or dies of would be Died."""
    seed = xls(
        label(0, 0, "单位编码")
        + number(1, 0, 46303.0, 1)
        + boolean(1, 1, True)
        + error(2, 0, 0x2A)
        + formula(2, 1, 7.0),
        label(0, 0, "x"),
        formats=[14],
    )
    chance = random.Random(3)
    mutants = []
    for _ in range(600):
        mutant = bytearray(seed)
        for _ in range(chance.choice([1, 2, 5, 20])):
            mutant[chance.randrange(len(mutant))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        mutants.append(bytes(mutant))
    results = run_isolated(
        tasks.outcome, mutants, workers=2, batch=25, seconds_per_task=20, memory_bytes=LIMITS.file_memory_bytes
    )
    seen = [result for _, result in results]
    assert len(seen) == 600
    assert all(isinstance(result, str) for result in seen)
    assert {"read", "damaged"} <= set(seen)
