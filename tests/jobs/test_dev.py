"""`sixth dev` can be stopped, however it was started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from tests.feedback import made_month


class Begun(Exception):
    """Dagster has taken the process over."""


def test_a_desk_started_by_a_script_answers_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F10: a shell lets what it starts in the background ignore SIGINT, and what it starts so, too."""
    made = made_month.home(tmp_path / "home", ["U1"])
    monkeypatch.setenv("SIXTH_HOME", "")
    monkeypatch.setenv("DAGSTER_HOME", "")
    handlers = {}

    def execv(program: str, command: list[str]) -> None:
        handlers.update({number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)})
        raise Begun

    monkeypatch.setattr(os, "execv", execv)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        done = CliRunner().invoke(app, ["dev", "--home", str(made.root)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert handlers == {signal.SIGINT: signal.SIG_DFL, signal.SIGTERM: signal.SIG_DFL}, done.output
