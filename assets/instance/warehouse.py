"""The warehouse: DuckDB in one file, and the SQL models of sql/.

Belongs here: opening the file, running a model into its table, frames in and out. Does not: what a model says
(sql/), which models a stage runs (the stage). Polars frames go in through Parquet and come out through Arrow's
capsule, which needs no pyarrow (findings/gx.md, 1.4).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from assets.instance.disk import NO_RIGHT, NO_ROOM, says
from assets.instance.sql import SQL, model

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("sixth.warehouse")

FILE = "sixth.duckdb"
DAMAGED = f"{FILE}.damaged"
SCHEMAS = ("staging", "core", "marts")
READERS = "readers"  # the folder of the copy that readers have while a run works
LOOK_AGAIN_SECONDS = 0.2
READER_SECONDS = 5.0  # that a reader waits where there is no such copy yet
MEMORY_LIMIT = "1200MB"
# What the operating system says where a file cannot be opened or written though nothing is wrong with it.
NOT_THE_FILES_FAULT = (*NO_ROOM, *NO_RIGHT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_HOLDER = re.compile(r"lock is held in (.+?) \(PID (\d+)\)")
_PARAMETER = re.compile(r"\$([a-z_]+)")


class WarehouseBusy(Exception):
    """Another program holds the warehouse file: a run, or one in which somebody has opened it."""

    exit_status = 2


class WarehouseDamaged(Exception):
    """The warehouse file is none any more; the message says what becomes of it."""

    exit_status = 2


def held(file: Path, error: duckdb.Error) -> WarehouseBusy | None:
    """What to raise where DuckDB refused a file because another program holds it, which DuckDB names; else None."""
    if not re.search(r"\block\b", str(error), re.IGNORECASE):  # not: a block of it is corrupt
        return None
    found = _HOLDER.search(str(error))
    since = _begun(int(found[2])) if found else None
    began = f", since {since:%Y-%m-%d %H:%M}" if since else ""
    who = f"{Path(found[1]).name} (PID {found[2]}{began})" if found else "another program"
    return WarehouseBusy(
        f"{who} holds {file}: a run, or a program in which somebody has opened it; "
        "try again when it has ended or is closed"
    )


def _begun(pid: int) -> datetime | None:
    """When a process of this machine began, in local time; None where it cannot be told."""
    try:
        # proc(5): starttime, in ticks since boot, is the 20th field after the name, which stands in brackets.
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        boot = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, IndexError, ValueError):
        return None
    return datetime.fromtimestamp(int(boot[1]) + ticks / os.sysconf("SC_CLK_TCK")).astimezone() if boot else None


def damaged(file: Path, error: duckdb.Error) -> WarehouseDamaged | None:
    """What to raise where DuckDB cannot read a file that nobody holds and the operating system hands out; else None."""
    said = str(error)
    if held(file, error) or isinstance(error, duckdb.OutOfMemoryException) or not os.access(file, os.R_OK):
        return None
    known = (duckdb.IOException, duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
    if not isinstance(error, known) and "Corrupt database file" not in said:
        return None
    if says(said, NOT_THE_FILES_FAULT):
        return None
    return WarehouseDamaged(
        f"{file} is damaged ({said.strip().splitlines()[0]}); "
        "the next run sets it aside and makes it anew from archive, register and ledger"
    )


class Warehouse:
    """An open warehouse; one at a time per home, as DuckDB lets one process write."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection = connection
        self.scratch = scratch
        self.held: list[int] = []  # descriptors of its file, to be closed after the connection
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
        import polars as pl  # noqa: PLC0415 - a fifth of a second, which `sixth status` does without

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

    @contextmanager
    def attached(self, file: Path, name: str) -> Iterator[bool]:
        """The warehouse in another file beside this one, as database `name`, to be read; False where there is none, or
        it cannot be read now: somebody writes it, or it is damaged. Where that is found inside, all inside is given up.
        """
        quoted, is_there = str(file).replace("'", "''"), file.exists()
        try:
            if is_there:
                self.execute(f"attach '{quoted}' as {name} (read_only)")
        except duckdb.Error as error:
            log.warning("%s is left alone: %s", file, str(error).strip().splitlines()[0])
            is_there = False
        try:
            yield is_there
        except duckdb.Error as error:  # of a block in its middle, which attaching does not read
            if not is_there or damaged(file, error) is None:
                raise
            log.warning("%s is left alone: %s", file, str(error).strip().splitlines()[0])
        finally:
            if is_there:
                self.execute(f"detach {name}")

    def copy_to(self, file: Path) -> None:
        """Copy what the warehouse holds now into another file, which appears whole or not at all."""
        self.execute("checkpoint")
        of = self.value("select path from duckdb_databases() where database_name = current_database()")
        source = os.open(of, os.O_RDONLY)
        self.held.append(source)  # closed now it would free the lock on the file
        _copy_whole(source, file)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is written inside is written as a whole or not at all."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            self.execute("rollback")
            raise
        self.execute("commit")

    def exists(self, table: str, database: str = "") -> bool:
        """Whether there is a table or a view `schema.name`, in the database in use or in an attached one."""
        return table in self.tables(database) or table in self._listed("view", database)

    def tables(self, database: str = "") -> set[str]:
        """All tables of the database in use, or of an attached one, as `schema.name`."""
        return self._listed("table", database)

    def _listed(self, kind: str, database: str) -> set[str]:
        # information_schema, which looks up far more of every table, takes several times as long.
        named = f"""
            select schema_name || '.' || {kind}_name from duckdb_{kind}s()
            where database_name = coalesce(nullif($database, ''), current_database())
        """
        return {name for (name,) in self.execute(named, {"database": database}).fetchall()}

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
        import polars as pl  # noqa: PLC0415

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
        with self.at_once():
            self.execute(f"delete from {table} where period = $period and {instead_of}", parameters)
            self.execute(f"insert into {table} by name select * from ({_bare(source)})", parameters)


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


