"""Some things at a time: all of them, in their order, and never in too many blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assets.instance.batches import MOST_BLOCKS, blocks


@given(st.integers(0, 500), st.integers(1, 30))
def test_blocks_hold_all_in_their_order(count: int, at_least: int) -> None:
    found = list(blocks(range(count), at_least))
    assert [thing for block in found for thing in block] == list(range(count))
    assert len(found) <= MOST_BLOCKS
    assert all(len(block) >= at_least for block in found[:-1])
    if count <= at_least * MOST_BLOCKS:
        assert all(len(block) == at_least for block in found[:-1])
