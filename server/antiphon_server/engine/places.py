"""Slots and blocks of a runner: who gets them, and that they come back."""

from antiphon_server.engine.blocks import BlockManager, prefix_keys
from antiphon_server.engine.runner import Runner
from antiphon_server.engine.sequence import Ask, Sequence
from antiphon_server.errors import ContextOverflow


class Places:
    """A place is a slot and all the blocks a sequence can ever need, so that none has to be put back."""

    def __init__(self, runner: Runner) -> None:
        """Begin with all places free."""
        self._room = runner.max_positions
        self.blocks = BlockManager(runner.num_blocks, runner.block_size)
        self._free_slots = list(range(runner.max_sequences - 1, -1, -1))

    def check_size(self, ask: Ask) -> None:
        """Refuse what no place can hold.

        Raises:
            ContextOverflow: If prompt and rows do not fit the model or the cache.
        """
        if len(ask.prompt) + ask.max_rows > self._room:
            raise ContextOverflow(
                f"prompt and answer must fit {self._room} positions: {len(ask.prompt)} and at most {ask.max_rows} rows"
            )

    def keys_of(self, ask: Ask) -> list[bytes]:
        """Key the whole blocks of a prefix; they are computed in a call of their own, cached or not."""
        num_shared = min(ask.num_prefix, len(ask.prompt) - 1)
        return prefix_keys(ask.prompt[:num_shared], self.blocks.block_size)

    def count_short(self, num_waiting: int, num_positions: int = 1) -> int:
        """Count the sequences that have to end before a new one gets a place behind those that wait."""
        is_full = self.blocks.num_needed(num_positions) > self.blocks.num_available
        return max(0, int(is_full), num_waiting + 1 - len(self._free_slots))

    def take(self, sequence: Sequence) -> bool:
        """Give a sequence a place, with what is cached of its prefix; false if there is none."""
        if not self._free_slots:
            return False
        shared = self.blocks.find(sequence.keys)
        if len(shared) < len(sequence.keys):
            shared = []  # a prefix is computed in one call or not at all: its bits must not depend on what was cached
        blocks = self.blocks.take(self.blocks.num_needed(sequence.ask.max_positions), shared=shared)
        if blocks is None:
            return False
        sequence.part.blocks, sequence.part.slot = blocks, self._free_slots.pop()
        sequence.num_shared = len(sequence.keys) * self.blocks.block_size
        sequence.num_computed = sequence.num_shared if shared else 0
        return True

    def give_back(self, sequence: Sequence) -> int:
        """Take a sequence's place back; the slot it was."""
        slot, sequence.part.slot = sequence.part.slot, -1
        self._free_slots.append(slot)
        self.blocks.give_back(sequence.part.blocks)
        return slot
