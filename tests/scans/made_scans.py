"""Makes scanned sign-off pages by code: text, tables, letterheads, logos, seals, and a scanner's marks.

Belongs here: the pictures that the seal detector is tuned and tested on. Does not: judging the detector
(evaluate.py, test_seal.py). The same kind and seed give the same page; no fonts are needed: the characters
are random strokes as dense as Chinese ones.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

DPI = 150
WIDTH, HEIGHT = 1240, 1754

Mask = NDArray[np.float32]  # 0..1, how much ink
Sheet = NDArray[np.float32]  # height x width x 3, RGB, 0..255
Colour = tuple[int, int, int]
Point = tuple[float, float]

SEALED = (
    "normal", "rotated", "sideways", "upside", "faded", "faint_lowres", "lowres", "uneven", "over_text",
    "over_table", "head_and_seal", "logo_and_seal", "photo", "dim_photo", "edge", "oval", "flat_oval",
    "double_ring", "starless", "hollow", "coded", "big", "small", "two_seals", "saturated", "square_and_seal",
    "crumpled", "cropped", "desk",
)  # fmt: skip
UNSEALED = (
    "blank", "red_head", "logo_disc", "logo_ring", "logo_square", "logo_flower", "logo_triangle",
    "red_underline", "red_text", "red_signature", "square_seal", "square_outline", "box_stamp",
    "head_logo_line", "blue_seal", "purple_seal", "big_star", "pen_circles", "ticks", "red_table",
    "thumbprint", "cast_blank", "picture", "banner", "bare_desk",
)  # fmt: skip
GREY = ("grey_seal", "grey_blank")
KINDS = SEALED + UNSEALED + GREY


def px(millimetres: float) -> int:
    return round(millimetres * DPI / 25.4)


def made_page(kind: str, seed: int) -> Image.Image:
    """An A4 page of the kind at 150 dpi (60 or 75 for the lowres kinds), RGB; L for the grey kinds."""
    chance = random.Random(f"{kind} {seed}")
    sheet = _printed(kind, chance)
    if kind in SEALED or kind == "grey_seal":
        _seals(sheet, kind, chance)
    else:
        _decoys(sheet, kind, chance)
    if chance.random() < 0.7:
        pen: Colour = chance.choice([(25, 25, 30), (30, 40, 120), (20, 30, 90)])
        _scribble(sheet, chance, pen, (px(70), px(232)))
    return _scanned(sheet, kind, chance)


def as_jpeg(page: Image.Image, quality: int = 70, **options: object) -> bytes:
    written = io.BytesIO()
    page.save(written, "JPEG", quality=quality, **options)
    return written.getvalue()


def made_scan(kind: str, seed: int) -> bytes:
    """The page as a JPEG of the quality that suits the kind."""
    chance = random.Random(f"quality {kind} {seed}")
    low = kind in ("lowres", "faint_lowres")
    return as_jpeg(
        made_page(kind, seed),
        chance.randint(25, 45) if low else chance.randint(50, 85),
        subsampling=chance.choice([0, 2, 2]),
    )


# --- ink ------------------------------------------------------------------------------------------


def _lay(sheet: Sheet, ink: Mask, at: Point, colour: Colour, strength: float = 1.0) -> None:
    """Multiplies the ink onto the sheet, centred at a point, as a stamp pad or a pen does."""
    (height, width), (x, y) = ink.shape, at
    left, top = int(x - width / 2), int(y - height / 2)
    x0, y0, x1, y1 = (
        max(0, left),
        max(0, top),
        min(sheet.shape[1], left + width),
        min(sheet.shape[0], top + height),
    )
    if x1 <= x0 or y1 <= y0:
        return
    part = (ink[y0 - top : y1 - top, x0 - left : x1 - left] * strength)[..., None]
    under = sheet[y0:y1, x0:x1]
    sheet[y0:y1, x0:x1] = under * (1 - part) + under * (np.array(colour, np.float32) / 255) * part


def _drawn(size: int, draw: Callable[[ImageDraw.ImageDraw, int], None], turn: float = 0.0) -> Mask:
    """A square tile of `size`, drawn at twice that and turned by degrees."""
    tile = Image.new("L", (2 * size, 2 * size), 0)
    draw(ImageDraw.Draw(tile), size)
    if turn:
        tile = tile.rotate(turn, resample=Image.Resampling.BICUBIC)
    return _mask(tile.resize((size, size), Image.Resampling.BOX))


def _mask(tile: Image.Image) -> Mask:
    return np.asarray(tile, np.float32) / np.float32(255)


def _glyph(chance: random.Random, size: int, weight: float = 0.11) -> Image.Image:
    """One character: strokes across and down, a slanted one, about a third of the square inked."""
    tile = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(tile)
    line = max(1, round(size * weight))
    for level in chance.sample([0.12, 0.3, 0.48, 0.66, 0.86], chance.randint(2, 4)):
        draw.line(
            (size * chance.uniform(0.05, 0.3), size * level, size * chance.uniform(0.7, 0.95), size * level),
            255,
            line,
        )
    for place in chance.sample([0.15, 0.38, 0.6, 0.85], chance.randint(1, 3)):
        draw.line(
            (size * place, size * chance.uniform(0.05, 0.35), size * place, size * chance.uniform(0.6, 0.95)),
            255,
            line,
        )
    if chance.random() < 0.6:
        draw.line((size * 0.55, size * 0.4, size * chance.choice([0.1, 0.9]), size * 0.93), 255, line)
    return tile


def _line(
    sheet: Sheet,
    chance: random.Random,
    at: Point,
    *,
    size: int,
    count: int,
    colour: Colour = (40, 40, 40),
    weight: float = 0.09,
) -> None:
    """A line of characters whose first has its top left corner at a point."""
    row = Image.new("L", (count * size, size), 0)
    for number in range(count):
        row.paste(_glyph(chance, round(size * 0.9), weight), (number * size, 0))
    _lay(sheet, _mask(row), (at[0] + count * size / 2, at[1] + size / 2), colour)


def _bar(sheet: Sheet, start: tuple[int, int], end: tuple[int, int], width: int, colour: Colour) -> None:
    cv2.line(sheet, start, end, colour, width, cv2.LINE_AA)


def _star(radius: float, x: float, y: float) -> list[tuple[float, float]]:
    points = []
    for corner in range(10):
        angle = corner * math.pi / 5 - math.pi / 2
        reach = radius if corner % 2 == 0 else radius * 0.382
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    return points


# --- the printed form -----------------------------------------------------------------------------


def _printed(kind: str, chance: random.Random) -> Sheet:
    sheet = np.full((HEIGHT, WIDTH, 3), 255, np.float32)
    red: Colour = (chance.randint(190, 235), chance.randint(10, 50), chance.randint(15, 50))
    black: Colour = (30, 30, 30)
    y = px(25)
    if kind in ("red_head", "head_and_seal", "head_logo_line"):
        size, count = chance.randint(56, 80), chance.randint(9, 12)
        at = (WIDTH - count * size) // 2, y - size // 2
        _line(sheet, chance, at, size=size, count=count, colour=red, weight=0.14)
        _bar(sheet, (px(20), y + px(14)), (WIDTH - px(20), y + px(14)), chance.randint(3, 8), red)
        if chance.random() < 0.4:
            cv2.fillPoly(sheet, [np.array(_star(px(4), WIDTH / 2, y + px(14)), np.int32)], red)
        y += px(24)
    if kind.startswith("logo_") or kind == "head_logo_line":
        shape = kind.removeprefix("logo_")
        _logo(sheet, chance, shape if shape in _LOGOS else chance.choice(("disc", "ring")), red)
    _line(sheet, chance, (px(45), y), size=44, count=15, colour=black, weight=0.13)
    y += px(18)
    for _ in range(chance.randint(9, 14)):
        colour = red if kind == "red_text" and chance.random() < 0.3 else black
        _line(sheet, chance, (px(25), y), size=24, count=chance.randint(25, 42), colour=colour)
        y += px(7)
        if kind in ("red_underline", "head_logo_line") and chance.random() < 0.35:
            end = px(25) + chance.randint(200, 900), y - px(1) + chance.randint(-3, 3)
            _bar(sheet, (px(25), y - px(1)), end, chance.randint(2, 6), red)
    _table(sheet, chance, y + px(4), red if kind == "red_table" else (60, 60, 60))
    cv2.rectangle(sheet, (px(25), px(215)), (px(105), px(245)), (50, 50, 50), 2)
    for left, top, count in ((27, 217, 7), (120, 222, 6), (130, 238, 9)):
        _line(sheet, chance, (px(left), px(top)), size=22, count=count)
    return sheet


def _table(sheet: Sheet, chance: random.Random, top: int, rules: Colour) -> None:
    for row in range(7):
        _bar(sheet, (px(25), top + row * px(8)), (px(185), top + row * px(8)), 2, rules)
        for column in range(5 if row < 6 else 0):
            at = px(27 + 32 * column), top + row * px(8) + 8
            _line(sheet, chance, at, size=22, count=chance.randint(1, 4))
    for column in range(6):
        _bar(sheet, (px(25 + 32 * column), top), (px(25 + 32 * column), top + px(48)), 2, rules)


_LOGOS = ("disc", "ring", "square", "flower", "triangle")


def _logo(sheet: Sheet, chance: random.Random, shape: str, red: Colour) -> None:
    """A logo in the head of the page, 12 to 21 mm across."""
    radius = px(chance.uniform(6, 10.5))

    def draw(pen: ImageDraw.ImageDraw, c: int) -> None:
        r = 2 * radius
        if shape == "disc":
            pen.ellipse((c - r, c - r, c + r, c + r), fill=255)
            pen.bitmap((c - r // 2, c - r // 2), _glyph(chance, r, 0.14), fill=0)
        elif shape == "ring":
            pen.ellipse((c - r, c - r, c + r, c + r), outline=255, width=max(3, r // 7))
            pen.bitmap((c - r // 2, c - r // 2), _glyph(chance, r, 0.14), fill=255)
        elif shape == "square":
            pen.rectangle((c - r, c - r, c + r, c + r), fill=255)
        elif shape == "triangle":
            pen.regular_polygon((c, c, r), 3, fill=255)
        else:
            for petal in range(6):
                x, y = (
                    c + 0.6 * r * math.cos(petal * math.pi / 3),
                    c + 0.6 * r * math.sin(petal * math.pi / 3),
                )
                pen.ellipse((x - 0.4 * r, y - 0.4 * r, x + 0.4 * r, y + 0.4 * r), fill=255)

    _lay(sheet, _drawn(2 * radius + 20, draw), (px(30), px(22)), red)


# --- seals ----------------------------------------------------------------------------------------


def _seal(
    chance: random.Random,
    diameter_mm: float,
    *,
    flat: float = 1.0,
    centre: str = "star",
    rings: int = 1,
    code: bool = False,
    turn: float | None = None,
) -> Mask:
    """A company seal: ring, name along the arc, star, a line of purpose below, perhaps a code at the foot."""
    radius = diameter_mm * DPI / 25.4  # of the doubled tile
    names, purpose = chance.randint(9, 14), {"star": chance.choice([0, 4, 5, 5]), "text": 5}.get(centre, 0)
    rim = max(2, int(radius * chance.uniform(0.04, 0.075)))

    def draw(pen: ImageDraw.ImageDraw, c: int) -> None:
        def ring(reach: float, width: int) -> None:
            pen.ellipse((c - reach, c - reach * flat, c + reach, c + reach * flat), outline=255, width=width)

        def arc(count: int, start: float, sweep: float, reach: float, size: float) -> None:
            for number in range(count):
                angle = math.radians(start + sweep * number / (count - 1))
                glyph = _glyph(chance, int(size), 0.15).rotate(-math.degrees(angle) - 90, Image.Resampling.BICUBIC)
                at = (
                    int(c + reach * math.cos(angle) - size / 2),
                    int(c + flat * reach * math.sin(angle) - size / 2),
                )
                pen.bitmap(at, glyph, fill=255)

        ring(radius, rim)
        if rings == 2:
            ring(radius * 0.93, max(1, rim // 3))
        arc(names, -215, 250, radius * 0.73, radius * 0.26)
        if code:
            arc(13, 145, -110, radius * 0.85, radius * 0.09)
        if centre == "star":
            pen.polygon(_star(radius * 0.32 * min(1.0, flat + 0.1), c, c), fill=255)
        size = int(radius * 0.2)
        below = radius * 0.45 * flat if centre == "star" else -size / 2
        for number in range(purpose):
            x = c + (number - purpose / 2) * size * 1.05
            pen.bitmap((int(x), int(c + below)), _glyph(chance, size, 0.15), fill=255)

    if turn is None:
        turn = chance.uniform(-180, 180) if chance.random() < 0.3 else chance.uniform(-25, 25)
    return _drawn(int(radius) + 20, draw, turn)


def _square(chance: random.Random, side_mm: float, filled: bool = True, turn: float | None = None) -> Mask:
    """A personal name seal: four characters in a square."""
    half = side_mm * DPI / 25.4

    def draw(pen: ImageDraw.ImageDraw, c: int) -> None:
        pen.rectangle(
            (c - half, c - half, c + half, c + half),
            outline=255,
            width=max(2, int(half * chance.uniform(0.05, 0.1))),
        )
        for number in range(4 if filled else 0):
            at = (
                int(c + (number // 2 - 1) * half * 0.9 + half * 0.05),
                int(c + (number % 2 - 1) * half * 0.9 + half * 0.05),
            )
            pen.bitmap(at, _glyph(chance, int(half * 0.8), 0.13), fill=255)

    return _drawn(int(half * 1.45) + 20, draw, chance.uniform(-15, 15) if turn is None else turn)


def _worn(chance: random.Random, ink: Mask, wear: float) -> Mask:
    """Ink taken unevenly: patches that did not touch the paper, and grain."""
    noise = np.random.default_rng(chance.randrange(1 << 31))
    height, width = ink.shape
    coarse = noise.random((max(3, height // 40), max(3, width // 40)), np.float32)
    patches = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = noise.random((height, width), np.float32) > 0.75
    worn: Mask = ink * np.clip(1 - wear * (patches * 1.1 - 0.1) - wear * 0.5 * grain, 0, 1).astype(np.float32)
    return worn


def _seals(sheet: Sheet, kind: str, chance: random.Random) -> None:
    """The seal or seals of a kind, stamped where they belong."""
    colour, strength, wear = _stamp_pad(kind, chance)
    x, y = px(chance.uniform(132, 168)), px(chance.uniform(218, 250))
    if kind == "over_text":
        x, y = px(chance.uniform(60, 150)), px(chance.uniform(70, 110))
    elif kind == "over_table":
        x, y = px(chance.uniform(60, 150)), px(chance.uniform(120, 180))
    elif kind == "edge":
        x = WIDTH - px(chance.uniform(4, 14))
    smallest, largest = {"big": (56, 62), "small": (30, 33), "flat_oval": (45, 45)}.get(kind, (38, 45))
    ink = _seal(
        chance,
        chance.uniform(smallest, largest),
        flat={"oval": chance.uniform(0.7, 0.8), "flat_oval": 2 / 3}.get(kind, 1.0),
        centre={"starless": "text", "flat_oval": "text", "hollow": ""}.get(kind, "star"),
        rings=2 if kind == "double_ring" else 1,
        code=kind in ("coded", "flat_oval"),
        turn=chance.uniform(-15, 15) if kind == "flat_oval" else None,
    )
    _lay(sheet, _worn(chance, ink, wear), (x, y), colour, strength)
    if kind == "two_seals":
        other = _worn(chance, _seal(chance, chance.uniform(38, 45)), wear)
        at = x - px(chance.uniform(28, 60)), y + px(chance.uniform(-12, 12))
        _lay(sheet, other, at, colour, strength)
    if kind == "square_and_seal":
        name = _worn(chance, _square(chance, chance.uniform(18, 22)), 0.3)
        _lay(sheet, name, (px(90), px(232)), colour, 0.9)


def _stamp_pad(kind: str, chance: random.Random) -> tuple[Colour, float, float]:
    """Colour, strength and wear of the ink of a kind."""
    if kind in ("faded", "faint_lowres"):
        pale: Colour = (chance.randint(205, 235), chance.randint(80, 120), chance.randint(80, 120))
        weakest, strongest = (0.22, 0.4) if kind == "faded" else (0.35, 0.5)
        return pale, chance.uniform(weakest, strongest), chance.uniform(0.2, 0.5)
    if kind == "saturated":
        return (235, 20, 25), 1.0, 0.0
    red: Colour = (chance.randint(185, 230), chance.randint(15, 70), chance.randint(25, 75))
    return (
        red,
        chance.uniform(0.75, 1),
        chance.uniform(0.6, 0.9) if kind == "uneven" else chance.uniform(0.05, 0.3),
    )


# --- what is no seal ------------------------------------------------------------------------------


def _decoys(sheet: Sheet, kind: str, chance: random.Random) -> None:
    """What a kind without a seal has in its place."""
    colour, strength, wear = _stamp_pad(kind, chance)
    at = px(chance.uniform(132, 168)), px(chance.uniform(218, 250))
    if kind in ("square_seal", "square_outline"):
        outline = kind == "square_outline"
        turn = chance.uniform(0, 90) if outline else chance.uniform(-15, 15)
        ink = _square(chance, chance.uniform(18, 40), filled=not outline, turn=turn)
        _lay(sheet, _worn(chance, ink, wear), at, colour, strength)
    elif kind in ("blue_seal", "purple_seal"):
        other: Colour = (40, 60, 190) if kind == "blue_seal" else (110, 50, 180)
        _lay(sheet, _worn(chance, _seal(chance, chance.uniform(38, 45)), wear), at, other, strength)
    elif kind == "box_stamp":
        _lay(sheet, _worn(chance, _box_stamp(chance), 0.2), at, colour, 0.9)
    elif kind == "thumbprint":
        _lay(sheet, _worn(chance, _thumb(chance), chance.uniform(0.2, 0.5)), at, colour, strength)
    elif kind == "big_star":
        radius = px(chance.uniform(15, 22))
        ink = _drawn(
            2 * radius + 20,
            lambda pen, c: pen.polygon(_star(2 * radius, c, c), fill=255),
            chance.uniform(-30, 30),
        )
        _lay(sheet, ink, at, colour, strength)
    elif kind == "red_signature":
        _scribble(sheet, chance, (200, 30, 40), at)
    elif kind == "pen_circles":
        for _ in range(chance.randint(1, 4)):
            _pen_circle(sheet, chance, px(chance.uniform(40, 170)), px(chance.uniform(70, 200)))
    elif kind == "ticks":
        for _ in range(chance.randint(8, 30)):
            x, y = px(chance.uniform(30, 180)), px(chance.uniform(60, 220))
            points = [(x, y), (x + px(2), y + px(3)), (x + px(6), y - px(chance.uniform(3, 6)))]
            _stroke(sheet, chance, points, (205, 35, 40))
    elif kind == "picture":
        _picture(sheet, chance)
    elif kind == "banner":
        top = px(chance.uniform(5, 15))
        sheet[top : top + px(chance.uniform(12, 30)), :] = (chance.randint(180, 225), 25, 30)


def _stroke(sheet: Sheet, chance: random.Random, points: Sequence[Point], colour: Colour) -> None:
    """A pen's stroke through the points."""
    cv2.polylines(sheet, [np.array(points, np.int32)], False, colour, chance.randint(2, 5), cv2.LINE_AA)


