"""`sixth backup` and `sixth restore`: all of a home that cannot be made anew, in one file, and a home from it.

commands.md. Belongs here: what goes into the file, in which order, and taking it out whole or not at all. Does not:
what is made anew of it (any run does).

A run may go on meanwhile, so the order counts: first what is published, then the ledger, which thereby knows every
decision that a published figure rests on and every notice that told of one, then the outbox, and last the archive,
which only grows. What the later parts know more, the next run publishes. The warehouse and the index of sightings are
not in it: they follow from the archive, its receipts, the register and the ledger.

The file is a tar whose last member lists every file with its sha256. A file that changed while it was read stands in
it more than once, and the last one counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Protocol, cast

from assets.instance.durable import sha256_of, sync, sync_tree
from assets.instance.home import MARK, Home
from assets.instance.settings import load_settings
from assets.instance.software import installed_version
from assets.intake.mail.archive import path_of
from assets.intake.mail.receipts import FILE as RECEIPTS
from assets.ledger.opening import BUSY_SECONDS
from assets.ledger.opening import FILE as LEDGER
from pipelines.new_home import make_dagster_storage
from reports.portal.uploads import KEY
from reports.publishing.rounds import ROUND

CONTENTS = "sixth-backup.json"
TRIES = 60  # of a folder that a run is putting a round of versions into
PAUSE_SECONDS = 1.0
BOOKED = ("closed_months.json", "last_run.json")  # beside the ledger: assets/instance/closed_months.py, clock.py


class BackupError(Exception):
    """A home cannot be saved or taken out; the message says why and what to do."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Saved:
    """What is in a backup: files and bytes, and what is not and has to be saved in another way."""

    files: int
    size: int
    left_out: tuple[str, ...] = ()


class _Hashed:
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        read = self.file.read(size)
        self.hash.update(read)
        return read


class Saving(Protocol):
    """What takes a home's files in: a file of a backup, or a store."""

    def add(self, path: Path, name: str = "") -> None:
        """Take a file in, under its place in the home, or another. FileNotFoundError where it is gone."""

    def forget(self, paths: Iterable[Path]) -> None:
        """Let nothing count that was taken in of these files."""


class _Saving:
    """The file being written: what is in it, by name, with its sha256."""

    def __init__(self, tar: tarfile.TarFile, root: Path) -> None:
        self.tar = tar
        self.root = root
        self.contents: dict[str, str] = {}

    def add(self, path: Path, name: str = "") -> None:
        """Put a file in, under its place in the home, as long as it is now. FileNotFoundError where it is gone."""
        name = name or path.relative_to(self.root).as_posix()
        with path.open("rb") as file:
            hashed = _Hashed(file)
            self.tar.addfile(self.tar.gettarinfo(arcname=name, fileobj=file), cast("IO[bytes]", hashed))
        self.contents[name] = hashed.hash.hexdigest()

    def forget(self, paths: Iterable[Path]) -> None:
        """Let nothing count that was put in of these files."""
        for path in paths:
            self.contents.pop(path.relative_to(self.root).as_posix(), None)


def back_up(home: Home, target: Path) -> Saved:
    """Save a home in a new file `target`, which appears whole or not at all; a run may go on meanwhile.

    Raises BackupError, HomeError, SettingsError.
    """
    home.check()
    target = target.resolve()
    if target.exists():
        raise BackupError(f"{target} is there already; name a new file")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent} is no folder")
    if target.is_relative_to(home.root):
        raise BackupError(f"{target} lies in the home that is to be saved; name a file elsewhere, best on another disk")
    ledger_url = load_settings(home.register / "settings.yaml").ledger_url
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        building = Path(folder) / "home.tar"
        try:
            building.touch(mode=0o600)  # it will hold mails and addresses
            with building.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                saving = _Saving(tar, home.root)
                save_all(saving, home, Path(folder), own_ledger=not ledger_url)
                contents = {"software": installed_version(), "files": saving.contents}
                listed = Path(folder) / CONTENTS
                listed.write_text(json.dumps(contents, ensure_ascii=False, indent=1), encoding="utf-8")
                tar.add(listed, CONTENTS)
        except OSError as error:
            raise BackupError(f"{error.filename or target}: {error.strerror or error}; nothing was saved") from error
        sync(building)
        building.rename(target)
        sync(target.parent)
    elsewhere = ("the ledger is in PostgreSQL: save it after this file, with pg_dump",) if ledger_url else ()
    return Saved(len(saving.contents), target.stat().st_size, elsewhere)


def save_all(saving: Saving, home: Home, scratch: Path, *, own_ledger: bool) -> None:
    """Put everything in that cannot be made anew, in the order that the head of this module gives the reasons of.

    `scratch`: a folder for a copy of the ledger. Raises BackupError.
    """
    for period in sorted(path for path in home.published.glob("*") if path.is_dir()):
        _add_period(saving, period)
    if own_ledger and (home.warehouse / LEDGER).is_file():
        copy_sqlite(home.warehouse / LEDGER, scratch / LEDGER)
        saving.add(scratch / LEDGER, f"{home.warehouse.name}/{LEDGER}")
    for file in (
        *(home.warehouse / name for name in BOOKED),
        home.root / MARK,
        home.dagster / "dagster.yaml",
        home.portal / KEY,  # else nobody knows any more which mails the portal made
    ):
        if file.is_file():
            saving.add(file)
    for path in _files(home.register):
        saving.add(path)
    for path in _files(home.outbox):
        if not path.name.startswith("."):
            with suppress(FileNotFoundError):  # somebody has taken it out meanwhile
                saving.add(path)
    for path in _files(home.inbox):  # before the archive, where it may be going just now
        with suppress(FileNotFoundError):
            if not path_of(sha256_of(path), home.archive).is_file():
                saving.add(path)
    receipts = home.archive / RECEIPTS  # before the mails: none may be told of that is not there
    if receipts.is_file():
        saving.add(receipts)
    for path in _files(home.archive):
        half_written = any(part.startswith(".") for part in path.relative_to(home.archive).parts)
        if path != receipts and not half_written:
            saving.add(path)


