"""What number formats show: by known cases, and as LibreOffice shows the same cells in a CSV."""

from __future__ import annotations

import csv
import io
import math
import pickle
import random
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.intake.values import reader
from assets.intake.workbooks.shown import Shown, ShownNumber, shown, with_format
from assets.intake.workbooks.workbook import read_workbook
from tests.outside import program

NUMBER_FORMATS = [
    "0", "0.0", "0.00", "#,##0", "#,##0.00", "0%", "0.00%", "000", "0000000", "00-00-00", "0.00E+00", "##0.0E+0", "0.0#",
    '"WT-"000', '"No."0', "0;(0)", '0.0;-0.0;"零"',  "0000-0000000", "#,##0.0,", "000000000000000",
]  # fmt: skip
NUMBERS = [0, 1, 7, 12, 99.995, 1.1, 0.5, -3, -0.25, 443, 22443, 80443, 1234567.891, 13900001111, 4711234567, 0.0012]
DATE_FORMATS = [
    "yyyy-mm-dd", "yyyy-m", "yyyy/m/d", 'yyyy"年"m"月"', 'm"月"d"日"', "mmm-yy", "d-mmm", "m-d", "yy/mm/dd",
    "yyyy-mm-dd hh:mm", "yyyy-mm-dd hh:mm:ss", "h:mm AM/PM", "hh:mm", "mm:ss", "dddd", "ddd",
]  # fmt: skip
DATES = [date(2026, 10, 1), date(2026, 1, 31), datetime(2026, 10, 8, 14, 5, 9), datetime(2026, 2, 3, 0, 30)]


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (22443.0, "#,##0", "22,443"),
        (1.1, "0.00", "1.10"),
        (7.0, "000", "007"),
        (8.0, '"WT-2026-"000', "WT-2026-008"),
        (5.0, ";;;", ""),
        (-5.0, "0_);(0)", "(5)"),
        (9.99, "0E+0", "1E+1"),
        (150.0, "[>100]0;0.0", "150"),
        (7.0, "#.##", "7."),  # as Excel does; LibreOffice leaves the point out
        (-0.25, "000", "000"),
        (1234.5, "[$¥-804]#,##0.00", "¥1,234.50"),
        (13900001111.0, "000-0000-0000", "139-0000-1111"),
        (0.995, "[Red]0.0%", "99.5%"),
        (date(2026, 10, 1), "[$-804]yyyy-m;@", "2026-10"),
        (date(2026, 10, 2), "[$-F800]dddd, mmmm dd, yyyy", "2026年10月2日"),
        (datetime(2026, 10, 2, 0, 5), '上午/下午h"时"mm"分"', "上午12时05分"),
        (date(2026, 10, 2), "aaaa", "星期五"),
    ],
)
def test_a_format_shows(value: Any, code: str, text: str) -> None:
    cell = with_format(value, code)
    assert cell == value
    assert isinstance(cell, Shown)
    assert shown(cell) == text
    assert shown(pickle.loads(pickle.dumps(cell))) == text


@pytest.mark.parametrize("code", ["# ?/?", "[DBNum1]0", "[h]:mm", "yyyy-mm-dd", "0" * 300])
def test_what_is_not_known_is_not_guessed_and_the_number_is_read_as_it_is(code: str) -> None:
    cell = with_format(1.5, code)
    assert isinstance(cell, ShownNumber)
    assert shown(cell) is None
    assert reader("text")(cell).text == "1.5"


@given(st.floats(allow_nan=True), st.text(alphabet='0#?.,%E+-;"\\[]$¥_*/@ ymdhsAPM年月"G', max_size=12))
def test_no_format_raises_and_the_number_keeps_its_value(number: float, code: str) -> None:
    cell = with_format(number, code)
    assert cell == number or math.isnan(number)
    if isinstance(cell, Shown):
        text = shown(cell)
        assert text is None or text == " ".join(text.split())
    assert reader("decimal")(cell) == reader("decimal")(float(number))
    assert reader("percent")(cell) == reader("percent")(float(number))


@pytest.mark.outside
def test_what_is_read_is_what_libreoffice_shows(tmp_path: Path) -> None:
    """A sheet of every number in every format, as .xlsx and as .xls: columns of characters read what stands in its CSV."""
    office = program("soffice", install="libreoffice-calc")
    draw = random.Random(20261106)
    cells = [(value, code) for code in NUMBER_FORMATS for value in NUMBERS]
    cells += [(round(draw.uniform(-1e6, 1e6), draw.randint(0, 6)), draw.choice(NUMBER_FORMATS)) for _ in range(300)]
    cells += [(value, code) for code in DATE_FORMATS for value in DATES]
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row, (value, code) in enumerate(cells, 1):
        place = sheet.cell(row, 1)
        place.value, place.number_format = value, code
    book.save(tmp_path / "shown.xlsx")
    for target in ("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true", "xls:MS Excel 97"):
        subprocess.run(
            [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/profile", "--convert-to", target,
             "--outdir", str(tmp_path), str(tmp_path / "shown.xlsx")],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
    lines = csv.reader(io.StringIO((tmp_path / "shown.csv").read_text(encoding="utf-8")))
    seen = ["".join("".join(line).split()).upper() for line in lines]
    read = reader("code")
    for name in ("shown.xlsx", "shown.xls"):
        rows = read_workbook((tmp_path / name).read_bytes(), name, Limits()).sheets[0].rows
        ours = [read(row[0]).value or "" for row in rows]
        differing = [(*cell, a, b) for cell, a, b in zip(cells, ours, seen, strict=True) if a != b]
        assert not differing, "\n".join([name, *map(str, differing)])
