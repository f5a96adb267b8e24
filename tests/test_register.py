"""The register stops the run before anything is read, naming file and line (system.md, The register)."""

from __future__ import annotations

import shutil
from datetime import date, datetime
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


@pytest.mark.parametrize(
    ("told", "hour"),
    [
        ("2026-11-09", 0), ('"2026-11-09"', 0), ("2026-11-09 18:00", 18), ("2026-11-09T18:00", 18),
        ("2026-11-09T18:00:00", 18), ('"2026-11-09 18:00"', 18), ("2026-11-09T18:00+08:00", 18),
    ],
)  # fmt: skip
def test_a_cutoff_is_a_date_or_a_time_with_or_without_seconds(register: Path, told: str, hour: int) -> None:
    """YAML takes a time without seconds for text: the run stopped on what `extend --until` takes."""
    (register / "calendar.yaml").write_text(f"first_period: 2026-09\ncutoffs: {{2026-10: {told}}}\n", "utf-8")
    deadline = Deadline(exceptions=load_register(register).cutoffs)
    assert deadline.cutoff("2026-10") == datetime(2026, 11, 9, hour, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize("told", ["2026-03-01", '"2026-03-01"', "2026-03-01 10:00:00"])
def test_days_of_key_supervision_are_days(register: Path, told: str) -> None:
    """A time of day among them could not be held against the month's last day, and stopped the run inside."""
    (register / "calendar.yaml").write_text(f"first_period: 2026-09\npenalties: {{EX-15-01-001: [{told}]}}\n", "utf-8")
    (day,) = load_register(register).penalties["EX-15-01-001"]
    assert type(day) is date
    assert day == date(2026, 3, 1)


@pytest.mark.parametrize("joint", [";", "；", "，", "、", ", ", " ；", "\n"])
def test_lists_are_split_whatever_keyboard_they_were_typed_on(register: Path, joint: str) -> None:
    boxes = joint.join(["One@oa.example", "two＠oa.example", "three@oa.example"])
    append(register, unit(boxes=f'"{boxes}"', services=f'"{joint.join(["access", "IDC"])}"'))
    found = load_register(register).tree("2026-10").by_code["EX-15-01-100"]
    assert found.mailboxes == ("one@oa.example", "two@oa.example", "three@oa.example")
    assert found.services == {"access", "idc"}


@pytest.mark.parametrize(
    "box", ["oa.example", "one@oa.example|two@oa.example", "one@@oa.example", "张三@oa.example", "one@"]
)
def test_a_mailbox_that_is_no_address_is_named_with_its_line(register: Path, box: str) -> None:
    append(register, unit(boxes=box))
    with pytest.raises(RegisterError, match=r"units.csv line 32: mailbox .* is no address"):
        load_register(register)


@pytest.mark.parametrize(("encoding", "told"), [("gb18030", "GBK"), ("utf-16", "UTF-16")])
def test_a_file_saved_in_another_encoding_says_how_to_save_it(register: Path, encoding: str, told: str) -> None:
    path = register / "units.csv"
    path.write_bytes(path.read_text(encoding="utf-8-sig").encode(encoding))
    with pytest.raises(RegisterError, match=rf"units.csv: is not UTF-8 but .*{told}.*CSV UTF-8"):
        load_register(register)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("penalties: {EX-15-01-999: [2026-03-01]}", "penalties: there is no unit EX-15-01-999"),
        ("service_starts: {EX-15-01-001: [2026-13-01]}", "calendar.yaml: cannot be read: month must be in 1..12"),
        ("cutoffs: {2026-10: 2026-10-09}", "cutoffs: 2026-10: 2026-10-09 lies before the month is over"),
        ("cutoffs: {2026-10: 9日}", "cutoffs: 2026-10: '9日' must be month: date or time, as 2026-11-09"),
        ("penalties: {EX-15-01-001: 三月}", "penalties of EX-15-01-001 must be dates"),
        ("protection_period: [2026-10]", "there is no entry 'protection_period'; known ones: .*protection_periods"),
        ("protection_periods: [2026/10]", "'2026/10' is not a month as 2026-10"),
    ],
)
def test_an_entry_of_the_calendar_that_would_say_nothing_stops_the_run(register: Path, entry: str, words: str) -> None:
    (register / "calendar.yaml").write_text(f"first_period: 2026-09\n{entry}\n", encoding="utf-8")
    with pytest.raises(RegisterError, match=words):
        load_register(register)


def test_months_of_protection_may_be_joined_as_lists_are(register: Path) -> None:
    (register / "calendar.yaml").write_text("first_period: 2026-09\nprotection_periods: 2026-09；2026-10\n", "utf-8")
    assert load_register(register).protection_periods == {"2026-09", "2026-10"}


def test_a_unit_has_a_line_for_each_span_of_months(register: Path) -> None:
    """It moves, is renamed and changes its mailbox by a new line, which ends the one before."""
    append(register, unit(name="旧名", boxes="old@oa.example"))
    append(register, unit(name="新名", boxes="new@oa.example", parent="EX-16-01", first="2026-10"))
    loaded = load_register(register)
    before, after = (loaded.tree(month).by_code["EX-15-01-100"] for month in ("2026-09", "2026-10"))
    assert (before.name, before.parent, before.active_to) == ("旧名", "EX-15-01", "2026-09")
    assert (after.name, after.parent, after.active_to) == ("新名", "EX-16-01", "9999-12")
    assert "old@oa.example" not in loaded.tree("2026-10").by_mailbox


def test_two_lines_of_a_unit_for_one_month_contradict_each_other(register: Path) -> None:
    append(register, unit(last="2026-10"))
    append(register, unit(first="2026-10", boxes="other@oa.example"))
    with pytest.raises(RegisterError, match=r"line 33: unit EX-15-01-100 is already there on line 32"):
        load_register(register)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([unit("C", level="city", kind="", boxes="", parent="EX-15", last="2026-09"), unit(parent="C")], r"line 33: parent 'C'.*2026-10"),
        ([unit(first="2026-05", last="2026-04")], r"line 32: active_to 2026-04 lies before active_from 2026-05"),
    ],
)  # fmt: skip
def test_months_that_do_not_fit_are_named(register: Path, lines: list[str], words: str) -> None:
    for line in lines:
        append(register, line)
    with pytest.raises(RegisterError, match=words):
        load_register(register)


def test_a_register_without_its_carrier_in_a_month_says_so(register: Path) -> None:
    path = register / "units.csv"
    text = path.read_text(encoding="utf-8-sig").replace("carrier,,,,2025-01,", "carrier,,,,2025-01,2026-09")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RegisterError, match="no unit of level carrier is active in 2026-10"):
        load_register(register)
