"""Many things some at a time, so that what is held of a carrier at once stays small.

Belongs here: how many at a time. Does not: what is done with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
MOST_BLOCKS = 20


def blocks(things: Sequence[T], at_least: int) -> Iterator[Sequence[T]]:
    """Yield `things` in batches of at least `at_least`; the last batch may be smaller.

    Batches grow so that there are never more than MOST_BLOCKS: each costs a look through the whole month, so their
    number must not grow with the units.
    """
    size = max(at_least, -(-len(things) // MOST_BLOCKS))
    for start in range(0, len(things), size):
        yield things[start : start + size]
