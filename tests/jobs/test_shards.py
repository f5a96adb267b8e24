"""The main job with shards: what leaves the house is byte for byte what it is without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.command_line import ran, ran_once, sixth
from tests.jobs.expected import EXPECTED

PERIOD = "2026-10"
LATER = (f"{PERIOD}/deadline", f"{PERIOD}/later")


def contents(home: Path) -> dict[str, bytes]:
    """Every file of the month that leaves the house, those with a dot among them."""
    leaving = (*(home / "published" / PERIOD).rglob("*"), *(home / "outbox").glob(f"{PERIOD}_*"))
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in leaving if path.is_file()}


def test_a_home_goes_on_with_shards_and_publishes_the_same(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From its second month on, with a supplement by a late correction."""
    home = ran_once(tmp_path_factory, tmp_path / "home")
    with (home / "register" / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write("\nshards: {most_units: 100}\n")
    for key in LATER:
        sixth("run", "--home", home, "--period", PERIOD, "--as-of", EXPECTED[key]["as_of"])
    assert {path.name for path in (home / "shards").iterdir()} == {"EX-15", "EX-16", "rest"}
    expected, got = contents(ran(tmp_path_factory).home), contents(home)
    assert {path.split("/")[3] for path in expected if path.startswith(f"published/{PERIOD}/EX/v")} >= {"v1", "v2"}
    assert any(path.endswith("/.digest") for path in expected)
    assert [path for path in sorted({*expected, *got}) if expected.get(path) != got.get(path)] == []
