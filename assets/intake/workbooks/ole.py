"""The OLE container of .xls, .et and encrypted files: its streams by name ([MS-CFB]).

xlrd has a reader of its own, which a cycle of short sectors or of directory entries keeps busy for ever;
here every loop is bounded by the size of the file. Belongs here: the container. Does not: what a stream
says (biff.py).
"""

from __future__ import annotations

import struct

from assets.intake.workbooks.sheet import WorkbookUnreadable

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER = struct.Struct("<8I")  # at byte 44: counts and first sectors of the tables
_LAST = 0xFFFFFFFA  # sector numbers from here on mark the end of a chain
_NO_ENTRY = 0xFFFFFFFF
_ENTRY_BYTES = 128
_SHORT_BYTES = 64  # of a sector of the short streams


class OleFile:
    """The streams and storages right under the root of `content`, `names` in lower case."""

    def __init__(self, content: bytes) -> None:
        """Raises WorkbookUnreadable (damaged)."""
        self._content = content
        try:
            self._open()
        except (struct.error, IndexError) as error:
            raise WorkbookUnreadable("damaged", f"OLE container: {error}") from error

    @property
    def names(self) -> frozenset[str]:
        """The names of streams and storages."""
        return frozenset(self._entries)

    def stream(self, name: str) -> bytes:
        """The bytes of stream `name`. Raises WorkbookUnreadable (damaged), KeyError where there is none."""
        start, size = self._entries[name]
        try:
            if size >= self._short_below:
                return self._chain(start, size)
            return self._short_chain(start, size)
        except (struct.error, IndexError) as error:
            raise WorkbookUnreadable("damaged", f"OLE stream {name!r}: {error}") from error

    def _open(self) -> None:
        shift = struct.unpack_from("<H", self._content, 30)[0]
        if shift not in (9, 12):
            raise IndexError(f"sectors of 2**{shift} bytes")
        self._sector_bytes = 1 << shift
        self._sectors = -(-len(self._content) // self._sector_bytes) - 1  # the last one may be cut short
        header = _HEADER.unpack_from(self._content, 44)
        tables, directory, _, self._short_below, short_table, _, more, mores = header
        if max(tables, mores) > self._sectors:
            raise IndexError(f"{max(tables, mores)} sectors of tables in {self._sectors}")
        per_sector = self._sector_bytes // 4
        table = [*struct.unpack_from("<109I", self._content, 76)]
        for _ in range(mores):
            *numbers, more = struct.unpack(f"<{per_sector}I", self._sector(more))
            table += numbers
        self._table = table[: self._sectors // per_sector + 1]
        entries = self._chain(directory, None)
        self._shorts = self._chain(*struct.unpack_from("<II", entries, 116))
        self._short_table = self._chain(short_table, None)  # may be less than its count says, where nothing is short
        self._entries: dict[str, tuple[int, int]] = {}
        seen = set()
        waiting = list(struct.unpack_from("<I", entries, 76))
        while waiting:
            entry = waiting.pop()
            if entry in seen:
                raise IndexError(f"directory entry {entry} is named twice")
            if entry != _NO_ENTRY:
                seen.add(entry)
                at = entry * _ENTRY_BYTES
                length = struct.unpack_from("<H", entries, at + 64)[0]
                name = entries[at : at + min(max(length - 2, 0), 62)].decode("utf-16-le", "replace")
                self._entries[name.lower()] = struct.unpack_from("<II", entries, at + 116)
                waiting += struct.unpack_from("<II", entries, at + 68)  # left and right, but nothing below

    def _sector(self, number: int) -> bytes:
        if number >= self._sectors:
            raise IndexError(f"sector {number} of {self._sectors}")
        start = (number + 1) * self._sector_bytes
        return self._content[start : start + self._sector_bytes]

    def _chain(self, number: int, size: int | None) -> bytes:
        """The `size` bytes of the chain from sector `number` on; None takes all, at most a file's worth."""
        wanted = self._sectors if size is None else -(-size // self._sector_bytes)
        if wanted > self._sectors:
            raise IndexError(f"a stream of {size} bytes in {self._sectors} sectors")
        pieces = []
        for _ in range(wanted):
            if number >= _LAST:
                break
            pieces.append(self._sector(number))
            place, offset = divmod(number, self._sector_bytes // 4)
            number = struct.unpack_from("<I", self._sector(self._table[place]), offset * 4)[0]
        return self._whole(b"".join(pieces), size)

    def _short_chain(self, number: int, size: int) -> bytes:
        pieces = []
        for _ in range(-(-size // _SHORT_BYTES)):
            if number >= _LAST:
                break
            pieces.append(self._shorts[number * _SHORT_BYTES : (number + 1) * _SHORT_BYTES])
            number = struct.unpack_from("<I", self._short_table, number * 4)[0]
        return self._whole(b"".join(pieces), size)

    @staticmethod
    def _whole(data: bytes, size: int | None) -> bytes:
        if size is not None and len(data) < size:
            raise IndexError(f"{len(data)} bytes of {size}")
        return data[:size]
