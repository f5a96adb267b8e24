"""Zip archives that mails come with, opened in memory and within bounds.

Belongs here: getting the files out, and refusing what is damaged, encrypted or over the limits. Does not:
deciding what the files are (kinds.py). Nothing is ever written to disk, so a path in an archive is only a
name.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from assets.instance.limits import MIB, Limits
from assets.intake.mail.headers import clean_name, decode_bytes
from assets.intake.mail.kinds import zip_directory_bytes

# What systems and office programs leave beside the files.
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini", "~$")
# Below this a high ratio is a blank sheet, not a bomb.
RATIO_FREE_BYTES = MIB
UNICODE_PATH = 0x7075
ENCRYPTED = 0x1
UTF8_NAME = 0x800
DIRECTORY_ENTRY_BYTES = 1024
# What zipfile raises on damaged archives.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class RefusedError(Exception):
    """A container, or one file in it, cannot be used; `reason` is a code of expectations/reasons.yaml."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unzip(content: bytes, budget: int, limits: Limits) -> Iterator[tuple[str, bytes | RefusedError]]:
    """The files of a .zip, one level: (cleaned name, its bytes or why it cannot be had), in the directory's
    order.

    Before a byte is inflated the directory is checked: the number of members, sizes (`budget` bytes in
    all), ratio, overlapping data. zipfile then inflates no more than the stated size of a member and checks
    its CRC. Raises RefusedError for the archive as a whole.
    """
    if zip_directory_bytes(content) > limits.archive_members * DIRECTORY_ENTRY_BYTES:
        raise RefusedError("archive_members")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (*DAMAGE, NotImplementedError) as error:
        raise RefusedError("archive_damaged") from error
    with archive:
        members = [member for member in archive.infolist() if not member.orig_filename.endswith("/")]
        _check_directory(members, budget, limits)
        for member in members:
            name = _member_name(member)
            if not any(litter in name for litter in LITTER):
                yield clean_name(name), _member_content(archive, member)


def _check_directory(members: list[zipfile.ZipInfo], budget: int, limits: Limits) -> None:
    if len(members) > limits.archive_members:
        raise RefusedError("archive_members")
    if sum(member.file_size for member in members) > budget:
        raise RefusedError("archive_bomb")
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise RefusedError("archive_bomb")
        end = member.header_offset + 30 + len(member.orig_filename) + member.compress_size
        if member.file_size > max(RATIO_FREE_BYTES, limits.archive_ratio * member.compress_size):
            raise RefusedError("archive_bomb")


def _member_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | RefusedError:
    if member.flag_bits & ENCRYPTED:
        return RefusedError("archive_encrypted")
    if stat.S_ISLNK(member.external_attr >> 16):
        return RefusedError("archive_damaged")
    try:
        return archive.read(member)
    except NotImplementedError:
        return RefusedError("archive_kind")
    except DAMAGE:
        return RefusedError("archive_damaged")


def _member_name(member: zipfile.ZipInfo) -> str:
    """A member's path: UTF-8 by its flag or in Info-ZIP's field 0x7075, else by its bytes, mostly GB18030."""
    if member.flag_bits & UTF8_NAME:
        return member.orig_filename
    raw = member.orig_filename.encode("cp437", "replace")
    extra = member.extra
    while len(extra) >= 4:
        number, length = struct.unpack_from("<HH", extra)
        if number == UNICODE_PATH and length > 5 and extra[5:9] == zlib.crc32(raw).to_bytes(4, "little"):
            return extra[9 : 4 + length].decode("utf-8", "replace")
        extra = extra[4 + length :]
    return decode_bytes(raw, "", hint="gb18030")
