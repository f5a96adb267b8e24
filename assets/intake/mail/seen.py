"""Which copy of which mail was seen where: one small SQLite file, an index of the archive's receipts.

Where it is lost it is made anew from the receipts and the archive. Belongs here: that file's tables and what is asked
of them. Does not: looking into folders or mailboxes (sources.py), keeping mails (archive.py), receipts (receipts.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from assets.intake.mail import receipts
from assets.intake.mail.archive import archived
from assets.intake.mail.receipts import Receipt

ARCHIVE = "archive"  # the source of a mail of which nothing is known but that it is there
SCHEMA = """
create table if not exists sightings (
    source text not null, key text not null, sha256 text not null, received_at text, seen_at text,
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
    """A mail at a place: `key` is the place within `source`; `received_at` (aware) if the source knows it; `seen_at`
    (aware) when it was seen there.
    """

    source: str
    key: str
    sha256: str
    received_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A distinct mail: the earliest time of receipt that a source told (aware, UTC), how many further copies, and when
    it was first seen.
    """

    sha256: str
    received_at: datetime | None
    copies: int
    seen_at: datetime | None = None


def open_sightings(path: Path, archive: Path | None = None) -> sqlite3.Connection:
    """The file of sightings, made if there is none: of the receipts of the `archive`, and of its mails that have none.
    Close the connection after use.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.executescript(SCHEMA)
    if "seen_at" not in {row[1] for row in connection.execute("pragma table_info(sightings)")}:
        connection.execute("alter table sightings add column seen_at text")
    if archive is not None:
        _agree_with(archive, connection)
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The file of sightings for reading alone; None where there is none yet."""
    if not path.is_file():
        yield None
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        yield connection


def _agree_with(archive: Path, connection: sqlite3.Connection) -> None:
    """Make the index of the archive's receipts where it is empty; write those receipts that an older home lacks."""
    if not (archive / receipts.FILE).exists():
        rows = connection.execute(
            "select source, key, sha256, received_at, seen_at from sightings order by source, key, sha256"
        )
        receipts.append(archive, [Receipt(*row[:3], *map(_time, row[3:])) for row in rows])
    if connection.execute("select 1 from sightings limit 1").fetchone():
        return
    connection.execute("begin immediate")
    try:
        for receipt in receipts.read(archive):
            _book(connection, receipt)
        known = {sha256 for (sha256,) in connection.execute("select distinct sha256 from sightings")}
        for sha256, written_at in archived(archive):
            if sha256 not in known:
                _book(connection, Receipt(ARCHIVE, sha256, sha256, seen_at=written_at))
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _book(connection: sqlite3.Connection, receipt: Receipt) -> None:
    if receipt.instead_of:
        connection.execute(
            "delete from sightings where source in (?, ?) and key = ? and sha256 = ?",
            (receipt.source, ARCHIVE, receipt.instead_of, receipt.sha256),
        )
    connection.execute(
        "insert into sightings (source, key, sha256, received_at, seen_at) values (?, ?, ?, ?, ?) "
        "on conflict do nothing",
        (receipt.source, receipt.key, receipt.sha256, _iso(receipt.received_at), _iso(receipt.seen_at)),
    )


def record(
    connection: sqlite3.Connection,
    found: Iterable[Sighting],
    present: Collection[str],
    files: Iterable[tuple[str, str, int, int]] = (),
    archive: Path | None = None,
) -> list[str]:
    """Books sightings (and `files`: source, key, size, mtime_ns) in one transaction, and before it ends their receipts
    in the `archive`; gives the mails never seen before.

    `present` are all keys that the source lists now. A mail seen at a new key while one of its old keys is
    gone has moved, as all have after a change of UIDVALIDITY: it is booked there and is no further copy.
    """
    new: list[str] = []
    written: list[Receipt] = []
    connection.execute("begin immediate")
    try:
        for sighting in found:
            known = connection.execute(
                "select source, key, received_at, seen_at from sightings where sha256 = ?", (sighting.sha256,)
            ).fetchall()
            if not known:
                new.append(sighting.sha256)
            if any((source, key) == (sighting.source, sighting.key) for source, key, *_ in known):
                continue
            gone = [
                (key, _time(received_at), _time(seen_at))
                for source, key, received_at, seen_at in known
                if source == ARCHIVE or (source == sighting.source and key not in present)
            ]
            receipt = Receipt(sighting.source, sighting.key, sighting.sha256, sighting.received_at, sighting.seen_at)
            if gone:
                key, received_at, seen_at = gone[0]
                receipt = replace(
                    receipt,
                    received_at=min(filter(None, (sighting.received_at, received_at)), default=None),
                    seen_at=min(filter(None, (sighting.seen_at, seen_at)), default=None),
                    instead_of=key,
                )
            _book(connection, receipt)
            written.append(receipt)
        connection.executemany("insert or replace into files values (?, ?, ?, ?)", files)
        if archive is not None:
            receipts.append(archive, written)
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
        "select sha256, min(received_at), count(*) - 1, min(seen_at) from sightings group by sha256 order by sha256"
    )
    return [Seen(sha256, _time(time), copies, _time(seen_at)) for sha256, time, copies, seen_at in rows]


def copies(connection: sqlite3.Connection) -> int:
    """Further copies: sightings less distinct mails."""
    (number,) = connection.execute("select count(*) - count(distinct sha256) from sightings").fetchone()
    return int(number)


def _time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
