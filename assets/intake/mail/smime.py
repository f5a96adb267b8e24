"""S/MIME: what a signature wraps (RFC 5652, RFC 8551), taken out without judging the signature.

Belongs here: the few elements of BER that lead to the content. Does not: certificates, and decrypting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assets.intake.mail.unpacking import RefusedError

SIGNED = bytes.fromhex("2a864886f70d010702")
ENCRYPTED = {
    bytes.fromhex("2a864886f70d010703"),  # enveloped
    bytes.fromhex("2a864886f70d010706"),  # encrypted
    bytes.fromhex("2a864886f70d0109100117"),  # authenticated and enveloped
}
SEQUENCE, OCTETS, OCTETS_IN_PIECES, EXPLICIT_0 = 0x30, 0x04, 0x24, 0xA0
DEPTH = 12
# Mailers write pieces of 1 KB and more: enough for any mail within the limits.
ELEMENTS = 1_000_000


def signed_content(data: bytes) -> bytes:
    """The content of signed data (.p7m). Raises RefusedError: mail_encrypted, or mail_damaged."""
    reader = _Reader(data)
    try:
        content_type, wrapped = list(reader.children(reader.element(0)))[:2]
        kind = data[content_type.start : content_type.end]
        if kind in ENCRYPTED:
            raise RefusedError("mail_encrypted")
        if kind != SIGNED or wrapped.tag != EXPLICIT_0:
            raise RefusedError("mail_damaged")
        signed = next(reader.children(wrapped))
        encapsulated = next(child for child in reader.children(signed) if child.tag == SEQUENCE)
        _, explicit = list(reader.children(encapsulated))[:2]
        return b"".join(reader.octets(next(reader.children(explicit))))
    except (IndexError, ValueError, StopIteration) as error:
        raise RefusedError("mail_damaged") from error


@dataclass(frozen=True, slots=True)
class _Element:
    """A BER element: its content is `data[start:end]`, the next element begins at `after`."""

    tag: int
    start: int
    end: int
    after: int


@dataclass(slots=True)
class _Reader:
    """Reads elements of `data`, no more than `left`; raises ValueError or IndexError where it is no BER."""

    data: bytes
    left: int = ELEMENTS

    def element(self, position: int, depth: int = 0) -> _Element:
        """The element at `position`; one of indefinite length is measured by its children."""
        self.left -= 1
        if depth > DEPTH or self.left < 0:
            raise ValueError("nested too deep, or too many elements")
        tag, length = self.data[position], self.data[position + 1]
        start = position + 2
        if length == 0x80:
            end = start
            while self.data[end] or self.data[end + 1]:
                end = self.element(end, depth + 1).after
            return _Element(tag, start, end, end + 2)
        if length > 0x80:
            octets = length & 0x7F
            length = int.from_bytes(self.data[start : start + octets], "big")
            start += octets
        if start + length > len(self.data):
            raise ValueError("cut short")
        return _Element(tag, start, start + length, start + length)

    def children(self, parent: _Element) -> Iterator[_Element]:
        position = parent.start
        while position < parent.end:
            child = self.element(position)
            yield child
            position = child.after

    def octets(self, element: _Element, depth: int = 0) -> Iterator[bytes]:
        """An octet string, whole or in pieces."""
        if element.tag == OCTETS:
            yield self.data[element.start : element.end]
        elif element.tag == OCTETS_IN_PIECES and depth < DEPTH:
            for child in self.children(element):
                yield from self.octets(child, depth + 1)
        else:
            raise ValueError("no octets")
