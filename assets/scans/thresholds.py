"""What counts as a seal, as settings. Apart from seal.py so that reading settings does not load OpenCV."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealThresholds:
    """Settings (section `seal`) of the seal detector; how they were chosen is told in README.md."""

    score: float = 0.65  # least score of a seal, 0..1
    radius_min_mm: float = 13.5  # half of the smallest seal; round logos are smaller
    radius_max_mm: float = 34.0  # of the largest, also where half a page was scanned as if it were whole
    solid_mm: float = 12.0  # a red area thicker than this is no stroke: banner, disc, desk
    closed: float = 0.12  # share of the ring that may be missing in one piece
    characters: float = 0.30  # least share of ink inside the ring
    roughness: float = 0.02  # how far the rim may stray from an ellipse, in radii
    squareness: float = 0.04  # how far the rim may swing four times a turn, in radii
    ink_min: int = 5  # least redness of faded ink, white paper being 200
    ink_pixels: int = 60  # fewer red pixels than this are no seal
    colour_difference: int = 6  # a pixel whose channels differ by more (of 255) is coloured
    colour_share: float = 0.001  # share of coloured pixels below which a page is grey
    page_px: int = 310  # working width of the page's short side, 37 dpi on A4
