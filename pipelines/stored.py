"""A home's copy in its store, by the setting `store`: what a backup has in it, brought up to date by every run.

Belongs here: copying, telling whether that went well, and a home made of the copy. Does not: the store itself
(assets/instance/store.py), which files and in which order (backup.py).

A mail and a version that was published never change: they lie under their own names, for other programs to read. All
else lies under its sha256. `contents.json` is put last and names a list for each month and each part of the archive,
and each list every file with its sha256: until it is put, the copy is what it was before. What no list names any more
is taken away afterwards. A copy that was cut short is gone on with by the next run: what is there already is booked in
warehouse/store.sqlite as it is put.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.instance import durable
from assets.instance.clock import now
from assets.instance.home import Home
from assets.instance.inputs import begin
from assets.instance.resource import POOL, HomeResource
from assets.instance.shown import code_version
from assets.instance.software import installed_version
from assets.instance.store import NotThere, Record, Store, StoreError, record_of
from pipelines.backup import BackupError, make_home_of, save_all

log = logging.getLogger("sixth.store")

CONTENTS, OBJECTS = "contents.json", "objects"
SCRATCH = "copying"  # in warehouse/: a copy of the ledger, while it is put
FINAL = re.compile(r"archive/(?:../[^/*?\[]+|registers/[^*?\[]+)|published/[0-9H-]+/[^/*?\[]+/v[0-9]+/[^*?\[]+")
MOST_FILES, MOST_BYTES = 128, 32 * 2**20  # put at once, and so held in memory
Seen = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Copied:
    """How many files the copy has, and how many of them, of how many bytes, were put now."""

    files: int
    put: int
    size: int


class _Copying:
    """The copy being brought up to date: what is in it, by name, with sha256, mode and time of change."""

    def __init__(self, store: Store, record: Record, root: Path) -> None:
        self.store, self.record, self.root = store, record, root
        self.contents: dict[str, tuple[str, int, int]] = {}
        self.copied, self.size = 0, 0
        self._things: dict[str, bytes] = {}
        self._files: list[tuple[str, str, Seen]] = []

    def add(self, path: Path, name: str = "") -> None:
        """Put a file there where it is not, as it is now. FileNotFoundError where it is gone."""
        name = name or path.relative_to(self.root).as_posix()
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            sha256 = self.record.sha256(name, seen)
            if sha256 is None:
                raw = file.read()
                sha256 = hashlib.sha256(raw).hexdigest()
                if sha256 != self.record.last(name):
                    self._things[place_of(name, sha256)] = raw
                self._files.append((name, sha256, seen))
        self.contents[name] = (sha256, stat.st_mode & 0o777, stat.st_mtime_ns)
        if len(self._files) >= MOST_FILES or sum(map(len, self._things.values())) >= MOST_BYTES:
            self.flush()

    def forget(self, paths: Iterable[Path]) -> None:
        """Let nothing count that was put of these files."""
        for path in paths:
            self.contents.pop(path.relative_to(self.root).as_posix(), None)

    def flush(self) -> None:
        """Put what waits, and book it."""
        self.store.put(self._things)
        self.record.put(self._files)
        self.copied += len(self._things)
        self.size += sum(map(len, self._things.values()))
        self._things, self._files = {}, []


def place_of(name: str, sha256: str) -> str:
    """Where a file of the home lies in the store."""
    return name if FINAL.fullmatch(name) else _object(sha256)


def _object(sha256: str) -> str:
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def copy_home(home: Home, url: str, *, own_ledger: bool) -> Copied:
    """Bring the copy of a home up to date, which no run works on but the one that calls this.

    `own_ledger`: whether the ledger is a file of the home. Raises StoreError, BackupError.
    """
    scratch = home.warehouse / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    scratch.mkdir(parents=True)
    with record_of(home.warehouse) as record:
        store = Store(url)
        record.own(store, home.root)
        copying = _Copying(store, record, home.root)
        save_all(copying, home, scratch, own_ledger=own_ledger)
        copying.flush()
        shutil.rmtree(scratch)
        lists = {group: _written(dict(files)) for group, files in _grouped(copying.contents).items()}
        digests = {group: hashlib.sha256(raw).hexdigest() for group, raw in lists.items()}
        told = json.dumps({"software": installed_version(), "lists": digests}, sort_keys=True) + "\n"
        if told != record.said("contents"):
            store.put({_object(digests[group]): raw for group, raw in lists.items()})
            store.point(CONTENTS, told)
            record.say(contents=told)
            wanted = {place_of(name, sha256) for name, (sha256, *_) in copying.contents.items()}
            wanted |= {_object(sha256) for sha256 in digests.values()}
            record.keep(copying.contents)
            store.remove(name for name in store.names(OBJECTS) if name not in wanted)
        record.say(copied_at=now().isoformat(timespec="seconds"), failed="", failed_since="")
    return Copied(len(copying.contents), copying.copied, copying.size)


def _grouped(contents: dict[str, tuple[str, int, int]]) -> dict[str, list[tuple[str, tuple[str, int, int]]]]:
    """Files by the list that they stand in: a month that did not change keeps its own."""
    lists: dict[str, list[tuple[str, tuple[str, int, int]]]] = {}
    for name, told in sorted(contents.items()):
        top, _, rest = name.partition("/")
        inner = rest.partition("/")[0] if top in ("archive", "published") and "/" in rest else ""
        lists.setdefault(f"{top}/{inner}" if inner else "home", []).append((name, told))
    return lists


def _written(told: dict[str, tuple[str, int, int]]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


# ------------------------------------------------------------------------------------------------------------- a run
@dg.asset(
    pool=POOL,
    group_name="operation",
    kinds={"s3"},
    deps=["metrics", "data_docs"],
    code_version=code_version("pipelines/stored.py", "assets/instance/store.py"),
)
def stored_copy(home: HomeResource) -> dg.MaterializeResult:
    """The home's copy in the store brought up to date, after all stands here (setting `store`); where the store cannot
    be reached the run ends well all the same, and the next one copies the rest.
    """
    session = home.session
    copied = copy_after_run(session.home, session.settings.store, own_ledger=not session.settings.ledger_url)
    if copied is None:
        with record_of(session.home.warehouse) as record:
            return dg.MaterializeResult(metadata={"not copied": record.said("failed")})
    return dg.MaterializeResult(
        metadata={"dagster/row_count": copied.files, "put": copied.put, "bytes put": copied.size}
    )


def copy_after_run(home: Home, url: str, *, own_ledger: bool) -> Copied | None:
    """Copy a home at the end of a run; None where that failed, which is written down and logged.

    Until the copy is whole the run has left something to be done: the next one is not passed over.
    """
    ended = home.ended.read_text(encoding="utf-8") if home.ended.is_file() else ""
    begin(home)
    try:
        copied = copy_home(home, url, own_ledger=own_ledger)
    except (StoreError, BackupError, OSError, sqlite3.Error) as error:  # whatever it is, the run has done its own
        log.error("the store has not the whole of this run: %s", error)
        with record_of(home.warehouse) as record:
            since = record.said("failed_since") or now().isoformat(timespec="seconds")
            record.say(failed=str(error), failed_since=since)
        return None
    if ended:
        durable.write_durably(home.ended, ended)
    return copied


# --------------------------------------------------------------------------------------------------------- a home of it
def restore_from_store(url: str, home: Home) -> int:
    """Make a home, in a folder that is not there yet, of the copy in a store; how many files it has.

    Whole or not at all, every file compared with its sha256. Raises StoreError, BackupError.
    """
    store = Store(url)

    def take_out(building: Path) -> int:
        try:
            return sum(_take_out(store, building))
        except NotThere as error:
            raise BackupError(f"{error}; if a run is copying just now, try again when it has ended") from None

    return make_home_of(take_out, home)


def _take_out(store: Store, building: Path) -> Iterator[int]:
    """Put every file into the folder, list after list; how many each has."""
    try:
        lists = json.loads(store.text(CONTENTS))["lists"]
    except NotThere:
        raise BackupError(f"{store.url} holds no copy of a home: it has no {CONTENTS}") from None
    for sha256 in lists.values():
        (raw,) = store.get({_object(sha256): sha256}).values()
        files = {name: tuple(told) for name, told in json.loads(raw).items()}
        names = list(files)
        for begin_at in range(0, len(names), MOST_FILES):
            part = names[begin_at : begin_at + MOST_FILES]
            got = store.get({place_of(name, files[name][0]): files[name][0] for name in part})
            for name in part:
                sha, mode, mtime_ns = files[name]
                _put(building, name, got[place_of(name, sha)], mode, mtime_ns)
        yield len(files)


def _put(building: Path, name: str, raw: bytes, mode: int, mtime_ns: int) -> None:
    target = building / name
    if not target.resolve().is_relative_to(building.resolve()):
        raise BackupError(f"the copy is damaged: {name} would lie outside the home")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(raw)
    target.chmod(mode & 0o755)
    os.utime(target, ns=(mtime_ns, mtime_ns))
