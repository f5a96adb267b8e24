"""Which copy of which mail was seen where: one small SQLite file beside the archive.

Belongs here: that file's tables and what is asked of them. Does not: looking into folders or mailboxes
(sources.py), and keeping the mails themselves (archive.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
create table if not exists sightings (
    source text not null, key text not null, sha256 text not null, received_at text,
    primary key (source, key, sha256)
) without rowid;
create index if not exists sightings_by_mail on sightings (sha256, source);
create table if not exists files (
    source text not null, key text not null, size integer not null, mtime_ns integer not null,
    primary key (source, key)
) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mail at a place: `key` is the place within `source`; `received_at` (aware) if the source knows it."""

    source: str
    key: str
    sha256: str
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A distinct mail: the earliest time of receipt that a source told (aware, UTC), and how many further
    copies.
    """

    sha256: str
    received_at: datetime | None
    copies: int


def open_sightings(path: Path) -> sqlite3.Connection:
    """The file of sightings, made if there is none. Close the connection after use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.executescript(SCHEMA)
    return connection


def record(
    connection: sqlite3.Connection,
    found: Iterable[Sighting],
    present: Collection[str],
    files: Iterable[tuple[str, str, int, int]] = (),
) -> list[str]:
    """Books sightings (and `files`: source, key, size, mtime_ns) in one transaction; gives the mails never
    seen before.

    `present` are all keys that the source lists now. A mail seen at a new key while one of its old keys is
    gone has moved, as all have after a change of UIDVALIDITY: it is booked there and is no further copy.
    """
    new: list[str] = []
    connection.execute("begin immediate")
    try:
        for sighting in found:
            received_at = _iso(sighting.received_at)
            known = connection.execute(
                "select source, key, received_at from sightings where sha256 = ?", (sighting.sha256,)
            ).fetchall()
            if not known:
                new.append(sighting.sha256)
            gone = [
                (key, time)
                for source, key, time in known
                if source == sighting.source and key not in present and key != sighting.key
            ]
            if gone:
                key, time = gone[0]
                received_at = min(filter(None, (received_at, time)), default=None)
                connection.execute(
                    "delete from sightings where source = ? and key = ? and sha256 = ?",
                    (sighting.source, key, sighting.sha256),
                )
            connection.execute(
                "insert into sightings values (?, ?, ?, ?) on conflict do nothing",
                (sighting.source, sighting.key, sighting.sha256, received_at),
            )
        connection.executemany("insert or replace into files values (?, ?, ?, ?)", files)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return new


def keys_of(connection: sqlite3.Connection, source: str) -> set[str]:
    """The keys at which mails of a source were seen."""
    return {key for (key,) in connection.execute("select key from sightings where source = ?", (source,))}


def files_of(connection: sqlite3.Connection, source: str) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of each file of a source when it was read."""
    rows = connection.execute("select key, size, mtime_ns from files where source = ?", (source,))
    return {key: (size, mtime_ns) for key, size, mtime_ns in rows}


def mails(connection: sqlite3.Connection) -> list[Seen]:
    """Every distinct mail ever seen, in the order of its sha256."""
    rows = connection.execute(
        "select sha256, min(received_at), count(*) - 1 from sightings group by sha256 order by sha256"
    )
    return [Seen(sha256, datetime.fromisoformat(time) if time else None, copies) for sha256, time, copies in rows]


def copies(connection: sqlite3.Connection) -> int:
    """Further copies: sightings less distinct mails."""
    (number,) = connection.execute("select count(*) - count(distinct sha256) from sightings").fetchone()
    return int(number)


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
