"""Shards handed over by the store: for workers that see nothing of the home's folder (docs/scale.md).

Belongs here: what a worker is given and gives back, on either side. Does not: what shards are
(assets/intake/shards.py), what is worked out in them (shards.py), the store (assets/instance/store.py).

A packet, `shards/NAME/given.json` in the store, names all files that make a small home for one shard: the register,
what is booked of runs and closed months, what the shard was given. Its mails lie in `archive/` of the store, where the
home's copy has them too. What comes back is the shard's warehouse, named by `shards/NAME/done.json`, which a worker
puts last. Whoever reads one of the two has all that it names, or the sha256 does not fit and it is as if nothing were
there: the head does the part itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from assets.instance.durable import sha256_of, write_durably
from assets.instance.home import Home
from assets.instance.settings import load_settings
from assets.instance.store import NotThere, Record, Store, StoreError, record_of
from assets.instance.warehouse import FILE
from assets.intake.mail import archive
from assets.intake.shards import DONE, GIVEN, MAILS, Given, book_done, given_mails, given_shards, is_done
from expectations.catalogue import load_catalogue

log = logging.getLogger("sixth.shards")

SHARDS, FILES, BASE = "shards", "shards/files", "shards/home.json"
BOOKED = ("home.json", "warehouse/closed_months.json", "warehouse/last_run.json")
OWN = "handed"  # on a worker: the small homes, one a shard
TAKEN = ".taken"  # in one of them: the sha256 of the warehouse that was taken from the store last
MOST_MAILS = 64  # put or got at once, and so held in memory
IsBack = Callable[[Given], bool]


# ----------------------------------------------------------------------------------------------------------- the head
def hand_out(home: Home, url: str, given: Sequence[Given]) -> IsBack:
    """Put what shards were given into the store, if they are handed over by one: and how to ask whether a shard is
    done, which takes back what it has made. Raises StoreError.
    """
    if not url:
        return partial(is_done, home)
    store = Store(url)
    with record_of(home.warehouse) as record:
        record.own(store, home.root)
        mails = {mail for one in given for mail in given_mails(home, one)["mail"]}
        _put_mails(store, record, home, sorted(mails))
    base = dict(_base(home))
    own = {one.name: {f"shards/{one.name}/{file}" for file in (GIVEN, MAILS)} for one in given}
    files = base | {name: home.root / name for names in own.values() for name in names}
    raw = {name: path.read_bytes() for name, path in files.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in raw.items()}
    there = set(store.names(FILES))
    store.put({at: raw[name] for name, digest in digests.items() if (at := f"{FILES}/{digest}") not in there})
    told: dict[str, Any] = {"folders": _months(home), "files": {name: digests[name] for name in base}}
    store.point(BASE, json.dumps(told, ensure_ascii=False))
    for one in given:
        of_shard = {"digest": one.digest, "files": told["files"] | {name: digests[name] for name in own[one.name]}}
        store.point(f"{SHARDS}/{one.name}/{GIVEN}", json.dumps(told | of_shard, ensure_ascii=False))
    wanted = {BASE, *(f"{FILES}/{digest}" for digest in digests.values())}
    store.remove(name for name in store.names(SHARDS) if name not in wanted and name.split("/")[1] not in own)
    return partial(_is_back, store, home)


def _put_mails(store: Store, record: Record, home: Home, mails: Iterable[str]) -> None:
    """Put mails into the archive of the store that are not there yet."""
    paths = {mail: archive.path_of(mail, home.archive) for mail in mails}
    stats = {mail: path.stat() for mail, path in paths.items()}
    seen = {mail: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for mail, stat in stats.items()}
    names = {mail: path.relative_to(home.root).as_posix() for mail, path in paths.items()}
    for some in _some([mail for mail in paths if record.sha256(names[mail], seen[mail]) is None]):
        store.put({names[mail]: paths[mail].read_bytes() for mail in some})
        record.put((names[mail], mail, seen[mail]) for mail in some)


def _base(home: Home) -> Iterator[tuple[str, Path]]:
    """The files of a home that a shard is worked on by, beside what it was given."""
    folders = (home.register, home.archive / "registers")
    for path in (*(p for folder in folders for p in folder.rglob("*")), *(home.root / name for name in BOOKED)):
        inside = path.relative_to(home.root)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix(), path


def _months(home: Home) -> list[str]:
    """Folders by which it is known which months are published, and closed (assets/instance/closed_months.py)."""
    found = []
    for month in sorted(home.published.glob("*/")):
        closed = next(month.glob("*/v1"), None)
        found.append((closed or month).relative_to(home.root).as_posix())
    return found


def _is_back(store: Store, home: Home, given: Given) -> bool:
    """Whether a shard has done what it was given, its warehouse taken back then."""
    if is_done(home, given):
        return True
    try:
        told = json.loads(store.text(f"{SHARDS}/{given.name}/{DONE}"))
        if told["digest"] != given.digest:
            return False
        file = home.shards / given.name / FILE
        file.with_name(f"{FILE}.wal").unlink(missing_ok=True)
        store.get_file(_made(given.name, told["file"]), told["file"], file)
    except NotThere:
        return False
    except StoreError as error:
        log.warning("shard %s: %s", given.name, error)
        return False
    book_done(home, given)
    return True


def _made(name: str, sha256: str) -> str:
    return f"{SHARDS}/{name}/made/{sha256}"


# ---------------------------------------------------------------------------------------------------------- a worker
def take_home(home: Home, url: str) -> None:
    """Bring up to date what a worker needs to know of the home before it is at any shard. Raises StoreError."""
    home.root.mkdir(parents=True, exist_ok=True)
    with _alone(home.root):
        store = Store(url)
        _take(store, home, json.loads(store.text(BASE)))
        home.dagster.mkdir(exist_ok=True)
        home.configure_dagster()


@contextmanager
def handed(home: Home, name: str) -> Iterator[Home]:
    """The home in which to work on a shard: this one, or, where shards come by a store, a small one made of what the
    store has for the shard. What was made in it is given back at the end, if it came to one. Raises StoreError.
    """
    url = load_settings(home.register / "settings.yaml").handed_by
    if not url:
        yield home
        return
    store, own = Store(url), Home(home.root / OWN / name)
    own.root.mkdir(parents=True, exist_ok=True)
    with _alone(own.root):
        packet = json.loads(store.text(f"{SHARDS}/{name}/{GIVEN}"))
        _take(store, own, packet)
        _take_made(store, own, name)
        (given,) = given_shards(own)
        _take_mails(store, own, given)
        yield own
        _give_back(store, own, given)


def _take(store: Store, home: Home, packet: dict[str, Any]) -> None:
    """Bring the files of a packet into a home, and take away what is no part of it any more."""
    for name, sha256 in packet["files"].items():
        target = home.root / name
        if not target.resolve().is_relative_to(home.root.resolve()):
            raise StoreError(f"{store.url}: a packet names {name}, outside of the home")
        if not (target.is_file() and sha256_of(target) == sha256):
            store.get_file(f"{FILES}/{sha256}", sha256, target)
    for name, path in [*_base(home)]:
        if name not in packet["files"]:
            path.unlink()
    shutil.rmtree(home.published, ignore_errors=True)
    for folder in packet["folders"]:
        (home.root / folder).mkdir(parents=True)
    home.warehouse.mkdir(exist_ok=True)


def _take_made(store: Store, own: Home, name: str) -> None:
    """Take what was made of the shard last, on whichever machine, where that was not here."""
    folder = own.shards / name
    taken = folder / TAKEN
    try:
        made = json.loads(store.text(f"{SHARDS}/{name}/{DONE}"))["file"]
        if (folder / FILE).is_file() and taken.is_file() and taken.read_text(encoding="utf-8") == made:
            return
        (folder / f"{FILE}.wal").unlink(missing_ok=True)
        store.get_file(_made(name, made), made, folder / FILE)
        write_durably(taken, made)
    except NotThere:
        return  # the first night of a shard, or it is being replaced: it is made anew, or of what is here


def _take_mails(store: Store, own: Home, given: Given) -> None:
    """Take the mails that are not parsed in the shard's warehouse yet."""
    parsed = _parsed(own, given)
    wanted = [mail for mail in given_mails(own, given)["mail"] if mail not in parsed]
    for some in _some(wanted):
        names = {archive.path_of(mail, own.archive).relative_to(own.root).as_posix(): mail for mail in some}
        for raw in store.get(names).values():
            archive.write(raw, own.archive)


