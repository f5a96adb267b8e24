"""The parts of an .xlsx package: read within bounds, written back with every part that was not touched as it was.

Belongs here: the zip container, relations between parts, content types, XML in and out. Does not: what a part means.
"""

from __future__ import annotations

import copy
import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from assets.instance.limits import MIB, Limits
from assets.intake.workbooks.package import Package as BoundedPackage

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_TYPES_PART = "[Content_Types].xml"
_DATA_DESCRIPTOR = 0x08
_LOCAL_HEADER = struct.Struct("<26x2H")  # the lengths of name and extra field end it (APPNOTE.TXT 4.3.7)
MOST_XML = 32 * MIB  # of a part that is parsed whole; lxml takes some eight times as much
_LEVEL = 6
_ALIKE = 16 * 1024  # bytes; smaller parts are often the same from unit to unit: types, relations, styles
_OWNER_ONLY = 0o600 << 16  # what zipfile says of a part that it makes
_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)


class NotMarkable(Exception):
    """A workbook that cannot be marked; the message says in English, for logs, why."""


def main(tag: str) -> str:
    """The name of a SpreadsheetML element for lxml."""
    return f"{{{MAIN}}}{tag}"


def parsed(content: bytes) -> etree._Element:
    """The root of XML from a stranger: nothing is fetched, no entity put in. Raises LxmlError."""
    return etree.fromstring(content, _PARSER)