def _read_through(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every block, whose checksums DuckDB holds against it: a damaged one is told now, not amid a night.

    70 ms of processor time for the warehouse of the sample, 15 MB.
    """
    tables = connection.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
    for schema, table in tables:
        connection.execute(f'select bit_xor(hash(t)) from "{schema}"."{table}" as t').fetchall()


def _connect_sound(folder: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """Connect as a run does: a damaged file is set aside, and a new one begun. Raises WarehouseBusy."""
    file = folder / FILE
    connection = None
    try:
        connection = _connect(file, wait_seconds)
        _read_through(connection)
        return connection
    except duckdb.Error as error:
        if connection:
            connection.close()
        if damaged(file, error) is None:
            raise
        aside = folder / DAMAGED
        log.error("%s is damaged and set aside as %s; this run makes it anew: %s", file, aside.name, error)
    file.replace(aside)
    wal = Path(f"{file}.wal")
    if wal.exists():
        wal.replace(f"{aside}.wal")
    return _connect(file, wait_seconds)


def _copy_for_readers(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Put what the warehouse holds now where readers find it while a run works; a descriptor, to be closed after the
    connection: POSIX frees a file's locks when any descriptor of the process on it is closed.
    """
    connection.execute("checkpoint")
    source = os.open(folder / FILE, os.O_RDONLY)
    copy = folder / READERS / FILE
    try:
        stat = os.fstat(source)
        if copy.exists() and (copy.stat().st_size, copy.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return source
        copy.parent.mkdir(exist_ok=True)
        _copy_whole(source, copy)
    except OSError as error:  # readers do without; whether there is room for the run, the run finds out
        log.warning("%s cannot be made, who reads will have to wait for this run: %s", copy, error)
    return source


def _copy_whole(source: int, copy: Path) -> None:
    """Copy an open file to a path, where it appears whole or not at all."""
    building = copy.with_name(f"{copy.name}.building")
    with open(source, "rb", closefd=False) as whole, building.open("wb") as written:
        shutil.copyfileobj(whole, written, 1 << 20)
    stat = os.fstat(source)
    os.utime(building, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    building.replace(copy)


def _connect_reader(folder: Path) -> duckdb.DuckDBPyConnection | None:
    """A connection that changes nothing; to the copy that the run which works now has made before; None where there
    is no warehouse. Raises WarehouseBusy, WarehouseDamaged.
    """
    file, copy = folder / FILE, folder / READERS / FILE
    until = time.monotonic() + READER_SECONDS
    while file.exists():
        try:
            return duckdb.connect(str(file), read_only=True)
        except duckdb.Error as error:
            busy = held(file, error)
            if busy is None:
                raise damaged(file, error) or error from error
            if copy.exists():
                log.warning("%s; shown is what it held when that began", str(busy).partition(";")[0])
                return duckdb.connect(str(copy), read_only=True)
            if time.monotonic() >= until:
                raise busy from error
        time.sleep(LOOK_AGAIN_SECONDS)
    return None


@contextmanager
def reading(folder: Path) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The warehouse of `folder` for reading, as the last run left it; None where there is none.

    Holds up a run that would begin for as long as it is open. Raises WarehouseBusy, WarehouseDamaged.
    """
    connection = _connect_reader(folder)
    try:
        yield connection
    finally:
        if connection:
            connection.close()


@contextmanager
def read_warehouse(folder: Path) -> Iterator[Warehouse]:
    """The same as a warehouse in which nothing can be changed; one with nothing in it where there is none."""
    with reading(folder) as connection:
        if connection is None:
            with passing_warehouse(folder / "scratch") as nothing:
                yield nothing
            return
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set timezone = 'UTC'")
        yield Warehouse(connection, folder / "scratch")


@contextmanager
def passing_warehouse(scratch: Path) -> Iterator[Warehouse]:
    """A warehouse in memory, with nothing in it, gone when it is closed. `scratch`: where frames are handed over."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'")
        warehouse = Warehouse(connection, scratch)
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        warehouse.make_tables()
        yield warehouse


@contextmanager
def warehouse_over(copy: Path, scratch: Path, own: Collection[str] = ()) -> Iterator[Warehouse]:
    """A warehouse in memory over a copy of one (`Warehouse.copy_to`), which is read where it lies and never written:
    each of its tables is a view, but those in `own`, which can be changed and are forgotten with the rest.

    Raises duckdb.Error where there is no such copy, or it is damaged.
    """
    quoted = str(copy).replace("'", "''")
    with duckdb.connect(":memory:") as connection:
        _configure(connection, scratch)
        connection.execute(f"attach '{quoted}' as copied (read_only)")
        connection.execute("attach ':memory:' as sixth")
        connection.execute("use sixth")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        warehouse = Warehouse(connection, scratch)
        views = "select sql from duckdb_views() where database_name = 'copied' and not internal"
        for table in sorted(warehouse.tables("copied")):
            kind = "table" if table in own else "view"
            connection.execute(f"create {kind} {table} as select * from copied.{table}")
        for (sql,) in connection.execute(views).fetchall():
            connection.execute(sql)
        yield warehouse


def _configure(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Have a connection work within the memory that it may take; what does not fit goes to a folder below `folder`."""
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(f"set temp_directory = '{folder / 'spill'}'")


def copy_warehouse(folder: Path, to: Path) -> None:
    """Copy the warehouse as the last run left it, and what one that was killed has left to be written into it, to the
    folder `to`; nothing where there is none. Raises WarehouseBusy, WarehouseDamaged.
    """
    with reading(folder) as connection:  # no run begins while the file is copied
        if connection is None:
            return
        ((of, *_), *_) = connection.execute("select path from duckdb_databases() where not internal").fetchall()
        opened = []
        try:
            for path in (Path(of), Path(f"{of}.wal")):
                if path.exists():
                    opened.append(path.open("rb"))
                    with (to / path.name).open("wb") as copy:
                        shutil.copyfileobj(opened[-1], copy, 1 << 20)
        finally:
            connection.close()  # before the files: closing these frees its lock
            for file in opened:
                file.close()


@contextmanager
def open_warehouse(
    folder: Path,
    *,
    threads: int | None = None,
    wait_seconds: float = 0,
    for_run: bool = False,
    has_readers: bool = True,
) -> Iterator[Warehouse]:
    """Open `folder/sixth.duckdb`, made where it is missing. Raises WarehouseBusy where another run holds it that long,
    WarehouseDamaged.

    `for_run`: one that is damaged is set aside and begun anew, as a run makes again all that was in it; and what it
    holds now is copied for those who read meanwhile, where it `has_readers`.

    The operating system holds the lock for the process: it is free at once when that is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    was_there = file.exists()
    if for_run:
        connection = _connect_sound(folder, wait_seconds)
        is_new = not was_there or not _has_tables(connection)
    else:
        is_new = not was_there
        try:
            connection = _connect(file, wait_seconds)
        except duckdb.Error as error:
            raise damaged(file, error) or error from error
    warehouse = Warehouse(connection, folder / "scratch")
    if for_run and has_readers and not is_new:
        warehouse.held.append(_copy_for_readers(connection, folder))
    try:
        _configure(connection, folder)
        if threads:
            connection.execute(f"set threads = {threads}")
        for schema in SCHEMAS:
            connection.execute(f"create schema if not exists {schema}")
        if is_new:
            warehouse.make_tables()
        yield warehouse
    finally:
        connection.close()
        for held_open in warehouse.held:
            os.close(held_open)


def _has_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(connection.execute("select 1 from duckdb_tables() limit 1").fetchall())
