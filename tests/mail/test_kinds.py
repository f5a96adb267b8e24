"""What a file is: by its content before its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import KINDS
from assets.intake.mail.kinds import is_accepted, kind_of
from tests.mail.made_mails import PDF, PROGRAM, ole, picture, workbook, zipped

DOCX = zipped({"[Content_Types].xml": b"", "word/document.xml": b""})


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("附件2.xlsx", workbook(), "workbook"),
        ("附件2.dat", workbook(), "workbook"),
        ("附件2.zip", workbook(), "workbook"),
        ("附件2", workbook(), "workbook"),
        ("附件2.csv", workbook(), "workbook"),
        ("", workbook()[: len(workbook()) // 2], "workbook"),
        ("附件2.xlsx", workbook()[:3000], "workbook"),
        ("附件2.xlsx", b"", "workbook"),
        ("附件2.xlsx", b"<html></html>", "workbook"),
        ("附件2.xlsx", ole("EncryptionInfo", "EncryptedPackage"), "workbook"),
        ("附件2.dat", ole("EncryptionInfo", "EncryptedPackage"), "workbook"),
        ("附件2.xlsx", DOCX, "workbook"),
        ("附件2.xls", ole("Workbook"), "workbook"),
        ("附件2.et", ole("Workbook"), "workbook"),
        ("附件2.bin", ole("Workbook"), "workbook"),
        ("附件2.bin", ole("Book"), "workbook"),
        ("附件2.doc", ole("Workbook"), "workbook"),
        ("附件2.ods", zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}, 0), "workbook"),
        ("附件2.csv", "序号,名称".encode("gbk"), "csv"),
        ("扫描.pdf", PDF, "scan"),
        ("扫描.xlsx", PDF, "scan"),
        ("扫描.dat", picture(), "scan"),
        ("扫描.dat", picture(kind="JPEG"), "scan"),
        ("扫描.dat", picture(kind="TIFF"), "scan"),
        ("扫描.jpg", b"not a picture", "scan"),
        ("", b"\r\n" + PDF, "scan"),
        ("报表.zip", zipped({"a.xlsx": workbook()}), "zip"),
        ("报表", zipped({"a.xlsx": workbook()}), "zip"),
        ("扫描.pdf", zipped({"a.pdf": PDF}), "zip"),
        ("报表.zip", b"PK\x03\x04 cut", "zip"),
        ("原邮件.eml", b"From: a@b.c\n\n", "message"),
        ("winmail.dat", b"\x78\x9f\x3e\x22\x01\x00", "tnef"),
        ("smime.p7m", b"\x30\x80", "signed"),
        ("附件2.xlsx.asc", b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
        ("smime.p7s", b"\x30\x80", "ignored"),
        ("card.vcf", b"BEGIN:VCARD", "ignored"),
        ("invite.ics", b"BEGIN:VCALENDAR", "ignored"),
        ("signature.asc", b"-----BEGIN PGP SIGNATURE-----", "ignored"),
    ],
)
def test_kind(name: str, content: bytes, kind: str) -> None:
    assert kind_of(name, content, 200).name == kind


@pytest.mark.parametrize(
    ("name", "content", "extension", "reason"),
    [
        ("补丁.exe", PROGRAM, ".exe", "program"),
        ("附件2.xlsx", PROGRAM, ".xlsx", "program"),
        ("扫描.pdf", b"\x7fELF\x02\x01", ".pdf", "program"),
        ("附件2.xlsx.exe", b"", ".exe", "program"),
        ("run.VBS", b"x=1", ".vbs", "program"),
        ("app.apk", zipped({"AndroidManifest.xml": b""}), ".apk", "program"),
        ("a.zip", zipped({"META-INF/MANIFEST.MF": b""}), ".zip", "program"),
        ("宏.docm", DOCX, ".docm", "program"),
        ("报表.rar", b"Rar!\x1a\x07\x01\x00", ".rar", "archive_kind"),
        ("报表.zip", b"Rar!\x1a\x07\x01\x00", ".zip", "archive_kind"),
        ("报表", b"7z\xbc\xaf\x27\x1c", ".7z", "archive_kind"),
        ("报表.tar", b"a" * 600, ".tar", "archive_kind"),
        ("说明.docx", DOCX, ".docx", "unknown_kind"),
        ("说明.doc", ole("WordDocument"), ".doc", "unknown_kind"),
        ("说明.bin", ole("WordDocument", "Workbook"), ".bin", "unknown_kind"),
        ("邮件.msg", ole("__nameid_version1.0"), ".msg", "unknown_kind"),
        ("加密.docx", ole("EncryptedPackage"), ".docx", "unknown_kind"),
        ("公文.ofd", zipped({"OFD.xml": b""}), ".ofd", "unknown_kind"),
        ("照片.heic", b"\x00\x00\x00\x18ftypheic", ".heic", "unknown_kind"),
        ("备注.txt", b"hello", ".txt", "unknown_kind"),
        ("noextension", b"hello", "", "unknown_kind"),
    ],
)
def test_kinds_that_are_set_aside(name: str, content: bytes, extension: str, reason: str) -> None:
    kind = kind_of(name, content, 200)
    assert (kind.name, kind.extension, kind.reason) == ("other", extension, reason)


def test_table_that_begins_with_the_letters_of_a_program_is_no_program() -> None:
    assert kind_of("a.csv", b"MZ,name\n1,2\n", 200).name == "csv"


STARTS = st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"MZ", b"%PDF-"])


@given(name=st.text(max_size=20), start=STARTS, rest=st.binary(max_size=2000))
def test_no_bytes_make_it_raise(name: str, start: bytes, rest: bytes) -> None:
    assert kind_of(name, start + rest, 200).name


@given(position=st.integers(0, 6000), byte=st.integers(0, 255))
def test_damaged_workbook_under_its_name_stays_a_workbook_or_is_another_known_kind(position: int, byte: int) -> None:
    content = bytearray(workbook("x"))
    content[position % len(content)] = byte
    assert kind_of("附件2.xlsx", bytes(content), 200).name in ("workbook", "scan", "other")


OLD, NEW, CUT = ole("Workbook"), workbook(), workbook()[:2000]


@pytest.mark.parametrize(
    ("name", "content", "accepted", "opened"),
    [
        ("附件2.xlsx", NEW, ("xlsx",), True),
        ("附件2.xltx", NEW, ("xlsx",), True),
        ("附件2.xlsm", NEW, ("xlsx",), False),
        ("附件2.xlsx", CUT, ("pdf",), False),
        ("附件2.xls", OLD, ("xls",), True),
        ("附件2.xlt", OLD, ("xls",), True),
        ("附件2.xlsx", OLD, ("xlsx",), False),
        ("附件2.et", OLD, ("et",), True),
        ("附件2.et", NEW, ("et",), True),
        ("附件2.et", OLD, ("xls",), False),
        ("附件2.csv", b"a,b", ("xlsx",), False),
        ("扫描.tiff", picture(kind="TIFF"), ("tif",), True),
        ("扫描.pdf", picture(), ("pdf",), False),
        ("报表.zip", zipped({"a.xlsx": NEW}), ("xlsx",), False),
        ("报表.ods", NEW[:50], ("xlsx",), True),
        ("原邮件.eml", b"From: a@b.c\n\n", (), True),
        ("winmail.dat", b"\x78\x9f\x3e\x22\x01\x00", (), True),
    ],
)
def test_settings_say_which_kinds_are_opened(
    name: str, content: bytes, accepted: tuple[str, ...], opened: bool
) -> None:
    assert is_accepted(kind_of(name, content, 200), content, accepted) is opened
    assert is_accepted(kind_of(name, content, 200), content, KINDS)
