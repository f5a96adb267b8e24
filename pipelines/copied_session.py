"""A home opened with a copy of its warehouse: months settled otherwise, to look at, without a trace.

Belongs here: the copy. Does not: what is looked at (replay.py, register_diff.py, rehearsal.py, preview.py).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from assets.instance.home import Home
from assets.instance.session import Session
from assets.instance.warehouse import held, open_warehouse

WAREHOUSE = "sixth.duckdb"


@contextmanager
def copied_session(
    home: Home, as_of: datetime, overrides: Path | None = None, apply_register: Collection[str] = ()
) -> Iterator[Session]:
    """The home opened with a copy of its warehouse, which is gone afterwards: what is done there changes nothing.

    `overrides` is a folder with other files of the catalogue than the home's; `apply_register`: closed months that rest
    on today's register there. Raises WarehouseBusy while a run is under way: half of what it writes is no warehouse.
    """
    with tempfile.TemporaryDirectory(dir=home.warehouse, prefix="replay-") as folder:
        _copy(home, Path(folder))
        with open_warehouse(Path(folder)) as warehouse:
            yield Session(home, warehouse, as_of, None, "zh", overrides, apply_register)


def _copy(home: Home, folder: Path) -> None:
    """Copy the warehouse, and what a run that was killed has left to be written into it."""
    file = home.warehouse / WAREHOUSE
    if not file.exists():
        return
    try:
        reading = duckdb.connect(str(file), read_only=True)  # no run begins while the file is copied
    except duckdb.IOException as error:
        if busy := held(file, error):
            raise busy from error
        raise
    try:
        for path in (file, file.with_name(f"{WAREHOUSE}.wal")):
            if path.exists():
                shutil.copy(path, folder)
    finally:
        reading.close()
