"""Dagster's storage in the home, or by one setting on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import NullPool, create_engine, text

from assets.instance import home as of_home
from assets.instance.home import DAGSTER_YAML, STORAGE, Home, HomeError
from assets.instance.settings import Settings, SettingsError, load_settings
from pipelines.doctor import _dagster
from pipelines.event_log import KeptOpen, instance_of
from pipelines.new_home import make_dagster_storage
from tests.feedback import made_month

OURS = DAGSTER_YAML.read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(made_month.home(tmp_path / "home", ["U1"]).root)


@pytest.fixture
def dagster_url(postgresql_url: str) -> Iterator[str]:
    """A new database on a server."""
    server = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text("create database dagster_of_sixth"))
    yield postgresql_url.replace("/postgres?", "/dagster_of_sixth?")
    with server.connect() as connection:
        connection.execute(text("drop database dagster_of_sixth with (force)"))


def set_up(home: Home, **settings: str) -> Settings:
    (home.register / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_settings(home.register / "settings.yaml")


def config(home: Home) -> str:
    return (home.dagster / "dagster.yaml").read_text(encoding="utf-8")


@dg.op
def one() -> None:
    pass


@dg.job
def month() -> None:
    one()


@pytest.mark.outside
def test_runs_and_events_go_to_the_server_that_the_setting_names(home: Home, dagster_url: str) -> None:
    settings = set_up(home, dagster_url=dagster_url)
    home.prepare()
    make_dagster_storage(home)
    with instance_of(home.dagster) as instance:
        assert not isinstance(instance.event_log_storage, KeptOpen)
        run = month.execute_in_process(instance=instance)
        assert instance.get_run_step_stats(run.run_id)[0].step_key == "one"
    assert not list(home.dagster.rglob("*.db"))
    with create_engine(dagster_url, poolclass=NullPool).connect() as connection:
        assert connection.execute(text("select run_id, status from runs")).all() == [(run.run_id, "SUCCESS")]
    assert [told.remedy for told in _dagster(home, settings)] == [""]
    home.configure_dagster()
    assert config(home).count(STORAGE) == 1


def test_the_setting_comes_and_goes_and_a_changed_file_is_left_alone(home: Home) -> None:
    set_up(home)
    home.prepare()
    assert config(home) == OURS
    settings = set_up(home, dagster_url="postgresql://sixth@db.example/dagster")
    home.configure_dagster()
    assert yaml.safe_load(config(home))["storage"] == {
        "postgres": {"postgres_url": "postgresql+psycopg2://sixth@db.example/dagster"}
    }
    set_up(home)
    home.configure_dagster()
    assert config(home) == OURS
    (home.register / "settings.yaml").write_text("dagster_url: [", encoding="utf-8")
    (home.dagster / "dagster.yaml").write_text(OURS + STORAGE, encoding="utf-8")
    home.prepare()  # who reads the settings for more tells what is wrong with them
    assert config(home) == OURS + STORAGE
    (home.dagster / "dagster.yaml").write_text(OURS + "# ours\n", encoding="utf-8")
    set_up(home, dagster_url="postgresql://sixth@db.example/dagster")
    home.configure_dagster()
    assert config(home) == OURS + "# ours\n"
    (told,) = _dagster(home, settings)
    assert "in storage" in told.found
    assert told.remedy


def test_what_can_be_no_storage_is_refused_in_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    one_database = dict.fromkeys(("ledger_url", "dagster_url"), "postgresql://sixth@db.example/sixth")
    with pytest.raises(SettingsError, match="must be two databases"):
        set_up(home, **one_database)
    set_up(home, dagster_url="mysql://sixth@db.example/dagster")
    with pytest.raises(HomeError, match="must be as postgresql://"):
        home.prepare()
    settings = set_up(home, dagster_url="postgresql://sixth@db.example/dagster")
    monkeypatch.setattr(of_home, "find_spec", lambda _: None)
    with pytest.raises(HomeError, match="needs the package dagster-postgres"):
        home.prepare()
    (home.dagster / "dagster.yaml").write_text(OURS, encoding="utf-8")
    (told,) = _dagster(home, settings)
    assert "needs the package" in told.found
