"""Makes the mails of these tests: bytes as mailers write them, and the files they carry.

Belongs here: building. Does not: asserting.
"""

from __future__ import annotations

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping

import xlsxwriter
from PIL import Image

from assets.instance.limits import Limits
from assets.intake.mail.message import Message, parse_message

LIMITS = Limits()
HEAD = (
    b"Received: from a (a [127.0.0.1]) by mx.oa.example with ESMTP id 1;\r\n\tFri, 06 Nov 2026 00:00:01 +0800\r\n"
    b"From: unit01@oa.example\r\nDate: Thu, 05 Nov 2026 23:59:20 +0800\r\nSubject: report\r\n"
    b"Message-ID: <1@oa.example>\r\n"
)


def parsed(raw: bytes, limits: Limits = LIMITS) -> Message:
    return parse_message(raw, limits)


def names(message: Message) -> list[str]:
    return [attachment.name for attachment in message.attachments]


def kinds(message: Message) -> list[str]:
    return [attachment.kind for attachment in message.attachments]


def faults(message: Message) -> list[tuple[str, str, str]]:
    return [(fault.rule_id, fault.file, fault.reason) for fault in message.faults]


# --- mails ---


def mail(*parts: bytes, subtype: bytes = b"mixed", head: bytes = HEAD, boundary: bytes = b"=_b") -> bytes:
    """A multipart mail; of head b"" a multipart part."""
    lines = [head, b"Content-Type: multipart/", subtype, b'; boundary="', boundary, b'"\r\n\r\n']
    for part in parts:
        lines += [b"--", boundary, b"\r\n", part, b"\r\n"]
    return b"".join([*lines, b"--", boundary, b"--\r\n"])


def text(words: str, subtype: bytes = b"plain", charset: str = "utf-8") -> bytes:
    head = b"Content-Type: text/%b; charset=%b\r\n" % (subtype, charset.encode())
    return head + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + words.encode(charset)


def attached(
    name: str | bytes,
    content: bytes,
    content_type: bytes = b"application/octet-stream",
    headers: bytes = b"",
) -> bytes:
    """An attachment in base64; `name` as bytes goes raw into a quoted filename parameter."""
    raw = name.encode("ascii") if isinstance(name, str) else name
    disposition = b"Content-Disposition: attachment"
    disposition += b'; filename="' + raw + b'"\r\n' if raw else b"\r\n"
    return with_headers(b"Content-Type: " + content_type + b"\r\n" + disposition + headers, content)


def with_headers(headers: bytes, content: bytes) -> bytes:
    body = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return headers + b"Content-Transfer-Encoding: base64\r\n\r\n" + body


def forwarded(inner: bytes) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" + inner


def inline_image(content: bytes, content_id: str, name: str = "logo.png") -> bytes:
    headers = f"Content-ID: <{content_id}>\r\n".encode()
    return attached(name, content, b"image/png", headers)


# --- files ---


def workbook(word: str = "附件2") -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.add_worksheet("填报信息").write(0, 0, word)
    return buffer.getvalue()


def picture(width: int = 700, height: int = 900, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, kind)
    return buffer.getvalue()


PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PROGRAM = b"MZ\x90\x00\x03\x00\x00\x00" + b"\x00" * 200


def ole(*streams: str) -> bytes:
    """The header and directory of an OLE file, which is all that its kind is told by."""
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\x00") for name in ("Root Entry", *streams))
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\x00") + entries.ljust(1024, b"\x00")


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def raw_zip(members: Iterable[tuple[bytes, bytes]], flags: int = 0, extra: bytes = b"") -> bytes:
    """A zip, stored, with names as raw bytes: as Windows tools in China write them."""
    body, directory, count = b"", b"", 0
    for name, content in members:
        common = struct.pack(
            "<HHHHHIIIHH",
            *(20, flags, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name)),
            len(extra),
        )
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\x03\x04" + common + name + extra + content
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


# --- winmail.dat (MS-OXTNEF) ---


def tnef(*attachments: bytes, codepage: int = 936) -> bytes:
    head = struct.pack("<IH", 0x223E9F78, 1) + tnef_attribute(1, 0x9007, struct.pack("<II", codepage, 0))
    return head + b"".join(attachments)


def tnef_attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, number, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def tnef_file(title: bytes, content: bytes, *properties: bytes) -> bytes:
    parts = [tnef_attribute(2, 0x9002, bytes(14)), tnef_attribute(2, 0x8010, title + b"\x00")]
    if content:
        parts.append(tnef_attribute(2, 0x800F, content))
    if properties:
        parts.append(tnef_attribute(2, 0x9005, struct.pack("<I", len(properties)) + b"".join(properties)))
    return b"".join(parts)


def tnef_property(tag: int, kind: int, value: bytes) -> bytes:
    padded = value + bytes(-len(value) % 4)
    return struct.pack("<HHII", kind, tag, 1, len(value)) + padded


# --- S/MIME (RFC 5652) ---


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def ber(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x80]) + content + b"\x00\x00"


def signed(content: bytes, in_pieces: bool = False, kind: int = 2) -> bytes:
    """Signed data without signatures: as DER, or as streaming mailers write it, in pieces of unknown number."""
    wrap = ber if in_pieces else der
    octets = der(0x04, content)
    if in_pieces:
        pieces = (content[start : start + 1000] for start in range(0, len(content), 1000))
        octets = ber(0x24, b"".join(der(0x04, piece) for piece in pieces))
    pkcs7 = bytes.fromhex("2a864886f70d0107")
    encapsulated = wrap(0x30, der(0x06, pkcs7 + b"\x01") + wrap(0xA0, octets))
    data = wrap(0x30, der(0x02, b"\x01") + der(0x31, b"") + encapsulated + der(0x31, b""))
    return wrap(0x30, der(0x06, pkcs7 + bytes([kind])) + wrap(0xA0, data))


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)
