"""The page of a scan on which the seal was found, as a picture to look at: the seal sharp and framed, the rest blurred.

Belongs here: finding the page again, as the intake did, and drawing it. Does not: the verdict and what a seal is
(assets/intake/scans/). Names, signatures and what else is written on the page cannot be read in the picture: of what
lies at the seal its red ink alone is sharp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.pages import pages_of
from assets.intake.scans.seal import Picture, SealResult, find_seal, red_ink

SHORT_PX = 620  # the short side of the picture, 75 dpi on A4
LEGIBLE_PX = 70  # over the short side: a character of handwriting has four pixels then
FRAME = 1.14  # radius of the frame, in radii of the seal
WHITE_INK = 12.0  # redness of the palest ink that is shown sharp
BLUE = (111, 65, 18)
QUALITY = 70


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page as JPEG; `page` counts from 1, `found` says whether a seal was found on it, `box` where in per cent of the
    page: left, top, right, bottom. Where none was found, it is that of what is most like one, or empty.
    """

    picture: bytes
    page: int
    found: bool
    box: tuple[float, ...] = ()


def drawn_page(content: bytes, limits: Limits, seal: SealThresholds) -> DrawnPage | None:
    """The first page with a seal, else the one with what is most like one; None where no page can be read.

    Raises what its libraries raise where the whole file is none: it belongs into a process of its own.
    """
    best: tuple[int, SealResult, float] | None = None
    for number, decoded in enumerate(pages_of(content, limits, seal.page_px)):
        try:
            page = decoded()
        except Exception:  # libraries raise anything on hostile bytes; another page may do
            continue
        result = find_seal(page.shown, seal, page.short_mm)
        if best is None or result.score > best[1].score:
            best = number, result, page.short_mm
        if result.found:
            best = number, result, page.short_mm
            break
    if best is None:
        return None
    number, result, short_mm = best
    for n, decoded in enumerate(pages_of(content, limits, SHORT_PX)):
        if n == number:
            return _drawn(decoded().shown, number + 1, result, short_mm)
    return None


def _drawn(shown: Picture, number: int, result: SealResult, short_mm: float) -> DrawnPage:
    scale = SHORT_PX / min(shown.shape[:2])
    size = round(shown.shape[1] * scale), round(shown.shape[0] * scale)
    sharp: Picture = cv2.resize(shown, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)  # type: ignore[assignment]
    share = LEGIBLE_PX / SHORT_PX
    small = cv2.resize(sharp, (round(size[0] * share), round(size[1] * share)), interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), (0, 0), 2)
    if not result.score:
        return DrawnPage(_jpeg(picture), number, result.found)
    centre = round(result.x * SHORT_PX), round(result.y * SHORT_PX)
    radius = FRAME * result.radius_mm / short_mm * SHORT_PX
    inside = np.zeros(size[::-1], np.uint8)
    cv2.circle(inside, centre, round(radius), 1, -1)
    ink = (red_ink(sharp) > WHITE_INK) & (inside == 1)
    picture[ink] = sharp[ink]
    for begins in range(0, 360, 12):
        cv2.ellipse(
            picture, centre, (round(radius), round(radius)), 0, begins, begins + (12 if result.found else 6), BLUE, 2,
            cv2.LINE_AA,
        )  # fmt: skip
    edges = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    box = tuple(round(100 * edge / size[n % 2], 1) for n, edge in enumerate(edges))
    return DrawnPage(_jpeg(picture), number, result.found, box)


def _jpeg(picture: cv2.typing.MatLike) -> bytes:
    made, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert made
    return content.tobytes()
