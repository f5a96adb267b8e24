"""The four forms together: the same figures in each, and none that brings its engine before it is used."""

from __future__ import annotations

import subprocess
import sys

from reports.forms.render import FORMATS, render
from tests.reports import made_reports, reading

STARTS = {"report.html": b"<!doctype html", "report.docx": b"PK", "report.xlsx": b"PK", "report.pdf": b"%PDF-"}


def test_every_form_is_made_and_is_what_its_name_says() -> None:
    made = render(made_reports.full())
    assert list(made) == [f"report.{form}" for form in FORMATS]
    for name, content in made.items():
        assert content[:40].lstrip().lower().startswith(STARTS[name].lower())


def test_a_report_is_left_as_it_was_and_gives_the_same_bytes_again() -> None:
    report = made_reports.provisional("en")
    assert render(report) == render(report)


def test_engines_are_not_imported_before_the_first_report() -> None:
    program = (
        "import sys, reports.forms.render; print(sorted({'typst', 'docx', 'xlsxwriter', 'polars'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=reading.REPOSITORY, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
