"""Pages out of PDF files: the scanner's own JPEG where a page is nothing but that, else the page as rendered.

Belongs here: PDF. Does not: decoding pictures (pictures.py), and judging what is on a page (seal.py, codes.py).
A render draws annotations and form fields too: electronic seals are put there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pikepdf
import pypdfium2

from assets.intake.scans.pictures import (
    A4_MM,
    MM_PER_INCH,
    Budget,
    Page,
    PagePicture,
    UnreadableError,
    jpeg_page,
    pixels_of,
    short_side,
)
from assets.intake.scans.seal import Picture

POINTS_PER_INCH = 72.0
OVERSIZE = 2  # rendered at twice the working size and averaged down: thin rings survive
DRAWN_BYTES = 8 << 20  # of drawing commands on one page
UNPACKED_BYTES = 64 << 20  # of one stream; qpdf's own bound is none, and a small file unpacks to gigabytes
LONGEST = 20  # a page longer than so many times its width is none
PLAIN_CONTENT_BYTES = 4096  # what places one picture is shorter; what is longer draws something
COLOUR_SPACES = {"/DeviceRGB", "/DeviceGray", "/CalRGB", "/CalGray"}


def pdf_pages(content: bytes, budget: Budget, page_px: int, most: int) -> Iterator[Page]:
    """The pages, the last one second since it is the one that is signed; at most `most`, then over_limit.

    Raises UnreadableError("encrypted") where a password is wanted, "damaged" where there is no page.
    """
    pikepdf.settings.set_qpdf_limits(flate_max_memory=UNPACKED_BYTES, run_length_max_memory=UNPACKED_BYTES)
    try:
        document = pikepdf.open(io.BytesIO(content))
    except pikepdf.PasswordError as error:
        raise UnreadableError("encrypted") from error

    def picture(number: int) -> PagePicture:
        page = document.pages[number]
        side = _short_side(page)
        placed = None if "/Annots" in page else _only_picture(page)
        if placed is not None and _covers(page, placed.box) and _plain_jpeg(placed.image):
            return jpeg_page(placed.image.read_raw_bytes(), budget, page_px, side)
        _spend_on_drawing(page, budget)
        drawn = _rendered(content, number, round(page_px * side / A4_MM[0]))
        return PagePicture(drawn, drawn if placed is None else _pixels(placed.image, drawn, budget, page_px), side)

    with document:
        count = len(document.pages)
        for number in [0, count - 1, *range(1, count - 1)][: min(count, most)]:
            yield partial(picture, number)
        if count > most:
            raise UnreadableError("over_limit")


def _spend_on_drawing(page: pikepdf.Page, budget: Budget) -> None:
    """Raises over_limit where the pictures or the content of a page are more than a scanned page has."""
    for image in page.get_images().values():
        pixels = int(image.get("/Width", 0)) * int(image.get("/Height", 0))
        budget.spend(pixels, 4 * pixels)
    contents = page.obj.get("/Contents")
    streams = contents.as_list() if isinstance(contents, pikepdf.Array) else [contents]
    drawn = sum(len(stream.read_bytes()) for stream in streams if isinstance(stream, pikepdf.Stream))
    if drawn > DRAWN_BYTES:
        raise UnreadableError("over_limit")


def _rendered(content: bytes, number: int, page_px: int) -> Picture:
    """The page as pdfium draws it, `page_px` over its short side."""
    with closing(pypdfium2.PdfDocument(content)) as document:
        document.init_forms()
        page = document[number]
        width, height = page.get_size()
        if max(width, height) > LONGEST * min(width, height):
            raise UnreadableError("over_limit")
        bitmap = page.render(scale=OVERSIZE * page_px / min(width, height))
        large = np.array(bitmap.to_numpy()[:, :, :3])  # a copy: the bitmap goes with the document
    size = large.shape[1] // OVERSIZE, large.shape[0] // OVERSIZE
    return cv2.resize(large, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _short_side(page: pikepdf.Page) -> float:
    """The short side of the paper that the page says it is."""
    left, bottom, right, top = (float(edge) for edge in page.mediabox)
    unit = float(page.obj.get("/UserUnit", 1)) * MM_PER_INCH / POINTS_PER_INCH
    return short_side(abs(right - left) * unit, abs(top - bottom) * unit)


def _pixels(image: pikepdf.Object, drawn: Picture, budget: Budget, page_px: int) -> Picture:
    """The pixels of the one picture on a page, else the page as drawn: of some kinds of pictures only pdfium knows."""
    if not isinstance(image, pikepdf.Stream) or {"/SMask", "/Mask", "/Decode"} & set(image.keys()):
        return drawn
    try:
        if _plain_jpeg(image):
            return jpeg_page(image.read_raw_bytes(), budget, page_px).scanned
        return pixels_of(pikepdf.PdfImage(image).as_pil_image())
    except Exception:  # whatever the libraries make of it, the page can be drawn
        return drawn


def _covers(page: pikepdf.Page, box: pikepdf.Rectangle) -> bool:
    """Whether a picture fills its page from edge to edge."""
    x0, y0, x1, y1 = (float(edge) for edge in page.cropbox)
    sheet, drawn = (x1 - x0) * (y1 - y0), (box.urx - box.llx) * (box.ury - box.lly)
    shown = max(0.0, min(box.urx, x1) - max(box.llx, x0)) * max(0.0, min(box.ury, y1) - max(box.lly, y0))
    return shown >= 0.9 * sheet and shown >= 0.9 * drawn


@dataclass(frozen=True, slots=True)
class _Placed:
    """A picture on a page, and its box in points."""

    image: pikepdf.Object
    box: pikepdf.Rectangle


def _only_picture(page: pikepdf.Page) -> _Placed | None:
    """The image that the page's content does no more than place."""
    contents = page.obj.get("/Contents")
    if not isinstance(contents, pikepdf.Stream) or len(contents.read_raw_bytes()) > PLAIN_CONTENT_BYTES:
        return None
    matrix, outer, names = pikepdf.Matrix(), [], []
    for step in pikepdf.parse_content_stream(page):
        operands = step.operands
        match str(step.operator):
            case "q":
                outer.append(matrix)
            case "Q":
                matrix = outer.pop() if outer else pikepdf.Matrix()
            case "cm":
                matrix = pikepdf.Matrix(*(float(value) for value in operands)) @ matrix
            case "Do":
                names.append((str(operands[0]), matrix))
            case _:
                return None
    if len(names) != 1:
        return None
    name, matrix = names[0]
    image = page.resources["/XObject"][name]
    if image.get("/Subtype") != "/Image":
        return None
    return _Placed(image, matrix.transform(pikepdf.Rectangle(0, 0, 1, 1)))


def _plain_jpeg(image: Any) -> bool:
    """True for a JPEG in ordinary colours without masks, which shows what its bytes say."""
    filters, space = image.get("/Filter"), image.get("/ColorSpace")
    if isinstance(filters, pikepdf.Array) and len(filters) == 1:
        filters = filters[0]
    if isinstance(space, pikepdf.Array) and space[0] != "/ICCBased":
        space = space[0]
    elif isinstance(space, pikepdf.Array):
        space = {1: "/DeviceGray", 3: "/DeviceRGB"}.get(int(space[1].get("/N", 0)))
    return (
        filters == "/DCTDecode"
        and str(space) in COLOUR_SPACES
        and not {"/SMask", "/Mask", "/Decode", "/ImageMask"} & set(image.keys())
    )
