"""A PDF with its objects packed: the tags of a report's tables are thousands of small ones, which Typst writes as text.

Belongs here: object streams and the table that finds what is in them (ISO 32000-1, 7.5.7 and 7.5.8; PDF/A-2 allows
both). Does not: what the objects say (pdf.py). pikepdf can do it for any PDF, but parses every object, which takes
eight times as long.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

TOGETHER = 200  # objects of a stream: a reader unpacks them all to read one
LEVEL = 1  # of compression: the best takes twice as long for a twentieth less
_TRAILER = re.compile(rb"trailer\n<<(.*)>>\nstartxref\n(\d+)\n%%EOF\s*\Z", re.DOTALL)
_SIZE = re.compile(rb"/Size \d+")
_TABLE = re.compile(rb"xref\n0 (\d+)\n")
_ROW = 20  # bytes of the table for an object
_FREE, _PLAIN, _PACKED = 0, 1, 2  # kinds of objects in the new table


class PackError(Exception):
    """The PDF is not as Typst writes them: one table of offsets at its end, objects in the order of their numbers."""


def packed(document: bytes) -> bytes:
    """The same PDF with all objects but its streams packed. Raises PackError for one that Typst did not write."""
    head, objects, trailer = _taken_apart(document)
    small = [(n, content) for n, content in enumerate(objects, start=1) if not content.endswith(b"endstream")]
    written = [(n, content) for n, content in enumerate(objects, start=1) if content.endswith(b"endstream")]
    places = [(_FREE, 0, 65535)] * (len(objects) + 1)
    for begin in range(0, len(small), TOGETHER):
        together = small[begin : begin + TOGETHER]
        for i, (n, _) in enumerate(together):
            places[n] = (_PACKED, len(places), i)
        written.append((len(places), _object_stream(together)))
        places.append((_FREE, 0, 0))
    parts, at = [head], len(head)
    for n, content in written:
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (n, content))
        places[n] = (_PLAIN, at, 0)
        at += len(parts[-1])
    table = len(places)
    places.append((_PLAIN, at, 0))
    entries = b"/Type/XRef/W[1 4 2]" + _SIZE.sub(b"/Size %d" % len(places), trailer, count=1)
    rows = b"".join(b"%c%b%b" % (kind, a.to_bytes(4), b.to_bytes(2)) for kind, a, b in places)
    parts.append(b"%d 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, _stream(entries, [rows]), at))
    return b"".join(parts)


def _taken_apart(document: bytes) -> tuple[bytes, list[bytes], bytes]:
    """What stands before the first object, the content of each in the order of numbers, the entries of the trailer."""
    trailer = _TRAILER.search(document, max(0, len(document) - 1024))
    table = _TABLE.match(document, int(trailer[2])) if trailer else None
    if trailer is None or table is None:
        raise PackError("no table of offsets at the end")
    begin = table.end()
    rows = [document[at : at + _ROW] for at in range(begin + _ROW, begin + int(table[1]) * _ROW, _ROW)]
    offsets = [*(int(row[:10]) for row in rows), table.start()]
    objects = []
    for n, (start, end) in enumerate(pairwise(offsets), start=1):
        opening, whole = b"%d 0 obj\n" % n, document[start:end].rstrip()
        if not (whole.startswith(opening) and whole.endswith(b"\nendobj")):
            raise PackError(f"object {n} is not where the table says")
        objects.append(whole[len(opening) : -len(b"\nendobj")])
    return document[: offsets[0]], objects, trailer[1]


def _object_stream(objects: Sequence[tuple[int, bytes]]) -> bytes:
    places, at = [], 0
    for n, content in objects:
        places.append(b"%d %d" % (n, at))
        at += len(content) + 1
    index = b" ".join(places) + b"\n"
    entries = b"/Type/ObjStm/N %d/First %d" % (len(objects), len(index))
    return _stream(entries, [index, b"\n".join(content for _, content in objects)])


def _stream(entries: bytes, content: Iterable[bytes]) -> bytes:
    data = zlib.compress(b"".join(content), LEVEL)
    return b"<<%b/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data)
