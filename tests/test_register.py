"""The register stops the run before anything is read, naming file and line (system.md, The register)."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assets.instance.periods import Deadline
from assets.instance.register import RegisterError, load_register
from pipelines.new_home import SAMPLE

ROW = "{code},{name},{parent},{level},{kind},{services},{boxes},{first},{last}"


@pytest.fixture
def register(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE / "register", tmp_path / "register")
    return tmp_path / "register"


def append(register: Path, line: str) -> None:
    with (register / "units.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def unit(code: str = "EX-15-01-100", **over: str) -> str:
    values = {
        "code": code, "name": "新单位", "parent": "EX-15-01", "level": "unit", "kind": "county", "services": "",
        "boxes": "new@oa.example", "first": "2025-01", "last": "",
    }  # fmt: skip
    return ROW.format(**{**values, **over})


def test_the_sample_register_is_sound(register: Path) -> None:
    tree = load_register(register).tree("2026-10")
    assert len(tree.reporting) == 24
    assert [s.code for s in tree.scopes] == ["EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01"]
    assert "EX-16-01-090" not in tree.by_code


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (unit(parent="EX-99"), ["line 32", "EX-99"]),
        (unit("EX-15-01-001", boxes=""), ["line 32", "already there on line 13"]),
        (unit(boxes="COUNTY01001@oa.example"), ["line 32", "EX-15-01-001 on line 13"]),
        (unit(parent="EX-15-01-001"), ["line 32", "reporting unit"]),
        (unit(level="town"), ["line 32", "level 'town'"]),
        (unit(kind="shop"), ["line 32", "kind 'shop'"]),
        (unit(services="access;fax"), ["line 32", "fax"]),
        (unit(first="2025-13"), ["line 32", "2025-13"]),
        (unit("EY", level="carrier", parent="", kind=""), ["line 32", "carrier"]),
    ],
)
def test_a_contradiction_is_named_with_its_line(register: Path, line: str, words: list[str]) -> None:
    append(register, line)
    with pytest.raises(RegisterError) as caught:
        load_register(register)
    assert all(word in str(caught.value) for word in ["units.csv", *words]), str(caught.value)


def test_a_loop_is_found(register: Path) -> None:
    append(register, unit("A", parent="B", level="city", kind="", boxes=""))
    append(register, unit("B", parent="A", level="city", kind="", boxes=""))
    with pytest.raises(RegisterError, match=r"line 32.*loop"):
        load_register(register)


def test_a_code_may_be_used_again_after_its_unit_has_ended(register: Path) -> None:
    append(register, unit("EX-16-01-090", parent="EX-16-01", boxes="closed@oa.example", first="2026-09"))
    assert load_register(register).tree("2026-10").by_mailbox["closed@oa.example"].name == "新单位"


def test_a_malformed_block_is_named_with_its_line(register: Path) -> None:
    with (register / "networks.csv").open("a", encoding="utf-8") as file:
        file.write("192.0.2.7/24,坏段\n")
    with pytest.raises(RegisterError, match=r"networks.csv line 6: '192.0.2.7/24'"):
        load_register(register)


@pytest.mark.parametrize("name", ["units.csv", "networks.csv", "calendar.yaml"])
def test_a_missing_file_is_named(register: Path, name: str) -> None:
    (register / name).unlink()
    with pytest.raises(RegisterError, match=name):
        load_register(register)


def test_a_cutoff_of_the_calendar_goes_before_the_rule(register: Path) -> None:
    text = (register / "calendar.yaml").read_text(encoding="utf-8")
    (register / "calendar.yaml").write_text(text + "cutoffs:\n  2026-09: 2026-10-09\n", encoding="utf-8")
    deadline = Deadline(exceptions=load_register(register).cutoffs)
    zone = ZoneInfo("Asia/Shanghai")
    assert deadline.cutoff("2026-09") == datetime(2026, 10, 9, tzinfo=zone)
    assert deadline.cutoff("2026-10") == datetime(2026, 11, 6, tzinfo=zone)
