"""The units of docs/systemd: systemd finds nothing wrong in them, and what they start is there and takes its options."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from pipelines.cli import app
from tests.outside import program

UNITS = Path(__file__).parents[1] / "docs" / "systemd"
PROGRAMS = Path(sys.executable).parent
SYSTEM = Path("/usr/lib/systemd/system")
TARGETS = [f"{name}.target" for name in ("basic", "multi-user", "network-online", "shutdown", "sysinit", "timers")]
OURS = "/opt/sixth/.venv/bin/"
STARTS = re.compile(r"^ExecStart(?:Pre|Post)?=[-@]*(.*)$", re.MULTILINE)


def commands() -> list[str]:
    """What all units start."""
    return [line for unit in sorted(UNITS.glob("*.service")) for line in STARTS.findall(unit.read_text("utf-8"))]


@pytest.mark.outside
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    installed = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, installed)
    shutil.copytree(SYSTEM, tmp_path / SYSTEM.relative_to("/"), ignore=lambda _, names: {*names} - {*TARGETS})
    for started in {"/bin/sh", *re.findall(rf"{OURS}[\w-]+", "\n".join(commands()))}:
        there = tmp_path / started.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.touch(0o755)
    units = [str(unit) for unit in sorted(installed.glob("sixth*")) if unit.suffix != ".env"]
    command = [program("systemd-analyze", install="systemd"), "verify", "--man=no", f"--root={tmp_path}", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Of a word that it does not know it only warns, and ends with 0.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "sixth-portal.service" in [unit.name for unit in installed.iterdir()]


def test_what_they_start_is_there_and_takes_its_options() -> None:
    root, asked = get_command(app), set()
    assert isinstance(root, TyperGroup)
    context = root.make_context("sixth", [], resilient_parsing=True)
    for line in commands():
        for started in re.findall(rf"{OURS}([\w-]+)", line):
            assert (PROGRAMS / started).exists(), started
        for words in re.findall(rf"{OURS}sixth ([^\"&|;]*)", line):
            name, *options = shlex.split(words)
            command = root.get_command(context, name)
            assert command is not None, name
            # A date put together by the shell stands for itself; required arguments that are missing are an error here.
            command.make_context(name, [*options, *(["X"] if name == "backup" else [])])
            asked.add(name)
    assert asked == {"backup", "doctor", "serve", "upgrade"}
