"""The SQL models of sql/, by name.

Belongs here: their text. Does not: running them, in the warehouse (warehouse.py) or in a snapshot (reports/portal).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SQL = Path(__file__).parent.parent.parent / "sql"


@cache
def model(name: str) -> str:
    """The SQL text of a model, `marts/problems` being sql/marts/problems.sql."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")
