"""Rows of codes straight from a runner, without the step loop: what is compared in the checks."""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_server.engine.codec_plan import windows
from antiphon_server.engine.runner import STOPPED, DecodePart, Draw, PrefillPart, Row, Runner, WindowPart
from antiphon_server.model.prompt import Prompt

LAG = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One generation."""

    prompt: Prompt
    draw: Draw


def generate(
    runner: Runner, wanted: Sequence[Wanted], num_rows: int, *, cached_from: int | None = None
) -> list[list[Row]]:
    """Generate ``num_rows`` rows for all at once.

    Args:
        runner: With a slot for each of them; all are free again afterwards.
        wanted: Generations; the voice's prefix is computed in a call of its own, as the step loop does.
        num_rows: Rows of each.
        cached_from: Index of one whose prefix those behind it take from the cache.
    """
    tables, first = start(runner, wanted, num_rows, cached_from=cached_from)
    rows, under_way = [[row] for row in first], 0
    for step in range(1, num_rows):
        runner.launch(decode_parts(wanted, tables, step))
        under_way += 1
        if under_way == min(LAG, runner.max_lag):
            _take(runner, rows)
            under_way -= 1
    for _ in range(under_way):
        _take(runner, rows)
    for slot in range(len(wanted)):
        runner.end(slot)
    return rows


def start(
    runner: Runner, wanted: Sequence[Wanted], num_rows: int, *, cached_from: int | None = None
) -> tuple[list[list[int]], list[Row]]:
    """Compute all prompts, with room for ``num_rows`` rows behind each: the block tables and the first rows."""
    tables, first = _tables(runner, wanted, num_rows, cached_from), []
    for slot, one in enumerate(wanted):
        runner.begin(slot, one.draw)
        is_cached = cached_from is not None and slot > cached_from
        first.append(_prefill(runner, slot, one.prompt, tables[slot], is_cached=is_cached))
    return tables, first


def decode_parts(wanted: Sequence[Wanted], tables: Sequence[list[int]], step: int) -> list[DecodePart]:
    """Describe one step of all, ``step`` rows after the first."""
    return [
        DecodePart(slot, len(one.prompt.positions) + step, table)
        for slot, (one, table) in enumerate(zip(wanted, tables, strict=True))
    ]


def windows_of(rows: Sequence[Row]) -> list[WindowPart]:
    """Cut a whole clip into the codec's windows."""
    return [
        WindowPart(rows[window.first : window.last + 7], window.begin - window.first, window.last - window.end)
        for window in windows(len(rows) - 7)
    ]


def num_prefix(prompt: Prompt, block_size: int) -> int:
    """Positions of the voice that fill whole blocks."""
    return prompt.num_prefix // block_size * block_size


def _prefill(runner: Runner, slot: int, prompt: Prompt, table: list[int], *, is_cached: bool) -> Row:
    cut = num_prefix(prompt, runner.block_size)
    if cut and not is_cached:
        runner.prefill(PrefillPart(slot, prompt.positions[:cut], 0, table, is_last=False))
    runner.prefill(PrefillPart(slot, prompt.positions[cut:], cut, table, is_last=True))
    return runner.collect()[0]


def _take(runner: Runner, rows: list[list[Row]]) -> None:
    for own, row in zip(rows, runner.collect(), strict=True):
        if row != STOPPED:
            own.append(row)


def _tables(runner: Runner, wanted: Sequence[Wanted], num_rows: int, cached_from: int | None) -> list[list[int]]:
    tables: list[list[int]] = []
    next_block = 0
    for slot, one in enumerate(wanted):
        num_blocks = -(-(len(one.prompt.positions) + num_rows) // runner.block_size)
        shared: list[int] = []
        if cached_from is not None and slot > cached_from:
            shared = tables[cached_from][: num_prefix(one.prompt, runner.block_size) // runner.block_size]
        tables.append([*shared, *range(next_block, next_block + num_blocks - len(shared))])
        next_block += num_blocks - len(shared)
    if next_block > runner.num_blocks:
        raise ValueError(f"{next_block} blocks are needed, and the runner has {runner.num_blocks}")
    return tables
