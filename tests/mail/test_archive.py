"""The archive: byte for byte, once, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.intake.mail import archive


def archived(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("??/*") if path.is_file())


@given(raw=st.binary(max_size=5000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_loaded_is_what_was_stored(tmp_path: Path, raw: bytes) -> None:
    sha256 = archive.store(raw, tmp_path)
    assert sha256 == hashlib.sha256(raw).hexdigest()
    assert archive.load(sha256, tmp_path) == raw


def test_mail_lies_under_its_hash_and_cannot_be_written(tmp_path: Path) -> None:
    sha256 = archive.store(b"mail", tmp_path / "archive")
    path = archive.path_of(sha256, tmp_path / "archive")
    assert path == tmp_path / "archive" / sha256[:2] / f"{sha256}.eml"
    assert not stat.S_IMODE(path.stat().st_mode) & 0o222


def test_storing_again_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = archive.path_of(archive.store(b"mail", tmp_path), tmp_path)
    before = path.stat()
    archive.store(b"mail", tmp_path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert archived(tmp_path) == [path]


def test_file_cut_short_by_a_failing_disk_is_replaced(tmp_path: Path) -> None:
    path = archive.path_of(archive.store(b"mail", tmp_path), tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"ma")
    archive.store(b"mail", tmp_path)
    assert path.read_bytes() == b"mail"


def test_damage_is_noticed_on_loading(tmp_path: Path) -> None:
    sha256 = archive.store(b"mail", tmp_path)
    path = archive.path_of(sha256, tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"liam")
    with pytest.raises(archive.ArchiveError, match=sha256):
        archive.load(sha256, tmp_path)
    with pytest.raises(FileNotFoundError):
        archive.load("0" * 64, tmp_path)


def store_all(folder: Path) -> list[str]:
    return [archive.store(b"mail %d" % number * 1000, folder) for number in range(40)]


def test_processes_that_store_the_same_mails_at_once_do_not_collide(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as processes:
        stored = list(processes.map(store_all, [tmp_path] * 4))
    assert stored == [stored[0]] * 4
    assert len(archived(tmp_path)) == 40
    assert list((tmp_path / archive.INCOMING).iterdir()) == []
    assert all(archive.load(sha256, tmp_path) for sha256 in stored[0])


def test_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        archive.store(b"mail", tmp_path)
    assert archived(tmp_path) == []
    assert list((tmp_path / archive.INCOMING).iterdir()) == []


def test_leftovers_of_killed_runs_are_removed_after_a_day(tmp_path: Path) -> None:
    incoming = tmp_path / archive.INCOMING
    incoming.mkdir()
    old, fresh = incoming / "old", incoming / "fresh"
    old.touch()
    fresh.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    archive.tidy(tmp_path)
    assert list(incoming.iterdir()) == [fresh]
    archive.tidy(tmp_path / "none yet")
