"""A home of the release before goes on once what is changed is saved; that of a newer one is refused in words."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text

from assets.instance.home import MARK, SCHEMA, Home, HomeError
from assets.instance.session import open_session
from assets.instance.warehouse import open_warehouse
from assets.ledger.opening import FILE, MIGRATIONS, is_outdated, open_ledger
from pipelines.upgrade import SAVED, UpgradeRefused, upgrade
from tests.feedback import made_month
from tests.jobs.command_line import sixth
from tests.notices.made_units import when

OLD_DAGSTER = "telemetry:\n  enabled: false\n"


def ledger_of_old(engine: Engine) -> None:
    """A ledger as its first version made it, with a notice in it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "insert into notices (kind, period, unit_code, recipient, key, message_id, in_reply_to, subject, "
                "content_sha256, state, attempts, refusals, last_error, created_at) values ('receipt', '2026-09', "
                "'U1', 'u1@oa.example', 'k', '<k@oa>', '', '', '', 'sent', 1, 0, '', '2026-10-01 00:00:00')"
            )
        )
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home as a release without a mark left it."""
    place = Home(made_month.home(tmp_path / "home", ["U1"]).root)
    place.warehouse.mkdir()
    place.dagster.mkdir()
    ledger_of_old(create_engine(f"sqlite:///{place.warehouse / FILE}"))
    (place.dagster / "dagster.yaml").write_text(OLD_DAGSTER, encoding="utf-8")
    (place.warehouse / "last_run.json").write_text('{"as_of": "2026-10-06T02:00:00+08:00"}', encoding="utf-8")
    return place


def notices(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        return [key for (key,) in db.execute("select key from notices")]


def test_a_home_of_the_release_before_goes_on_and_what_was_changed_is_saved(home: Home) -> None:
    assert home.schema == 1
    assert is_outdated(home.warehouse)
    assert "schema 1, of an earlier release" in sixth("doctor", "--home", home.root, check=None).stdout
    assert is_outdated(home.warehouse)
    assert not (home.root / MARK).exists()
    told = sixth("upgrade", "--home", home.root)
    saved = home.root / SAVED / "schema-1"
    assert str(saved) in told.stdout
    assert json.loads((home.root / MARK).read_text(encoding="utf-8")) == {"schema": SCHEMA}
    assert not is_outdated(home.warehouse)
    assert notices(home.warehouse / FILE) == notices(saved / "warehouse" / FILE) == ["k"]
    assert is_outdated(saved / "warehouse")
    assert (saved / "warehouse/last_run.json").read_bytes() == (home.warehouse / "last_run.json").read_bytes()
    assert (saved / "dagster/dagster.yaml").read_text(encoding="utf-8") == OLD_DAGSTER
    assert upgrade(home) is None


def test_a_command_upgrades_and_one_killed_on_the_way_is_done_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Home, "mark", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            upgrade(home)
    assert home.schema == 1
    sixth("status", "--home", home.root)
    assert home.schema == SCHEMA
    assert is_outdated(home.root / SAVED / "schema-1/warehouse")  # saved before the first attempt, not the second


def test_the_portal_does_not_keep_in_memory_what_brought_its_home_up_to_date(home: Home) -> None:
    program = (
        "import sys, uvicorn; from pipelines.cli import app\n"
        "uvicorn.run = lambda *_, **__: print('loaded', *sorted({'dagster', 'duckdb', 'polars'} & {*sys.modules}))\n"
        f"app(['serve', '--home', {str(home.root)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "is brought up to date" in done.stdout
    assert "loaded\n" in done.stdout
    assert home.schema == SCHEMA


def test_what_is_driven_without_a_command_refuses_an_older_home_and_says_what_to_do(home: Home) -> None:
    with (
        pytest.raises(HomeError, match=r"schema 1, now 2.*sixth upgrade"),
        open_session(home, when("2026-10-06T02:00")),
    ):
        pass


def test_a_newer_home_is_refused_and_left_as_it_is(home: Home) -> None:
    (home.root / MARK).write_text(json.dumps({"schema": SCHEMA + 1}), encoding="utf-8")
    before = (home.warehouse / FILE).read_bytes()
    for words in (["status"], ["run"], ["doctor"], ["upgrade"]):
        done = sixth(*words, "--home", home.root, check=2)
        assert f"newer Sixth (schema {SCHEMA + 1}; this one knows {SCHEMA})" in done.stderr
        assert "install that version again, or restore" in done.stderr
    assert (home.warehouse / FILE).read_bytes() == before


def test_a_mark_that_says_nothing_is_told(home: Home) -> None:
    (home.root / MARK).write_text("{}", encoding="utf-8")
    assert "take it from the last backup" in sixth("status", "--home", home.root, check=2).stderr


def test_a_new_home_is_marked_from_its_first_run_on(tmp_path: Path) -> None:
    place = Home(made_month.home(tmp_path / "home", ["U1"]).root)
    assert place.schema == SCHEMA
    place.prepare()
    with open_warehouse(place.warehouse):
        pass
    assert place.schema == SCHEMA
    assert (place.root / MARK).exists()


@pytest.fixture
def postgresql_of_old(postgresql_url: str) -> Iterator[str]:
    """A database on a server with the ledger's first tables."""
    server = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    url = postgresql_url.replace("/postgres?", "/of_old?")
    with server.connect() as connection:
        connection.execute(text("create database of_old"))
    ledger_of_old(create_engine(url))
    yield url
    with server.connect() as connection:
        connection.execute(text("drop database of_old with (force)"))
    server.dispose()


@pytest.mark.outside
def test_a_ledger_on_a_server_is_migrated_once_it_is_said_to_be_saved(home: Home, postgresql_of_old: str) -> None:
    (home.register / "settings.yaml").write_text(f"ledger_url: {postgresql_of_old}\n", encoding="utf-8")
    with pytest.raises(UpgradeRefused, match=r"pg_dump.*--ledger-saved"):
        upgrade(home)
    assert home.schema == 1
    assert is_outdated(home.warehouse, postgresql_of_old)
    assert upgrade(home, ledger_saved=True)
    with open_ledger(home.warehouse, postgresql_of_old) as ledger, ledger.connect() as connection:
        assert connection.execute(text("select count(*) from notices")).scalar() == 1