def _scribble(sheet: Sheet, chance: random.Random, colour: Colour, at: Point) -> None:
    """A signature around a point, some 35 mm wide: curved strokes."""
    for _ in range(chance.randint(3, 6)):
        points = [(at[0] + px(35) * chance.uniform(-0.5, 0.5), at[1] + chance.uniform(-40, 40))]
        for _ in range(chance.randint(3, 6)):
            points.append((points[-1][0] + chance.uniform(-30, 50), points[-1][1] + chance.uniform(-45, 45)))
        curve: list[Point] = []
        for (ax, ay), (bx, by), (cx, cy) in zip(points, points[1:], points[2:], strict=False):
            (px0, py0), (px1, py1) = ((ax + bx) / 2, (ay + by) / 2), ((bx + cx) / 2, (by + cy) / 2)
            curve.extend(
                (
                    (1 - t) ** 2 * px0 + 2 * t * (1 - t) * bx + t * t * px1,
                    (1 - t) ** 2 * py0 + 2 * t * (1 - t) * by + t * t * py1,
                )
                for t in np.linspace(0, 1, 12)
            )
        _stroke(sheet, chance, curve, colour)


def _pen_circle(sheet: Sheet, chance: random.Random, x: float, y: float) -> None:
    """A red pen's circle around a figure: not closed, not round."""
    wide, high, start = px(chance.uniform(6, 22)), px(chance.uniform(4, 18)), chance.uniform(0, 6)
    wobble = [chance.uniform(-0.1, 0.1) for _ in range(4)]
    curve = []
    for t in np.linspace(0, 2 * math.pi * chance.uniform(0.85, 1.15), 60):
        reach = 1 + wobble[0] * math.cos(2 * t + start) + wobble[1] * math.sin(3 * t) + 0.02 * t
        curve.append((x + wide * reach * math.cos(t + start), y + high * reach * math.sin(t + start)))
    _stroke(sheet, chance, curve, (205, 35, 40))


