"""Imports run one way down (pyproject.toml, tool.importlinter): layers, stages and no circle, imports in functions too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
ROOMS = ("pipelines", "reports", "assets", "expectations")
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on a tree, with the contracts in its pyproject.toml."""
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_one_way_down() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("assets/month/summary.py", "\n\ndef wrong():\n    from pipelines.partitions import monthly\n"),
        ("assets/instance/periods.py", "\nfrom assets.month.work import Work\n"),
        ("reports/text/formats.py", "\n\ndef wrong():\n    from reports.report.facts import RESTS_ON\n"),
        ("expectations/catalogue.py", "\nfrom assets.instance.limits import Limits\n"),
    ],
)
def test_an_import_back_up_is_found(tmp_path: Path, file: str, line: str) -> None:
    for room in ROOMS:
        shutil.copytree(
            ROOT / room,
            tmp_path / room,
            ignore=lambda _, names: [n for n in names if "." in n and not n.endswith(".py")],
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / file
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
