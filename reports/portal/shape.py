"""What who writes a snapshot and who reads one must agree on.

Belongs here: names, and whether a file is one. Does not: writing it (snapshot.py), which takes the libraries of the
warehouse, reading it for a person (reading.py), which takes none of them: the portal's processes stay small.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from expectations.catalogue import Catalogue

SHAPE = 2  # of the file, in its header: one of another shape is not read, and the next run writes it anew
HELD = -1  # the place of what is nobody's
BESIDE = 2  # rows drawn before and after one that fails
RANK = {"hold": 0, "return": 1, "incomplete": 2, "drop": 3, "seal": 4, "flag": 5}
"""What a finding does to figures, by what is looked at first."""
ANY = "*"  # of counts: all sheets together
VAULT = "vault"  # the folder of the files with rows unmasked, beside the snapshots


def is_ours(file: Path) -> bool:
    """Whether a file is there and has the shape that is read here; those of earlier versions had another."""
    try:
        with file.open("rb") as opened:
            return opened.read(64)[60:] == SHAPE.to_bytes(4, "big")  # user_version, in the header of SQLite
    except FileNotFoundError:
        return False


def carrier_of(file: Path) -> str:
    """The carrier of the month of a snapshot."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        return str(db.execute("select unit_code from nodes where place = 0").fetchone()[0])


def unmasked_tables(catalogue: Catalogue) -> tuple[str, ...]:
    """The tables of data/ that have columns with names or phone numbers."""
    return tuple(key for key, sheet in catalogue.sheets.items() if any(column.pii for column in sheet.columns))