def _box_stamp(chance: random.Random) -> Mask:
    """A rectangular received-stamp with two lines of characters."""
    wide, high = chance.uniform(30, 60), chance.uniform(14, 24)
    w, h = int(wide * DPI / 25.4), int(high * DPI / 25.4)

    def draw(pen: ImageDraw.ImageDraw, c: int) -> None:
        pen.rounded_rectangle((c - w, c - h, c + w, c + h), radius=chance.choice([0, h // 3]), outline=255, width=8)
        for row in range(2):
            for number in range(6):
                pen.bitmap(
                    (int(c - w * 0.8 + number * w * 0.27), int(c - h * 0.7 + row * h * 0.75)),
                    _glyph(chance, int(h * 0.6), 0.14),
                    fill=255,
                )

    return _drawn(int(w * 1.1) + 20, draw, chance.uniform(-8, 8))


def _thumb(chance: random.Random) -> Mask:
    """A thumb print in seal ink: an oval, 16 to 20 by 22 to 28 mm, of ridges."""
    wide, high = px(chance.uniform(8, 10)), px(chance.uniform(11, 14))
    ys, xs = np.mgrid[-high - 10 : high + 11, -wide - 10 : wide + 11].astype(np.float32)
    oval = (xs / wide) ** 2 + (ys / high) ** 2 < 1
    ridges = np.sin(np.hypot(xs, ys * 0.8 + chance.uniform(-20, 20)) * 2.1) > -0.3
    return (oval & ridges).astype(np.float32)


def _picture(sheet: Sheet, chance: random.Random) -> None:
    """A colour photograph in the page: smooth blobs of any colour, warm ones too."""
    noise = np.random.default_rng(chance.randrange(1 << 31))
    wide, high = px(chance.uniform(50, 110)), px(chance.uniform(40, 80))
    blobs = cv2.resize(noise.random((5, 7, 3), np.float32), (wide, high), interpolation=cv2.INTER_CUBIC)
    left, top = px(chance.uniform(25, 70)), px(chance.uniform(60, 150))
    warm = np.array([1.0, chance.uniform(0.6, 1), chance.uniform(0.5, 1)], np.float32)
    sheet[top : top + high, left : left + wide] = np.clip(blobs, 0, 1) * 255 * warm


# --- the scanner ----------------------------------------------------------------------------------


def _crumpled(sheet: Sheet, chance: random.Random) -> Sheet:
    """Paper that does not lie flat: perspective, and waves of up to a millimetre."""
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    moved = corners + np.array([[chance.uniform(-70, 70) for _ in range(2)] for _ in range(4)], np.float32)
    sheet = cv2.warpPerspective(
        sheet, cv2.getPerspectiveTransform(corners, moved), (WIDTH, HEIGHT), borderValue=(250, 250, 250)
    ).astype(np.float32)
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    waves = [(chance.uniform(2, 6), chance.uniform(80, 250), chance.uniform(0, 6)) for _ in range(2)]
    shift_x, shift_y = (high * np.sin((xs + ys) / length + start) for high, length, start in waves)
    waved = cv2.remap(sheet, xs + shift_x, ys + shift_y, cv2.INTER_LINEAR, borderValue=(250, 250, 250))
    return waved.astype(np.float32)


def _on_desk(sheet: Sheet, chance: random.Random) -> Sheet:
    """The page as photographed on a table of wood or plastic."""
    scale, tilt = chance.uniform(0.78, 0.92), chance.uniform(-4, 4)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), tilt, scale)
    desk = chance.choice([(150, 100, 65), (95, 60, 40), (190, 160, 130), (60, 62, 65), (170, 110, 90)])
    return cv2.warpAffine(sheet, turn, (WIDTH, HEIGHT), borderValue=desk).astype(np.float32)


def _scanned(sheet: Sheet, kind: str, chance: random.Random) -> Image.Image:
    """Skew, paper, cast, noise, blur and resolution of a scanner or a phone."""
    noise = np.random.default_rng(chance.randrange(1 << 31))
    skew = chance.choice([-1, 1]) * chance.uniform(2, 9) if kind == "rotated" else chance.gauss(0, 0.7)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), skew, 1)
    sheet = cv2.warpAffine(sheet, turn, (WIDTH, HEIGHT), borderValue=(250, 250, 250)).astype(np.float32)
    if kind == "upside":
        sheet = sheet[::-1, ::-1]
    elif kind == "sideways":
        sheet = np.rot90(sheet, chance.choice([1, 3]))
    elif kind == "crumpled":
        sheet = _crumpled(sheet, chance)
    elif kind == "cropped":
        sheet = sheet[HEIGHT // 2 :]
    elif kind in ("desk", "bare_desk"):
        sheet = _on_desk(sheet, chance)
    high, wide = sheet.shape[:2]
    sheet = sheet * np.array([chance.uniform(0.93, 1), chance.uniform(0.93, 1), chance.uniform(0.90, 0.99)], np.float32)
    if kind in ("photo", "dim_photo", "cast_blank"):
        dim = chance.uniform(0.45, 0.65) if kind == "dim_photo" else chance.uniform(0.7, 0.95)
        sheet *= np.array([1.0, chance.uniform(0.82, 0.93), chance.uniform(0.62, 0.8)], np.float32) * dim
        light = noise.random((4, 3), np.float32) * 0.35 + 0.65
        sheet *= cv2.resize(light, (wide, high), interpolation=cv2.INTER_CUBIC)[..., None]
    grain = noise.normal(0, chance.uniform(3, 7), (high // 2, wide // 2, 3)).astype(np.float32)
    sheet += cv2.resize(grain, (wide, high))
    sheet += noise.normal(0, chance.uniform(1, 3), (high, wide, 1)).astype(np.float32)
    sheet = cv2.GaussianBlur(sheet, (0, 0), chance.uniform(0.4, 1.0)).astype(np.float32)
    if kind in ("lowres", "faint_lowres"):
        size = chance.choice([0.5, 0.4])
        sheet = cv2.resize(sheet, None, fx=size, fy=size, interpolation=cv2.INTER_AREA).astype(np.float32)
    page = Image.fromarray(np.clip(sheet, 0, 255).astype(np.uint8))
    return page.convert("L") if kind in GREY else page
