"""winmail.dat: the files in Outlook's own envelope (MS-OXTNEF).

Belongs here: the attachments, also those of attached mails. Does not: the text, properties and recipients
of the envelope. Own code, because tnefparse loops 2^32 times where 60 bytes tell it to; here every step
uses up bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assets.instance.limits import Limits
from assets.intake.mail.headers import clean_name, decode_bytes
from assets.intake.mail.unpacking import RefusedError

SIGNATURE = 0x223E9F78
ATTACHMENT_LEVEL = 2
CODEPAGE, TITLE, DATA, RENDERING, PROPERTIES = 0x9007, 0x8010, 0x800F, 0x9002, 0x9005  # MS-OXTNEF 2.1.3.2
LONG_NAME, SHORT_NAME, OBJECT = 0x3707, 0x3704, 0x3701  # MS-OXPROPS: PidTagAttach...
STRING8, UNICODE, OBJECT_TYPE, BINARY = 0x1E, 0x1F, 0x0D, 0x102
VARIABLE_TYPES = {STRING8, UNICODE, OBJECT_TYPE, BINARY}
FIXED_SIZES = {
    **{2: 4, 3: 4, 4: 4, 0xA: 4, 0xB: 4},
    **{5: 8, 6: 8, 7: 8, 0x14: 8, 0x40: 8, 0x48: 16},
}
MULTIPLE = 0x1000
NAMED = 0x8000
# An object begins with its interface's id; in a mail as attachment an envelope of its own follows.
INTERFACE_BYTES = 16


@dataclass(slots=True)
class _File:
    title: bytes = b""
    long_name: str = ""
    short_name: str = ""
    data: bytes = b""
    embedded: bytes = b""


def files(content: bytes, limits: Limits, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """(cleaned name, bytes) of the attachments of an envelope and of the mails in it.

    Raises RefusedError, after the files that could be had, where a part of it is damaged.
    """
    if depth > limits.mime_depth:
        raise RefusedError("mail_too_large")
    found: list[_File] = []
    charset = ""
    damaged = False
    try:
        for level, number, data in _attributes(content):
            if number == CODEPAGE and len(data) >= 4:
                charset = f"cp{struct.unpack_from('<I', data)[0]}"
            elif number == RENDERING:
                found.append(_File())
            elif level == ATTACHMENT_LEVEL and found:
                _take_attribute(found[-1], number, data, charset)
    except struct.error:
        damaged = True
    for file in found:
        if file.embedded:
            yield from files(file.embedded, limits, depth + 1)
        elif file.data:
            title = decode_bytes(file.title.rstrip(b"\x00"), charset)
            yield clean_name(file.long_name or title or file.short_name), file.data
    if damaged:
        raise RefusedError("damaged")


def _attributes(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, number, data) of each attribute of an envelope; stops where it is cut short."""
    if struct.unpack_from("<I", content)[0] != SIGNATURE:
        raise RefusedError("damaged")
    position = 6
    while position + 11 <= len(content):
        level, number, _, length = struct.unpack_from("<BHHI", content, position)
        position += 9
        yield level, number, content[position : position + length]
        position += length + 2  # the checksum


def _take_attribute(file: _File, number: int, data: bytes, charset: str) -> None:
    if number == TITLE:
        file.title = data
    elif number == DATA:
        file.data = data
    elif number == PROPERTIES:
        for tag, kind, value in _properties(data):
            if tag == OBJECT:
                held = value[INTERFACE_BYTES:] if kind == OBJECT_TYPE else value
                if held.startswith(SIGNATURE.to_bytes(4, "little")):
                    file.embedded = held
                else:
                    file.data = file.data or held
            elif tag in (LONG_NAME, SHORT_NAME) and kind in (STRING8, UNICODE):
                label = "utf-16-le" if kind == UNICODE else charset
                name = decode_bytes(value, label).rstrip("\x00")
                if tag == LONG_NAME:
                    file.long_name = name
                else:
                    file.short_name = name


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(tag, type, value) of MAPI properties (MS-OXTNEF 2.1.3.4); of several values the first."""
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(count):
        kind, tag = struct.unpack_from("<HH", data, position)
        position += 4
        if tag >= NAMED:
            (by_name,) = struct.unpack_from("<I", data, position + 16)
            (length,) = struct.unpack_from("<I", data, position + 20)
            position += 24 + (_padded(length) if by_name else 0)
        base = kind & ~MULTIPLE
        values = 1
        if kind & MULTIPLE or base in VARIABLE_TYPES:
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        if base in VARIABLE_TYPES:
            value = b""
            for ordinal in range(values):
                (length,) = struct.unpack_from("<I", data, position)
                if not ordinal:
                    value = data[position + 4 : position + 4 + length]
                position += 4 + _padded(length)
        elif base in FIXED_SIZES:
            value = data[position : position + FIXED_SIZES[base]]
            position += FIXED_SIZES[base] * values
        else:
            return  # of unknown length: what follows cannot be found
        yield tag, base, value


def _padded(length: int) -> int:
    return length + -length % 4