def _add_period(saving: Saving, period: Path) -> None:
    """A folder of published/: of all scopes the versions of one moment, and each unit's answer whole, dot files too."""
    for unit in sorted(path for path in period.glob("feedback/[!.]*") if path.is_dir()):
        _add_at_rest(saving, unit, partial(_files, unit))
    _add_at_rest(saving, period, partial(_versions, period))


def _versions(period: Path) -> Iterator[Path]:
    """The files of a period but for the answers to units. Versions that are being made are none of it until their
    round is written down, and all of it from then on: whoever comes next carries it out.
    """
    is_under_way = (period / ROUND).is_file()
    for path in _files(period):
        inside = path.relative_to(period).parts
        if inside[0] != "feedback" and (is_under_way or not any(part.startswith(".") for part in inside)):
            yield path


def _add_at_rest(saving: Saving, folder: Path, files: Callable[[], Iterable[Path]]) -> None:
    """Put files in as they stand at one moment. Raises BackupError where a run keeps changing them."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        before = _marks(files())
        with suppress(FileNotFoundError):
            for path in before:
                saving.add(path)
            if before == _marks(files()):
                return
        saving.forget(before)
    raise BackupError(f"a run keeps changing {folder}; nothing was saved; try again when it has ended")


def _marks(paths: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    """What tells a file from another one at its place. Raises FileNotFoundError."""
    marks = {}
    for path in paths:
        stat = path.stat()
        marks[path] = stat.st_ino, stat.st_size, stat.st_mtime_ns
    return marks


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, dot files too, in order."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(at, name)
            if path.is_file():
                yield path


def copy_sqlite(file: Path, target: Path) -> None:
    """A copy of SQLite's file as it is at one moment, whoever writes it meanwhile."""
    source = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    with closing(source), closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def restore(file: Path, home: Home) -> int:
    """Take a backup out into a folder that is not there yet, or empty, whole or not at all; how many files it had.

    Every file is compared with its sha256 before any of it is a home. Raises BackupError.
    """
    if not file.is_file():
        raise BackupError(f"{file} is no file; name one that `sixth backup` wrote")

    def take_out(building: Path) -> int:
        try:
            with tarfile.open(file, "r:") as tar:
                return _take_out(tar, building, file)
        except tarfile.TarError as error:
            raise BackupError(f"{file} is no backup, or was cut short: {error}") from error

    return make_home_of(take_out, home)


def make_home_of(take_out: Callable[[Path], int], home: Home) -> int:
    """Make a home in a folder that is not there yet, or empty, of what `take_out` puts into the folder that it is
    given; whole or not at all. How many files that says to be. Raises BackupError.
    """
    if home.root.exists() and (not home.root.is_dir() or any(home.root.iterdir())):
        raise BackupError(f"{home.root} is there already; name a new folder")
    home.root.parent.mkdir(parents=True, exist_ok=True)
    building = home.root.with_name(f".{home.root.name}.{os.getpid()}")
    building.mkdir(mode=0o750)  # mails and addresses will lie in it
    try:
        files = take_out(building)
        made = Home(building)
        for folder in (made.inbox, made.archive, made.warehouse, made.published, made.outbox, made.dagster):
            folder.mkdir(exist_ok=True)
        made.check()
        sync_tree(building)
        building.rename(home.root)  # an empty folder gives way
    except OSError as error:
        raise BackupError(f"{error.filename or building}: {error.strerror or error}; nothing was restored") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    home.configure_dagster()
    make_dagster_storage(home)
    return files


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, building: Path, file: Path) -> None:
    """Write one file below the folder, with its time and without rights that others had: `extract` with the filter that
    does so came with Python 3.11.4, and Debian 12 has 3.11.2.
    """
    target = building / member.name
    if not target.resolve().is_relative_to(building.resolve()):
        raise BackupError(f"{file} is damaged: {member.name} would lie outside the home; take an older backup")
    target.parent.mkdir(parents=True, exist_ok=True)
    with cast("IO[bytes]", tar.extractfile(member)) as saved, target.open("wb") as written:
        shutil.copyfileobj(saved, written)
    target.chmod(member.mode & 0o755)
    os.utime(target, (member.mtime, member.mtime))


def _take_out(tar: tarfile.TarFile, building: Path, file: Path) -> int:
    members = {member.name: member for member in tar}  # of several of a name, the last
    try:
        listed = tar.extractfile(members[CONTENTS])
        contents: dict[str, str] = json.load(cast("IO[bytes]", listed))["files"]
    except (KeyError, ValueError, TypeError) as error:
        raise BackupError(f"{file} is no backup, or was cut short: it holds no {CONTENTS}") from error
    for name, digest in contents.items():
        if name not in members or not members[name].isfile():
            raise BackupError(f"{file} is damaged: {name} is missing; take an older backup")
        _put(tar, members[name], building, file)
        if sha256_of(building / name) != digest:
            raise BackupError(f"{file} is damaged: {name} is not what was saved; take an older backup")
    return len(contents)
