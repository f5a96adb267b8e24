"""The print of a page is the same whatever file it is in, and another for another page (SIG-04); codes are read (SIG-05).

Both look at the pixels of the picture as it was scanned, not at the page as it is drawn.
"""

from __future__ import annotations

import io
import random

import numpy as np
import pikepdf
import pytest
import segno
from PIL import Image, ImageFilter

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import Scan, read_scan
from expectations.signature import SignatureCode, written
from tests.scans import made_files as files
from tests.scans.made_scans import as_jpeg, made_page

PAGE = made_page("normal", 3)
JPEG = as_jpeg(PAGE)
CODE = SignatureCode("2026.1", "annex2", "EX-15-01", "2026-10", (12, 3))


def read(content: bytes) -> Scan:
    return read_scan(content, "扫描件", Limits(), SealThresholds())


def decoded() -> Image.Image:
    return Image.open(io.BytesIO(JPEG)).convert("RGB")


def pdf_of_jpeg(*, share: float = 1.0, producer: str = "") -> bytes:
    """A page that holds the JPEG over a share of its sides."""
    pdf = pikepdf.new()
    width, height = files.A4
    files.add_page(pdf, files.picture_object(pdf, PAGE), box=(9, 9, width * share, height * share))
    if producer:
        pdf.docinfo["/Producer"] = producer
    return files.saved(pdf)


SAME = {
    "jpeg with other metadata": lambda: JPEG[:2] + b"\xff\xfe\x00\x06WPS " + JPEG[2:],
    "png": lambda: files.as_file(decoded(), "PNG"),
    "tiff": lambda: files.as_tiff([decoded()]),
    "pdf of the jpeg": pdf_of_jpeg,
    "pdf of the jpeg with margins": lambda: pdf_of_jpeg(share=0.6),
    "pdf saved again": lambda: pdf_of_jpeg(producer="another program"),
    "pdf of the pixels": lambda: files.as_pdf([decoded()], flate=True),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_page_has_the_same_print_in_every_file(kind: str) -> None:
    content = SAME[kind]()
    assert content != JPEG
    assert read(content).prints == read(JPEG).prints
    assert len(read(JPEG).prints) == 1


def test_another_page_has_another_print() -> None:
    seen = {read(as_jpeg(made_page("normal", seed))).prints for seed in range(4)}
    touched = decoded()
    touched.putpixel((600, 400), (0, 0, 0))
    seen.add(read(JPEG).prints)
    seen.add(read(files.as_file(touched, "PNG")).prints)
    assert len(seen) == 5  # the page of seed 3 is PAGE


def test_every_page_of_a_file_has_its_print() -> None:
    one, other = decoded(), made_page("red_head", 5)
    scan = read(files.as_pdf([one, other], flate=True))
    assert set(read(JPEG).prints) < set(scan.prints)
    assert len(scan.prints) == 2


def signed(text: str, side_mm: float = 25.0) -> Image.Image:
    """The made page with a code in its upper right corner, at 200 dpi."""
    page = PAGE.resize((1654, 2339))
    square = round(side_mm * 200 / 25.4)
    matrix = np.array([list(row) for row in segno.make(text, error="m", boost_error=False).matrix], np.uint8)
    code = Image.fromarray(255 * (1 - matrix)).resize((square, square), Image.Resampling.NEAREST)
    page.paste("white", (1350 - square, 60, 1390, 100 + square))
    page.paste(code, (1370 - square, 80))
    return page


def scanned(page: Image.Image, *, dpi: int, degrees: float, grey: bool, quality: int, seed: int) -> bytes:
    """The page printed and scanned: turned, out of focus, noisy, grey, compressed."""
    chance = np.random.default_rng(seed)
    turned = page.rotate(degrees, Image.Resampling.BICUBIC, expand=abs(degrees) > 45, fillcolor="white")
    small = turned.resize((turned.width * dpi // 200, turned.height * dpi // 200), Image.Resampling.LANCZOS)
    soft = np.asarray(small.filter(ImageFilter.GaussianBlur(0.6))).astype(np.float32) * 0.93
    noisy = np.clip(soft + chance.normal(4, 6, soft.shape), 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    return as_jpeg(image.convert("L") if grey else image, quality=quality)


@pytest.mark.parametrize("dpi", [100, 150, 200])
def test_the_code_of_a_signature_page_is_read_off_its_scan(dpi: int) -> None:
    chance = random.Random(dpi)
    for number, turn in enumerate((0.0, chance.uniform(-8, 8), 90.0, 180 + chance.uniform(-2, 2))):
        content = scanned(
            signed(written(CODE)),
            dpi=dpi,
            degrees=turn,
            grey=bool(number % 2),
            quality=40 + 15 * (number % 3),
            seed=dpi,
        )
        assert read(content).codes == (written(CODE),)


def test_a_code_is_read_in_a_pdf_too() -> None:
    page = signed(written(CODE))
    assert read(files.as_pdf([made_page("blank", 1), page])).codes == (written(CODE),)
    assert read(files.as_pdf([page], flate=True)).codes == (written(CODE),)


@pytest.mark.parametrize("text", ["https://example.cn/x", "SIXTH1/2026.1/annex2/EX-15/202613/", "12345678901"])
def test_a_code_of_others_is_none(text: str) -> None:
    assert read(as_jpeg(signed(text))).codes == ()


def a3(diameter_mm: float, dpi: int = 150) -> Image.Image:
    """A sheet of A3 with a seal of that size: a made page, shrunk until its seal of about 40 mm has it."""
    sheet = Image.new("RGB", (round(420 * dpi / 25.4), round(297 * dpi / 25.4)), "white")
    factor = diameter_mm / 40 * dpi / 150
    sheet.paste(PAGE.resize((round(PAGE.width * factor), round(PAGE.height * factor))), (200, 40))
    return sheet


@pytest.mark.parametrize("diameter", [36, 38, 42])
def test_paper_of_a3_says_how_large_its_seal_is(diameter: float) -> None:
    sheet = a3(diameter)
    pdf = io.BytesIO()
    sheet.save(pdf, "PDF", resolution=150)
    assert read(pdf.getvalue()).state == "sealed"
    assert read(as_jpeg(sheet, dpi=(150, 150))).state == "sealed"


def test_pixels_taken_for_points_are_no_paper() -> None:
    page = made_page("normal", 2).resize((827, 1169))  # A4 at 100 dpi, which 72 dpi make 292 x 412 mm
    pdf = io.BytesIO()
    page.save(pdf, "PDF", resolution=72)
    assert read(pdf.getvalue()).state == "sealed"
