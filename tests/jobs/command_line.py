"""The command line as the tests of jobs call it: in this process, and in one of its own where that is what matters.

A process of its own spends most of its time on importing Dagster and Great Expectations. Which test needs one: what is
killed, what starts Dagster's own commands, and the runs of the sample by `ran`, which are the user's.

Belongs here: calling commands, and homes that several tests start from. Does not: asserting what comes of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from pipelines.cli import app
from tests.jobs.expected import EXPECTED, differing

SIXTH = [sys.executable, "-m", "pipelines.cli"]
SECONDS = 600


def sixth(*arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Call a command in this process; what it printed. `check`: the status that it must end with."""
    words = [*map(str, arguments)]
    done = CliRunner().invoke(app, words)
    assert check is None or done.exit_code == check, done.output
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def apart(*arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Call a command in a process of its own, as a person does."""
    words = [*SIXTH, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert check is None or done.returncode == check, done.stderr
    return done


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker to want it makes, for all workers of this test run; nobody writes into it."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            making = root.with_name(f"making-{name}")
            shutil.rmtree(making, ignore_errors=True)
            make(making)
            making.rename(root)
    return root


def copy_of(home: Path, to: Path) -> Path:
    """A copy of a home to go on with. `to`: where the home will lie."""
    return Path(shutil.copytree(home, to, symlinks=True))


def sample_home(factory: pytest.TempPathFactory, to: Path) -> Path:
    """The sample as `sixth init --sample` makes it, before its first run."""
    return copy_of(shared(factory, "fresh-sample", _init), to)


def _init(root: Path) -> None:
    sixth("init", "--sample", "--home", root)


def ran_once(factory: pytest.TempPathFactory, to: Path) -> Path:
    """The sample after its first run, that of the deadline of 2026-09."""

    def make(root: Path) -> None:
        sample_home(factory, root)
        sixth("run", "--home", root, "--period", "2026-09", "--as-of", EXPECTED["2026-09/deadline"]["as_of"])

    return copy_of(shared(factory, "ran-once", make), to)


@dataclass(frozen=True, slots=True)
class Ran:
    """The sample after all its runs in their order: nobody writes into it."""

    home: Path
    said: str
    """What the runs said, on both ways."""
    differing: dict[str, list[str]]
    """By key of expected.json: the figures that were not the expected ones after its run."""


def ran(factory: pytest.TempPathFactory) -> Ran:
    """The sample made and run as a user does it, in processes of their own."""

    def make(root: Path) -> None:
        home, told = root / "home", [apart("init", "--sample", "--home", root / "home")]
        wrong: dict[str, list[str]] = {}
        for key, of in EXPECTED.items():
            told.append(apart("run", "--home", home, "--period", key[:7], "--as-of", of["as_of"]))
            wrong[key] = list(differing(home, key))
        (root / "differing.json").write_text(json.dumps(wrong), encoding="utf-8")
        (root / "said.txt").write_text("".join(t.stdout + t.stderr for t in told), encoding="utf-8")

    root = shared(factory, "ran", make)
    wrong = json.loads((root / "differing.json").read_text(encoding="utf-8"))
    return Ran(root / "home", (root / "said.txt").read_text(encoding="utf-8"), wrong)
