"""What a file is, told by its first bytes and its inner directory before its name.

Belongs here: signatures and extensions. Does not: opening files (message.py, unpacking.py, assets/workbooks,
assets/scans), and saying what is wrong with one that claims to be a form (its reader does).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from assets.instance.limits import KINDS


def _extensions(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


WORKBOOK_EXTENSIONS = _extensions("xlsx xlsm xls et ett xltx xltm xlt xlsb ods")
SCAN_EXTENSIONS = _extensions("pdf jpg jpeg png tif tiff")
# No files of the sender's: signatures, visiting cards, appointments, what mailers add on their own.
IGNORED_EXTENSIONS = _extensions("p7s asc sig vcf ics mso emz wmz")
ARCHIVE_EXTENSIONS = _extensions("rar 7z gz tgz bz2 xz tar cab lzh arj zst iso z z01 zipx")
PROGRAM_EXTENSIONS = _extensions(
    "exe com scr dll msi bat cmd ps1 vbs vbe js jse wsf hta lnk jar apk sh py pif cpl reg chm url "
    "xll xlam xla ppam docm dotm pptm"
)
DOCUMENT_EXTENSIONS = _extensions("doc dot docx ppt pptx wps dps msg vsd mpp pub")
# A zip under one of these names is unpacked; under another one it is a document or program of that kind.
ZIP_EXTENSIONS = {"", ".zip", ".dat", ".bin", ".tmp", ".csv", *SCAN_EXTENSIONS}

# What of the settings' accepted kinds a file is that has another extension of the same format.
SAME_FORMAT = {".xltx": "xlsx", ".xltm": "xlsm", ".xlt": "xls", ".ett": "et", ".jpeg": "jpg", ".tiff": "tif"}

PROGRAM, ARCHIVE, UNKNOWN = "program", "archive_kind", "unknown_kind"  # codes of expectations/reasons.yaml

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
ZIP_END, ZIP64_LOCATOR, ZIP64_END = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
TNEF = b"\x78\x9f\x3e\x22"
PGP = b"-----BEGIN PGP MESSAGE"
ODS = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
SCANS = {
    b"%PDF-": ".pdf",
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"II+\x00": ".tif",
    b"MM\x00+": ".tif",
}
ARCHIVES = {
    b"Rar!\x1a\x07": ".rar",
    b"7z\xbc\xaf\x27\x1c": ".7z",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"MSCF": ".cab",
    b"\x28\xb5\x2f\xfd": ".zst",
}
PROGRAMS = (
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"L\x00\x00\x00\x01\x14\x02\x00",
)
OTHER_OLE_STREAMS = ("WordDocument", "PowerPoint Document", "__nameid_version1.0")
WORKBOOK_STREAMS = ("Workbook", "Book", "EncryptedPackage")


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is workbook, csv, scan, zip, message, tnef, signed, encrypted, ignored or other; `extension`
    that of the content, else of the name; `reason` a code of reasons.yaml where `name` is other.
    """

    name: str
    extension: str
    reason: str = ""


def extension_of(name: str) -> str:
    """The extension of a file's name, lower case, with its dot; "" if none."""
    return PurePosixPath(name.lower()).suffix if not name.startswith(".") else name.lower()


def is_accepted(kind: Kind, content: bytes, accepted: Collection[str]) -> bool:
    """Whether the settings let a file be opened: `accepted` are some of assets.instance.limits.KINDS.

    True of what is no such kind at all: mails, envelopes, and workbooks that their reader has better words for.
    """
    read_as = SAME_FORMAT.get(kind.extension, kind.extension[1:])
    if kind.name == "workbook" and content.startswith(OLE) and read_as != "et":
        read_as = "xls"  # whatever its name says
    return read_as in accepted or read_as not in KINDS


def kind_of(name: str, content: bytes, archive_members: int) -> Kind:
    """What a file is: by content first, then by the extension of `name`. Never raises.

    A zip's directory is read only if it has at most `archive_members` entries.
    """
    extension = extension_of(name)
    head = content[:16]
    if head.startswith(PROGRAMS) or _is_dos_program(content) or extension in PROGRAM_EXTENSIONS:
        return Kind("other", extension, PROGRAM)
    for signature, found in SCANS.items():
        if head.startswith(signature):
            return Kind("scan", found)
    for signature, found in ARCHIVES.items():
        if head.startswith(signature):
            return Kind("other", extension or found, ARCHIVE)
    if head.startswith(ZIP):
        return _kind_of_zip(extension, content, archive_members)
    if head.startswith(OLE):
        return _kind_of_ole(extension, content)
    if head.startswith(TNEF):
        return Kind("tnef", ".dat")
    if content.startswith(PGP):
        return Kind("encrypted", extension)
    if content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\x00").startswith(b"%PDF-"):
        return Kind("scan", ".pdf")
    return _kind_by_extension(extension)


