"""A disk that is full, or that may not be written, is said to be so in words, by whatever library it is found."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

import duckdb
import pytest
from sqlalchemy.exc import OperationalError

from assets.instance.disk import disk_fault
from assets.instance.home import Home
from tests.feedback import made_month
from tests.jobs.command_line import sixth

ROOT = Path("/srv/home")
FULL = [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/home/archive/ab"),
    duckdb.IOException("IO Error: Could not write file: No space left on device"),
    sqlite3.OperationalError("database or disk is full"),
    OperationalError("insert", {}, sqlite3.OperationalError("database or disk is full")),
]
FORBIDDEN = [
    OSError(errno.EROFS, os.strerror(errno.EROFS), "/srv/home/archive/ab"),
    PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv/home/archive/ab"),
    duckdb.IOException('IO Error: Cannot open file "sixth.duckdb": Read-only file system'),
    sqlite3.OperationalError("attempt to write a readonly database"),
]


@pytest.mark.parametrize("error", FULL)
def test_a_full_disk(error: Exception) -> None:
    told = disk_fault(error, ROOT)
    assert told.startswith("no room is left on the disk of /srv/home")
    assert "`sixth prune`" in told


@pytest.mark.parametrize("error", FORBIDDEN)
def test_a_disk_that_may_not_be_written(error: Exception) -> None:
    told = disk_fault(error, ROOT)
    assert told.startswith("/srv/home")
    assert "cannot be written" in told
    assert f"user id {os.getuid()}" in told


def test_what_is_no_file_of_the_home_is_not_told_as_one() -> None:
    """A semaphore that the system refuses, a certificate that cannot be read."""
    assert disk_fault(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), ROOT) == ""
    assert disk_fault(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/etc/ssl/ca.pem"), ROOT) == ""


@pytest.mark.parametrize(("free", "is_told"), [(0, True), (10 << 20, False)])
def test_sqlite_fails_for_want_of_room_in_more_than_one_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_told: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 1 << 30, free))
    assert disk_fault(sqlite3.OperationalError("disk I/O error"), tmp_path).startswith("no room") == is_told


def test_what_an_error_came_of_counts_and_other_errors_are_none() -> None:
    outer = RuntimeError("a step failed")
    outer.__cause__ = FULL[0]
    assert "/srv/home/archive/ab" in disk_fault(outer, ROOT)
    assert disk_fault(ValueError("a fault of ours"), ROOT) == ""
    assert disk_fault(FileNotFoundError(errno.ENOENT, "no such file", "x"), ROOT) == ""


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no room is left on the disk of"), (errno.EROFS, "cannot be written (Read-only")],
)
def test_a_command_says_so_and_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    home = Home(made_month.home(tmp_path / "home", ["U1"]).root)

    def refuse(self: Home) -> None:
        raise OSError(number, os.strerror(number), str(self.root / "home.json"))

    monkeypatch.setattr(Home, "mark", refuse)
    told = sixth("run", "--home", home.root, "--period", "2026-09", "--as-of", "2026-10-06T00:30:00+08:00", check=3)
    assert words in told.stderr
    assert "nothing was published half" in told.stderr
    assert "Error" not in told.stderr
