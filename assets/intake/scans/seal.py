"""Says whether a red round or oval seal is on one page picture.

Belongs here: from a colour page to a map of its red ink, and the verdict. Not: what a ring is (rings.py), the
thresholds (thresholds.py), files and pages (pages.py), what follows from a missing seal (SIG-02). A seal
found says that red ink of that shape and size is on the page, not that the seal is genuine.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assets.instance.settings import SealThresholds
from assets.intake.scans.rings import Field, Ring, around, best_ring

__all__ = ["Picture", "SealResult", "SealThresholds", "find_seal"]

cv2.setNumThreads(1)  # runs are parallel by process

PAGE_MM = 210.0  # the short side of A4, to which thresholds.page_px is held
LONGEST = 20  # short sides; a longer strip is shrunk until it is no longer than this
CERTAIN = 0.85  # a score at which looking further is a waste

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SealResult:
    """The most seal-like thing on a page: centre in shares of the page's short side, score 0..1."""

    found: bool
    grey: bool
    score: float
    x: float = 0.0
    y: float = 0.0
    radius_mm: float = 0.0


def find_seal(bgr: Picture, thresholds: SealThresholds, short_mm: float = PAGE_MM) -> SealResult:
    """The best seal candidate on a page, `bgr` being height x width x 3, at any resolution and rotation.

    `short_mm` is the short side of the paper.
    """
    if _is_grey(bgr, thresholds):
        return SealResult(found=False, grey=True, score=0.0)
    px_per_mm = thresholds.page_px / PAGE_MM
    page_px = round(px_per_mm * short_mm)
    red = red_ink(_to_working_size(bgr, page_px))
    best = Ring(0.0)
    for floor in _floors(red, thresholds):
        ink = _strokes(red, floor, thresholds.solid_mm * px_per_mm)
        if not thresholds.ink_pixels <= cv2.countNonZero(ink) <= ink.size // 4:
            continue
        radii = thresholds.radius_min_mm * px_per_mm, thresholds.radius_max_mm * px_per_mm
        best = max(best, best_ring(ink, radii, thresholds, CERTAIN), key=lambda ring: ring.score)
        if best.score >= CERTAIN:
            break
    return SealResult(
        found=best.score >= thresholds.score,
        grey=False,
        score=min(1.0, best.score),
        x=best.x / page_px,
        y=best.y / page_px,
        radius_mm=best.radius / px_per_mm,
    )


def _is_grey(bgr: Picture, thresholds: SealThresholds) -> bool:
    """True where the page has no colour worth the name: a grey or black-and-white scan."""
    blue, green, red = cv2.split(np.ascontiguousarray(bgr[::2, ::2]))
    spread = cv2.max(cv2.absdiff(blue, red), cv2.absdiff(green, red))
    coloured = np.count_nonzero(spread > thresholds.colour_difference)
    return bool(coloured < thresholds.colour_share * spread.size)


def _to_working_size(bgr: Picture, page_px: int) -> Picture:
    scale = min(page_px / min(bgr.shape[:2]), LONGEST * page_px / max(bgr.shape[:2]))
    if 0.99 < scale < 1.01:
        return bgr
    size = (max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(bgr, size, interpolation=how)  # type: ignore[return-value]


def red_ink(page: Picture) -> Field:
    """Redness of each pixel, 0 for paper and black ink: the paper's own colour and shading are taken out."""
    height, width = page.shape[:2]
    paper = cv2.resize(page, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    paper = cv2.GaussianBlur(cv2.dilate(paper, np.ones((5, 5), np.uint8)), (0, 0), 2)
    paper = np.maximum(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR), 40)
    white = cv2.divide(page, paper, scale=200.0, dtype=cv2.CV_32F)
    blue, green, red = cv2.split(white)
    ink = red - 0.5 * (blue + green)
    ink[cv2.absdiff(blue, green) > 12 + 0.75 * ink] = 0  # orange, purple
    return cv2.GaussianBlur(ink, (3, 3), 0)  # type: ignore[return-value]


def _floors(red: Field, thresholds: SealThresholds) -> list[float]:
    """The redness above which a pixel is ink: of the page's strong ink, then of faded ink above the noise."""
    sample = red[::3, ::3]
    noise = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    faint = max(float(thresholds.ink_min), 4 * noise)
    ink = red[red > faint]
    if ink.size < thresholds.ink_pixels:
        return []
    strong = 0.35 * float(np.percentile(ink, 90))
    return [strong, faint] if strong > 1.5 * faint else [faint]


def _strokes(red: Field, floor: float, solid: float) -> Field:
    """How much ink, 0..1, is on each pixel redder than `floor`; on specks and areas `solid` thick, none."""
    inked = (red > floor).view(np.uint8)
    where = around(inked, round(solid))  # most of a page is paper, which need not be looked at
    mask, near = inked[where], red[where]
    areas = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((round(solid), round(solid)), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.subtract(mask, areas), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= 3
    kept[0] = False
    strokes = np.zeros_like(red)
    strokes[where] = np.clip((near - floor * 0.7) / (floor * 0.9), 0, 1) * kept[labels]
    return strokes
