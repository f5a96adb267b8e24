"""The picture of a scan's page: the seal sharp in its frame, nothing else to be read; and who may see it."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from assets.instance.home import Home
from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.instance.workers import Died
from assets.intake.mail.archive import path_of
from assets.intake.scans.seal import find_seal
from reports.portal import scan_pages
from reports.portal.drawn_page import SHORT_PX, drawn_page
from reports.portal.kept import LastUsed
from reports.portal.reading import opened
from reports.portal.shared import Portal
from tests.portal.made_portal import OTHER_UNIT, SAMPLE, Browser, portal_of
from tests.reports.settled_sample import LAST
from tests.scans.made_files import as_pdf
from tests.scans.made_scans import as_jpeg, made_page

LIMITS, SEAL = Limits(), SealThresholds()
SIGNER = "EX-15-01-001"


def opened_picture(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_the_page_with_the_seal_is_drawn_with_the_seal_in_its_frame() -> None:
    plain, sealed = made_page("blank", 1), made_page("normal", 1)
    drawn = drawn_page(as_pdf([plain, sealed]), LIMITS, SEAL)
    assert drawn is not None
    assert (drawn.page, drawn.found) == (2, True)
    assert min(opened_picture(drawn.picture).shape[:2]) == SHORT_PX
    whole = cv2.cvtColor(np.asarray(sealed), cv2.COLOR_RGB2BGR)
    found = find_seal(whole, SEAL)
    height, width = whole.shape[:2]
    centre = 100 * found.x * min(height, width) / width, 100 * found.y * min(height, width) / height
    left, top, right, bottom = drawn.box
    assert abs((left + right) / 2 - centre[0]) < 1
    assert abs((top + bottom) / 2 - centre[1]) < 1
    assert 2 * 13.5 < (right - left) / 100 * 210 < 2.4 * 34


def test_of_the_rest_nothing_can_be_read_not_even_across_the_seal() -> None:
    page = made_page("normal", 1)
    first = drawn_page(as_jpeg(page), LIMITS, SEAL)
    assert first is not None
    left, top, right, bottom = (n / 100 for n in first.box)
    pen = ImageDraw.Draw(page)
    for n in range(60):  # writing of 1 mm strokes over the whole page, the seal too
        y = page.height * n // 60
        pen.line([(0, y), (page.width, y)], fill=(0, 0, 0), width=page.width // 210)
    drawn = drawn_page(as_jpeg(page, quality=90), LIMITS, SEAL)
    assert drawn is not None
    grey = opened_picture(drawn.picture).astype(int)
    black = (grey.max(axis=2) < 70).mean()
    assert black < 0.002, "strokes of black ink can be seen"
    middle = grey[
        int(top * grey.shape[0]) : int(bottom * grey.shape[0]), int(left * grey.shape[1]) : int(right * grey.shape[1])
    ]
    assert (middle.max(axis=2) < 70).mean() < 0.02


def test_a_page_without_a_seal_is_drawn_too_and_what_is_no_scan_is_not() -> None:
    drawn = drawn_page(as_jpeg(made_page("blank", 1)), LIMITS, SEAL)
    assert drawn is not None
    assert not drawn.found
    white = io.BytesIO()
    Image.new("RGB", (620, 877), "white").save(white, "PNG")
    blank = drawn_page(white.getvalue(), LIMITS, SEAL)
    assert blank is not None
    assert (blank.found, blank.box) == (False, ())


@pytest.fixture(scope="module")
def portal(home: Home) -> Iterator[Portal]:
    """A portal whose home has the one mail in its archive that is asked for."""
    name = scan_of(home, SIGNER)[0]
    (mail,) = (
        file for file in (SAMPLE / "inbox").rglob("*.eml") if hashlib.sha256(file.read_bytes()).hexdigest() == name
    )
    place = path_of(name, home.archive)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(mail, place)
    with portal_of(home) as made:
        yield made


def scan_of(home: Home, unit: str) -> tuple[str, int]:
    """Mail and number of a scan of a unit."""
    with opened(home.portal, LAST, [unit]) as month:
        return tuple(month.db.execute("select mail, number from scans order by received_at desc").fetchone())


def test_a_scan_is_shown_on_the_page_of_its_unit_and_to_who_sees_that(portal: Portal) -> None:
    mail, number = scan_of(portal.home, SIGNER)
    address = f"/units/{SIGNER}/scans/{mail}/{number}?period={LAST}"
    steward = Browser(portal, "provincial")
    assert f'src="{address}"' in steward.get(f"/units/{SIGNER}?period={LAST}").text
    answer = steward.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(answer.content)).size[0] == SHORT_PX
    office = Browser(portal, "office")
    assert office.get(address.replace("/units/", "/office/")).content == answer.content
    for path in (
        address.replace(f"/{number}?", "/99?"),
        address.replace(SIGNER, "EX-15-01-002"),
        address.replace(SIGNER, OTHER_UNIT),
    ):
        nothing = steward.get(path)
        assert (nothing.status_code, nothing.content) == (404, steward.get("/nowhere").content), path


def test_a_scan_that_cannot_be_drawn_is_told_of(portal: Portal) -> None:
    with opened(portal.home.portal, LAST, ["EX-15"]) as month:
        wanted = "select unit_code, mail, number from scans where unit_code <> ?"
        unit, mail, number = month.db.execute(wanted, [SIGNER]).fetchone()
    answer = Browser(portal, "steward").get(f"/units/{unit}/scans/{mail}/{number}?period={LAST}")
    assert (answer.status_code, "画不出来" in answer.text) == (422, True)


def test_a_scan_that_cannot_be_drawn_is_tried_once_and_busy_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def run(function: Any, tasks: list[Any], **limits: Any) -> list[Any]:
        made.append(tasks[0][2])
        return [(0, b"picture" if made[-1] == 1 else Died("timeout", "it took too long"))]

    monkeypatch.setattr(scan_pages, "run_isolated", run)
    monkeypatch.setattr(scan_pages, "_kept", LastUsed(most=2))
    monkeypatch.setattr(scan_pages, "WAIT_SECONDS", 0.0)

    def look(number: int) -> bytes | str:
        try:
            return scan_pages.drawn(Path("archive"), "mail", number, LIMITS, SEAL)
        except scan_pages.NotDrawn as error:
            return error.reason

    with scan_pages._drawing:
        assert look(1) == "busy"
    assert [look(n) for n in (1, 2, 1, 2)] == [b"picture", "timeout", b"picture", "timeout"]
    assert made == [1, 2]
    with scan_pages._drawing:
        assert [look(n) for n in (1, 2, 3)] == [b"picture", "timeout", "busy"]
    assert [look(n) for n in (3, 2, 1)] == ["timeout", "timeout", b"picture"]
    assert made == [1, 2, 3, 1]


def test_who_waited_gets_what_was_drawn_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: LastUsed[bytes | str] = LastUsed(most=2)
    monkeypatch.setattr(scan_pages, "_kept", kept)
    monkeypatch.setattr(scan_pages, "run_isolated", lambda *_, **__: [(0, b"drawn again")])
    task = (Path("archive"), "mail", 1, LIMITS, SEAL)

    class Turn:
        def acquire(self, timeout: float) -> bool:
            kept.keep(task, b"by another")
            return True

        def release(self) -> None: ...

    monkeypatch.setattr(scan_pages, "_drawing", Turn())
    assert scan_pages.drawn(*task) == b"by another"
