"""The warehouse file while another program holds it, and when it is damaged."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.instance import warehouse
from assets.instance.home import Home
from assets.instance.warehouse import (
    DAMAGED,
    WarehouseBusy,
    WarehouseDamaged,
    copy_warehouse,
    damaged,
    open_warehouse,
    read_warehouse,
    warehouse_over,
)
from pipelines.listing import query

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Somebody's own look into the warehouse, which is no run."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    command = [sys.executable, "-c", HOLD, str(folder / "sixth.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate("")


def test_a_program_that_holds_the_file_is_named(
    holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` said that a run was under way, which there was not."""
    monkeypatch.setattr(warehouse, "READER_SECONDS", 0)
    who = rf"\(PID {holder.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d\) holds"
    with pytest.raises(WarehouseBusy, match=rf"{who} .*sixth.duckdb: a run, or a program in which"):
        query(Home(tmp_path), "select 1", {})
    with pytest.raises(WarehouseBusy, match=who), open_warehouse(tmp_path / "warehouse"):
        pass


def test_when_a_process_began_is_told() -> None:
    began = warehouse._begun(os.getpid())
    assert began is not None
    assert timedelta() <= datetime.now().astimezone() - began < timedelta(days=1)
    assert warehouse._begun(2**30) is None


# ------------------------------------------------------------------------------------------------ readers
WORK = """
import sys
from pathlib import Path
from assets.instance.warehouse import open_warehouse
with open_warehouse(Path(sys.argv[1]), for_run=True) as warehouse:
    warehouse.execute("create or replace table core.n as select 2 as n")
    print("works", flush=True)
    sys.stdin.read()
"""


def test_readers_see_what_stood_before_the_run_that_works(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They were refused for as long as a run worked."""
    folder, count = tmp_path / "warehouse", "select n from core.n"
    with open_warehouse(folder) as made:
        made.execute("create table core.n as select 1 as n")
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline().strip() == "works"
        assert query(Home(tmp_path), count, {}) == [{"n": 1}]
        assert f"PID {run.pid}, since" in caplog.text
        assert "shown is what it held when that began" in caplog.text
        with read_warehouse(folder) as read:
            assert read.value(count) == 1
            with pytest.raises(duckdb.InvalidInputException):
                read.execute("create table core.m as select 1 as m")
        (tmp_path / "copy").mkdir()
        copy_warehouse(folder, tmp_path / "copy")
        with open_warehouse(tmp_path / "copy") as copy:
            assert copy.value(count) == 1
        # Nobody who read has taken the lock of the run away.
        with pytest.raises(WarehouseBusy), open_warehouse(folder):
            pass
        run.communicate("")
    assert query(Home(tmp_path), count, {}) == [{"n": 2}]


def test_there_is_nothing_to_read_where_no_run_was(tmp_path: Path) -> None:
    assert query(Home(tmp_path), "select 1", {}) == []
    with read_warehouse(tmp_path / "warehouse") as nothing:
        assert nothing.exists("core.decisions")


# ------------------------------------------------------------------------------------------------ damage
def whole(folder: Path) -> bytes:
    """A warehouse with some rows in it; its bytes."""
    with open_warehouse(folder) as made:
        made.execute("create table core.n as select range as n, md5(range::varchar) as text from range(200000)")
    return (folder / "sixth.duckdb").read_bytes()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def overwritten(content: bytes) -> bytes:
    return b"no database " * 1000


def a_bad_block(content: bytes) -> bytes:
    """One that is found when the rows in it are read, not when the file is opened."""
    at = len(content) // 2
    return content[:at] + bytes(255 - byte for byte in content[at : at + 100]) + content[at + 100 :]


@pytest.mark.parametrize("harm", [cut, overwritten, a_bad_block])
def test_a_run_sets_a_damaged_warehouse_aside_and_begins_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path / "warehouse"
    harmed = harm(whole(folder))
    (folder / "sixth.duckdb").write_bytes(harmed)
    if harm is not a_bad_block:
        with pytest.raises(WarehouseDamaged, match=r"is damaged .* the next run sets it aside and makes it anew"):
            query(Home(tmp_path), "select 1", {})
        with pytest.raises(WarehouseDamaged), open_warehouse(folder):
            pass
    with open_warehouse(folder, for_run=True) as anew:
        assert not anew.exists("core.n")
        assert anew.exists("core.decisions")
    assert (folder / DAMAGED).read_bytes() == harmed
    assert "is damaged and set aside as sixth.duckdb.damaged" in caplog.text


def test_a_whole_warehouse_is_kept_by_a_run(tmp_path: Path) -> None:
    whole(tmp_path / "warehouse")
    with open_warehouse(tmp_path / "warehouse", for_run=True) as kept:
        assert kept.exists("core.n")
    assert not (tmp_path / "warehouse" / DAMAGED).exists()


@pytest.mark.parametrize(
    "said",
    [f'Cannot open file "sixth.duckdb": {os.strerror(number)}' for number in (errno.EACCES, errno.EROFS, errno.ENOSPC)],
)
def test_what_the_disk_refuses_is_no_damage(tmp_path: Path, said: str) -> None:
    file = tmp_path / "sixth.duckdb"
    file.touch()
    assert damaged(file, duckdb.IOException(f"IO Error: {said}")) is None
    assert damaged(file, duckdb.OutOfMemoryException("out of memory")) is None
    assert damaged(file, duckdb.IOException("IO Error: it is not a valid DuckDB database file!"))
    assert damaged(tmp_path / "nowhere", duckdb.IOException("IO Error: no such file")) is None


def test_another_warehouse_that_is_damaged_in_its_middle_is_left_alone(tmp_path: Path) -> None:
    """Attaching reads no more than its head: a damaged shard ended every run of its head."""
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as made:
        made.execute("create table t as select i, hash(i) as h from range(2000000) as r(i)")
    with other.open("r+b") as file:
        file.seek(other.stat().st_size // 2)
        file.write(os.urandom(300_000))
    with open_warehouse(tmp_path / "home") as warehouse:
        warehouse.execute("create table mine as select 1 as i")
        with warehouse.attached(other, "there") as is_there:
            assert is_there
            with warehouse.at_once():
                warehouse.execute("delete from mine")
                warehouse.execute("insert into mine select sum(h) from there.t")
            pytest.fail("it was read")
        assert warehouse.value("select i from mine") == 1
        with pytest.raises(duckdb.CatalogException), warehouse.attached(tmp_path / "home" / "none", "there"):
            warehouse.execute("select * from nowhere")


def test_a_warehouse_over_a_copy_has_its_tables_and_changes_none_of_them(tmp_path: Path) -> None:
    copy = tmp_path / "settled.duckdb"
    with open_warehouse(tmp_path / "head") as head:
        head.execute("create table core.n as select 1 as n")
        head.execute("create table core.m as select 1 as m")
        head.execute("create view core.twice as select 2 * n as n from core.n")
        head.copy_to(copy)
        head.execute("update core.n set n = 5")
    for _ in range(2):
        with warehouse_over(copy, tmp_path / "scratch", ["core.m"]) as over:
            assert [over.exists(name) for name in ("core.n", "core.m", "core.twice", "core.o")] == [*[True] * 3, False]
            assert over.rows("select n, m from sixth.core.twice, core.m") == [{"n": 2, "m": 1}]
            over.execute("update core.m set m = 3")
            with pytest.raises(duckdb.Error):
                over.execute("update core.n set n = 3")
