"""The drop folder: everything once, nothing half."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.intake.mail import archive, sources
from assets.intake.mail.seen import copies, mails, open_sightings

HOUR_AGO = time.time() - 3600


class Home:
    """A drop folder, an archive and the book of sightings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.archive = folder / "archive"
        self.inbox.mkdir()
        self.sightings: sqlite3.Connection = open_sightings(folder / "state" / "sightings.db")

    def drop(self, name: str, raw: bytes, at: float = HOUR_AGO) -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        os.utime(path, (at, at))
        return path

    def collect(self, **settings: Any) -> sources.Collected:
        return sources.collect_folder(self.inbox, self.archive, self.sightings, **settings)

    def archived(self) -> list[str]:
        return sorted(path.stem for path in self.archive.glob("??/*.eml"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.sightings.close()


def test_mails_at_any_depth_are_archived_byte_for_byte(home: Home) -> None:
    raws = {"a.eml": b"1\r\n", "2026-10/b.EML": b"2\n", "x/y/z/附件.Eml": b"\x00\xff"}
    for name, raw in raws.items():
        home.drop(name, raw)
    collected = home.collect()
    assert (collected.listed, len(collected.new)) == (3, 3)
    assert {archive.load(sha256, home.archive) for sha256 in collected.new} == set(raws.values())


def test_second_run_finds_nothing_new_and_reads_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a.eml", b"1")
    home.collect()
    monkeypatch.setattr(sources, "_archive_file", lambda *_: pytest.fail("was read again"))
    assert home.collect() == sources.Collected(listed=1, new=())


def test_same_bytes_are_one_mail_and_further_copies(home: Home) -> None:
    for name in ("a.eml", "b.eml", "c/a.eml"):
        home.drop(name, b"same")
    assert len(home.collect().new) == 1
    assert (len(home.archived()), copies(home.sightings)) == (1, 2)


def test_file_moved_within_the_folder_is_no_further_copy(home: Home) -> None:
    path = home.drop("a.eml", b"1")
    home.collect()
    (home.inbox / "done").mkdir()
    path.rename(home.inbox / "done" / "a.eml")
    assert home.collect().new == ()
    assert copies(home.sightings) == 0


def test_rewritten_file_is_another_mail(home: Home) -> None:
    home.drop("a.eml", b"1")
    home.collect()
    home.drop("a.eml", b"2", at=HOUR_AGO + 1)
    assert len(home.collect().new) == 1
    assert [seen.copies for seen in mails(home.sightings)] == [0, 0]


def test_file_still_being_written_waits_for_the_next_run(home: Home) -> None:
    path = home.drop("a.eml", b"half", at=time.time())
    for name in ("b.eml.part", "c.eml.tmp", ".d.eml", "notes.txt"):
        home.drop(name, b"x")
    no_mail = (("notes.txt", "no mail (.eml)"),)  # the others are still being written, or some program's
    assert home.collect() == sources.Collected(listed=1, new=(), waiting=("a.eml",), no_mails=no_mail)
    path.write_bytes(b"whole")
    os.utime(path, (HOUR_AGO, HOUR_AGO))
    assert [archive.load(sha256, home.archive) for sha256 in home.collect().new] == [b"whole"]


def test_file_that_grows_while_it_is_read_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.drop("a.eml", b"half")
    listed = sources._mail_files

    def grow(*asked: Any) -> Iterator[sources._File]:
        yield from list(listed(*asked))
        with path.open("ab") as file:
            file.write(b" and the rest")

    monkeypatch.setattr(sources, "_mail_files", grow)
    assert home.collect().waiting == ("a.eml",)
    assert home.archived() == []


def test_file_from_the_future_is_read(home: Home) -> None:
    home.drop("a.eml", b"1", at=time.time() + 86_400)
    assert len(home.collect().new) == 1


def test_what_cannot_be_read_is_skipped_and_named(home: Home) -> None:
    home.drop("a.eml", b"1")
    home.drop("empty.eml", b"")
    home.drop("large.eml", b"x" * 2000)
    (home.inbox / "link.eml").symlink_to("/etc/hostname")
    os.mkfifo(home.inbox / "pipe.eml")
    collected = home.collect(mail_bytes=1000)
    assert len(collected.new) == 1
    assert sorted(collected.skipped) == ["empty.eml", "large.eml", "link.eml", "pipe.eml"]


def test_unreadable_file_leaves_the_rest(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a.eml", b"1")
    home.drop("b.eml", b"2")
    opened = Path.open

    def forbidden(path: Path, mode: str = "r") -> object:
        if path.name == "a.eml":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", forbidden)
    collected = home.collect()
    assert (len(collected.new), collected.skipped) == (1, ("a.eml",))


def test_missing_folder_is_named(home: Home) -> None:
    home.inbox.rmdir()
    assert home.collect() == sources.Collected(listed=0, new=(), skipped=(".",))


def test_full_disk_stops_the_run_and_the_next_one_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a.eml", b"1")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            home.collect()
    assert mails(home.sightings) == []
    assert len(home.collect().new) == 1


def test_name_that_is_no_utf8_is_collected(home: Home) -> None:
    raw_name = os.fsencode(home.inbox) + b"/\xb8\xbd\xbc\xfe.eml"
    Path(os.fsdecode(raw_name)).write_bytes(b"1")
    os.utime(raw_name, (HOUR_AGO, HOUR_AGO))
    assert len(home.collect().new) == 1
    assert home.collect().new == ()


KILLS = 20 if os.environ.get("SIXTH_SLOW_TESTS") == "1" else 3
COLLECT = """
import sys, time
from pathlib import Path
from assets.intake.mail import sources
from assets.intake.mail.seen import open_sightings
home = Path(sys.argv[1])
sources.FOLDER_BATCH = 40
book = open_sightings(home / "state" / "sightings.db")
print("started", flush=True)
sources.collect_folder(home / "inbox", home / "archive", book)
"""


def test_killed_at_any_moment_and_run_again_every_mail_is_archived_once(tmp_path: Path) -> None:
    """kill -9 while 500 mails are collected: 3 times, 20 with SIXTH_SLOW_TESTS=1."""
    chance = random.Random(6)
    interrupted = 0
    whole_run = 0.2  # seconds; then as long as the last undisturbed run took
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        folder.mkdir()
        home = Home(folder)
        for number in range(500):
            home.drop(f"{number % 7}/{number}.eml", chance.randbytes(chance.randrange(1, 20_000)))
        home.drop("again.eml", (home.inbox / "0/0.eml").read_bytes())
        command = [sys.executable, "-c", COLLECT, str(folder)]
        running = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(chance.uniform(0, whole_run))
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
        booked = {seen.sha256 for seen in mails(home.sightings)}
        interrupted += len(booked) < 500
        assert booked <= set(home.archived())
        assert all(archive.load(sha256, home.archive) for sha256 in home.archived())
        again = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert again.stdout is not None
        again.stdout.readline()
        begun = time.monotonic()
        assert again.wait() == 0
        whole_run = max(whole_run, time.monotonic() - begun)
        again.stdout.close()
        assert {seen.sha256 for seen in mails(home.sightings)} == set(home.archived())
        assert (len(home.archived()), copies(home.sightings)) == (500, 1)
        home.sightings.close()
    assert interrupted


def test_a_lost_index_is_made_anew_of_the_archive(home: Home) -> None:
    """With the inbox empty, as after a restore: today that published "24 missing of 24"."""
    home.drop("a.eml", b"1")
    home.drop("copy.eml", b"1")
    home.drop("b.eml", b"2")
    home.collect()
    for path in home.inbox.iterdir():
        path.rename(home.folder / path.name)
    (home.folder / "a.eml").rename(home.inbox / "moved.eml")
    home.collect()
    before = mails(home.sightings)
    assert [s.copies for s in before] == [1, 0] or [s.copies for s in before] == [0, 1]
    assert all(s.seen_at is not None for s in before)
    again = open_sightings(home.folder / "restored.db", home.archive)
    assert mails(again) == before
    (home.archive / "receipts.jsonl").unlink()  # an archive of before there were receipts
    bare = open_sightings(home.folder / "bare.db", home.archive)
    assert [s.sha256 for s in mails(bare)] == [s.sha256 for s in before]
    assert [s.copies for s in mails(bare)] == [0, 0]
    sources.collect_folder(home.inbox, home.archive, bare)
    assert [s.copies for s in mails(bare)] == [0, 0]  # seen at its place, and no further copy of itself


def test_a_receipt_that_a_kill_cut_short_spoils_no_other(home: Home) -> None:
    home.drop("a.eml", b"1")
    home.collect()
    with (home.archive / "receipts.jsonl").open("ab") as file:
        file.write(b'{"source": "folder", "key": "b.')
    home.drop("b.eml", b"2")
    home.collect()
    assert mails(open_sightings(home.folder / "restored.db", home.archive)) == mails(home.sightings)


def test_a_home_of_before_there_were_receipts_writes_them(home: Home) -> None:
    home.drop("a.eml", b"1")
    home.collect()
    (home.archive / "receipts.jsonl").unlink()
    open_sightings(home.folder / "state" / "sightings.db", home.archive).close()
    assert mails(open_sightings(home.folder / "restored.db", home.archive)) == mails(home.sightings)


def test_a_mail_keeps_the_moment_at_which_it_was_first_seen(home: Home) -> None:
    """Of a mail that says nothing of when it came: the moment it was put there, else that of the first run, for good."""
    first, second = (datetime(2026, 11, day, 2, tzinfo=UTC) for day in (4, 5))
    put = datetime(2026, 11, 3, 9, tzinfo=UTC)
    home.drop("put.eml", b"1", at=put.timestamp())
    home.drop("old.eml", b"2", at=datetime(2019, 1, 1, tzinfo=UTC).timestamp())
    for clock in (first, second):
        home.collect(clock=clock)
    assert {s.sha256: s.seen_at for s in mails(home.sightings)} == {
        hashlib.sha256(b"1").hexdigest(): put,
        hashlib.sha256(b"2").hexdigest(): first,
    }


def test_files_that_are_no_mails_are_named_with_what_to_do(home: Home) -> None:
    """Field trial 15: a mail as Outlook drags it, an archive of mails, a mailbox, a bare form: silence about each."""
    named = {
        "月报.msg": "Outlook", "导出邮件.zip": "unpack", "sub/all.mbox": "mailbox", "附件2.xlsx": "without its mail",
        "扫描件.PDF": "without its mail", "说明.txt": "no mail", "old.pst": "export",
    }  # fmt: skip
    for name in (*named, "ok.eml", "~$附件2.xlsx", "Thumbs.db", ".DS_Store", "desktop.ini"):
        home.drop(name, b"x")
    told = dict(home.collect().no_mails)
    assert told.keys() == named.keys()
    assert all(words in told[name] for name, words in named.items()), told
