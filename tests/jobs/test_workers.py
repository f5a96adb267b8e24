"""Shards on workers of Celery behind a real Redis, one worker killed at its work: the month is published the same.

Also where the workers see nothing of the head's folder but an S3 server.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.instance.home import ON_WORKERS_YAML, Home
from assets.instance.resource import SHARD_JOB
from assets.instance.settings import SettingsError, load_settings
from assets.intake.shards import given_shards, is_done
from tests.jobs.command_line import apart, copy_of, sixth
from tests.jobs.dagster_home import PERIOD, begin, filled_home, wait_for
from tests.jobs.test_services import SILENT, Services, free_port, published
from tests.outside import program
from tests.s3_server import BUCKET, s3  # noqa: F401 - a fixture

AS_OF = "2026-11-06T00:30:00+08:00"


def test_settings_of_dagster_follow_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.instance.home.find_spec", lambda name: name)
    home = Home(tmp_path)
    home.register.mkdir()
    home.dagster.mkdir()
    file, settings = home.dagster / "dagster.yaml", home.register / "settings.yaml"
    home.configure_dagster()
    alone = file.read_text(encoding="utf-8")
    for workers in (3, 12):
        settings.write_text(f"shards: {{most_units: 100, workers: {workers}}}\n", encoding="utf-8")
        home.configure_dagster()
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert told["run_launcher"]["class"] == "ShardRunLauncher"
        assert told["concurrency"]["runs"]["tag_concurrency_limits"][0] == {"key": "sixth/given", "limit": workers}
    settings.write_text("shards: {most_units: 100}\n", encoding="utf-8")
    home.configure_dagster()
    assert file.read_text(encoding="utf-8") == alone
    changed = ON_WORKERS_YAML.read_text(encoding="utf-8") + "# ours\n"
    file.write_text(changed, encoding="utf-8")
    home.configure_dagster()
    assert file.read_text(encoding="utf-8") == changed


def start_redis(services: Services, port: int) -> None:
    """A broker that keeps nothing on the disk."""
    redis = program("redis-server", install="redis-server")
    server = [redis, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    services.up["redis"] = subprocess.Popen(server, stdout=SILENT, stderr=SILENT, start_new_session=True)


@pytest.mark.parametrize("wrong", ["most_units: -1", "most_units: 10, workers: -1", "workers: 2"])
def test_shards_that_cannot_be_are_refused(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"shards: {{{wrong}}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"shards: (most_units|workers)"):
        load_settings(file)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Services]:
    """A home whose two units are a shard each, with Redis, code server, daemon and two workers of one process, which
    have what they know from the head's folder, or each in a folder of its own from a store.
    """
    home = filled_home(tmp_path / "home", monkeypatch)
    copy_of(home.root, tmp_path / "twin")
    port = free_port()
    monkeypatch.setenv("SIXTH_BROKER", f"redis://127.0.0.1:{port}/0")
    with (home.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write("shards: {most_units: 1, workers: 2, wait_minutes: 8}\n")
        if getattr(request, "param", "") == "store":
            request.getfixturevalue("s3")
            settings.write(f"store: s3://{BUCKET}/head\n")
    home.prepare()
    config = yaml.safe_load((home.dagster / "dagster.yaml").read_text(encoding="utf-8"))
    config["run_monitoring"]["poll_interval_seconds"] = 2
    (home.dagster / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    made = Services(home, tmp_path)
    start_redis(made, port)
    for name in ("one", "two"):
        worker = ["celery", "-A", "pipelines.celery_worker", "worker", "-n", f"{name}@%h", "-c", "1"]
        with monkeypatch.context() as its:
            if getattr(request, "param", "") == "store":
                its.setenv("SIXTH_STORE", f"s3://{BUCKET}/head")
                its.setenv("SIXTH_HOME", str(tmp_path / f"worker-{name}"))
            made.up[name] = begin(*worker, told=SILENT)
    made.start("code", "daemon")
    yield made
    made.kill(*made.up)


@pytest.mark.outside
@pytest.mark.parametrize(
    ("services", "killed"),
    [
        ("store", "one"),
        pytest.param("folder", "one", marks=pytest.mark.long),
        pytest.param("folder", "redis", marks=pytest.mark.long),
    ],
    indirect=["services"],
)
def test_a_worker_or_a_broker_killed_costs_nothing_but_time(services: Services, tmp_path: Path, killed: str) -> None:
    home = services.home
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance, ThreadPoolExecutor(1) as beside:
        head = beside.submit(apart, "run", "--home", home.root, "--period", PERIOD, "--as-of", AS_OF)

        def at_work() -> bool:
            started = instance.get_runs(dg.RunsFilter(job_name=SHARD_JOB, statuses=[dg.DagsterRunStatus.STARTED]))
            return len({run.tags["sixth/shard"] for run in started}) == 2

        wait_for(at_work)
        services.kill(killed)
        if killed == "redis":
            start_redis(services, int(os.environ["SIXTH_BROKER"].rpartition(":")[2].partition("/")[0]))
        head.result()
        runs = instance.get_runs(dg.RunsFilter(job_name=SHARD_JOB))
    lost = [run for run in runs if run.status == dg.DagsterRunStatus.FAILURE]
    assert len(lost) == (killed == "one")
    assert len(runs) == 2 + len(lost)
    assert [one.name for one in given_shards(home)] == ["P.1", "P.2"]
    assert all(is_done(home, one) for one in given_shards(home))
    twin = tmp_path / "twin"
    sixth("run", "--home", twin, "--period", PERIOD, "--as-of", AS_OF)
    assert published(home) == published(Home(twin))
    if "store:" in (home.register / "settings.yaml").read_text(encoding="utf-8"):
        assert not [*tmp_path.glob("worker-*/shards/*")], "what a worker has of the home it has from the store"
        assert {path.parent.name for path in tmp_path.glob("worker-*/handed/*/register")} == {"P.1", "P.2"}
