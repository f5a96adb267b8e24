"""`make bench` (tests/bench.py): it measures what it says, in a folder named from where one is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import NotComparable, commit, compared, overview

ROOT = Path(__file__).parents[2]


@pytest.mark.outside
def test_the_bench_measures_floor_first_and_second_night(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--units", "3", "--without-scans", "--without-commands", "--folder", "measured"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    results = {r["what"]: r for r in json.loads((tmp_path / "measured/results.json").read_text(encoding="utf-8"))}
    assert list(results) == [
        "floor", "floor again", "first night", "pandas + calamine, one core", "supplement night, 1 % new", "nothing new",
        "one mail to its answer", "floor, last",
    ]  # fmt: skip
    before, after, first, plain, second, nothing, answer, _ = results.values()
    assert plain["ratio"] == first["seconds"] / plain["seconds"]
    assert 0 < nothing["cpu"] < answer["cpu"]
    assert first["ratio"] == first["seconds"] / ((before["seconds"] + after["seconds"]) / 2)
    assert second["ratio"] == second["seconds"] / first["seconds"]
    for night in (first, second):
        stages = {s["stage"]: s["seconds"] for s in night["stages"]}
        assert {"parsed_mails", "published_reports"} <= stages.keys()
        assert 0 < sum(stages.values()) < night["seconds"]
    assert {p.name for p in (tmp_path / "measured").iterdir()} == {"results.json", f"{commit() or 'results'}.json"}


def result(what: str, seconds: float) -> dict[str, Any]:
    return {"units": 10, "scans": True, "what": what, "seconds": seconds}


def test_results_are_compared_over_floors_that_are_alike_alone() -> None:
    quiet = [result("floor", 10.0), result("first night", 30.0), result("floor, last", 10.9)]
    faster = [result("floor", 10.2), result("first night", 15.0), result("floor, last", 10.4)]
    (line,) = compared(faster, quiet)
    assert line.split() == ["10", "with", "scans", "first", "night", "0.50"]
    with pytest.raises(NotComparable, match=r"between 10\.00 and 11\.20 s"):
        compared([result("floor", 11.2), result("first night", 15.0)], quiet)
    with pytest.raises(NotComparable):
        compared(faster[:2], [*quiet[:2], result("floor, last", 12.0)])


def test_what_does_not_depend_on_the_month_is_compared_over_all_floors() -> None:
    status = {"units": 0, "scans": True, "what": "status", "seconds": 0.4}
    run = [result("floor", 10.0), result("floor, last", 10.5), status]
    (line,) = compared(run, [{**status, "seconds": 0.8}])
    assert line.split()[-2:] == ["status", "0.50"]
    with pytest.raises(NotComparable, match="floors of 10 units"):
        compared(run, [result("floor", 8.0), status])


def test_all_that_is_asked_stands_in_one_table_beside_what_was_measured() -> None:
    first = {"peak_mb": 1000.0, "ratio": 4.0}
    month = [
        result("floor", 10.0), {**result("first night", 40.0), **first}, result("floor, last", 11.5),
        {**result("nothing new", 0.8), "cpu": 0.5},
        {**result("first night", 70.0), **first, "units": 20, "peak_mb": 1300.0},
    ]  # fmt: skip
    heading, everything, nothing, memory, growth, noise = overview(month, 10)
    assert heading.split() == ["10", "units", "measured", "asked", "at", "most"]
    assert everything.split()[-3:] == ["4.00", "3.60", "missed"]
    assert nothing.split()[-2:] == ["0.50", "1.00"]
    assert memory.split()[-2:] == ["1000.00", "1500.00"]
    assert growth.split()[-3:] == ["1.30", "1.20", "missed"]
    assert noise.endswith("10.00 to 11.50 s, noise 15%: too much to be compared with another run")
