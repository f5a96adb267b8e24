"""Finds the ring of a seal in a map of ink, and scores it.

Belongs here: geometry on one plane of ink. Does not: colour, and what makes ink red (seal.py).

The outer edges of ink vote along their gradient for the centres of circles; around the best centres the
plane is unrolled into polar coordinates and an ellipse is fitted to the outermost ring; the score says how
much of a ring there is, round, closed, alone, and with characters inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assets.instance.settings import SealThresholds

CENTRES = 4  # how many centres are looked at
EDGES = 6000  # how many edge pixels vote
VOTES_SPREAD = 24  # pixels, beyond the largest radius, that the votes of an edge and their blurring reach
INKED = 0.35  # a point with more ink than this is on a stroke
ANGLES = 72
_TURN = (np.arange(ANGLES) * 2 * np.pi / ANGLES).astype(np.float32)
_COS, _SIN = np.cos(_TURN)[:, None], np.sin(_TURN)[:, None]
_REACH = np.linspace(0, 1.4, 57, dtype=np.float32)  # in radii of the ring

Field = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring: score at most 1, centre and mean radius in pixels."""

    score: float
    x: float = 0.0
    y: float = 0.0
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class _Plane:
    """The inked part of a page with a margin around it, so that a ring may hang over the edge.

    `left` and `top` are where the page begins, `width` and `height` its size; radii sought, all in pixels.
    """

    ink: Field
    left: int
    top: int
    width: int
    height: int
    low: float
    high: float

    def holds(self, x: Field, y: Field) -> Flags:
        right, bottom = self.left + self.width, self.top + self.height
        return (x >= self.left) & (x < right) & (y >= self.top) & (y < bottom)


def around(ink: Field | NDArray[np.uint8], margin: int) -> tuple[slice, slice]:
    """The rows and columns that hold all ink, with a margin of so many pixels, within the page.

    Starts at even pixels, so that 2x2 downsampling gives the same cells as on the full page.
    """
    left, top, width, height = cv2.boundingRect((ink > 0).view(np.uint8))
    first = [max(0, at - margin) & ~1 for at in (top, left)]
    return slice(first[0], top + height + margin), slice(first[1], left + width + margin)


def best_ring(ink: Field, radii: tuple[float, float], thresholds: SealThresholds, enough: float) -> Ring:
    """The ring of the best score with a mean radius between `radii`; a score of `enough` ends the search."""
    margin = int(radii[1])
    page = cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    rows, columns = around(page, margin + VOTES_SPREAD)  # type: ignore[arg-type]
    left, top = margin - columns.start, margin - rows.start
    plane = _Plane(page[rows, columns], left, top, ink.shape[1], ink.shape[0], *radii)  # type: ignore[arg-type]
    best = Ring(0.0)
    for x, y in _centres(plane):
        ring = _fitted(plane, x, y, thresholds, enough)
        if ring.score > best.score:
            best = Ring(ring.score, ring.x - left, ring.y - top, ring.radius)
        if best.score >= enough:
            break
    return best


def _centres(plane: _Plane) -> list[tuple[float, float]]:
    """The points that the outer edges of circles between the two radii point at, most votes first."""
    across, down = cv2.Sobel(plane.ink, cv2.CV_32F, 1, 0), cv2.Sobel(plane.ink, cv2.CV_32F, 0, 1)
    steep = cv2.magnitude(across, down)
    ys, xs = np.nonzero(steep > 0.8)
    if len(ys) > EDGES:
        chosen = np.linspace(0, len(ys) - 1, EDGES).astype(np.intp)
        ys, xs = ys[chosen], xs[chosen]
    size = steep[ys, xs]
    radii = np.arange(plane.low, plane.high, 2.0, dtype=np.float32)[:, None]
    x = xs + across[ys, xs] / size * radii
    y = ys + down[ys, xs] / size * radii
    height, width = plane.ink.shape
    ok = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    columns, rows = width // 2 + 1, height // 2 + 1  # votes are counted in squares of two pixels
    cells = (y[ok].astype(np.int32) >> 1) * columns + (x[ok].astype(np.int32) >> 1)
    votes = np.bincount(cells, minlength=rows * columns).astype(np.float32)
    field = cv2.GaussianBlur(votes.reshape(rows, columns), (0, 0), 1.5)
    centres = []
    for _ in range(CENTRES):
        _, most, _, place = cv2.minMaxLoc(field)
        if most <= 0:
            break
        centres.append((place[0] * 2 + 1.0, place[1] * 2 + 1.0))
        cv2.circle(field, place, 6, (0.0,), -1)
    return centres


def _fitted(plane: _Plane, x: float, y: float, thresholds: SealThresholds, enough: float) -> Ring:
    """The outermost ring around a centre: an ellipse fitted up to three times, each time from the one before, until the
    score is `enough`.
    """
    best = Ring(0.0)
    steps = np.arange(0, plane.high * 1.4, 1.0, dtype=np.float32)
    start = stop = np.zeros((ANGLES, 1), np.float32)
    for turn in range(3):
        map_x, map_y = x + _COS * steps, y + _SIN * steps
        on = cv2.remap(plane.ink, map_x, map_y, cv2.INTER_LINEAR, borderValue=0) > INKED
        if turn == 0:
            radius, slack = _first_guess(on, plane)
            start, stop = start + (1 - slack) * radius, stop + (1 + slack) * radius
        on &= (steps >= np.floor(start)) & (steps <= np.floor(stop))
        hit = on.any(1)
        if hit.sum() < ANGLES // 6:
            break
        at = _outermost(on)[hit]
        points = np.stack([map_x[hit, at], map_y[hit, at]], 1)
        ellipse = _ellipse(points, x, y, plane)
        if ellipse is None and turn == 0:
            middling = float(np.median(np.hypot(points[:, 0] - x, points[:, 1] - y)))
            ellipse = x, y, middling, middling, 0.0
        if ellipse is None:
            break
        x, y, wide, high, tilt = ellipse
        radii = wide * high / np.hypot(high * np.cos(_TURN - tilt), wide * np.sin(_TURN - tilt))
        score = _score(plane, x, y, radii.astype(np.float32), thresholds)
        if score > best.score and plane.low <= (wide + high) / 2 <= plane.high * 1.03:
            best = Ring(score, x, y, (wide + high) / 2)
        if best.score >= enough:
            break
        start, stop = 0.86 * radii[:, None], 1.14 * radii[:, None]
    return best


