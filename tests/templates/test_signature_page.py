"""The signature page bears the totals of its form as they are filled in, on paper and in its code.

Belongs here: the code as formulas, and the way from the template over paper and scanner back to what was filled in. Does
not: what a code says (tests/test_signature.py), holding it against the form that counts.
"""

from __future__ import annotations

import io
import random
import subprocess
from pathlib import Path

import openpyxl
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assets.intake.forms import SIGNATURE_SHEET
from expectations.catalogue import load_catalogue
from expectations.signature import DIGITS, SignatureCode, code_start, read, signed_totals
from reports.blank.live_code import live_code
from tests.feedback.made_month import Home, home
from tests.outside import program
from tests.templates.filled_forms import PERIOD, changed, filled_forms
from tests.templates.libreoffice import as_pdf, through_libreoffice

CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home(tmp_path_factory.mktemp("home"), ("NET",))


# ---------------------------------------------------------------------------------------------- the code as formulas
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["EX-15-01-001", "A", "第二分公司-7", "UNIT-WITH-A-LONG-CODE-0123456789"]),
    st.lists(st.integers(0, 9), min_size=5, max_size=40),
)
def test_the_modules_that_bits_turn_over_make_the_code_that_a_library_makes(unit: str, digits: list[int]) -> None:
    start = code_start("2026.1", "annex3", unit, PERIOD)
    code = live_code(start, len(digits))
    found = code.with_digits(digits)
    picture = Image.new("L", (code.size + 8, code.size + 8), 255)
    picture.putdata([0 if m else 255 for row in _framed(found) for m in row])
    (seen,) = zxingcpp.read_barcodes(picture.resize((picture.width * 4,) * 2, Image.Resampling.NEAREST))
    text = start + "".join(map(str, digits))
    assert seen.text == text
    masks = (
        segno.make(
            text, error="m", mode="byte", encoding="utf-8", eci=False, micro=False, boost_error=False, mask=m,
        ).matrix
        for m in range(8)
    )  # fmt: skip
    assert any([[bool(m) for m in row] for row in matrix] == [list(row) for row in found] for matrix in masks)


def _framed(modules: tuple[tuple[bool, ...], ...]) -> list[list[bool]]:
    """With a quiet zone of four modules."""
    across = len(modules) + 8
    blank = [[False] * across for _ in range(4)]
    return [*blank, *([False] * 4 + list(row) + [False] * 4 for row in modules), *blank]


# ------------------------------------------------------------------------------------------------- over paper and back
def scanned(page: Image.Image, *, degrees: float, grey: bool, quality: int, dpi: int) -> Image.Image:
    """A printed page (at 200 dpi) as an office scanner gives it: askew, on cream or grey, and compressed."""
    page = page.resize((page.width * dpi // 200, page.height * dpi // 200), Image.Resampling.LANCZOS)
    page = page.convert("L").convert("RGB") if grey else page
    page = page.point(lambda value: int(24 + value * 0.86))  # neither black nor white is quite
    page = page.rotate(degrees, expand=True, fillcolor=(236, 234, 228), resample=Image.Resampling.BICUBIC)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


WAYS = {
    "straight": {"degrees": 0, "grey": False, "quality": 85, "dpi": 200},
    "askew and grey": {"degrees": 2.5, "grey": True, "quality": 60, "dpi": 150},
    "upside down": {"degrees": 181.5, "grey": False, "quality": 75, "dpi": 150},
    "on its side": {"degrees": 90, "grey": True, "quality": 50, "dpi": 200},
}


@pytest.fixture(scope="module")
def printed(made: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image.Image]:
    """The signature page of every form filled in right, as a spreadsheet program prints it at 200 dpi."""
    pdftoppm = program("pdftoppm", install="poppler-utils")
    folder = tmp_path_factory.mktemp("printed")
    forms = filled_forms(made.unit("NET"), made.catalogue, made.register)
    pages: dict[str, Image.Image] = {}
    for key, content in as_pdf(forms, folder / "office").items():
        (folder / f"{key}.pdf").write_bytes(content)
        subprocess.run([pdftoppm, "-r", "200", "-png", f"{key}.pdf", key], cwd=folder, check=True, timeout=120)
        (pages[key],) = (page for p in folder.glob(f"{key}-*.png") if zxingcpp.read_barcodes(page := _opened(p)))
    return pages


def _opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


@pytest.mark.outside
@pytest.mark.parametrize("way", WAYS)
def test_a_signed_page_is_read_back_as_what_was_filled_in(
    made: Home, printed: dict[str, Image.Image], way: str
) -> None:
    items = len(CATALOGUE.items_for("network", frozenset({"access", "im"}), protection=False, period=PERIOD))
    totals = {"annex2": (2, 1), "annex3": (items, 0, 0, 0, 1, 0, 1), "annex6": (1,)}
    for form in CATALOGUE.forms:
        (seen,) = zxingcpp.read_barcodes(scanned(printed[form.key], **WAYS[way]))  # type: ignore[arg-type]
        expected = SignatureCode(CATALOGUE.form_version, form.key, "NET", PERIOD, totals[form.key])
        assert read(seen.text) == expected


@pytest.mark.outside
def test_a_page_that_is_crumpled_over_a_corner_of_the_code_is_still_read(printed: dict[str, Image.Image]) -> None:
    page = printed["annex3"].copy()
    position = zxingcpp.read_barcodes(page)[0].position
    right, bottom = position.bottom_right.x, position.bottom_right.y
    page.paste((190, 30, 40), (right - 24, bottom - 24, right + 90, bottom + 90))  # the edge of a seal
    assert [read(seen.text) is not None for seen in zxingcpp.read_barcodes(page)] == [True]


# -------------------------------------------------------------------------------------------------------- the formulas
@pytest.mark.outside
def test_totals_follow_the_cells_and_take_no_notice_of_words_for_nothing(made: Home, tmp_path: Path) -> None:
    forms = filled_forms(made.unit("NET"), made.catalogue, made.register, only=("annex2",))

    def more(book: openpyxl.Workbook) -> None:
        sheet = book["暴露面资产新增"]
        for row, value in enumerate(["无", "/", "—", " ", " 门户 3 ", "0"], 7):
            sheet.cell(row, 2).value = value

    calculated = through_libreoffice({"a": changed(forms["annex2"], more)}, tmp_path / "office")["a"]
    page = openpyxl.load_workbook(io.BytesIO(calculated), data_only=True)[SIGNATURE_SHEET]
    shown = {row[0].value: row[1].value for row in page.iter_rows(max_col=2) if row[0].value}
    assert (shown["新增暴露面资产"], shown["APP上线"], shown["填报人"]) == (4, 1, "张三")
    (code,) = (str(v) for v in shown if str(v).startswith("SIXTH1/"))
    assert read(code) == SignatureCode(CATALOGUE.form_version, "annex2", "NET", PERIOD, (4, 1))


def test_the_code_fits_whatever_the_totals(made: Home) -> None:
    """Filled in at random, the code that the page's digits make is the one that its text says."""
    figures = random.Random(7)
    for form in CATALOGUE.forms:
        count = len(signed_totals(CATALOGUE, form.key)) * DIGITS
        code = live_code(code_start(CATALOGUE.form_version, form.key, "EX-15-01-001", PERIOD), count)
        assert code.size <= 37  # 49 mm on paper
        digits = [figures.randrange(10) for _ in range(count)]
        assert len(code.with_digits(digits)) == code.size
