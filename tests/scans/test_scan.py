"""What is said of scans in every format: sealed, unsealed or unreadable, and why."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import Scan, read_scan
from tests.scans import made_files as files
from tests.scans.made_scans import as_jpeg, made_page

SEALED = made_page("normal", 1)
PLAIN = made_page("red_head", 1)
GREY = made_page("grey_seal", 1)
SMALL = PLAIN.resize((414, 585))  # for files of many pages


def read(content: bytes, **limits: int) -> Scan:
    return read_scan(content, "签字盖章扫描件.pdf", Limits(**limits), SealThresholds())


def said(content: bytes, **limits: int) -> tuple[str, str]:
    scan = read(content, **limits)
    return scan.state, scan.reason


def cut_out_seal() -> Image.Image:
    """A round seal alone on white, as an electronic seal comes."""
    tile = np.full((300, 300, 3), 255, np.uint8)
    cv2.circle(tile, (150, 150), 135, (200, 20, 30), 10, cv2.LINE_AA)
    for turn in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        at = round(150 + 95 * np.cos(turn)), round(150 + 95 * np.sin(turn))
        cv2.circle(tile, at, 18, (200, 20, 30), -1, cv2.LINE_AA)
    return Image.fromarray(tile)


def on_glass(page: Image.Image) -> Image.Image:
    """The page with its paper made transparent, over black as such files have it."""
    colours = np.asarray(page)
    paper = colours.min(2) > 200
    ink = np.where(paper[..., None], 0, colours)
    return Image.fromarray(np.dstack([ink, np.where(paper, 0, 255)]).astype(np.uint8))


def sixteen_bit(page: Image.Image) -> bytes:
    deep = np.asarray(page)[:, :, ::-1].astype(np.uint16) * 257
    return cv2.imencode(".png", deep)[1].tobytes()


WRITERS = {
    "jpeg": as_jpeg,
    "jpeg-progressive": lambda page: as_jpeg(page, progressive=True),
    "jpeg-300dpi": lambda page: as_jpeg(page.resize((2480, 3508))),
    "png": lambda page: files.as_file(page, "PNG"),
    "tiff-lzw": lambda page: files.as_file(page, "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": lambda page: files.as_file(page, "TIFF", compression="jpeg"),
    "tiff-raw": lambda page: files.as_file(page, "TIFF"),
    "pdf-jpeg": lambda page: files.as_pdf([page]),
    "pdf-lossless": lambda page: files.as_pdf([page], flate=True),
    "pdf-drawn-over": lambda page: files.as_pdf([page], extra=b"0 g 40 40 100 3 re f"),
    "pdf-by-pillow": lambda page: files.as_file(page, "PDF"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_format_is_read(writer: str) -> None:
    write = WRITERS[writer]
    assert said(write(SEALED)) == ("sealed", "")
    assert said(write(PLAIN)) == ("unsealed", "no_seal")
    assert said(write(GREY)) == ("unsealed", "no_colour")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: as_jpeg(SEALED.convert("CMYK")), id="cmyk-jpeg"),
        pytest.param(lambda: files.as_file(SEALED.quantize(64), "PNG"), id="palette-png"),
        pytest.param(lambda: files.as_file(on_glass(SEALED), "PNG"), id="transparent-png"),
        pytest.param(lambda: sixteen_bit(SEALED), id="16-bit-png"),
        pytest.param(lambda: files.as_file(SEALED.convert("CMYK"), "TIFF"), id="cmyk-tiff"),
        pytest.param(lambda: files.with_annotation(PLAIN, cut_out_seal(), field=False), id="stamp-annotation"),
        pytest.param(lambda: files.with_annotation(PLAIN, cut_out_seal(), field=True), id="signature-field"),
    ],
)
def test_a_seal_is_found_however_it_is_stored(content) -> None:  # type: ignore[no-untyped-def]
    assert said(content()) == ("sealed", "")


def test_a_seal_that_a_grey_or_two_tone_file_lost_is_not_found() -> None:
    assert said(files.as_file(SEALED.convert("1"), "TIFF", compression="group4")) == ("unsealed", "no_colour")
    assert said(files.as_file(SEALED.convert("I;16"), "PNG")) == ("unsealed", "no_colour")


def test_a_page_that_is_more_than_its_picture_is_drawn_whole() -> None:
    pdf = pikepdf.new()
    files.add_page(pdf, files.picture_object(pdf, SEALED), extra=b"1 g 0 0 595 842 re f")
    assert said(files.saved(pdf)) != ("sealed", "")  # the picture lies under white paint


def test_a_picture_that_is_a_part_of_its_page_keeps_its_scale() -> None:
    pdf = pikepdf.new()
    files.add_page(pdf, files.picture_object(pdf, cut_out_seal()), box=(380, 100, 119, 119))
    assert said(files.saved(pdf)) == ("sealed", "")
    pdf = pikepdf.new()
    files.add_page(pdf, files.picture_object(pdf, cut_out_seal()), box=(30, 760, 50, 50))  # a logo of 16 mm
    assert said(files.saved(pdf)) == ("unsealed", "no_seal")


def test_the_seal_may_be_on_any_page() -> None:
    blank = [SMALL] * 3
    for place in range(4):
        pages = [*blank[:place], SEALED, *blank[place:]]
        assert said(files.as_pdf(pages)) == ("sealed", "")
        assert said(files.as_tiff(pages)) == ("sealed", "")
    assert read(files.as_pdf([SEALED, *blank])).pages == 4  # the others may be known, or bear a code
    assert read(files.as_pdf(blank)).pages == 3


def test_a_damaged_page_does_not_hide_the_seal_on_another() -> None:
    pdf = pikepdf.new()
    broken = files.picture_object(pdf, SMALL)
    broken.write(as_jpeg(SMALL)[:2000], filter=pikepdf.Name.DCTDecode)
    files.add_page(pdf, broken)
    assert said(files.saved(pdf)) == ("unreadable", "damaged")
    files.add_page(pdf, files.picture_object(pdf, PLAIN))
    assert said(files.saved(pdf)) == ("unsealed", "damaged")
    files.add_page(pdf, files.picture_object(pdf, SEALED))
    assert said(files.saved(pdf)) == ("sealed", "")


def test_the_format_is_told_by_the_content_not_by_the_name() -> None:
    for name in ("a.pdf", "b.docx", "", "c\0.png"):
        assert read_scan(as_jpeg(SEALED), name, Limits(), SealThresholds()).state == "sealed"


def test_a_password_makes_a_scan_unreadable_only_where_one_is_asked_for() -> None:
    pdf = pikepdf.open(io.BytesIO(files.as_pdf([SEALED])))
    assert said(files.saved(pdf, encryption=pikepdf.Encryption(owner="o", user="u"))) == (
        "unreadable",
        "encrypted",
    )
    assert said(files.saved(pdf, encryption=pikepdf.Encryption(owner="o", user=""))) == ("sealed", "")


def test_the_same_bytes_get_the_same_answer() -> None:
    for content in (files.as_pdf([SEALED]), files.as_pdf([PLAIN], flate=True), as_jpeg(GREY)):
        assert read(content) == read(content)
