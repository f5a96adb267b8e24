"""A home opened with a copy of its warehouse: months settled otherwise, to look at, without a trace.

Belongs here: the copy. Does not: what is looked at (replay.py, register_diff.py, rehearsal.py, preview.py,
drawn.py, documents.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.session import Session
from assets.instance.warehouse import copy_warehouse, open_warehouse


@contextmanager
def copied_session(
    home: Home,
    as_of: datetime,
    overrides: Path | None = None,
    apply_register: Collection[str] = (),
    lang: str = "zh",
    into: Path | None = None,
) -> Iterator[Session]:
    """The home opened with a copy of its warehouse, which is gone afterwards: what is done there changes nothing.

    `overrides` is a folder with other files of the catalogue than the home's; `apply_register`: closed months that rest
    on today's register there; `into`: the folder that the copy lies in, for who clears it away after a process that was
    killed. While a run is under way, the copy is of what the warehouse held when that began.
    Raises WarehouseBusy, WarehouseDamaged.
    """
    home.check()
    home.warehouse.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into or home.warehouse, prefix="replay-") as folder:
        copy_warehouse(home.warehouse, Path(folder))
        with open_warehouse(Path(folder)) as warehouse:
            yield Session(home, warehouse, as_of, None, lang, overrides, apply_register)
