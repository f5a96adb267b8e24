"""Scans made to break a reader: each ends as a Scan with a reason, after bounded work."""

from __future__ import annotations

import functools
import random
import struct
import zlib

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import Scan, read_scan
from tests.scans import made_files as files
from tests.scans.made_scans import as_jpeg, made_page

STATES = {"sealed", "unsealed", "unreadable"}


def read(content: bytes, **limits: int) -> Scan:
    return read_scan(content, "scan", Limits(**limits), SealThresholds())


def said(content: bytes, **limits: int) -> tuple[str, str]:
    scan = read(content, **limits)
    return scan.state, scan.reason


@functools.cache
def small(kind: str = "normal") -> Image.Image:
    return made_page(kind, 1).resize((620, 877))


@functools.cache
def sample(kind: str) -> bytes:
    return {
        "jpeg": lambda: as_jpeg(small()),
        "progressive": lambda: as_jpeg(small(), progressive=True),
        "png": lambda: files.as_file(small(), "PNG"),
        "tiff": lambda: files.as_tiff([small("blank"), small()], compression="tiff_lzw"),
        "pdf": lambda: files.as_pdf([small("blank"), small()]),
        "pdf-rendered": lambda: files.as_pdf([small()], flate=True),
        "pdf-annotated": lambda: files.with_annotation(small("blank"), small(), field=True),
    }[kind]()


KINDS = ["jpeg", "progressive", "png", "tiff", "pdf", "pdf-rendered", "pdf-annotated"]


def png_claiming(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    content = as_jpeg(small())
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def tiff_claiming(width: int, height: int) -> bytes:
    content = bytearray(files.as_file(Image.new("RGB", (10, 10)), "TIFF"))
    (directory,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, directory)
    for number in range(entries):
        at = directory + 2 + 12 * number
        (tag,) = struct.unpack_from("<H", content, at)
        if tag in (256, 257):  # ImageWidth, ImageLength
            struct.pack_into("<HII", content, at + 2, 4, 1, width if tag == 256 else height)
    return bytes(content)


def progressive_with_scans(count: int) -> bytes:
    content = as_jpeg(Image.new("RGB", (3000, 3000), "white"), progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * count + b"\xff\xd9"


def pdf_of(**boxes: tuple[float, float, float, float]) -> bytes:
    """A page that has to be rendered, with the boxes given."""
    pdf = pikepdf.new()
    page = files.add_page(pdf, files.picture_object(pdf, small()), extra=b"0 0 1 rg 0 0 1 1 re f")
    for name, box in boxes.items():
        page.obj[f"/{name}"] = pikepdf.Array(list(box))
    return files.saved(pdf)


def pdf_drawing(content: bytes) -> bytes:
    pdf = pikepdf.new()
    stream = pikepdf.Stream(pdf, b"")
    stream.write(zlib.compress(content, 9), filter=pikepdf.Name.FlateDecode)
    files.add_page(pdf, None).Contents = stream
    return files.saved(pdf)


def pdf_with_picture(width: int, height: int, data: bytes) -> bytes:
    pdf = pikepdf.new()
    image = files.picture_object(pdf, Image.new("RGB", (10, 10)), flate=True)
    image.Width, image.Height = width, height
    image.write(zlib.compress(data, 9), filter=pikepdf.Name.FlateDecode)
    files.add_page(pdf, image)
    return files.saved(pdf)


def pdf_of_many(count: int, last: Image.Image | None = None) -> bytes:
    pdf = pikepdf.new()
    image = files.picture_object(pdf, Image.new("RGB", (210, 297), "white"))
    for _ in range(count):
        files.add_page(pdf, image)
    if last is not None:
        files.add_page(pdf, files.picture_object(pdf, last))
    return files.saved(pdf)


PACKED = random.Random(1).randbytes(20_000)
NO_PAGE = b"%PDF-1.4\n%broken\n" + b"x" * 199
PAGE_LOOP = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>endobj\ntrailer<</Root 1 0 R>>\n"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"<html>scan</html>", "not_a_scan", id="html"),
        pytest.param(b"PK\3\4" + b"\0" * 100, "not_a_scan", id="zip"),
        pytest.param(b"GIF89a" + b"\0" * 100, "not_a_scan", id="gif"),
        # photos of telephones under another name: what is packed looks encrypted, but says what it is
        pytest.param(b"\0\0\0\x18ftypheic" + PACKED, "not_a_scan", id="heic"),
        pytest.param(b"RIFF\x24\x40\0\0WEBPVP8L" + PACKED, "not_a_scan", id="webp"),
        pytest.param(b"GIF89a" + PACKED, "not_a_scan", id="packed-gif"),
        pytest.param(b"\x13\x37" + PACKED, "encrypted_by_client", id="packed-and-nothing-known"),
        pytest.param(NO_PAGE, "damaged", id="pdf-without-a-page"),
        pytest.param(PAGE_LOOP, "damaged", id="pdf-page-loop"),
        pytest.param(b"\xff\xd8\xff\xe0", "damaged", id="jpeg-header-only"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "damaged", id="png-header-only"),
        pytest.param(b"II*\0\x08\0\0\0", "damaged", id="tiff-header-only"),
    ],
)
def test_what_is_no_scan_is_unreadable(content: bytes, reason: str) -> None:
    assert said(content) == ("unreadable", reason)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["jpeg", "progressive", "png", "pdf"])
