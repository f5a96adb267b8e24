"""What is skipped is told the truth of: for want of a program of the outside alone, where the mark says so, never in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outside import program

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest
from tests.outside import program

@pytest.mark.outside
def test_marked():
    program("no-such-program", install="it")

def test_unmarked():
    program("sh", install="it")

def test_for_another_reason():
    pytest.skip("not today")

@pytest.mark.xfail
def test_expected_to_fail():
    assert False
"""


@pytest.mark.parametrize(("no_skips", "failed", "skipped"), [("", 2, 1), ("1", 3, 0)])
def test_a_skip_fails_unless_the_test_is_marked_and_in_ci_always(
    tmp_path: Path, no_skips: str, failed: int, skipped: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    outside\n    long\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.outside", "-p", "no:cacheprovider", "-rs", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SIXTH_NO_SKIPS": no_skips, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (last,) = (line for line in done.stdout.splitlines() if " xfailed " in line)
    assert f"{failed} failed" in last
    assert (f"{skipped} skipped" in last) is bool(skipped)
    assert "mark test_it.py::test_unmarked `outside`: it needs sh" in done.stdout
    assert "there is no no-such-program: install it" in done.stdout


def test_a_program_is_found_under_any_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.outside._running", [])
    assert Path(program("no-such-program", "sh", install="it")).is_file()
