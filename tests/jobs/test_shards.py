"""The main job with shards: what leaves the house is byte for byte what it is without them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from assets.instance.home import Home
from assets.intake.shards import given_shards, is_done
from assets.month.shards import work_on
from reports.drawing import Drew, draw, drawings, is_drawn, waiting
from tests.jobs.command_line import ran, ran_once, sixth
from tests.jobs.expected import EXPECTED

PERIOD = "2026-10"
LATER = (f"{PERIOD}/deadline", f"{PERIOD}/later")


def contents(home: Path) -> dict[str, bytes]:
    """Every file of the month that leaves the house, those with a dot among them."""
    leaving = (*(home / "published" / PERIOD).rglob("*"), *(home / "outbox").glob(f"{PERIOD}_*"))
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in leaving if path.is_file()}


@contextmanager
def worker(home: Home) -> Iterator[list[Drew | None]]:
    """A worker for as long as it is wanted, which does whatever shards are given; what it came to in the second round."""
    ended, drew = Event(), list[Drew | None]()

    def work() -> None:
        while not ended.wait(0.2):
            for given in given_shards(home):
                if not is_done(home, given):
                    work_on(home, given.name)
            drew.extend(draw(home, one.name) for one in waiting(home))

    with ThreadPoolExecutor(1) as beside:
        working = beside.submit(work)
        try:
            yield drew
        finally:
            ended.set()
            working.result()


@pytest.mark.outside
def test_a_home_goes_on_with_shards_and_publishes_the_same(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its second month on, with a supplement by a late correction; a run is cut off when all is drawn."""
    home = Home(ran_once(tmp_path_factory, tmp_path / "home"))
    with (home.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write("\nshards: {most_units: 100, workers: 1}\n")
    monkeypatch.setenv("SIXTH_BROKER", "redis://127.0.0.1:1/0")  # nobody is there: the worker is this process
    drawn_before = set[str]()
    for key in LATER:
        night = ["run", "--home", home.root, "--period", PERIOD, "--as-of", EXPECTED[key]["as_of"]]
        with worker(home) as drew:
            if key == LATER[1]:
                with monkeypatch.context() as cut_off:
                    cut_off.setattr("reports.assets.publish_month", _cut_off)
                    assert "cut off" in sixth(*night, check=None).stderr
                drawn_before = {one.copy for one in drawings(home) if is_drawn(home, one)}
                assert len(drawn_before) == 1
            sixth(*night)
        assert {path.name for path in (home.shards).glob("*/")} == {"EX-15", "EX-16", "rest"}
        assert {one.name for one in drawings(home) if is_drawn(home, one)} >= {"EX-15", "rest"}
        assert drawn_before.isdisjoint(one.copy for one in drawings(home)), "what was drawn then is of another copy"
        left = [*home.shards.glob("*/drawn/*/reports/*"), *home.shards.glob("*/drawn/*/answers/*")]
        assert left == [], "the head has taken all of it"
        assert [*home.shards.glob("settled-*")] == []
        assert sum(one.reports for one in drew if one) >= (5 if key == LATER[0] else 2)
        assert sum(one.answers for one in drew if one) > 0
    expected, got = contents(ran(tmp_path_factory).home), contents(home.root)
    assert {path.split("/")[3] for path in expected if path.startswith(f"published/{PERIOD}/EX/v")} >= {"v1", "v2"}
    assert any(path.endswith("/.digest") for path in expected)
    assert [path for path in sorted({*expected, *got}) if expected.get(path) != got.get(path)] == []


def _cut_off(*_: object) -> None:
    raise RuntimeError("cut off")
