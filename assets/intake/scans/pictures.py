"""Pages out of JPEG, PNG and TIFF files, shrunk while they are decoded, within a budget of pixels and memory.

Belongs here: decoding pictures. Does not: PDF (pdf.py), and judging what is on a page (seal.py).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from assets.intake.scans.seal import Picture

Page = Callable[[], Picture]  # decodes the page: height x width x 3, BGR; may raise UnreadableError or worse

USUAL_JPEG_PASSES = 8  # over the whole picture; a progressive file has about ten, a hostile one thousands
REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
GREY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


class UnreadableError(Exception):
    """A scan or one of its pages cannot be read; `reason` is a code of expectations/reasons.yaml."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Budget:
    """What one scan may still cost: pixels over all of its pages, and bytes for one decoded picture."""

    pixels: int
    picture_bytes: int

    def spend(self, pixels: int, picture_bytes: int) -> None:
        """Raises UnreadableError before work is done that the budget has no room for."""
        self.pixels -= pixels
        if self.pixels < 0 or picture_bytes > self.picture_bytes:
            raise UnreadableError("over_limit")


def jpeg_pages(content: bytes, budget: Budget, page_px: int) -> Iterator[Page]:
    """The one page of a JPEG file."""
    yield lambda: jpeg_picture(content, budget, page_px)


def jpeg_picture(content: bytes, budget: Budget, page_px: int) -> Picture:
    """A JPEG, decoded by libjpeg at an eighth, quarter or half of its size, but not much below `page_px`."""
    width, height, progressive = _jpeg_header(content)
    passes = content.count(b"\xff\xda") // USUAL_JPEG_PASSES + 1
    whole = 6 if progressive else 1  # bytes a pixel: a progressive picture is held whole, as 16-bit coefficients
    budget.spend(width * height * passes, width * height * whole)
    short = min(width, height) / (0.9 * page_px)
    how = next((how for factor, how in REDUCED if short >= factor), cv2.IMREAD_COLOR)
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise UnreadableError("damaged")
    return picture  # type: ignore[return-value]


def _jpeg_header(content: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether the file is progressive."""
    with _opened(content, "JPEG") as header:
        return header.width, header.height, bool(header.info.get("progressive"))


def png_or_tiff_pages(content: bytes, budget: Budget, page_px: int, most: int) -> Iterator[Page]:
    """The page of a PNG, the pages of a TIFF; at most `most`, then UnreadableError("over_limit")."""
    with _opened(content, "PNG", "TIFF") as file:
        for number in range(most + 1):
            try:
                file.seek(number)
            except EOFError:
                return
            if number == most:
                raise UnreadableError("over_limit")
            yield lambda: _frame(file, budget, page_px)
            if file.format == "PNG":
                return


def _opened(content: bytes, *formats: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise UnreadableError("over_limit") from error


def _frame(file: Image.Image, budget: Budget, page_px: int) -> Picture:
    """The frame that the file stands at; what is transparent becomes white paper."""
    pixels = file.width * file.height
    budget.spend(pixels, pixels * (2 if file.mode in {"1", "L"} else 5))  # Pillow has 4 bytes for a coloured pixel
    mode = "L" if file.mode in GREY_MODES else "RGBA" if file.has_transparency_data else "RGB"
    frame = file if file.mode == mode else file.convert(mode)
    frame = frame.reduce(max(1, min(frame.size) // page_px))
    if mode == "RGBA":
        frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame)
    return np.ascontiguousarray(np.asarray(frame.convert("RGB"))[:, :, ::-1])
