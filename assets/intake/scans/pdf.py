"""Pages out of PDF files: the scanner's own JPEG where a page is nothing but that, else the page as rendered.

Belongs here: PDF. Does not: decoding pictures (pictures.py), and judging what is on a page (seal.py).
A render draws annotations and form fields too: electronic seals are put there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import cv2
import numpy as np
import pikepdf
import pypdfium2

from assets.intake.scans.pictures import Budget, Page, UnreadableError, jpeg_picture
from assets.intake.scans.seal import Picture

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

    def picture(number: int) -> Picture:
        page = document.pages[number]
        scanned = _whole_page_jpeg(page)
        if scanned is not None:
            return jpeg_picture(scanned, budget, page_px)
        _spend_on_drawing(page, budget)
        return _rendered(content, number, page_px)

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


def _whole_page_jpeg(page: pikepdf.Page) -> bytes | None:
    """The page's JPEG where the page is that one picture from edge to edge and nothing else, else None."""
    if "/Annots" in page:
        return None
    placed = _only_picture(page)
    if placed is None:
        return None
    image, (left, bottom, right, top) = placed
    x0, y0, x1, y1 = (float(edge) for edge in page.cropbox)
    sheet, drawn = (x1 - x0) * (y1 - y0), (right - left) * (top - bottom)
    shown = max(0.0, min(right, x1) - max(left, x0)) * max(0.0, min(top, y1) - max(bottom, y0))
    if shown < 0.9 * sheet or shown < 0.9 * drawn or not _plain_jpeg(image):
        return None
    return image.read_raw_bytes()


def _only_picture(page: pikepdf.Page) -> tuple[pikepdf.Object, tuple[float, float, float, float]] | None:
    """The image that the page's content does no more than place, and its box in points."""
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
    box = matrix.transform(pikepdf.Rectangle(0, 0, 1, 1))
    image = page.resources["/XObject"][name]
    return image, (box.llx, box.lly, box.urx, box.ury)


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
        and image.get("/Subtype") == "/Image"
        and not {"/SMask", "/Mask", "/Decode", "/ImageMask"} & set(image.keys())
    )