def _kind_by_extension(extension: str) -> Kind:
    by_extension = (
        ("workbook", WORKBOOK_EXTENSIONS),
        ("csv", {".csv"}),
        ("scan", SCAN_EXTENSIONS),
        ("zip", {".zip"}),
        ("message", {".eml"}),
        ("signed", {".p7m"}),
        ("ignored", IGNORED_EXTENSIONS),
    )
    for kind, extensions in by_extension:
        if extension in extensions:
            return Kind(kind, extension)
    return Kind("other", extension, ARCHIVE if extension in ARCHIVE_EXTENSIONS else UNKNOWN)


def _is_dos_program(content: bytes) -> bool:
    """MZ, and no text: a table may well begin with the letters."""
    return content.startswith(b"MZ") and b"\x00" in content[:64]


def zip_directory_bytes(content: bytes) -> int:
    """The stated size of a zip's directory, before anything of it is read; 0 where it has no end record."""
    end = content.rfind(ZIP_END, max(0, len(content) - 65557))
    if end < 0:
        return 0
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    if content[end - 20 : end - 16] == ZIP64_LOCATOR:
        end = content.rfind(ZIP64_END, 0, end)
        size = max(size % 0xFFFFFFFF, int.from_bytes(content[end + 40 : end + 48], "little"))
    return size


def _kind_of_zip(extension: str, content: bytes, archive_members: int) -> Kind:
    """A workbook is a zip too, as are the other office documents and Java programs."""
    names = _zip_names(content, archive_members)
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        return Kind("workbook", extension if extension in WORKBOOK_EXTENSIONS else ".xlsx")
    if extension in WORKBOOK_EXTENSIONS:
        return Kind("workbook", extension)
    if "AndroidManifest.xml" in names or "META-INF/MANIFEST.MF" in names:
        return Kind("other", extension, PROGRAM)
    if content.startswith(ODS, 30):
        return Kind("workbook", ".ods")
    if "[Content_Types].xml" in names or "mimetype" in names or "OFD.xml" in names:
        return Kind("other", extension, UNKNOWN)
    if extension not in ZIP_EXTENSIONS:
        return Kind("other", extension, ARCHIVE if extension in ARCHIVE_EXTENSIONS else UNKNOWN)
    if not names and extension != ".zip" and b"xl/" in content[:65536]:
        return Kind("workbook", ".xlsx")  # cut short: the directory at its end is lost
    return Kind("zip", ".zip")


def _zip_names(content: bytes, archive_members: int) -> set[str]:
    """The names in a zip's directory; none where it has no readable one or a far too long one."""
    if zip_directory_bytes(content) > archive_members * 1024:
        return set()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return set(archive.namelist())
    except Exception:  # whatever zipfile makes of it, there are no names to be had
        return set()


def _kind_of_ole(extension: str, content: bytes) -> Kind:
    """.xls, .et and encrypted .xlsx are OLE files, as are .doc, .ppt, .msg and .msi."""
    if extension in WORKBOOK_EXTENSIONS:
        return Kind("workbook", extension)
    if any(_ole_has(content, stream) for stream in OTHER_OLE_STREAMS):
        return Kind("other", extension, UNKNOWN)
    if extension in DOCUMENT_EXTENSIONS and not _ole_has(content, "Workbook"):
        return Kind("other", extension, UNKNOWN)
    if any(_ole_has(content, stream) for stream in WORKBOOK_STREAMS):
        return Kind("workbook", ".xls")
    return Kind("other", extension, UNKNOWN)


def _ole_has(content: bytes, stream: str) -> bool:
    """Whether an OLE file's directory names a stream; entries lie at multiples of 128 bytes (MS-CFB 2.6)."""
    wanted = stream.encode("utf-16-le") + b"\x00\x00"
    position = content.find(wanted, 512)
    while position >= 0:
        if position % 128 == 0:
            return True
        position = content.find(wanted, position + 1)
    return False
