"""The warehouse: DuckDB in one file, and the SQL models of sql/.

Belongs here: opening the file, running a model into its table, frames in and out. Does not: what a model says
(sql/), which models a stage runs (the stage). Polars frames go in through Parquet and come out through Arrow's
capsule, which needs no pyarrow (findings/gx.md, 1.4).
"""

from __future__ import annotations

import logging
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

SQL = Path(__file__).parent.parent.parent / "sql"
log = logging.getLogger("sixth.warehouse")

LOOK_AGAIN_SECONDS = 0.2
MEMORY_LIMIT = "1200MB"
_HOLDER = re.compile(r"lock is held in (.+?) \(PID (\d+)\)")
_PARAMETER = re.compile(r"\$([a-z_]+)")


class WarehouseBusy(Exception):
    """Another program holds the warehouse file: a run, or one in which somebody has opened it."""

    exit_status = 2


def held(file: Path, error: duckdb.IOException) -> WarehouseBusy | None:
    """What to raise where DuckDB refused a file because another program holds it, which DuckDB names; else None."""
    if "lock" not in str(error).lower():
        return None
    found = _HOLDER.search(str(error))
    who = f"{Path(found[1]).name} (PID {found[2]})" if found else "another program"
    return WarehouseBusy(
        f"{who} holds {file}: a run, or a program in which somebody has opened it; "
        "try again when it has ended or is closed"
    )


@cache
def model(name: str) -> str:
    """The SQL text of a model, `marts/problems` being sql/marts/problems.sql."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


class Warehouse:
    """An open warehouse; one at a time per home, as DuckDB lets one process write."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection = connection
        self.scratch = scratch
        self._modelled: set[str] = set()  # tables that a model has run into, which are there

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run a statement; only the parameters that it names are passed."""
        bound = _named(sql, parameters)
        return self.connection.execute(sql, bound) if bound else self.connection.execute(sql)

    @contextmanager
    def using(self, database: str) -> Iterator[None]:
        """Look names up in one attached database, `sixth` being the warehouse's own, and then again where before."""
        before = self.value("select current_database()")
        self.execute(f"use {database}")
        try:
            yield
        finally:
            self.execute(f"use {before}")

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of a query."""
        bound = _named(sql, parameters)
        return pl.DataFrame(self.connection.sql(sql, params=bound) if bound else self.connection.sql(sql))

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The result of a query as dictionaries, for results that are small."""
        cursor = self.execute(sql, parameters)
        names = [d[0] for d in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, None where there is none."""
        rows = self.execute(sql, parameters).fetchall()  # all: DuckDB refuses new work beside an unfinished result
        return rows[0][0] if rows else None

    def exists(self, table: str) -> bool:
        """Whether there is a table `schema.name`."""
        schema, name = table.split(".")
        return bool(
            self.value(
                """
                select count(*)
                from information_schema.tables
                where table_catalog = current_database() and table_schema = $schema and table_name = $name
                """,
                {"schema": schema, "name": name},
            )
        )

    def tables(self) -> set[str]:
        """All tables of the database in use, as `schema.name`."""
        named = "select schema_name || '.' || table_name from duckdb_tables() where database_name = current_database()"
        return {name for (name,) in self.execute(named).fetchall()}

    def put(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        period: str | None = None,
        instead_of: str = "true",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace `table` with `frame`; with `period`, replace only that period's rows that match `instead_of`, a
        condition that may name parameters.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.scratch, suffix=".parquet") as file:
            frame.write_parquet(file.name, compression="uncompressed")
            source = f"select * from read_parquet('{file.name}')"
            if period is None:
                self.execute(f"create or replace table {table} as {source}")
                return
            self.execute(f"create table if not exists {table} as {source} limit 0")
            self._replace(table, source, {**(parameters or {}), "period": period}, instead_of)

    def run_model(
        self, table: str, parameters: Mapping[str, Any], *, model_name: str | None = None, instead_of: str = "true"
    ) -> int:
        """Run `sql/<schema>/<name>.sql` into `schema.name` for `$period`, instead of those of its rows for which a
        condition holds; the number of rows it holds for the period.
        """
        sql = model(model_name or table.replace(".", "/"))
        if table not in self._modelled and not self.exists(table):
            self._create_like(table, sql, parameters)
        self._modelled.add(table)
        self._replace(table, sql, parameters, instead_of)
        return int(self.value(f"select count(*) from {table} where period = $period", parameters))

    def is_made_by(self, made_by: str) -> bool:
        """Whether the tables of months were made by the models, forms and code that `made_by` is a digest of."""
        return self.exists("core.made_by") and self.value("select digest from core.made_by") == made_by

    def make_tables(self) -> None:
        """Make the tables that models look into before they first run (sql/tables)."""
        for table in sorted((SQL / "tables").glob("*.sql")):
            self.execute(table.read_text(encoding="utf-8"))

    def begin_anew(self, made_by: str, others: Mapping[str, pl.DataFrame]) -> None:
        """Drop every table of months, and make those that models look into before they first run: sql/tables, others.

        Tables made by other models may have other columns. All that core and marts hold follows from the mails in
        staging, the register and the ledger, and is settled again. Killed on the way, it begins anew.
        """
        for schema in ("core", "marts"):
            self.execute(f"drop schema {schema} cascade")
            self.execute(f"create schema {schema}")
        self._modelled.clear()
        self.make_tables()
        for name, frame in others.items():
            self.put(name, frame)
        self.put("core.made_by", pl.DataFrame({"digest": [made_by]}))

    def _create_like(self, table: str, sql: str, parameters: Mapping[str, Any]) -> None:
        self.execute(f"create table {table} as select * from ({_bare(sql)}) limit 0", parameters)

    def _replace(self, table: str, source: str, parameters: Mapping[str, Any], instead_of: str) -> None:
        self.execute("begin")
        try:
            self.execute(f"delete from {table} where period = $period and {instead_of}", parameters)
            self.execute(f"insert into {table} by name select * from ({_bare(source)})", parameters)
        except BaseException:
            self.execute("rollback")
            raise
        self.execute("commit")


def _named(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters that the statement names: DuckDB refuses others."""
    wanted = set(_PARAMETER.findall(sql))
    return {k: v for k, v in (parameters or {}).items() if k in wanted}


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";")


def _connect(file: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """Connect to a file once no other process holds it. Raises WarehouseBusy."""
    until, told = time.monotonic() + wait_seconds, False
    while True:
        try:
            return duckdb.connect(str(file))
        except duckdb.IOException as error:
            busy = held(file, error)
            if busy is None:
                raise
            if time.monotonic() >= until:
                raise busy from error
        if not told:
            log.warning("%s; waiting", busy)
        told = True
        time.sleep(LOOK_AGAIN_SECONDS)


@contextmanager
def open_warehouse(folder: Path, *, threads: int | None = None, wait_seconds: float = 0) -> Iterator[Warehouse]:
    """Open `folder/sixth.duckdb`, made where it is missing. Raises WarehouseBusy where another run holds it that long.

    The operating system holds the lock for the process: it is free at once when that is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_new = not (folder / "sixth.duckdb").exists()
    connection = _connect(folder / "sixth.duckdb", wait_seconds)
    try:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set preserve_insertion_order = true")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        if threads:
            connection.execute(f"set threads = {threads}")
        for schema in ("staging", "core", "marts"):
            connection.execute(f"create schema if not exists {schema}")
        warehouse = Warehouse(connection, folder / "scratch")
        if is_new:
            warehouse.make_tables()
        yield warehouse
    finally:
        connection.close()
