"""The tables of what Sixth does with each input name tests that exist, in the README of mail and of scans.

That of workbooks is held against its tests in tests/workbooks/test_readme.py, which knows the files they make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import assets.intake.mail
import assets.intake.scans
from tests.mail.test_hostile import CASES

TESTS = Path(__file__).parent


def rows(package: str) -> Iterator[tuple[str, str]]:
    """First and last cell of each row of the tables with a column of tests."""
    wanted = False
    for line in Path(package).with_name("README.md").read_text(encoding="utf-8").splitlines():
        cells = re.split(r" *\| *", line.strip("| "))
        if line.startswith("| input "):
            wanted = cells[-1].startswith("test")
            assert wanted, line
        elif not line.startswith("|"):
            wanted = False
        elif wanted and not line.startswith("|--"):
            yield cells[0], cells[-1]


def written(*folders: str) -> str:
    return "".join(file.read_text(encoding="utf-8") for f in folders for file in sorted((TESTS / f).glob("test_*.py")))


def test_every_row_of_mails_names_a_test() -> None:
    named = list(rows(assets.intake.mail.__file__))
    assert len(named) > 60
    module = ""
    for about, tests in named:
        made = re.findall('"([^"]+)"', tests)
        assert set(made) <= CASES.keys()
        quoted = re.findall(r"`(?:(test_\w+): )?([a-z_…0-9]+)`", tests)
        assert made or quoted or tests == "same", about
        for said, name in quoted:
            module = said or module  # as the one before it
            [file] = [*TESTS.glob(f"mail/{module}.py"), *TESTS.glob(f"{module}.py")]
            pattern = ".*".join(map(re.escape, name.split("…")))
            assert re.search(rf"def test_\w*{pattern.removeprefix('test_')}", file.read_text(encoding="utf-8")), name


def test_every_row_of_scans_names_a_test() -> None:
    named = list(rows(assets.intake.scans.__file__))
    assert len(named) >= 20
    sources = written("scans")
    for about, tests in named:
        quoted = re.findall(r"`([^`]+)`", tests)
        assert quoted or tests == "the same", about
        for name in quoted:
            words, _, case = name.removesuffix("]").partition("[")
            word = words.rpartition("::")[2].lstrip("…")
            assert re.search(rf"def \w*{word}\(" if word else "", sources), name
            assert not case or f'"{case}' in sources or case.startswith(("jpeg", "tiff", "nothing")), name
