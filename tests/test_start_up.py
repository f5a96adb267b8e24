"""What the light commands load: a library that one of them does without costs it more than all its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assets.instance.home import Home
from pipelines.new_home import make_home

LIBRARIES = {"alembic", "dagster", "duckdb", "great_expectations", "pandas", "polars", "rich", "sqlalchemy", "yaml"}
PROGRAM = (
    "import sys; from pipelines.cli import app\n"
    f"try: app()\nfinally: print(*sorted({LIBRARIES!r} & {{*sys.modules}}), file=sys.stderr)"
)


@pytest.mark.parametrize(
    ("command", "needed"), [(["--help"], set()), (["status", "--home", "HOME"], {"duckdb", "rich", "yaml"})]
)
def test_a_command_loads_what_it_needs(tmp_path: Path, command: list[str], needed: set[str]) -> None:
    make_home(Home(tmp_path / "home"), sample=True)
    named = [str(tmp_path / "home") if word == "HOME" else word for word in command]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *named], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {*done.stderr.split()} == needed
