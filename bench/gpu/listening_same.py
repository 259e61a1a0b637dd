"""The listening model: a tiny one answers on the device as on a CPU, and an answer is its own in every way."""

import torch
from torch import Tensor

from antiphon_server.engine.runner import BROKEN, PrefillPart, Row
from antiphon_server.engine.sequence import Ask
from antiphon_server.model.prompt import Prompt
from antiphon_server.model.stt.checkpoint import open_stt
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.text_runner import TextGraphRunner
from antiphon_server.runtime.paged_kv import PagedKV, PrefillAttention
from antiphon_server.runtime.stt_runner import SttRunner
from bench.gpu.generation import Wanted, generate
from bench.gpu.listening_model import Listening, make_ask, make_listening, make_text_runner
from bench.gpu.model import BLOCK_SIZE
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_MARGIN = 1e-3
"""Scores this close to each other may change places between devices."""
_SECONDS = (4.5, 0.1, 8.0, 3.3)
"""Rests of every kind."""
_MOST_IDS = 20


def measure(setting: Setting, record: Record) -> None:
    """Compare a tiny checkpoint in fp32, then a model of this run's size in bf16."""
    set_numerics()
    on_cpu, on_device = _tiny(setting)
    _check_devices(setting, record, on_cpu, make_text_runner(setting, on_device))
    _check_crowd(setting, record, on_device)
    if setting.size == "full":
        _check_crowd(setting, record, make_listening(setting, torch.bfloat16))


def _tiny(setting: Setting) -> tuple[Listening, Listening]:
    folder = setting.scratch / "tiny-listening"
    make_stt_checkpoint(folder, STT_SIZES["tiny"], seed=setting.seed)
    checkpoint = open_stt(folder)
    found = []
    for device in ("cpu", setting.device):
        model = Listening(Ear(checkpoint.config, dtype=torch.float32, device=device),
                          TextDecoder(checkpoint.config, dtype=torch.float32, device=device))  # fmt: skip
        model.ear.load(checkpoint)
        model.decoder.load(checkpoint)
        found.append(model)
    return found[0], found[1]


def _wanted(ask: Ask) -> Wanted:
    return Wanted(Prompt(tuple(ask.prompt), ask.num_prefix), ask.draw)


def _check_devices(setting: Setting, record: Record, on_cpu: Listening, runner: TextGraphRunner) -> None:
    """Compare ids up to the first that differs, which must be one that nearly was another."""
    num_ids, num_blocks = _num_ids(setting), setting.scale.num_blocks
    clips = _SECONDS if setting.size == "full" else _SECONDS[:2]
    asks = [make_ask(setting, index, seconds, num_ids) for index, seconds in enumerate(clips)]
    plain = SttRunner(on_cpu.ear, on_cpu.decoder, num_blocks=num_blocks, block_size=BLOCK_SIZE, max_sequences=4)
    expected = generate(plain, [_wanted(ask) for ask in asks], num_ids)
    found = generate(runner, [_wanted(ask) for ask in asks], num_ids)
    num_same, worst = 0, 0.0
    for ask, rows, theirs in zip(asks, _ids(expected), _ids(found), strict=True):
        same = next((at for at, pair in enumerate(zip(rows, theirs, strict=True)) if pair[0] != pair[1]), len(rows))
        num_same += same
        if same < len(rows):
            logits = _last_logits(plain, on_cpu.decoder, ask, rows[:same])
            worst = max(worst, float(abs(logits[rows[same]] - logits[theirs[same]])))
    distinct, total = len({token for ids in _ids(expected) for token in ids}), len(asks) * num_ids
    detail = f"{num_same} of {total} ids before a near tie, {distinct} distinct; largest gap {worst:.1e}"
    is_met = worst < _MARGIN and num_same >= total // 2 and distinct >= len(asks)
    record.check("listening: ids of steps on the device = of the plain runner on a CPU, fp32", is_met=is_met,
                 detail=detail)  # fmt: skip


def _num_ids(setting: Setting) -> int:
    return min(_MOST_IDS, setting.scale.listening_ids)


def _ids(answers: list[list[Row]]) -> list[list[int]]:
    return [[row[0] for row in rows] for rows in answers]


def _last_logits(plain: SttRunner, decoder: TextDecoder, ask: Ask, before: list[int]) -> Tensor:
    positions = [*ask.prompt, *before]
    num_blocks = -(-len(positions) // BLOCK_SIZE)
    cache = PagedKV(decoder.config, num_blocks=num_blocks, block_size=BLOCK_SIZE, dtype=decoder.dtype, device="cpu")
    hidden = plain.embed_part(PrefillPart(0, positions, 0, (), is_last=True))
    attention = PrefillAttention(cache, range(num_blocks), num_cached=0, num_new=len(positions))
    return decoder.logits(decoder.forward(hidden, torch.arange(len(positions)), attention)[-1:])[0]


def _check_crowd(setting: Setting, record: Record, model: Listening) -> None:
    """Answer the same clip in every way with a ``batch_invariant`` runner, and compare bit by bit."""
    label = f"listening, {str(model.decoder.dtype).removeprefix('torch.')}"
    num_ids, num_others = _num_ids(setting), setting.scale.crowd // 2
    asks = [make_ask(setting, index, 5.0 + index % 3, num_ids) for index in range(num_others + 1)]
    crowd, place = [_wanted(ask) for ask in asks], num_others // 2
    runner = make_text_runner(setting, model)
    everyone = generate(runner, [*crowd[1 : place + 1], crowd[0], *crowd[place + 1 :]], num_ids)
    alone = generate(runner, crowd[:1], num_ids)[0]
    _compare(record, f"alone = among {num_others} others, {label}", alone, everyone[place])
    _compare(record, f"again = before, {label}", generate(runner, crowd[:1], num_ids)[0], alone)
    distinct = len({tuple(rows) for rows in everyone})
    record.check(f"every clip has its own answer, {label}", is_met=distinct == len(everyone), detail=f"{distinct} have")
    if setting.has_graphs:
        eager = make_text_runner(setting, model, is_eager=True)
        _compare(record, f"graph = eager, {label}", alone, generate(eager, crowd[:1], num_ids)[0])
    else:
        record.not_measured(f"graph = eager, {label}", "a CPU has no graphs")
    record.check(f"no step ran without its graph, {label}", is_met=runner.graphs.num_misses == 0)


def _compare(record: Record, name: str, ours: list[Row], theirs: list[Row]) -> None:
    same = next((at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]), len(ours))
    is_met = same == len(ours) and BROKEN not in ours
    record.check(name, is_met=is_met, detail=f"the first {same} of {len(ours)} rows")
