"""A home of a few mails on which Dagster's own commands and services run, each in a process of its own.

Belongs here: making the home, starting processes and waiting for them. Does not: asserting.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.instance.home import Home
from pipelines.new_home import make_dagster_storage
from tests.feedback.made_month import drop_mail
from tests.feedback.made_month import home as made_home
from tests.templates.filled_forms import filled_forms

ROOT = Path(__file__).parents[2]
MONTHS = ("2026-08", "2026-09", "2026-10")
PERIOD = MONTHS[-1]
UNITS = ("D-001", "D-002")


def filled_home(root: Path, patch: pytest.MonkeyPatch) -> Home:
    """A home of three months with the mails of two units for the last; Dagster's commands find it by the environment."""
    made = made_home(root, UNITS)
    home = Home(made.root)
    (home.register / "calendar.yaml").write_text(f"first_period: {MONTHS[0]}\n", encoding="utf-8")
    (home.register / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    for unit in UNITS:
        forms = filled_forms(made.unit(unit), made.catalogue, made.register, only=("annex2", "annex3"))
        drop_mail(made, unit, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])])
    home.prepare()
    make_dagster_storage(home)
    patch.setenv("SIXTH_HOME", str(home.root))
    patch.setenv("DAGSTER_HOME", str(home.dagster))
    patch.setenv("PYTHONPATH", str(ROOT))
    return home


def begin(*command: str, told: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Begin a command of Dagster's in the repository's folder; `told`: where what it says goes."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=told,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], seconds: float = 900) -> str:
    """Let a command end well; what it said."""
    told, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, told[-8000:]
    return told


def wait_for(what: Callable[[], Any], seconds: float = 900) -> Any:
    """What a question is answered with, once it is."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.5)
    return found
