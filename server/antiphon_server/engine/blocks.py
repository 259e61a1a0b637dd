"""Who holds which block of the cache, and which blocks hold a prefix that others can share.

A block is free, held, or kept: full of a prefix that nobody uses now. Kept ones are reused or, the least recently used
first, freed.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from hashlib import blake2b


class BlockManager:
    """Counts references to blocks. Every block taken is given back exactly once by each holder."""

    def __init__(self, num_blocks: int, block_size: int) -> None:
        """Begin with all blocks free; ``block_size`` is in positions."""
        self.block_size = block_size
        self.num_blocks = num_blocks
        self._free = list(range(num_blocks - 1, -1, -1))
        self._num_holders = [0] * num_blocks
        self._by_key: dict[bytes, int] = {}
        self._key_of: dict[int, bytes] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()

    @property
    def num_available(self) -> int:
        """Blocks that can be taken now."""
        return len(self._free) + len(self._kept)

    @property
    def num_free(self) -> int:
        """Blocks that hold nothing."""
        return len(self._free)

    @property
    def num_kept(self) -> int:
        """Blocks full of a prefix that nobody uses now."""
        return len(self._kept)

    @property
    def num_held(self) -> int:
        """Blocks that sequences hold."""
        return self.num_blocks - self.num_available

    def num_needed(self, num_positions: int) -> int:
        """Count the blocks of a number of positions."""
        return -(-num_positions // self.block_size)

    def find(self, keys: Sequence[bytes]) -> list[int]:
        """List the blocks that hold the longest known beginning of a chain of keys."""
        found = []
        for key in keys:
            block = self._by_key.get(key)
            if block is None:
                break
            found.append(block)
        return found

    def take(self, num_blocks: int, *, shared: Sequence[int] = ()) -> list[int] | None:
        """Hold ``shared`` blocks and new ones, ``num_blocks`` in all; None and nothing if there are too few."""
        num_new = num_blocks - len(shared)
        num_kept_shared = sum(block in self._kept for block in shared)
        if num_new > self.num_available - num_kept_shared:
            return None
        for block in shared:
            self._hold(block)
        return [*shared, *(self._take_one() for _ in range(num_new))]

    def publish(self, keys: Sequence[bytes], blocks: Sequence[int]) -> None:
        """Say that blocks are full of a prefix with these keys; one that another block already has is left alone."""
        for key, block in zip(keys, blocks, strict=False):
            if key not in self._by_key and block not in self._key_of:
                self._by_key[key] = block
                self._key_of[block] = key

    def withdraw(self, blocks: Sequence[int]) -> None:
        """Let nobody find these held blocks by a prefix any more; who holds them goes on."""
        for block in blocks:
            key = self._key_of.pop(block, None)
            if key is not None:
                del self._by_key[key]

    def give_back(self, blocks: Sequence[int]) -> None:
        """Let go of blocks.

        Raises:
            ValueError: If one is not held.
        """
        for block in reversed(blocks):
            if self._num_holders[block] < 1:
                raise ValueError(f"block {block} is not held")
            self._num_holders[block] -= 1
            if self._num_holders[block] == 0:
                if block in self._key_of:
                    self._kept[block] = None
                else:
                    self._free.append(block)

    def _hold(self, block: int) -> None:
        self._kept.pop(block, None)
        self._num_holders[block] += 1

    def _take_one(self) -> int:
        block = self._free.pop() if self._free else self._forget_oldest()
        self._num_holders[block] = 1
        return block

    def _forget_oldest(self) -> int:
        block, _ = self._kept.popitem(last=False)
        del self._by_key[self._key_of.pop(block)]
        return block


def prefix_keys(positions: Sequence[Hashable], block_size: int) -> list[bytes]:
    """Key every full block of a prefix by everything up to its end. Positions are text ids or rows of codes.

    >>> a, b = prefix_keys([1, 2, 3, 4], 2), prefix_keys([1, 2, 5, 4], 2)
    >>> a[0] == b[0], a[1] == b[1]
    (True, False)
    """
    keys, chain = [], b""
    for begin in range(0, len(positions) - block_size + 1, block_size):
        content = repr(tuple(positions[begin : begin + block_size])).encode()
        chain = blake2b(chain + content, digest_size=16).digest()
        keys.append(chain)
    return keys
