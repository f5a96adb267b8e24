"""Workbooks opened and saved by LibreOffice, as a user would; tests that do so are marked `outside`.

Belongs here: running it. Does not: asserting.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.outside import program


def through_libreoffice(files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """The workbooks as LibreOffice saves them, by name without extension."""
    return _converted(files, folder, "xlsx", "xlsx:Calc MS Excel 2007 XML")


def as_pdf(files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """The workbooks as LibreOffice prints them."""
    return _converted(files, folder, "pdf", "pdf")


def _converted(files: Mapping[str, bytes], folder: Path, ending: str, target: str) -> dict[str, bytes]:
    office = program("soffice", install="libreoffice-calc")
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.xlsx").write_bytes(content)
    command = [
        office, "--headless", f"-env:UserInstallation=file://{folder}/profile",
        "--convert-to", target, "--outdir", str(folder / "saved"),
        *(str(folder / f"{name}.xlsx") for name in files),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return {name: (folder / "saved" / f"{name}.{ending}").read_bytes() for name in files}
