"""A home's copy on a real S3 server: the run never waits for it, a kill and a server that is down cost it nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
import s3fs

from assets.instance.home import Home
from assets.instance.store import Store
from pipelines.stored import CONTENTS
from tests.jobs.command_line import sixth
from tests.jobs.dagster_home import PERIOD, ROOT, filled_home, wait_for
from tests.jobs.test_services import published
from tests.s3_server import BUCKET, S3, SECRET, s3  # noqa: F401 - a fixture

AS_OF = "2026-11-06T00:30:00+08:00"
URL = f"s3://{BUCKET}/head"
COPY = f"""
from pathlib import Path
from assets.instance.home import Home
from pipelines import stored
stored.MOST_FILES = 1
stored.copy_home(Home(Path({{home!r}})), "{URL}", own_ledger=True)
"""


@pytest.mark.outside
def test_a_home_is_copied_by_its_runs_and_made_of_the_copy(
    s3: S3,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = filled_home(tmp_path / "home", monkeypatch)
    with (home.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"store: {URL}\n")
    store = Store(URL)
    # Killed over its first copy.
    run = ("run", "--home", home.root, "--period", PERIOD, "--as-of")
    (home.published / "2026-08").mkdir(parents=True)
    for number in range(300):
        (home.published / "2026-08" / f"{number}.txt").write_text(str(number), encoding="utf-8")
    command = [sys.executable, "-c", COPY.format(home=str(home.root))]
    copying = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    wait_for(lambda: len(store.names("objects")) > 20, 120)
    os.killpg(copying.pid, signal.SIGKILL)
    copying.wait()
    assert CONTENTS not in store.names("")
    assert 20 < len(store.names("objects")) < 300
    # A server that is down: the run ends well, says so, and the month stands.
    s3.stop()
    down = sixth(*run, AS_OF)
    assert f"store    is behind: {URL}: Could not connect to the endpoint" in down.stdout
    assert published(home)
    told = sixth("doctor", "--home", home.root, check=1)
    assert "WRONG store: " in told.stdout
    assert "is behind" in sixth("status", "--home", home.root, "--period", PERIOD).stdout
    # It is up again: the next run, which would have nothing to do, copies what is missing.
    s3.start()
    again = sixth(*run, AS_OF)
    assert "is behind" not in again.stdout
    assert "ok store: " in sixth("doctor", "--home", home.root, check=None).stdout
    before = store.text(CONTENTS)
    sixth(*run, AS_OF)
    assert store.text(CONTENTS) == before, "a night with nothing to be done copies nothing"
    made = Home(tmp_path / "made")
    assert "is a home now" in sixth("restore", URL, "--home", made.root).stdout
    assert published(made) == published(home)
    # Other programs read what is published where it lies.
    scope = next((home.published / PERIOD).glob("*/v1")).parent.name
    with duckdb.connect() as connection:
        connection.register_filesystem(s3fs.S3FileSystem())
        for name, value in (("place", f"{URL}/"), ("scope", scope), ("name", "units")):
            connection.execute(f"set variable {name} = '{value}'")
        rows = connection.execute((ROOT / "docs" / "years.sql").read_text(encoding="utf-8")).fetchall()
    assert len(rows) == pl.read_parquet(home.published / PERIOD / scope / "v1" / "data" / "units.parquet").height
    # A key that is wrong is told, and neither it nor the right one anywhere.
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-of-nobody")
    s3fs.S3FileSystem.clear_instance_cache()
    wrong = sixth("doctor", "--home", home.root, check=1)
    assert "WRONG store: " in wrong.stdout
    said = down.stdout + told.stdout + again.stdout + again.stderr + wrong.stdout + wrong.stderr
    written = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    for secret in (SECRET, "another-secret-of-nobody"):
        assert secret not in said
        assert secret.encode() not in written
