"""Opening the ledger, and bringing its tables to the version of this software.

Belongs here: engine, pragmas, migrations. Does not: what is read and written (queue.py, alerts.py, decisions.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "ledger.sqlite"
BUSY_SECONDS = 60
# Any number that is ours: holds other processes off while one migrates (PostgreSQL).
_MIGRATION_LOCK = 6_2026_11


class LedgerError(Exception):
    """The ledger cannot be opened; the message says why, never a password."""

    exit_status = 2


@contextmanager
def open_ledger(folder: Path, url: str = "") -> Iterator[Engine]:
    """The ledger, its tables made or migrated where needed.

    Without a `url` it is `folder/ledger.sqlite`. `postgresql://user@host/database` names a server; the password is
    better left to libpq (PGPASSWORD, ~/.pgpass) than put there. Raises LedgerError.
    """
    engine = create_engine(_url(folder, url))
    if engine.dialect.name == "sqlite":
        _use_sqlite(engine)
    try:
        if _version(engine) != _newest():
            _bring_up_to_date(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_reader(folder: Path, url: str = "") -> Iterator[Engine]:
    """The ledger for reading alone: never waits for a writer, and makes none wait. Raises LedgerError.

    Only where the ledger is not there, or of an earlier version, is it opened for writing first, to make its tables.
    """
    there = _url(folder, url)
    if there.get_backend_name() == "sqlite":
        engine = create_engine(there)
        _use_sqlite(engine, reads=True)
    else:
        engine = create_engine(there, connect_args={"options": "-c default_transaction_read_only=on"})
    try:
        if _version(engine) != _newest():
            with open_ledger(folder, url):
                pass
        yield engine
    finally:
        engine.dispose()


def is_outdated(folder: Path, url: str = "") -> bool:
    """Whether there is a ledger whose tables are another version's than this software's. Raises LedgerError."""
    if not url and not (folder / FILE).exists():
        return False
    engine = create_engine(_url(folder, url))
    try:
        version = _version(engine)
        return version is not None and version != _newest()
    finally:
        engine.dispose()


def _newest() -> str:
    """The version that migrations end with; their files are named for it."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("v*.py"))[1:5]


def _version(engine: Engine) -> str | None:
    """The version of the ledger's tables; None where there are none, or it cannot be opened."""
    try:
        with engine.connect() as connection:
            return connection.scalar(text("select version_num from alembic_version"))
    except DBAPIError:
        return None


def _url(folder: Path, url: str) -> URL:
    if not url:
        folder.mkdir(parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(folder / FILE))
    try:
        made = make_url(url)
        made.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerError("the ledger's URL must be as postgresql://user@host/database") from error
    except ImportError as error:
        raise LedgerError(f"the ledger's URL needs the package {error.name}, which is not installed") from error
    if made.get_backend_name() not in ("sqlite", "postgresql"):
        raise LedgerError(f"the ledger can be SQLite or PostgreSQL, not {made.get_backend_name()}")
    return made


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _use_sqlite(engine: Engine, *, reads: bool = False) -> None:
    """WAL, so that readers never wait; every commit on disk; and real transactions, which sqlite3 alone hides."""
    pragmas = [f"busy_timeout = {BUSY_SECONDS * 1000}"]
    pragmas += ["query_only = on"] if reads else ["journal_mode = wal", "synchronous = full", "foreign_keys = on"]

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # Immediate: two processes that read before they write would deadlock otherwise.
        connection.exec_driver_sql("begin deferred" if reads else "begin immediate")


def _bring_up_to_date(engine: Engine) -> None:
    """Make or migrate the tables. Raises LedgerError."""
    from alembic.util import CommandError  # noqa: PLC0415 - a third of a second, once in a version's life

    try:
        with engine.begin() as connection:
            _migrate(connection)
    except CommandError as error:
        raise LedgerError(f"{_shown(engine)} was made by a newer version of Sixth: {error}") from error
    except DBAPIError as error:
        raise LedgerError(f"{_shown(engine)} cannot be opened: {error.orig}") from error


def _migrate(connection: Connection) -> None:
    """Bring the tables up to date, whole or not at all: both databases take back a migration that was killed."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
