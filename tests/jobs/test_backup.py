"""A home saved and taken out again publishes what it published; so does one of which archive and ledger survive."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest

from assets.instance.home import Home
from pipelines import backup
from pipelines.backup import BackupError, back_up, restore
from pipelines.new_home import make_home
from tests.feedback.made_month import PERIOD, drop_mail
from tests.feedback.made_month import home as made_home
from tests.jobs import command_line
from tests.jobs.command_line import SIXTH
from tests.templates.filled_forms import filled_forms

UNITS = ("D-001", "D-002")
RUN = ["run", "--period", "2026-09", "--as-of", "2026-10-06T00:30:00+08:00"]


def sixth(*arguments: str | Path, status: int = 0) -> str:
    done = command_line.sixth(*arguments, check=status)
    return done.stdout + done.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def sent(home: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "warehouse" / "ledger.sqlite") as ledger:
        tables = [name for (name,) in ledger.execute("select name from sqlite_master where type = 'table' order by 1")]
        return [(table, *row) for table in tables for row in ledger.execute(f"select * from {table}")]


@pytest.mark.outside
def test_a_restored_home_publishes_the_same_and_so_does_one_of_archive_and_ledger(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    new, bare = tmp_path / "new", tmp_path / "bare"
    home = command_line.ran_once(tmp_path_factory, tmp_path / "home")
    published, ledger, outbox = files_of(home / "published"), sent(home), files_of(home / "outbox")
    assert any(name.endswith("/.digest") for name in published)
    assert outbox
    assert "ok warehouse: of this software" in sixth("doctor", "--home", home)
    sixth("backup", tmp_path / "saved.tar", "--home", home)
    shutil.rmtree(home)

    sixth("restore", tmp_path / "saved.tar", "--home", new)
    assert files_of(new / "published") == published
    assert not (new / "warehouse" / "sixth.duckdb").exists()
    sixth(*RUN, "--home", new)
    assert files_of(new / "published") == published
    assert sent(new) == ledger
    assert files_of(new / "outbox") == outbox

    (bare / "warehouse").mkdir(parents=True)
    for kept in ("archive", "register", "warehouse/ledger.sqlite"):
        place = new / kept
        shutil.copytree(place, bare / kept) if place.is_dir() else shutil.copy(place, bare / kept)
    sixth(*RUN, "--home", bare)
    assert files_of(bare / "published") == published
    assert sent(bare) == ledger


@pytest.mark.outside
def test_a_backup_taken_while_a_run_goes_on_publishes_what_that_run_did(tmp_path: Path) -> None:
    """A month of two units: any run is one that goes on."""
    home, new = tmp_path / "home", tmp_path / "new"
    made = made_home(home, UNITS, PERIOD)
    for unit in UNITS:
        forms = filled_forms(made.unit(unit), made.catalogue, made.register, only=("annex2", "annex3"))
        drop_mail(made, unit, [(f"{key}.xlsx", content) for key, content in forms.items()])
    (home / "register" / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    Home(home).prepare()
    words = ["run", "--period", PERIOD, "--as-of", "2026-11-06T00:30:00+08:00"]
    with subprocess.Popen([*SIXTH, *words, "--home", str(home)], stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and not (home / "published" / PERIOD).is_dir():
            time.sleep(0.01)
        run.send_signal(signal.SIGSTOP)  # so that it is under way for as long as the backup takes
        assert run.poll() is None
        sixth("backup", tmp_path / "saved.tar", "--home", home)
        run.send_signal(signal.SIGCONT)
        assert run.wait(timeout=500) == 0
    sixth("restore", tmp_path / "saved.tar", "--home", new)
    sixth(*words, "--home", new)
    assert files_of(new / "published") == files_of(home / "published")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, sample=True)
    return made


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def restored(home: Home, tmp_path: Path) -> Path:
    back_up(home, tmp_path / "saved.tar")
    restore(tmp_path / "saved.tar", Home(tmp_path / "new"))
    return tmp_path / "new"


def test_mails_that_wait_in_the_inbox_are_saved(home: Home, tmp_path: Path) -> None:
    assert files_of(restored(home, tmp_path) / "inbox") == files_of(home.inbox) != {}


def test_a_round_that_was_written_down_is_saved_with_its_versions_and_others_are_not(
    home: Home, tmp_path: Path
) -> None:
    due, begun = home.published / "2026-09", home.published / "2026-10"
    write(due / "EX" / "v1" / "summary.json", "1")
    write(due / "EX" / ".building-7" / "summary.json", "2")
    write(due / ".round.json", '{"EX": ["v2", ".building-7"]}')
    write(begun / "EX" / ".building-7" / "summary.json", "half")
    write(begun / "EX" / "interim" / "summary.json", "0")
    write(begun / "feedback" / ".building-A" / "feedback.html", "half")
    write(begun / "feedback" / "A" / ".digest", "d")
    published = files_of(restored(home, tmp_path) / "published")
    assert sorted(published) == [
        "2026-09/.round.json",
        "2026-09/EX/.building-7/summary.json",
        "2026-09/EX/v1/summary.json",
        "2026-10/EX/interim/summary.json",
        "2026-10/feedback/A/.digest",
    ]


def test_versions_that_take_their_places_meanwhile_are_saved_as_of_one_moment(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = home.published / "2026-09"
    first, last = write(period / "A" / "latest.json", "v1"), write(period / "B" / "latest.json", "v1")
    add, changed = backup._Saving.add, threading.Event()

    def add_and_change(saving: backup._Saving, path: Path, name: str = "") -> None:
        add(saving, path, name)
        if path == first and not changed.is_set():
            changed.set()
            for place in (first, last):
                write(place.with_name("new"), "v2!").replace(place)

    monkeypatch.setattr(backup._Saving, "add", add_and_change)
    monkeypatch.setattr(backup, "PAUSE_SECONDS", 0)
    published = files_of(restored(home, tmp_path) / "published")
    assert changed.is_set()
    assert published == {"2026-09/A/latest.json": b"v2!", "2026-09/B/latest.json": b"v2!"}


def test_a_folder_that_never_rests_ends_in_no_file(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restless = write(home.published / "2026-09" / "A" / "latest.json", "v1")
    add = backup._Saving.add

    def add_and_grow(saving: backup._Saving, path: Path, name: str = "") -> None:
        add(saving, path, name)
        if path == restless:
            path.write_text(path.read_text() + "1")

    monkeypatch.setattr(backup._Saving, "add", add_and_grow)
    monkeypatch.setattr(backup, "PAUSE_SECONDS", 0)
    with pytest.raises(BackupError, match="keeps changing"):
        back_up(home, tmp_path / "saved.tar")
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_what_a_writer_of_the_ledger_has_not_committed_is_not_saved(home: Home, tmp_path: Path) -> None:
    ledger = sqlite3.connect(home.warehouse / "ledger.sqlite", isolation_level=None)
    ledger.execute("pragma journal_mode = wal")
    ledger.execute("create table said (word text)")
    ledger.execute("insert into said values ('kept')")
    ledger.execute("begin immediate")
    ledger.execute("insert into said values ('not yet')")
    new = restored(home, tmp_path)
    ledger.execute("commit")
    ledger.close()
    with sqlite3.connect(new / "warehouse" / "ledger.sqlite") as copy:
        assert copy.execute("select word from said").fetchall() == [("kept",)]


@pytest.mark.parametrize("damage", ["cut", "changed", "none"])
def test_a_damaged_backup_leaves_no_home(home: Home, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "saved.tar"
    back_up(home, file)
    raw = bytearray(file.read_bytes())
    with tarfile.open(file) as tar:
        member = tar.getmember("register/units.csv")
        last = tar.getmembers()[-1]
    if damage == "cut":
        raw = raw[: last.offset]
    elif damage == "changed":
        raw[member.offset_data] ^= 1
    else:
        raw = bytearray(b"no tar at all")
    file.write_bytes(raw)
    with pytest.raises(BackupError, match=r"saved\.tar is"):
        restore(file, Home(tmp_path / "new"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "saved.tar"]


def test_neither_a_file_nor_a_home_is_overwritten(home: Home, tmp_path: Path) -> None:
    there = write(tmp_path / "saved.tar", "precious")
    assert "already" in sixth("backup", there, "--home", home.root, status=2)
    assert there.read_text() == "precious"
    assert "elsewhere" in sixth("backup", home.root / "saved.tar", "--home", home.root, status=2)
    there.unlink()
    sixth("backup", there, "--home", home.root)
    before = files_of(home.root)
    assert "already" in sixth("restore", there, "--home", home.root, status=2)
    assert files_of(home.root) == before
    with tarfile.open(there) as tar:
        assert json.load(tar.extractfile("sixth-backup.json"))["files"]  # type: ignore[arg-type]
    assert there.stat().st_mode & 0o077 == 0


def test_times_and_rights_come_back_without_what_debian_12_has_not(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Python 3.11.2 knows no filter of `TarFile.extract`, and nothing could be restored there."""
    secret = write(home.portal / backup.KEY, "key")
    secret.chmod(0o600)
    os.utime(secret, (1_700_000_000, 1_700_000_000))
    back_up(home, tmp_path / "saved.tar")
    monkeypatch.delattr(tarfile.TarFile, "extract")
    restore(tmp_path / "saved.tar", Home(tmp_path / "new"))
    stat = (tmp_path / "new/portal" / backup.KEY).stat()
    assert (stat.st_mode & 0o777, stat.st_mtime) == (0o600, 1_700_000_000)
    assert (tmp_path / "new").stat().st_mode & 0o007 == 0


def test_a_file_that_would_lie_outside_the_home_is_not_written(home: Home, tmp_path: Path) -> None:
    listed = json.dumps({"files": {"../outside": hashlib.sha256(b"x").hexdigest()}}).encode()
    with tarfile.open(tmp_path / "saved.tar", "w") as tar:
        for name, content in (("../outside", b"x"), (backup.CONTENTS, listed)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(BackupError, match="outside the home"):
        restore(tmp_path / "saved.tar", Home(tmp_path / "new"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "saved.tar"]
