"""The detector on made pages: every kind that has a seal, and every kind that has something like one."""

from __future__ import annotations

import dataclasses
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.instance.settings import SealThresholds
from assets.intake.scans.seal import find_seal
from tests.scans.evaluate import counted
from tests.scans.made_scans import KINDS, SEALED, UNSEALED, WIDTH, made_page

SEAL = SealThresholds()
HARD = {"faint_lowres", "pen_circles"}  # judged by count, README.md says how often they go wrong


@cache
def picture(kind: str, seed: int) -> np.ndarray:
    """A page as the detector takes it, which no test changes."""
    return np.ascontiguousarray(np.asarray(made_page(kind, seed).convert("RGB"))[:, :, ::-1])


@pytest.mark.parametrize("seed", [101, pytest.param(102, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in HARD])
def test_a_made_page_is_called_what_it_is(kind: str, seed: int) -> None:
    wanted = "sealed" if kind in SEALED else "no_seal" if kind in UNSEALED else "no_colour"
    assert counted(kind, [seed])[wanted] == 1


@pytest.mark.parametrize(("kind", "wanted"), [("faint_lowres", "sealed"), ("pen_circles", "no_seal")])
def test_most_pages_of_the_hard_kinds_are_called_what_they_are(kind: str, wanted: str) -> None:
    assert counted(kind, range(100, 110))[wanted] >= 8


@pytest.fixture(scope="module")
def over_table() -> Image.Image:
    return made_page("over_table", 103)


@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_a_seal_is_found_on_a_page_turned_any_way(over_table: Image.Image, degrees: int) -> None:
    page = over_table.rotate(degrees, Image.Resampling.BICUBIC, fillcolor="white")
    assert find_seal(np.asarray(page)[:, :, ::-1], SEAL).found


@pytest.mark.parametrize("dpi", [50, 75, 100, 150, 200, 300, 600])
def test_a_seal_is_found_at_any_resolution(dpi: int) -> None:
    page = picture("normal", 104)
    scaled = cv2.resize(page, None, fx=dpi / 150, fy=dpi / 150, interpolation=cv2.INTER_AREA)
    assert find_seal(scaled.astype(np.uint8), SEAL).found


def test_the_seal_is_where_it_was_stamped() -> None:
    page = picture("blank", 105).copy()
    x, y, radius = 400, 900, 124  # 21 mm at 150 dpi
    cv2.circle(page, (x, y), radius, (40, 30, 210), 8, cv2.LINE_AA)
    for turn in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        at = round(x + 0.72 * radius * np.cos(turn)), round(y + 0.72 * radius * np.sin(turn))
        cv2.circle(page, at, 18, (40, 30, 210), -1, cv2.LINE_AA)
    result = find_seal(page, SEAL)
    assert result.found
    assert result.x == pytest.approx(x / WIDTH, abs=0.01)
    assert result.y == pytest.approx(y / WIDTH, abs=0.01)
    assert result.radius_mm == pytest.approx(21, abs=1)


def test_the_same_page_gives_the_same_result() -> None:
    page = picture("head_and_seal", 106)
    assert find_seal(page, SEAL) == find_seal(page.copy(), SEAL)


def test_the_thresholds_decide() -> None:
    page = picture("normal", 107)
    assert find_seal(page, SEAL).found
    assert not find_seal(page, dataclasses.replace(SEAL, score=1.01)).found
    assert not find_seal(page, dataclasses.replace(SEAL, radius_min_mm=25)).found
    assert not find_seal(page, dataclasses.replace(SEAL, radius_max_mm=17)).found
    assert not find_seal(page, dataclasses.replace(SEAL, ink_pixels=100_000)).found
    assert find_seal(page, dataclasses.replace(SEAL, colour_share=1.0)).grey


@given(st.integers(1, 60), st.integers(1, 900), st.integers(0, 2**32 - 1))
def test_any_picture_gets_a_result(width: int, height: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert 0 <= find_seal(noise, SEAL).score <= 1
