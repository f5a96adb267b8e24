"""Many things some at a time, so that what is held of a carrier at once stays small.

Belongs here: how many at a time. Does not: what is done with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
MOST_BLOCKS = 20


def blocks(things: Sequence[T], at_least: int) -> Iterator[Sequence[T]]:
    """The things in their order, `at_least` so many at a time, the last ones apart.

    More where they would be more than MOST_BLOCKS blocks: each costs a look through the whole month, and so many looks
    as there are blocks would take four times as long for twice the units.
    """
    size = max(at_least, -(-len(things) // MOST_BLOCKS))
    for start in range(0, len(things), size):
        yield things[start : start + size]
