"""Pictures of charts for the forms that cannot draw them: the same SVG as elsewhere, through Typst, with our own fonts.

Belongs here: SVG to PNG. Does not: drawing (charts.py), placing (docx.py).
Typst lays the drawings out and pdfium paints them: together they take a third of the time of Typst's own PNG, and with
a palette the pictures take half of the room.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from pathlib import Path

import typst
from PIL import Image
from pypdfium2 import PdfDocument, PdfPage

HERE = Path(__file__).parent
TEMPLATE = HERE / "templates" / "pictures.typ"
DOTS_PER_INCH = 192.0
COLOURS = 256  # of a palette
SIXTEENTHS = (8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15)  # of the way between two colours, as they matter
APART = 12  # of 255: Pillow looks up colours four by four, so that nearer ones would be taken for one another
LEVEL = 3  # of compression: more takes twice as long for a sixth less
_COLOUR = re.compile('="#([0-9a-f]{6})"')


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(str(TEMPLATE), root=str(HERE), font_paths=[str(HERE / "fonts")], ignore_system_fonts=True)


def as_png(drawings: Sequence[str], width: float) -> list[bytes]:
    """Each SVG as a PNG, `width` points wide. Raises typst.TypstError for what is no SVG."""
    if not drawings:
        return []
    laid_out = _compiler().compile(
        format="pdf", sys_inputs={"drawings": json.dumps(list(drawings)), "width": str(width)}
    )
    with PdfDocument(laid_out) as document:
        return [_png(page, drawing) for page, drawing in zip(document, drawings, strict=True)]


def _png(page: PdfPage, drawing: str) -> bytes:
    painted = page.render(scale=DOTS_PER_INCH / 72, rev_byteorder=True, prefer_bgrx=True)  # four bytes are faster
    picture = painted.to_pil().convert("RGB")
    painted.close()
    buffer = io.BytesIO()
    palette = _palette(tuple(sorted({"ffffff", *_COLOUR.findall(drawing)})))
    flat = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    flat.save(buffer, "png", compress_level=LEVEL)
    return buffer.getvalue()


@cache
def _palette(codes: tuple[str, ...]) -> Image.Image:
    """A drawing's colours, and those between each two of them, where its edges are smoothed."""
    known = [tuple(bytes.fromhex(code)) for code in codes[:COLOURS]]
    pairs = list(combinations(known, 2))
    for part, (one, other) in product(SIXTEENTHS, pairs):
        mixed = tuple(round(a + (b - a) * part / 16) for a, b in zip(one, other, strict=True))
        if len(known) < COLOURS and all(_distance(mixed, colour) >= APART for colour in known):
            known.append(mixed)
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for colour in known for value in colour])
    return palette


def _distance(one: Sequence[int], other: Sequence[int]) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