class Package:
    """The parts of one workbook by name, compared without case, and what has been changed of them."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        """Raises WorkbookUnreadable where `content` is no honest zip archive."""
        self._content = content
        self._bounded = BoundedPackage(content, limits)
        self._entries = {_key(entry.filename): entry for entry in self._bounded.entries}
        self._changed: dict[str, tuple[str, bytes | None]] = {}

    def __contains__(self, name: str) -> bool:
        key = _key(name)
        return self._changed[key][1] is not None if key in self._changed else key in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of a part. Raises WorkbookUnreadable where it is missing, damaged or beyond the limits."""
        changed = self._changed.get(_key(name))
        if changed and changed[1] is not None:
            return changed[1]
        return b"".join(self._bounded.pieces(name))

    def put(self, name: str, content: bytes) -> None:
        """Write a part, new or instead of the one of that name."""
        entry = self._entries.get(_key(name))
        self._changed[_key(name)] = (entry.filename if entry else name, content)

    def drop(self, name: str) -> None:
        """Leave a part out."""
        self._changed[_key(name)] = (name, None)

    def free(self, pattern: str) -> str:
        """The first name that no part has, of a pattern with one {} for a number."""
        number = 1
        while pattern.format(number) in self:
            number += 1
        return pattern.format(number)

    def xml(self, name: str) -> etree._Element:
        """The root of an XML part. Raises NotMarkable where it has a DTD or is too large, LxmlError if it is none."""
        return self.xml_with_bytes(name)[0]

    def xml_with_bytes(self, name: str) -> tuple[etree._Element, bytes]:
        """The root of an XML part, and the part as it is; see `xml`."""
        entry = self._entries.get(_key(name))
        if entry and entry.file_size > MOST_XML:
            raise NotMarkable(f"part {name!r} has {entry.file_size} bytes")
        content = self.read(name)
        root = parsed(content)
        if root.getroottree().docinfo.doctype:
            raise NotMarkable(f"part {name!r} has a DTD")
        return root, content

    def put_xml(self, name: str, root: etree._Element) -> None:
        """Write an XML part."""
        tree = root.getroottree()
        self.put(name, etree.tostring(tree, xml_declaration=True, encoding="UTF-8", standalone=True))

    def written(self) -> bytes:
        """The package with its changes; untouched parts are copied packed, as they are."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for key, entry in self._entries.items():
                if key not in self._changed:
                    self._copy(entry, archive)
                else:
                    _add(archive, *self._changed[key])
            for key, (name, content) in self._changed.items():
                if key not in self._entries:
                    _add(archive, name, content)
        return file.getvalue()

    def _copy(self, entry: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
        """Append an entry without unpacking it; who knows what it unpacks to."""
        start = entry.header_offset
        name_length, extra_length = _LOCAL_HEADER.unpack_from(self._content, start)
        start += _LOCAL_HEADER.size + name_length + extra_length
        packed = self._content[start : start + entry.compress_size]
        if len(packed) != entry.compress_size:
            raise NotMarkable(f"part {entry.filename!r} is not where the directory says")
        info = copy.copy(entry)
        info.extra = b""
        info.flag_bits &= ~_DATA_DESCRIPTOR  # the sizes stand before the bytes now
        _append(archive, info, packed)


def _key(name: str) -> str:
    return name.replace("\\", "/").lower()


def _add(archive: zipfile.ZipFile, name: str, content: bytes | None) -> None:
    if content is None:
        return
    info = zipfile.ZipInfo(name)  # of 1 January 1980: the same bytes whenever it is made
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = _OWNER_ONLY
    info.file_size = len(content)
    info.CRC = zlib.crc32(content)
    packed = _packed_before(content) if len(content) < _ALIKE else _packed(content)
    info.compress_size = len(packed)
    _append(archive, info, packed)


def _packed(content: bytes) -> bytes:
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


_packed_before = lru_cache(maxsize=128)(_packed)


def _append(archive: zipfile.ZipFile, info: zipfile.ZipInfo, packed: bytes) -> None:
    """Append an entry that is packed already, which zipfile has no call for."""
    assert archive.fp is not None
    info.header_offset = archive.fp.tell()
    archive.fp.write(info.FileHeader(zip64=False))
    archive.fp.write(packed)
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info
    archive.start_dir = archive.fp.tell()


class Relations:
    """What one part leads to. `part` is "" for the package itself."""

    def __init__(self, package: Package, part: str) -> None:
        self._package = package
        self._folder, file = posixpath.split(part)
        self.name = posixpath.join(self._folder, "_rels", f"{file}.rels")
        self._is_changed = False
        if self.name in package:
            self._root = package.xml(self.name)
        else:
            self._root = etree.Element(f"{{{_RELATIONS}}}Relationships", nsmap={None: _RELATIONS})

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Id, last word of the type, and part of every relation inside the package."""
        for relation in self._root:
            if not isinstance(relation.tag, str) or relation.get("TargetMode") == "External":
                continue
            target = relation.get("Target", "").replace("\\", "/")
            path = posixpath.normpath(posixpath.join("/", self._folder, target)).lstrip("/")
            yield relation.get("Id", ""), relation.get("Type", "").rpartition("/")[2], path

    def of_kind(self, kind: str) -> str | None:
        """The first part of that kind, if any."""
        return next((path for _, k, path in self if k == kind), None)

    def target(self, identifier: str) -> tuple[str, str] | None:
        """Kind and part of the relation of that id, if any."""
        return next(((kind, path) for i, kind, path in self if i == identifier), None)

    def add(self, kind: str, part: str) -> str:
        """Lead to a part; the id of the new relation."""
        taken = {r.get("Id") for r in self._root}
        identifier = f"rIdFeedback{kind.capitalize()}"
        while identifier in taken:
            identifier += "x"
        etree.SubElement(
            self._root, f"{{{_RELATIONS}}}Relationship", Id=identifier, Type=f"{LINK}/{kind}", Target=f"/{part}"
        )
        self._is_changed = True
        return identifier

    def remove(self, part: str) -> None:
        """Lead to that part no more."""
        wanted = {i for i, _, path in self if path.lower() == part.lower()}
        for relation in [r for r in self._root if r.get("Id") in wanted]:
            self._root.remove(relation)
            self._is_changed = True

    def save(self) -> None:
        """Write what has changed; a part that leads nowhere has no relations part."""
        if not self._is_changed:
            return
        if len(self._root):
            self._package.put_xml(self.name, self._root)
        else:
            self._package.drop(self.name)


class ContentTypes:
    """The list of what kind of part each one is."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._root = package.xml(_TYPES_PART)

    def add(self, part: str, content_type: str) -> None:
        """Say what a new part is."""
        etree.SubElement(self._root, f"{{{_TYPES}}}Override", PartName=f"/{part}", ContentType=content_type)

    def remove(self, part: str) -> None:
        """Say nothing of a part any more."""
        for entry in [e for e in self._root if e.get("PartName", "").lower() == f"/{part}".lower()]:
            self._root.remove(entry)

    def extension(self, extension: str, content_type: str) -> None:
        """Say what parts with that extension are, unless it is said."""
        if not any(e.get("Extension", "").lower() == extension for e in self._root):
            entry = etree.Element(f"{{{_TYPES}}}Default", Extension=extension, ContentType=content_type)
            self._root.insert(0, entry)

    def save(self) -> None:
        """Write the list."""
        self._package.put_xml(_TYPES_PART, self._root)
