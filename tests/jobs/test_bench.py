"""`make bench` (tests/bench.py): it measures what it says, in a folder named from where one is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bench_measures_floor_first_and_second_night(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--units", "3", "--only", "--without-scans", "--folder", "measured"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    results = {r["what"]: r for r in json.loads((tmp_path / "measured/results.json").read_text(encoding="utf-8"))}
    assert list(results) == ["floor", "floor again", "first night", "second night"]
    before, after, first, second = results.values()
    assert first["ratio"] == first["seconds"] / ((before["seconds"] + after["seconds"]) / 2)
    assert second["ratio"] == second["seconds"] / first["seconds"]
    for night in (first, second):
        stages = {s["stage"]: s["seconds"] for s in night["stages"]}
        assert {"parsed_mails", "published_reports"} <= stages.keys()
        assert 0 < sum(stages.values()) < night["seconds"]
    assert [p.name for p in (tmp_path / "measured").iterdir()] == ["results.json"]
