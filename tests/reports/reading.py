"""Reading documents back with other programs, for the tests of the renderers."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pypdf

from reports.forms.xlsx_book import HEADING_ROW, HEADINGS_BELOW
from tests.outside import program

REPOSITORY = Path(__file__).parents[2]


def converted(document: Path, folder: Path) -> Path:
    """The document as LibreOffice lays it out with our own fonts, as a PDF."""
    office = program("soffice", install="libreoffice-writer")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [office, profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(document)]
    fonts = folder / "fonts.conf"
    fonts.write_text(
        f"<fontconfig><dir>{REPOSITORY / 'reports' / 'forms' / 'fonts'}</dir><cachedir>{folder / 'cache'}</cachedir></fontconfig>",
        encoding="utf-8",
    )
    environment = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    subprocess.run(command, check=True, capture_output=True, timeout=180, env=environment)
    return folder / f"{document.stem}.pdf"


def block_of(book: Any, title: str) -> tuple[Any, int]:
    """Where a table or chart of report.xlsx is: its sheet, and its first row below the headings, counted from 1."""
    for sheet in book.worksheets[1:]:
        for (cell,) in sheet.iter_rows(min_row=HEADING_ROW + 1, max_col=1):
            if str(cell.value).endswith(f"  {title}"):
                return sheet, cell.row + HEADINGS_BELOW + 1
    raise LookupError(title)


def rendered_elsewhere(module: str, function: str, report: str) -> str:
    """The sha256 of what another process renders: `reports.forms.MODULE.FUNCTION` of `made_reports.REPORT()`."""
    program = (
        "import hashlib\n"
        "from tests.reports import made_reports\n"
        f"from reports.forms.{module} import {function}\n"
        f"print(hashlib.sha256({function}(made_reports.{report}())).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip()


def pages_of(content: bytes, form: str, folder: Path) -> list[str]:
    """The text of every page of a PDF, or of a DOCX as LibreOffice lays it out."""
    if form == "docx":
        path = folder / "report.docx"
        path.write_bytes(content)
        content = converted(path, folder).read_bytes()
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
