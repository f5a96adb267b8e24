"""A real PostgreSQL server for the tests: in a folder of its own, on a socket, gone after the tests.

Belongs here: starting and stopping it, ledgers on it and on SQLite. Does not: asserting.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from assets.ledger.opening import open_ledger
from tests.outside import program

DEMOTED = 65534  # nobody: PostgreSQL refuses to run as root
INSTALL = "Debian's postgresql"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server with its data in `folder`; the URL of its database."""
    as_other = {"user": DEMOTED, "group": DEMOTED} if os.getuid() == 0 else {}
    if as_other:
        os.chown(folder, DEMOTED, DEMOTED)

    def run(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_other)  # type: ignore[call-overload]

    data, socket = str(folder / "data"), f"-k {folder} -c listen_addresses= -c fsync=off"
    initdb, pg_ctl = program("initdb", install=INSTALL), program("pg_ctl", install=INSTALL)
    run(initdb, "--auth=trust", "--username=sixth", "--encoding=UTF8", "--no-sync", "-D", data)
    run(pg_ctl, "start", "-w", "-D", data, "-l", str(folder / "log"), "-o", socket)
    try:
        yield f"postgresql://sixth@/postgres?host={folder}"
    finally:
        run(pg_ctl, "stop", "-m", "fast", "-D", data)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of a server that all tests share; skips where there is none."""
    # Not pytest's own folder, which only its user may enter; and short, as a socket's path must be.
    with tempfile.TemporaryDirectory(prefix="sixth-pg-") as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder)) as url:
            yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.outside)])
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The setting `ledger_url`, of both kinds of database: the home's own file, and a new database on a server."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql_url")
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"ledger_{uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path) -> Iterator[Engine]:
    """An open ledger on both kinds of database."""
    with open_ledger(tmp_path, ledger_url) as engine:
        yield engine
