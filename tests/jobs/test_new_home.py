"""A new home says what to fill in, and is a register as soon as the examples in it are taken for rows.

Belongs here: `sixth init` without the sample. Does not: the register's faults (tests/test_register.py).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from assets.instance.home import Home
from assets.instance.register import RegisterError, load_register
from pipelines.cli import app
from pipelines.new_home import TO_FILL, make_home

NOVEMBER = datetime(2026, 11, 3, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_the_first_month_is_the_one_whose_window_is_open(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert make_home(home, sample=False, now=NOVEMBER)
    calendar = (home.register / "calendar.yaml").read_text("utf-8")
    assert "first_period: 2026-10\n" in calendar
    assert "# cutoffs: {2026-10: 2026-11-09}" in calendar


def test_the_turn_of_the_month_is_that_of_the_cut_offs_time_zone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    make_home(home, sample=False, now=datetime.fromisoformat("2026-10-31T17:00:00+00:00"))  # 1 November in Shanghai
    assert "first_period: 2026-10\n" in (home.register / "calendar.yaml").read_text("utf-8")


def test_examples_are_not_read_and_are_right_once_they_are(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    make_home(home, sample=False, now=NOVEMBER)
    with pytest.raises(RegisterError, match=r"units\.csv"):
        load_register(home.register)  # nobody has filled it in
    for name in TO_FILL:
        path = home.register / name
        text = path.read_text("utf-8")
        assert "#" in text
        lines = [
            line.removeprefix("# ").removeprefix("#") if ":" in line or "," in line else "" for line in text.split("\n")
        ]
        if name == "calendar.yaml":
            lines = [line for line in lines if not line.startswith(("The first", "protection_periods: []"))]
        path.write_text("\n".join(lines), "utf-8")
    register = load_register(home.register)
    assert [u.code for u in register.tree("2026-10").reporting] == ["EX-15-01-001"]
    assert [str(n) for n in register.networks] == ["203.0.113.0/24"]
    assert set(register.cutoffs) == {"2026-10"}
    assert register.protection_periods == {"2026-10"}


def test_init_names_the_files_to_fill_and_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", "--home", str(tmp_path / "home")])
    assert done.exit_code == 0
    for name in TO_FILL:
        assert str(tmp_path / "home" / "register" / name) in done.stdout
    assert f"sixth run --home {tmp_path / 'home'}" in done.stdout
