"""A disk that is full, at one stage of a night after the other: said in words, and the same bytes in the end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.instance.home import Home
from tests.jobs.command_line import apart, copy_of
from tests.jobs.dagster_home import PERIOD, filled_home

pytestmark = pytest.mark.long

MOST_MB = 200
AT = f"{PERIOD[:4]}-11-06T00:30:00+08:00"


class Disk:
    """A disk of so many MB, which can be made larger."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size}m", "none", str(folder))

    def enlarge(self, size: int) -> None:
        self._mount("-o", f"remount,size={size}m", str(self.folder))

    def _mount(self, *words: str) -> None:
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a disk can be mounted by root alone: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk", MOST_MB)
    yield made
    subprocess.run(["umount", str(made.folder)], check=True)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_night_on_a_disk_that_is_full_goes_on_where_it_was_once_there_is_room(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = filled_home(tmp_path / "home", monkeypatch)
    home = Home(copy_of(undisturbed.root, disk.folder / "home"))
    size = sum(p.stat().st_size for p in home.root.rglob("*") if p.is_file()) // 2**20 + 2
    words = ["run", "--period", PERIOD, "--as-of", AT]
    apart(*words, "--home", undisturbed.root)
    refused = 0
    while size < MOST_MB:
        disk.enlarge(size)
        done = apart(*words, "--home", home.root, check=None)
        if done.returncode == 0:
            break
        refused += 1
        assert done.returncode == 3, done.stderr
        assert "no room is left on the disk of" in done.stderr
        size += 14
    assert refused >= 3
    assert files(home.published) == files(undisturbed.published)
    sent = [sorted(p.name for p in place.outbox.glob("*.eml")) for place in (home, undisturbed)]
    assert sent[0] == sent[1] != []
