"""The warehouse file while another program holds it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from assets.instance.home import Home
from assets.instance.warehouse import WarehouseBusy, held, open_warehouse
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


def test_a_program_that_holds_the_file_is_named(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """`status` said that a run was under way, which there was not."""
    with pytest.raises(
        WarehouseBusy, match=rf"\(PID {holder.pid}\) holds .*sixth.duckdb: a run, or a program in which"
    ):
        query(Home(tmp_path), "select 1", {})
    with pytest.raises(WarehouseBusy, match=rf"\(PID {holder.pid}\) holds"), open_warehouse(tmp_path / "warehouse"):
        pass


def test_a_file_that_is_none_is_not_told_as_held(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse/sixth.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(duckdb.IOException) as raised:
        query(Home(tmp_path), "select 1", {})
    assert held(tmp_path / "warehouse/sixth.duckdb", raised.value) is None