def _parsed(own: Home, given: Given) -> set[str]:
    file = own.shards / given.name / FILE
    if not file.is_file():
        return set()
    parser = load_settings(own.register / "settings.yaml").parser_fingerprint(load_catalogue(own.register))
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            rows = connection.execute("select mail from staging.mails where parser = ?", [parser]).fetchall()
    except duckdb.Error:  # damaged, or of an earlier version: what opens it to work makes it anew
        return set()
    return {mail for (mail,) in rows}


def _give_back(store: Store, own: Home, given: Given) -> None:
    """Put the shard's warehouse into the store, the pointer last, and take away the one before."""
    folder = own.shards / given.name
    sha256 = sha256_of(folder / FILE)
    store.put_file(_made(given.name, sha256), folder / FILE)
    store.point(f"{SHARDS}/{given.name}/{DONE}", json.dumps({"digest": given.digest, "file": sha256}) + "\n")
    write_durably(folder / TAKEN, sha256)
    kept = _made(given.name, sha256)
    store.remove(name for name in store.names(f"{SHARDS}/{given.name}/made") if name != kept)
    for mails in own.archive.glob("??/"):  # a worker keeps no mail
        shutil.rmtree(mails)


def _some(mails: Sequence[str]) -> Iterator[Sequence[str]]:
    """Mails, some at a time."""
    return (mails[at : at + MOST_MAILS] for at in range(0, len(mails), MOST_MAILS))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold off other processes of this machine; the lock is free when this one ends."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