def _first_guess(on: Flags, plane: _Plane) -> tuple[float, float]:
    """The radius of the outermost ring about a centre, and by what share of it the rim may stray."""
    first = int(plane.low * 0.9)
    covered = np.convolve(on.mean(0), [0.5, 1, 0.5], "same")[first : int(plane.high * 1.08)]
    radius = first + int(np.nonzero(covered >= 0.6 * covered.max())[0].max())
    circle = on[:, radius - 1 : radius + 2].any(1).mean() > 0.8
    return radius, 0.14 if circle else 0.30  # an oval strays further


def _outermost(on: Flags) -> NDArray[np.intp]:
    """Per angle, the last column that is on."""
    return on.shape[1] - 1 - on[:, ::-1].argmax(1)


def _ellipse(points: Field, x: float, y: float, plane: _Plane) -> tuple[float, ...] | None:
    """Centre, half axes and tilt (radians) of the ellipse through the points; None where it is no seal's."""
    (ex, ey), (short, long), tilt = cv2.fitEllipseDirect(points)
    if not np.isfinite([ex, ey, short, long, tilt]).all() or short < plane.low * 1.2:
        return None
    if short / long < 0.55 or abs(ex - x) > 12 or abs(ey - y) > 12 or long > plane.high * 2.5:
        return None
    return ex, ey, short / 2, long / 2, float(np.radians(tilt))


def _score(plane: _Plane, x: float, y: float, radii: Field, thresholds: SealThresholds) -> float:
    """How much a ring of `radii` per angle is a seal's: 1 at most, 0 or less where it is not."""
    map_x, map_y = x + _COS * radii[:, None] * _REACH, y + _SIN * radii[:, None] * _REACH
    rim = int(np.searchsorted(_REACH, 1.0))
    seen = plane.holds(map_x[:, rim], map_y[:, rim])
    if seen.mean() < 0.5:  # most of it is off the page
        return 0.0
    polar = cv2.remap(plane.ink, map_x, map_y, cv2.INTER_LINEAR, borderValue=0)[seen]
    on = polar > INKED
    ring = on[:, (_REACH > 0.90) & (_REACH < 1.06)].any(1)
    around = on[:, (_REACH > 1.10) & (_REACH < 1.28)].any(1)
    within = polar[:, (_REACH > 0.80) & (_REACH < 0.88)].mean(1) > 0.6
    middle = float(on[:, _REACH < 0.8].mean())
    characters = max(middle, float(on[:, (_REACH > 0.55) & (_REACH < 0.84)].mean()))
    missing = np.zeros(ANGLES, np.bool_)
    missing[seen] = ~ring
    penalties = (
        0.6 * around.mean(),  # it stands alone
        0.8 * max(0.0, within.mean() - 0.35),  # a ring, not a disc
        max(0.0, _longest_run(missing) / ANGLES - thresholds.closed),
        0.6 * _share(thresholds.characters - characters, 0.15),  # a circle drawn by hand has none
        0.5 * _share(_roughness(on) - thresholds.roughness, 0.02),  # nor is it round
        0.4 * _share(_squareness(on, _TURN[seen]) - thresholds.squareness, 0.04),
        0.5 * (middle > 0.75),
    )
    return float(ring.mean() - sum(penalties))


def _share(excess: float, whole: float) -> float:
    return min(1.0, max(0.0, excess / whole))


def _roughness(on: Flags) -> float:
    """How far the rim strays from the fitted ellipse, in radii, the worst fifth of the angles left out."""
    window = (_REACH > 0.88) & (_REACH < 1.10)
    hits = on[:, window]
    rim = _REACH[window][_outermost(hits)][hits.any(1)]
    if not len(rim):
        return 1.0
    stray = np.sort(np.abs(rim - np.median(rim)))[: max(1, int(0.8 * len(rim)))]
    return float(np.sqrt(np.mean(stray**2)))


def _squareness(on: Flags, turn: Field) -> float:
    """How far the outermost ink swings four times a turn, in radii: near 0 for ovals, 0.14 for a square."""
    window = (_REACH > 0.72) & (_REACH < 1.28)
    hits = on[:, window]
    told = hits.any(1)
    if told.sum() < 0.6 * ANGLES:  # too little of it to tell
        return 0.0
    rim = _REACH[window][_outermost(hits)][told]
    return float(2 * abs(np.mean((rim - rim.mean()) * np.exp(-4j * turn[told]))))


def _longest_run(flags: Flags) -> int:
    """The longest run of true flags around the circle."""
    if flags.all():
        return len(flags)
    breaks = np.flatnonzero(~np.concatenate([flags, flags]))
    return int(np.diff(breaks).max(initial=1)) - 1
