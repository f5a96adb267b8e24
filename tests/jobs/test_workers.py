"""Shards on workers of Celery behind a real Redis, one worker killed at its work: the month is published the same.

Also where the workers see nothing of the head's folder but an S3 server.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.instance.home import ON_WORKERS_YAML, Home
from assets.instance.resource import SHARD_JOB
from assets.instance.settings import SettingsError, load_settings
from assets.intake.shards import GIVEN, Given, book_done, given_shards, is_done
from assets.month.assets import GIVEN_TAG
from pipelines.shard_runs import shard_job, shards_given
from reports.drawing import ASKED, Drawing, close, copied, draw, drawings, is_drawn
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


def start_workers(services: Services, *names: str) -> None:
    """Workers of one process each."""
    for name in names:
        worker = ["celery", "-A", "pipelines.celery_worker", "worker", "-n", f"{name}@%h", "-c", "1"]
        services.up[name] = begin(*worker, told=SILENT)


@pytest.mark.parametrize(
    "wrong",
    [
        "most_units: -1",
        "most_units: 10, workers: -1",
        "workers: 2",
        "by_store: true",
        "most_units: 10, workers: 2, by_store: yes please",
        "most_units: 10, workers: 2, by_store: true",
    ],
)
def test_shards_that_cannot_be_are_refused(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"shards: {{{wrong}}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"shards: (most_units|workers|by_store)"):
        load_settings(file)


def test_a_shard_that_failed_is_asked_for_again_the_next_night(tmp_path: Path) -> None:
    home = Home(tmp_path)
    given = Given("P", PERIOD, AS_OF, "", "", "the same mails", 1, ())
    (home.shards / "P").mkdir(parents=True)
    look = shards_given(home, shard_job(60))

    def asked(one: Given) -> list[tuple[str | None, str]]:
        (home.shards / "P" / GIVEN).write_text(json.dumps(asdict(one)), encoding="utf-8")
        with dg.build_sensor_context() as context:
            found = look(context)
        if isinstance(found, dg.SkipReason):
            return []
        assert isinstance(found, dg.SensorResult)
        return [(request.run_key, request.tags[GIVEN_TAG]) for request in found.run_requests or ()]

    nights = [given, given, replace(given, as_of="2026-11-07T02:00:00+08:00")]
    (first,), (again,), (next_night,) = map(asked, nights)
    assert first == again, "once a night"
    assert first[0] != next_night[0]
    assert first[1] != next_night[1], "else the failure of the first night would be taken for one of the second"
    book_done(home, given)
    assert asked(nights[2]) == []


def test_what_is_to_be_drawn_is_asked_for_by_its_own_run_while_there_is_a_copy_to_draw_of(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.shards / "P").mkdir(parents=True)
    given = Given("P", PERIOD, AS_OF, "", "", "of this night", 1, ())
    drawing = Drawing("P", PERIOD, AS_OF, "zh", "c0ffee", "", "", ("P",))
    for name, one in ((GIVEN, given), (ASKED, drawing)):
        (home.shards / "P" / name).write_text(json.dumps(asdict(one)), encoding="utf-8")
    copied(home, drawing.copy).touch()
    look = shards_given(home, shard_job(60))

    def asked() -> dict[str | None, list[str]]:
        with dg.build_sensor_context() as context:
            found = look(context)
        requests = found.run_requests or [] if isinstance(found, dg.SensorResult) else []
        return {one.run_key: [key.to_user_string() for key in one.asset_selection or ()] for one in requests}

    assert asked() == {given.asked: ["worked_shards"], drawing.asked: ["drawn_shards"]}
    book_done(home, given)
    assert asked() == {drawing.asked: ["drawn_shards"]}
    close(home)  # the head has waited long enough
    assert asked() == {}
    assert draw(home, "P") is None


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Services]:
    """A home whose two units are a shard each, with Redis, code server and two workers of one process, which
    have what they know from the head's folder, or each in a folder of its own from a store.
    """
    home = filled_home(tmp_path / "home", monkeypatch)
    copy_of(home.root, tmp_path / "twin")
    port = free_port()
    monkeypatch.setenv("SIXTH_BROKER", f"redis://127.0.0.1:{port}/0")
    with (home.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        by_store = getattr(request, "param", "") == "store"
        settings.write(f"shards: {{most_units: 1, workers: 2, wait_minutes: 8, by_store: {str(by_store).lower()}}}\n")
        if by_store:
            request.getfixturevalue("s3")
            settings.write(f"store: s3://{BUCKET}/head\n")
    home.prepare()
    config = yaml.safe_load((home.dagster / "dagster.yaml").read_text(encoding="utf-8"))
    config["run_monitoring"]["poll_interval_seconds"] = 2
    (home.dagster / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    made = Services(home, tmp_path)
    start_redis(made, port)
    for name in ("one", "two"):
        with monkeypatch.context() as its:
            if by_store:
                its.setenv("SIXTH_STORE", f"s3://{BUCKET}/head")
                its.setenv("SIXTH_HOME", str(tmp_path / f"worker-{name}"))
            start_workers(made, name)
    made.start("code")
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
    by_store = "by_store: true" in (home.register / "settings.yaml").read_text(encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance, ThreadPoolExecutor(1) as beside:
        head = beside.submit(apart, "run", "--home", home.root, "--period", PERIOD, "--as-of", AS_OF)
        wait_for(
            lambda: given_shards(home)
        )  # else a run of the daemon's own, by the clock of today, may come before it
        services.start("daemon")

        def at_work(asset: str) -> set[str]:
            started = instance.get_runs(dg.RunsFilter(job_name=SHARD_JOB, statuses=[dg.DagsterRunStatus.STARTED]))
            return {run.tags["sixth/shard"] for run in started if _is_of(run, asset)}

        wait_for(lambda: len(at_work("worked_shards")) == 2)
        services.kill(killed)
        if killed == "redis":
            start_redis(services, int(os.environ["SIXTH_BROKER"].rpartition(":")[2].partition("/")[0]))
        elif not by_store:  # and in the second round both that are there by then
            start_workers(services, "three")
            wait_for(lambda: at_work("drawn_shards"))
            services.kill("two", "three")
            start_workers(services, "four")
        head.result()
        runs = instance.get_runs(dg.RunsFilter(job_name=SHARD_JOB))
    drawn = set() if by_store else {"P.1", "P.2", "rest"}
    for asset, shards in (("worked_shards", {"P.1", "P.2"}), ("drawn_shards", drawn)):
        of_asset = [run for run in runs if _is_of(run, asset)]
        lost = [run for run in of_asset if run.status == dg.DagsterRunStatus.FAILURE]
        assert bool(lost) == (killed == "one" and bool(shards))
        assert len(of_asset) == len(shards) + len(lost)
        assert {run.tags["sixth/shard"] for run in of_asset if run.is_success} == shards
    assert [one.name for one in given_shards(home)] == ["P.1", "P.2"]
    assert all(is_done(home, one) for one in given_shards(home))
    assert all(is_drawn(home, one) for one in drawings(home))
    twin = tmp_path / "twin"
    sixth("run", "--home", twin, "--period", PERIOD, "--as-of", AS_OF)
    assert published(home) == published(Home(twin))
    if by_store:
        assert not [*tmp_path.glob("worker-*/shards/*")], "what a worker has of the home it has from the store"
        assert {path.parent.name for path in tmp_path.glob("worker-*/handed/*/register")} == {"P.1", "P.2"}


def _is_of(run: dg.DagsterRun, asset: str) -> bool:
    return dg.AssetKey(asset) in (run.asset_selection or ())
