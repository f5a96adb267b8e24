"""Object storage, through fsspec: the setting `store`, as s3://bucket/folder or file:///folder.

Belongs here: putting and getting, errors without credentials, and the record of what is in the store already. Does not:
what is kept there of a home (pipelines/stored.py), what shards are handed over it (assets/month/handing.py).

Nothing is believed by its name: whoever gets a thing knows its sha256 and refuses what is otherwise, so a half of one,
or one that was replaced meanwhile, is never taken. What says what there is, a pointer, is a small text that is put
last, in one step. Credentials, the address of a server other than Amazon's and its certificates are what the
environment says, by the names that Amazon's own programs read: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_ENDPOINT_URL, AWS_CA_BUNDLE.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from assets.instance.durable import sha256_of
from expectations.secrets import HIDDEN, hidden

T = TypeVar("T")
KINDS = ("s3", "file", "memory")  # the last for tests: it is gone with the process
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
LIBRARIES = ("aiobotocore", "botocore", "s3fs")
LEAST_SECRET = 4  # characters: a shorter one would hide half of every text
CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 60, 3
OWNER = "owner.json"  # of which home a store is
RECORD = "store.sqlite"  # in warehouse/: what is in the store already


class StoreError(Exception):
    """The store cannot be used; the message says why, never by which credentials."""

    exit_status = 2


class NotThere(StoreError):
    """A thing is not in the store, or not whole."""


def without_credentials(text: str) -> str:
    """A text with what the environment has of credentials hidden, and all else that is a secret."""
    for name in CREDENTIALS:
        value = os.environ.get(name, "")
        if len(value) >= LEAST_SECRET:
            text = text.replace(value, HIDDEN)
    return hidden(text)


class Store:
    """A place on object storage. Names are paths below it, with `/`. Every call raises StoreError."""

    def __init__(self, url: str) -> None:
        """Open the place that a URL names, without asking for it yet."""
        self.url = url.rstrip("/")
        self._fs, self._root = self._asked(lambda: _file_system(self.url))

    def put(self, things: Mapping[str, bytes]) -> None:
        """Put things under their names, several at a time; in which order is not said."""
        if things:
            self._asked(lambda: self._fs.pipe({self._at(name): raw for name, raw in things.items()}))

    def put_file(self, name: str, file: Path) -> None:
        """Put a file, however large."""
        self._asked(lambda: self._fs.put_file(str(file), self._at(name)))

    def point(self, name: str, text: str) -> None:
        """Put a small text in one step: who reads the name has the one before or this one."""
        if self._is_local:
            building = f"{self._at(name)}.{os.getpid()}"
            self._asked(lambda: self._fs.pipe_file(building, text.encode()))
            self._asked(lambda: self._fs.mv(building, self._at(name)))
        else:
            self.put({name: text.encode()})

    def text(self, name: str) -> str:
        """A small text. Raises NotThere."""
        raw: bytes = self._asked(lambda: self._fs.cat_file(self._at(name)))
        return raw.decode()

    def get(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        """Things by name, each with the sha256 that it must have. Raises NotThere."""
        if not wanted:
            return {}
        places = {self._at(name): name for name in wanted}
        read = self._asked(lambda: self._fs.cat(list(places), on_error="raise"))
        got = {places[place]: raw for place, raw in read.items()}
        for name, sha256 in wanted.items():
            self._hold(name, sha256, hashlib.sha256(got[name]).hexdigest())
        return got

    def get_file(self, name: str, sha256: str, target: Path) -> None:
        """A file of this sha256, which appears at `target` whole or not at all. Raises NotThere."""
        target.parent.mkdir(parents=True, exist_ok=True)
        building = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            self._asked(lambda: self._fs.get_file(self._at(name), str(building)))
            self._hold(name, sha256, sha256_of(building))
            building.replace(target)
        finally:
            building.unlink(missing_ok=True)

    def names(self, below: str) -> list[str]:
        """What there is below a name, in order."""
        found = self._asked(lambda: self._fs.find(self._at(below)))
        return sorted(path.removeprefix(f"{self._root}/") for path in found)

    def remove(self, names: Iterable[str]) -> None:
        """Take things away."""
        if places := [self._at(name) for name in names]:
            self._asked(lambda: self._fs.rm(places))

    @property
    def _is_local(self) -> bool:
        return self.url.startswith("file:")

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _hold(self, name: str, wanted: str, found: str) -> None:
        if wanted != found:
            raise NotThere(f"{self.url}/{name} is not what was put there")

    def _asked(self, what: Callable[[], T]) -> T:
        """What a call to the libraries gives, its errors told without credentials. Those of botocore are of no common
        kind with the others.
        """
        try:
            return what()
        except FileNotFoundError as error:
            raise NotThere(f"{self.url}: not there: {without_credentials(str(error))}") from None
        except Exception as error:  # the chain of causes would carry what is hidden here
            told = without_credentials(" ".join(str(error).split())) or type(error).__name__
            raise StoreError(f"{self.url}: {told}") from None


@cache
def _options(kind: str) -> dict[str, Any]:
    if kind == "s3":
        settings = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": TRIES},
            # Servers of other makes know none of the newer checksums; ours are of whole things, and asked everywhere.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        return {"config_kwargs": settings, "use_listings_cache": False}
    return {"auto_mkdir": True} if kind == "file" else {}


def _file_system(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # noqa: PLC0415 - where a store is set

    check_url(url)
    kind = url.partition("://")[0]
    if kind == "s3" and find_spec("s3fs") is None:
        raise ValueError("needs the package s3fs, which is not installed: pip install 'sixth[s3]'")
    if kind == "s3":
        for library in LIBRARIES:  # with SIXTH_DEBUG they would log each request, with what it is signed by
            logging.getLogger(library).setLevel(logging.WARNING)
    fs, root = url_to_fs(url, **_options(kind))
    return fs, str(root).rstrip("/")


def check_url(url: str) -> None:
    """Raise ValueError where a URL names no store, or has credentials in it, which are not repeated."""
    kind, found, rest = url.partition("://")
    if not found or kind not in KINDS or not rest.strip("/") or "?" in rest:
        raise ValueError("must be as s3://bucket/folder or file:///folder")
    if "@" in rest:
        raise ValueError("must have no credentials in it; they are of the environment (AWS_ACCESS_KEY_ID and others)")


# ---------------------------------------------------------------------------------------------------- what is there
class Record:
    """What a home has put into its store: by place the sha256, and by file what it looked like then.

    Lost, it is begun anew, and everything is put again under another owner's name (see `own`).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Of an open database."""
        self._sql = connection

    def sha256(self, name: str, seen: tuple[int, int, int]) -> str | None:
        """The sha256 of a file that was put, if it still looks as it did: inode, size, time of change."""
        row = self._sql.execute("select sha256, ino, size, mtime_ns from files where name = ?", (name,)).fetchone()
        return str(row[0]) if row and tuple(row[1:]) == seen else None

    def last(self, name: str) -> str | None:
        """The sha256 that a file had when it was put last."""
        row = self._sql.execute("select sha256 from files where name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put(self, files: Iterable[tuple[str, str, tuple[int, int, int]]]) -> None:
        """Book files as put: name, sha256, what they looked like."""
        rows = [(name, sha256, *seen) for name, sha256, seen in files]
        with self._sql:
            self._sql.executemany("insert or replace into files values (?, ?, ?, ?, ?)", rows)

    def keep(self, names: Iterable[str]) -> None:
        """Believe of no other files than these that they are there: what they were is taken away."""
        with self._sql:
            others = "delete from files where name not in (select value from json_each(?))"
            self._sql.execute(others, (json.dumps([*names]),))

    def said(self, key: str) -> str:
        """A word about the store; "" where there is none."""
        row = self._sql.execute("select value from said where key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def words(self) -> dict[str, str]:
        """All words about the store."""
        return dict(self._sql.execute("select key, value from said").fetchall())

    def say(self, **words: str) -> None:
        """Book words about the store."""
        with self._sql:
            self._sql.executemany("insert or replace into said values (?, ?)", list(words.items()))

    def forget(self) -> None:
        """Believe nothing to be in the store."""
        with self._sql:
            self._sql.execute("delete from files")
            self._sql.execute("delete from said where key = 'contents'")

    def own(self, store: Store, root: Path) -> None:
        """Make sure that the store is this home's, taking one that is nobody's: two homes in one place would take each
        other's things away. A copy of a home is another home. Raises StoreError.
        """
        if self.said("of") != f"{root} {store.url}":
            self.forget()
            self.say(of=f"{root} {store.url}", owner=uuid4().hex)
        owner = owner_of(store)
        if not owner:
            self.forget()  # it is new, or was emptied
            store.point(OWNER, self.said("owner"))
        elif owner != self.said("owner"):
            raise not_ours(store)


def owner_of(store: Store) -> str:
    """Whose a store is; "" where it is nobody's. Raises StoreError."""
    try:
        return store.text(OWNER)
    except NotThere:
        return ""


def not_ours(store: Store) -> StoreError:
    """That a store is another home's."""
    return StoreError(
        f"{store.url} is the store of another home, and is left alone: name another folder in the setting `store`, or, "
        f"if that home is no more, remove {store.url}/{OWNER}"
    )


@contextmanager
def record_of(warehouse: Path) -> Iterator[Record]:
    """The record of a home's store, in the folder `warehouse` of the home."""
    warehouse.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(warehouse / RECORD, timeout=READ_SECONDS)) as connection:
        connection.executescript(
            """
            create table if not exists
              files (name text primary key, sha256 text, ino integer, size integer, mtime_ns integer);
            create table if not exists said (key text primary key, value text);
            """
        )
        yield Record(connection)


def said_of_store(warehouse: Path) -> dict[str, str]:
    """All words about a home's store; none where it has had none yet."""
    if not (warehouse / RECORD).is_file():
        return {}
    with record_of(warehouse) as record:
        return record.words()


def failure_of(warehouse: Path) -> tuple[str, str]:
    """Why the last run could not copy the home, and since when (ISO 8601) none could; both "" where it could."""
    said = said_of_store(warehouse)
    return said.get("failed", ""), said.get("failed_since", "")


def store_lines(warehouse: Path, url: str) -> list[str]:
    """That the last run could not copy the home to its store, where it has one, for people."""
    failed, _ = failure_of(warehouse) if url else ("", "")
    what = "everything stands here, the next run copies the rest; see `sixth doctor`"
    return [f"store    is behind: {failed}; {what}"] if failed else []
