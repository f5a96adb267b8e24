"""A home opened with a copy of its warehouse: months settled otherwise, to look at, without a trace.

Belongs here: the copy. Does not: what is looked at (replay.py, register_diff.py).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.session import Session
from assets.instance.warehouse import open_warehouse


@contextmanager
def copied_session(
    home: Home, as_of: datetime, overrides: Path | None = None, apply_register: Collection[str] = ()
) -> Iterator[Session]:
    """The home opened with a copy of its warehouse, which is gone afterwards: what is done there changes nothing.

    `overrides` is a folder with other files of the catalogue than the home's; `apply_register`: closed months that rest
    on today's register there.
    """
    with tempfile.TemporaryDirectory(dir=home.warehouse, prefix="replay-") as folder:
        file = home.warehouse / "sixth.duckdb"
        if file.exists():
            shutil.copy(file, folder)
        with open_warehouse(Path(folder)) as warehouse:
            yield Session(home, warehouse, as_of, None, "zh", overrides, apply_register)