def test_a_scan_cut_short_is_unreadable(kind: str, share: float) -> None:
    content = sample(kind) if kind != "pdf" else files.as_pdf([small()])
    assert said(content[: int(len(content) * share)]) == ("unreadable", "damaged")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: png_claiming(60_000, 60_000, b""), id="png-3.6-gigapixels"),
        pytest.param(lambda: png_claiming(9_000, 9_000, zlib.compress(bytes(10**6))), id="png-81-megapixels"),
        pytest.param(lambda: jpeg_claiming(65_500, 65_500), id="jpeg-4.3-gigapixels"),
        pytest.param(lambda: jpeg_claiming(14_900, 14_900), id="jpeg-222-megapixels"),
        pytest.param(lambda: progressive_with_scans(2_000), id="jpeg-2000-passes"),
        pytest.param(lambda: tiff_claiming(100_000, 100_000), id="tiff-10-gigapixels"),
        pytest.param(lambda: tiff_claiming(8_000, 8_000), id="tiff-64-megapixels"),
        pytest.param(lambda: pdf_with_picture(20_000, 20_000, bytes(1000)), id="pdf-400-megapixels"),
        pytest.param(lambda: pdf_drawing(b"0 0 5 5 re f " * 2_000_000), id="pdf-2-million-boxes"),
        pytest.param(lambda: pdf_of(MediaBox=(0, 0, 3, 14_400)), id="pdf-page-3-by-14400"),
    ],
)
def test_what_would_cost_too_much_is_over_the_limit(content) -> None:  # type: ignore[no-untyped-def]
    assert said(content()) == ("unreadable", "over_limit")


def test_a_stream_that_unpacks_to_a_gigabyte_is_not_unpacked() -> None:
    assert read(pdf_drawing(b" " * (200 << 20))).state == "unreadable"
    assert read(pdf_with_picture(10, 10, bytes(200 << 20))).state == "unsealed"


def test_limits_on_bytes_and_pixels_are_those_of_the_settings() -> None:
    content = sample("jpeg")
    assert said(content) == ("sealed", "")
    assert said(content, scan_bytes=len(content) - 1) == ("unreadable", "over_limit")
    assert said(content, scan_pixels=620 * 877 - 1) == ("unreadable", "over_limit")
    assert said(sample("png"), file_memory_bytes=2 * 620 * 877) == ("unreadable", "over_limit")


def test_pixels_are_counted_over_all_pages() -> None:
    content = files.as_pdf([small("blank")] * 3)
    scan = read(content, scan_pixels=2 * 620 * 877)
    assert (scan.state, scan.reason, scan.pages, scan.score) == ("unsealed", "over_limit", 3, 0.0)
    assert len(scan.prints) == 1  # two blank pages are the same page


@pytest.mark.parametrize("pages", [21, 1_500])
def test_only_so_many_pages_are_looked_at(pages: int) -> None:
    scan = read(pdf_of_many(pages))
    assert (scan.state, scan.reason, scan.pages) == ("unsealed", "over_limit", 20)


def test_the_last_of_many_pages_is_looked_at_early() -> None:
    scan = read(pdf_of_many(1_000, last=small()))
    assert (scan.state, scan.reason, scan.pages) == ("sealed", "", 20)


def test_only_so_many_pages_of_a_tiff_are_looked_at() -> None:
    pages = [Image.new("RGB", (210, 297), "white")] * 30
    scan = read(files.as_tiff(pages))
    assert (scan.state, scan.reason, scan.pages) == ("unsealed", "over_limit", 20)
    assert read(files.as_tiff(pages[:20])).reason == "no_colour"


@pytest.mark.parametrize("side", [0.01, 14_400, 1e9])
def test_the_size_of_a_page_does_not_set_the_size_of_the_render(side: float) -> None:
    assert read(pdf_of(MediaBox=(0, 0, side, side))).state in STATES


def test_a_form_that_draws_itself_ends() -> None:
    pdf = pikepdf.new()
    form = pdf.make_indirect(pikepdf.Stream(pdf, b"/F Do"))
    form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    form.BBox = pikepdf.Array([0, 0, 600, 850])
    form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
    page = files.add_page(pdf, None)
    page.Resources, page.Contents = form.Resources, pikepdf.Stream(pdf, b"/F Do")
    assert read(files.saved(pdf)).state == "unsealed"


def test_the_first_signature_decides_on_a_file_that_is_two() -> None:
    jpeg, pdf = as_jpeg(small("blank")), files.as_pdf([small()])
    assert said(jpeg + pdf) == ("unsealed", "no_seal")
    assert said(b"\0" * 100 + pdf) == ("sealed", "")  # as readers of PDF have it


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"%PDF-1.7\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*"]))
def test_any_bytes_get_an_answer(content: bytes, start: bytes) -> None:
    assert read(start + content).state in STATES


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_any_change_to_a_scan_gets_an_answer(kind: str, data: st.DataObject) -> None:
    content = bytearray(sample(kind))
    head = st.integers(0, min(len(content), 2_000) - 1)
    places = data.draw(st.lists(head | st.integers(0, len(content) - 1), min_size=1, max_size=12))
    for place in places:
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        start, length = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 5_000))
        del content[start : start + length]
    assert read(bytes(content)).state in STATES
