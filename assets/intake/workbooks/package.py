"""The zip container of an .xlsx file, opened without trusting it.

Belongs here: whether the archive is one honest archive, and its parts' bytes within the limits. Does not:
what the parts say (ooxml.py), or zip files that carry attachments (assets/mail).
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from assets.instance.limits import MIB, Limits
from assets.intake.workbooks.sheet import WorkbookUnreadable

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7
_PIECE = 4 * MIB
_RATIO_MATTERS_FROM = 1 * MIB
"""Below this size no part can hurt, however well it packs."""


class Package:
    """The parts of one archive by name, compared without case, as Office does.

    Nothing is unpacked until asked for, and what is unpacked in total is bounded by the limits.
    """

    def __init__(self, content: bytes, limits: Limits) -> None:
        """Raises WorkbookUnreadable where two readers could see two different archives in `content`."""
        try:
            entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
        except (
            zipfile.BadZipFile,
            ValueError,
            NotImplementedError,
            struct.error,
            EOFError,
            OSError,
        ) as error:
            raise WorkbookUnreadable("damaged", f"zip directory: {error}") from error
        self.entries = tuple(entries)
        """In the order of the archive's directory."""
        self._content = content
        self._limits = limits
        self._budget = limits.workbook_bytes_unpacked
        self._entries = _honest(entries, len(content))

    @property
    def names(self) -> frozenset[str]:
        """The parts' names in lower case."""
        return frozenset(self._entries)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._entries

    def pieces(self, name: str, *, kept: bool = True) -> Iterator[bytes]:
        """The bytes of part `name`, piece by piece; size and checksum are verified by the last one.

        A part whose content is `kept` in memory may be as large as workbook_part_bytes, another as what is left
        of workbook_bytes_unpacked. Raises WorkbookUnreadable: damaged, encrypted, too_large, bomb.
        """
        entry = self._entries.get(name.lower())
        if entry is None:
            raise WorkbookUnreadable("damaged", f"part {name!r} is missing")
        size, packed_size = entry.file_size, entry.compress_size
        if entry.flag_bits & 0x1:
            raise WorkbookUnreadable("encrypted", f"part {name!r}")
        if size > _RATIO_MATTERS_FROM and size > packed_size * self._limits.archive_ratio:
            raise WorkbookUnreadable("bomb", f"part {name!r}: {packed_size} bytes say they unpack to {size}")
        if size > self._budget or (kept and size > self._limits.workbook_part_bytes):
            raise WorkbookUnreadable("too_large", f"part {name!r} unpacks to {size} bytes")
        self._budget -= size
        checksum = 0
        for piece in _inflated(entry, self._packed(entry)):
            size -= len(piece)
            if size < 0:
                raise WorkbookUnreadable("bomb", f"part {name!r} unpacks to more than it says")
            checksum = zlib.crc32(piece, checksum)
            yield piece
        if size or checksum != entry.CRC:
            raise WorkbookUnreadable("damaged", f"part {name!r}: size or checksum")

    def _packed(self, entry: zipfile.ZipInfo) -> memoryview:
        """The packed bytes of `entry`, found through its local header."""
        start = entry.header_offset
        signature, *_, name_length, extra_length = _LOCAL_HEADER.unpack_from(self._content, start)
        start += _LOCAL_HEADER.size + name_length + extra_length
        packed = memoryview(self._content)[start : start + entry.compress_size]
        if signature != b"PK\x03\x04" or len(packed) != entry.compress_size:
            raise WorkbookUnreadable("damaged", f"part {entry.filename!r} is not where the directory says")
        return packed


def _honest(entries: list[zipfile.ZipInfo], length: int) -> dict[str, zipfile.ZipInfo]:
    """The entries by name: begun with the file's first byte, without overlap, each name used once."""
    by_name: dict[str, zipfile.ZipInfo] = {}
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.filename.replace("\\", "/").lower()
        if name.startswith("/") or ".." in name.split("/") or name in by_name:
            raise WorkbookUnreadable("zip_ambiguous", f"name {entry.filename!r}")
        if entry.header_offset < end or (not by_name and entry.header_offset):
            raise WorkbookUnreadable(
                "zip_ambiguous", f"entry {entry.filename!r} at {entry.header_offset}, {end} or later expected"
            )
        by_name[name] = entry
        end = entry.header_offset + _LOCAL_HEADER.size + entry.compress_size
    if end > length:
        raise WorkbookUnreadable("damaged", f"entries end at {end}, the file at {length}")
    return by_name


def _inflated(entry: zipfile.ZipInfo, packed: memoryview) -> Iterator[bytes]:
    if entry.compress_type == zipfile.ZIP_STORED:
        for start in range(0, len(packed), _PIECE):
            yield bytes(packed[start : start + _PIECE])
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        rest: bytes | memoryview = packed
        try:
            while not stream.eof:
                piece = stream.decompress(rest, _PIECE)
                rest = stream.unconsumed_tail
                if not piece and not rest and not stream.eof:
                    raise WorkbookUnreadable("damaged", f"part {entry.filename!r} is cut short")
                yield piece
        except zlib.error as error:
            raise WorkbookUnreadable("damaged", f"part {entry.filename!r}: {error}") from error
    else:
        raise WorkbookUnreadable("damaged", f"part {entry.filename!r}: method {entry.compress_type}")
