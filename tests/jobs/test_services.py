"""Dagster's services killed while a run works: the report comes out all the same, with the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.instance.clock import AS_OF
from assets.instance.home import Home
from reports.publishing.versions import versions
from tests.jobs.command_line import copy_of, sixth
from tests.jobs.dagster_home import PERIOD, begin, end, filled_home, wait_for

SILENT = subprocess.DEVNULL  # not a pipe that nobody reads


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Services:
    """Code server and daemon as on a server, each in a process group of its own, which is killed whole as systemd does."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.port, self.workspace = home, free_port(), folder / "workspace.yaml"
        server = {"host": "127.0.0.1", "port": self.port, "location_name": "pipelines.definitions"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
        self.up: dict[str, subprocess.Popen[str]] = {}

    def start(self, *names: str) -> None:
        if "code" in names:
            command = ["dagster", "code-server", "start", "-m", "pipelines.definitions", "-h", "127.0.0.1"]
            self.up["code"] = begin(*command, "-p", str(self.port), told=SILENT)
            health = ["dagster", "api", "grpc-health-check", "-p", str(self.port)]
            wait_for(lambda: begin(*health, told=SILENT).wait() == 0)
        if "daemon" in names:
            self.up["daemon"] = begin("dagster._daemon", "run", "-w", str(self.workspace), told=SILENT)

    def kill(self, *names: str) -> None:
        for name in names:
            os.killpg(self.up[name].pid, signal.SIGKILL)
        for name in names:
            self.up.pop(name).wait()


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    home = filled_home(tmp_path / "home", monkeypatch)
    config = yaml.safe_load((home.dagster / "dagster.yaml").read_text(encoding="utf-8"))
    config["run_monitoring"]["poll_interval_seconds"] = 2
    (home.dagster / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    made = Services(home, tmp_path)
    made.start("code", "daemon")
    yield made
    made.kill(*made.up)


def begun(instance: dg.DagsterInstance) -> str:
    """The run that has begun to publish; "" where none has."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        steps = {e.step_key for e in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)}
        if "published_reports" in steps:
            return run.run_id
    return ""


def published(home: Home) -> dict[str, bytes]:
    folder = home.published / PERIOD
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.outside
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("code",), marks=pytest.mark.long),
        pytest.param(("daemon",), marks=pytest.mark.long),
        ("code", "daemon"),
    ],
)
def test_a_run_whose_services_are_killed_is_taken_up_and_publishes_the_same(
    services: Services, names: tuple[str, ...], tmp_path: Path
) -> None:
    """F4: killed together, the run stayed STARTED, held the only slot, and no other began."""
    home = services.home
    twin = copy_of(home.root, tmp_path / "twin")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        tags = f'{{"dagster/partition": "{PERIOD}"}}'
        end(begin("dagster", "job", "launch", "-w", str(services.workspace), "-j", "month", "--tags", tags))
        killed = wait_for(lambda: begun(instance))
        services.kill(*names)
        services.start(*names)

        def through() -> dg.DagsterRun | None:
            """The run of the month that went through; all others have ended, too."""
            runs = [run for run in instance.get_runs() if run.tags.get("dagster/partition") == PERIOD]
            done = [run for run in runs if run.status == dg.DagsterRunStatus.SUCCESS]
            return done[0] if done and all(run.is_finished for run in runs) else None

        run = wait_for(through)
        first = instance.get_run_by_id(killed)
    assert first is not None
    if "code" in names:  # its worker is gone with it; the daemon's end harms no run
        assert (first.status, run.root_run_id) == (dg.DagsterRunStatus.FAILURE, killed)
    assert versions(home.published / PERIOD / "C") == ["v1"]
    clock = first.tags[AS_OF]
    assert run.tags[AS_OF] == clock
    services.kill(*services.up)
    shutil.rmtree(twin / "dagster")
    sixth("run", "--home", twin, "--period", PERIOD, "--as-of", clock)
    assert published(home) == published(Home(twin))
    sent = [sorted(p.name for p in place.outbox.glob("*.eml")) for place in (home, Home(twin))]
    assert sent[0] == sent[1] != []
