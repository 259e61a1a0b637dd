"""Blocks: never lost, never held by strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.blocks import BlockManager, prefix_keys


def test_too_few_blocks_leave_everything_as_it_was():
    blocks = BlockManager(4, 16)
    held = blocks.take(3)
    assert blocks.take(2) is None
    assert blocks.num_held == 3
    blocks.give_back(held)
    assert blocks.num_available == 4


def test_a_prefix_is_shared_and_survives_its_first_holder():
    blocks, keys = BlockManager(4, 2), prefix_keys([1, 2, 3, 4], 2)
    first = blocks.take(3)
    blocks.publish(keys, first)
    blocks.give_back(first)
    shared = blocks.find(keys)
    assert shared == first[:2]
    second = blocks.take(3, shared=shared)
    assert second[:2] == first[:2]
    assert blocks.num_held == 3


def test_kept_prefixes_make_room_least_recently_used_first():
    blocks = BlockManager(2, 1)
    for position in (1, 2):
        held = blocks.take(1)
        blocks.publish(prefix_keys([position], 1), held)
        blocks.give_back(held)
    assert blocks.take(1) is not None
    assert blocks.find(prefix_keys([1], 1)) == []
    assert blocks.find(prefix_keys([2], 1)) != []


def test_shared_blocks_that_nobody_holds_are_not_counted_as_room():
    blocks, keys = BlockManager(2, 1), prefix_keys([1], 1)
    held = blocks.take(1)
    blocks.publish(keys, held)
    blocks.give_back(held)
    assert blocks.take(3, shared=blocks.find(keys)) is None
    assert blocks.take(2, shared=blocks.find(keys)) is not None


def test_a_block_that_is_not_held_cannot_be_given_back():
    blocks = BlockManager(2, 1)
    with pytest.raises(ValueError, match="not held"):
        blocks.give_back([0])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=60))
def test_no_block_leaks_or_doubles_whatever_is_taken_and_given_back(moves):
    blocks, held = BlockManager(12, 2), []
    for prefix, num in moves:
        keys = prefix_keys([prefix, prefix, prefix, prefix], 2)
        taken = blocks.take(max(num, 2), shared=blocks.find(keys))
        if taken is None:
            if held:
                blocks.give_back(held.pop(0))
            continue
        blocks.publish(keys, taken)
        held.append(taken)
        own = [block for one in held for block in one[2:]]
        assert len(set(own)) == len(own)
    for one in held:
        blocks.give_back(one)
    assert blocks.num_available == 12
