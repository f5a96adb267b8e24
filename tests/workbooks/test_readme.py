"""The table in assets/intake/workbooks/README.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import assets.intake.workbooks
from tests.workbooks.test_hostile_workbooks import HARMLESS, HOSTILE

README = Path(assets.intake.workbooks.__file__).with_name("README.md").read_text(encoding="utf-8")
ROWS = [re.split(r" *\| *", line.strip("| ")) for line in README.splitlines() if line.startswith("| ")]
SOURCES = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))


def test_every_row_names_a_test_and_every_test_named_exists() -> None:
    rows = [row for row in ROWS if len(row) == 4 and row[3] != "test"]
    assert len(rows) > 40
    for *_, tests in rows:
        made = re.findall('"([^"]+)"', tests)
        written = re.findall(r"`(test_\w+)`", tests)
        assert made or written or tests == "same test"
        assert set(made) <= HOSTILE.keys() | HARMLESS.keys()
        assert all(f"def {name}(" in SOURCES for name in written)


def test_every_hostile_file_ends_as_a_reason_that_the_table_has() -> None:
    for reason in {reason for _, reason in HOSTILE.values()}:
        assert f"`{reason}`" in README
