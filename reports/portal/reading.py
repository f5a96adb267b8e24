"""The one door to what the portal shows: a snapshot in which SQLite itself cuts every table to some scopes.

Belongs here: opening it for a person, the queries of sql/portal/read. Does not: making it (snapshot.py).

The names of the tables are those of views over them, each with the places of the scopes; the file lies behind a name
that is made up anew each time, so that no query can say it (of a column in `using` SQLite asks nobody); and before
every step SQLite asks `allowed` below, which lets a table be read by its own view, and nothing else be done.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from assets.instance.periods import is_period
from assets.instance.sql import model
from reports.portal.shape import HELD, carrier_of, is_ours

CUT = (
    "nodes",
    "units",
    "findings",
    "counts",
    "forms",
    "scans",
    "months",
    "mails",
    "carried",
    "changes",
    "sheets",
    "rows",
)
WHOLE = ("about",)
MAY = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
NEVER = frozenset({"load_extension", "readfile", "writefile", "edit"})

OF_MOST = "_of_most"

Row = dict[str, Any]
Stamp = tuple[int, int, int]


def within(nodes: Sequence[Row], node: Row) -> list[Row]:
    """A node and those below it."""
    return [n for n in nodes if node["place"] <= n["place"] < node["ends"]]


class Snapshot:
    """A month as somebody may see it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def rows(self, name: str, **parameters: Any) -> list[Row]:
        """The rows of a query of sql/portal/read."""
        return [dict(row) for row in self.db.execute(_query(name), parameters)]

    def one(self, name: str, **parameters: Any) -> Row | None:
        """The first row; None where there is none."""
        rows = self.rows(name, **parameters)
        return rows[0] if rows else None

    @property
    def about(self) -> dict[str, str]:
        """Of which month it is, and when that was due."""
        return {row["name"]: row["value"] for row in self.db.execute("select name, value from about")}


@cache
def _query(name: str) -> str:
    """A query of sql/portal/read; `name` with OF_MOST is the one for a scope with most of the units."""
    sql = model(f"portal/read/{name.removesuffix(OF_MOST)}")
    return sql.replace("/*+*/", "+") if name.endswith(OF_MOST) else sql


def periods(folder: Path) -> list[str]:
    """The months that have a snapshot, the latest first."""
    return sorted((p.stem for p in folder.glob("*.sqlite") if is_period(p.stem) and is_ours(p)), reverse=True)


def carriers(folder: Path) -> dict[str, tuple[Stamp, str]]:
    """Of every month with a snapshot, the latest first, by what one sees that it is still the same file, and the
    carrier's code.
    """
    found = {}
    for period in periods(folder):
        file = folder / f"{period}.sqlite"
        with suppress(FileNotFoundError):  # gone since it was listed
            stamp = stamp_of(file)
            found[period] = (stamp, _carrier(file, stamp))
    return found


def stamp_of(file: Path) -> Stamp:
    """By what one sees that a file is still the same: a snapshot is never changed, but another moved into its place."""
    told = file.stat()
    return told.st_ino, told.st_mtime_ns, told.st_size


@lru_cache(maxsize=64)
def _carrier(file: Path, stamp: Stamp) -> str:
    return carrier_of(file)


@contextmanager
def opened(folder: Path, period: str, scopes: Sequence[str], cut: Sequence[str] = CUT) -> Iterator[Snapshot]:
    """The snapshot of a month, cut to what lies below some scopes; nothing where the month has none of them. `cut`: the
    tables that are there to be read, of another file than a snapshot.

    Raises FileNotFoundError where the month has no snapshot.
    """
    file = folder / f"{period}.sqlite"
    if not is_period(period) or not is_ours(file):
        raise FileNotFoundError(file)
    db = sqlite3.connect(":memory:", uri=True, isolation_level=None)
    db.row_factory = sqlite3.Row
    behind = f"s{secrets.token_hex(12)}"
    try:
        db.execute(f"attach '{_quoted(file)}?mode=ro&immutable=1' as {behind}")
        marks = ", ".join("?" * len(scopes))
        found = db.execute(f"select place, ends from {behind}.nodes where unit_code in ({marks})", list(scopes))
        # With the + the cut is no reason for an index: each query goes by what it asks for itself.
        cuts = [f"+place >= {int(lo) or HELD} and +place < {int(hi)}" for lo, hi in found] or ["place < place"]
        for table in cut:
            db.execute(f"create temp view {table} as select * from {behind}.{table} where {' or '.join(cuts)}")
        for table in WHOLE:
            db.execute(f"create temp view {table} as select * from {behind}.{table}")

        def allowed(
            action: int, first: str | None, second: str | None, database: str | None, accessor: str | None
        ) -> int:
            if action == sqlite3.SQLITE_READ:
                is_own = accessor == first if database == behind else database == "temp" and first in (*cut, *WHOLE)
                return sqlite3.SQLITE_OK if is_own or not database else sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in NEVER:
                return sqlite3.SQLITE_DENY
            return sqlite3.SQLITE_OK if action in MAY else sqlite3.SQLITE_DENY

        db.set_authorizer(allowed)
        yield Snapshot(db)
    finally:
        db.close()


def _quoted(file: Path) -> str:
    return file.resolve().as_uri().replace("'", "%27")
