"""Pages out of JPEG, PNG and TIFF files, decoded within a budget of pixels and memory.

Belongs here: decoding pictures, and how large the paper was. Does not: PDF (pdf.py), and judging what is on a page
(seal.py, codes.py).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from assets.intake.scans.seal import Picture

SHARP_PIXELS = 6_000_000  # A4 at 240 dpi: a larger picture is kept at a half of its size or less
A4_MM, A3_MM = (210.0, 297.0), (297.0, 420.0)
MM_PER_INCH = 25.4
NEAR = 0.015  # how far a sheet may be from A3; A4 at 100 dpi, taken for 72, is 0.018 from it
PRINT_EVERY = 4  # of the pixels of a picture every so many, down and across, go into its print

USUAL_JPEG_PASSES = 8  # over the whole picture; a progressive file has about ten, a hostile one thousands
REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
GREY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


class UnreadableError(Exception):
    """A scan or one of its pages cannot be read; `reason` is a code of expectations/reasons.yaml."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page; pictures are height x width x 3, BGR.

    `shown` is the page as a reader sees it, as sharp as a seal needs; `scanned` the one picture that it was made of, as
    sharp as it is kept, where the page is no more than that; `short_mm` the short side of the paper.
    """

    shown: Picture
    scanned: Picture
    short_mm: float

    @property
    def print(self) -> str:
        """The same for two pages with the same pixels, whatever kind of file they were in."""
        digest = hashlib.blake2b(repr(self.scanned.shape).encode(), digest_size=12)
        whole_pixels = self.scanned.view("V3")  # picked out one by one rather than colour by colour
        digest.update(np.ascontiguousarray(whole_pixels[::PRINT_EVERY, ::PRINT_EVERY]).data)
        return digest.hexdigest()


Page = Callable[[], PagePicture]  # decodes the page; may raise UnreadableError or worse


def short_side(width_mm: float, height_mm: float) -> float:
    """The short side of the paper, A3 or A4: other sizes are no paper, but what a program put down for want of one."""
    sides = sorted((width_mm, height_mm))
    is_a3 = all(abs(side / wanted - 1) < NEAR for side, wanted in zip(sides, A3_MM, strict=True))
    return A3_MM[0] if is_a3 else A4_MM[0]


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
    yield lambda: jpeg_page(content, budget, page_px)


def jpeg_page(content: bytes, budget: Budget, page_px: int, short_mm: float | None = None) -> PagePicture:
    """The page that a JPEG is; without `short_mm` its paper is as large as it says.

    It is kept at a half, quarter or eighth of its size where it is large, and a seal is looked for at what of these is
    not much below `page_px` over the short side of A4.
    """
    with _opened(content, "JPEG") as header:
        width, height = header.width, header.height
        paper = short_mm or short_side(*_millimetres(header))
        progressive = bool(header.info.get("progressive"))
    passes = content.count(b"\xff\xda") // USUAL_JPEG_PASSES + 1
    whole = 6 if progressive else 1  # bytes a pixel: a progressive picture is held whole, as 16-bit coefficients
    budget.spend(width * height * passes, width * height * whole)
    short = min(width, height) / (0.9 * page_px * paper / A4_MM[0])
    for_seal = next((factor for factor in REDUCED if short >= factor), 1)
    kept = next((factor for factor in (1, 2, 4) if width * height <= SHARP_PIXELS * factor**2), 8)
    scanned = jpeg_pixels(content, kept)
    if for_seal < kept:
        return PagePicture(jpeg_pixels(content, for_seal), scanned, paper)
    return PagePicture(_averaged(scanned, for_seal // kept), scanned, paper)


def jpeg_pixels(content: bytes, factor: int = 1) -> Picture:
    """The pixels of a JPEG at 1/1, 1/2, 1/4 or 1/8 of its size. Raises UnreadableError("damaged")."""
    how = REDUCED.get(factor, cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), how)
    if picture is None:
        raise UnreadableError("damaged")
    return picture  # type: ignore[return-value]


def _averaged(picture: Picture, factor: int) -> Picture:
    """The picture at 1/factor (a power of two) of its size; a rest of its pixels at the right and bottom is left out.

    libjpeg would undo the compression of the file, which is most of the work, once more. By halves, as OpenCV has quick
    code for a half alone.
    """
    height, width = (side // factor for side in picture.shape[:2])
    smaller = picture[: height * factor, : width * factor]
    while factor > 1:
        factor //= 2
        smaller = cv2.resize(smaller, (width * factor, height * factor), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return smaller


def _millimetres(header: Image.Image) -> tuple[float, float]:
    """How large a picture says that it is; 0 where it does not say."""
    across, down = (float(n) for n in header.info.get("dpi", (0, 0)))
    if not (across > 0 and down > 0):
        return 0.0, 0.0
    return header.width / across * MM_PER_INCH, header.height / down * MM_PER_INCH


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


def _frame(file: Image.Image, budget: Budget, page_px: int) -> PagePicture:
    """The frame that the file stands at."""
    pixels = file.width * file.height
    budget.spend(pixels, pixels * (2 if file.mode in {"1", "L"} else 5))  # Pillow has 4 bytes for a coloured pixel
    paper = short_side(*_millimetres(file))
    mode = "L" if file.mode in GREY_MODES else "RGBA" if file.has_transparency_data else "RGB"
    frame = file if file.mode == mode else file.convert(mode)
    for_seal = frame.reduce(max(1, int(min(frame.size) / (page_px * paper / A4_MM[0]))))
    return PagePicture(_on_white(for_seal), pixels_of(frame), paper)


def pixels_of(image: Image.Image) -> Picture:
    """The pixels of a picture on white paper, as sharp as it is kept."""
    mode = "L" if image.mode in GREY_MODES else "RGBA" if image.has_transparency_data else "RGB"
    frame = image if image.mode == mode else image.convert(mode)
    pixels = frame.width * frame.height
    kept = next((factor for factor in (1, 2, 4) if pixels <= SHARP_PIXELS * factor**2), 8)
    return _on_white(frame.reduce(kept) if kept > 1 else frame)


def _on_white(frame: Image.Image) -> Picture:
    """A picture of which what is transparent becomes white paper."""
    if frame.mode == "RGBA":
        frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame)
    return np.ascontiguousarray(np.asarray(frame.convert("RGB"))[:, :, ::-1])
