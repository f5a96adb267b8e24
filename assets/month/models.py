"""What the models of sql/ read: the tables that they name after `from` and `join`, and the order that follows.

Belongs here: reading references out of SQL. Does not: running a model (assets/instance/warehouse.py), what one says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter

from assets.instance.warehouse import SQL, model

_COMMENT = re.compile(r"--.*")
_TABLE = re.compile(r"\b(?:from|join)\s+((?:staging|core|marts)\.\w+)")


@cache
def references(name: str) -> frozenset[str]:
    """The tables that the model `marts/problems` reads, as `core.units`; its own where it looks back at itself."""
    return frozenset(_TABLE.findall(_COMMENT.sub("", model(name))))


@cache
def models_of(folder: str) -> tuple[str, ...]:
    """The models of a folder of sql/ by name, each after those of the folder whose tables it reads.

    graphlib.CycleError where two read each other.
    """
    names = sorted(path.stem for path in (SQL / folder).glob("*.sql"))
    return in_order(names, folder)


def in_order(names: Iterable[str], folder: str) -> tuple[str, ...]:
    """These models of a folder, which is the schema of their tables, each after those it reads."""
    names = list(names)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in names:
        read = {table.partition(".")[2] for table in references(f"{folder}/{name}") if table.startswith(f"{folder}.")}
        sorter.add(name, *sorted(read.intersection(names) - {name}))
    return tuple(sorter.static_order())
