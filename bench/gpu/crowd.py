"""Whether a seeded request is its own: as a graph and eager, alone and in a crowd, with a cached voice and without."""

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.engine.runner import Draw, Row
from antiphon_server.model.backbone import Backbone
from antiphon_server.runtime.cuda.graph_runner import GraphRunner
from bench.gpu.generation import Wanted, generate, windows_of
from bench.gpu.model import make_prompt, make_runner
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_PROBE = 3


def check_crowd(
    setting: Setting, record: Record, model: Backbone, decoder: ChannelsLastDecoder, runner: GraphRunner
) -> None:
    """Generate the same request in every way with a ``batch_invariant`` runner, and compare bit by bit."""
    label = str(model.dtype).removeprefix("torch.")
    scale = setting.scale
    crowd = [_wanted(setting, index) for index in range(scale.crowd + 1)]
    place = min(40, scale.crowd // 2)
    among = generate(runner, [*crowd[1 : place + 1], crowd[0], *crowd[place + 1 :]], scale.parity_rows)[place]
    alone = generate(runner, crowd[:1], scale.parity_rows)[0]
    _compare(record, f"alone = among {scale.crowd} others, {label}", alone, among)
    record.check(
        f"alone = among {scale.crowd} others, samples, {label}", is_met=_sound(runner, alone) == _sound(runner, among)
    )
    _compare(record, f"again = before, {label}", generate(runner, crowd[:1], scale.parity_rows)[0], alone)
    cached = generate(runner, [crowd[1], crowd[0]], scale.parity_rows, cached_from=0)[1]
    _compare(record, f"voice from the cache = voice computed, {label}", cached, alone)
    if setting.has_graphs:
        eager = make_runner(setting, model, decoder, is_eager=True)
        _compare(record, f"graph = eager, {label}", alone, generate(eager, crowd[:1], scale.parity_rows)[0])
    else:
        record.not_measured("graph = eager", "a CPU has no graphs")
    missing = runner.graphs.num_misses + runner.codec_graphs.num_misses
    record.check(f"no step ran without its graph, {label}", is_met=missing == 0, detail=f"{missing} did")


def _wanted(setting: Setting, index: int) -> Wanted:
    return Wanted(make_prompt(setting, index), Draw(seed=_PROBE + index, top_k=50, top_p=0.95))


def _compare(record: Record, name: str, ours: list[Row], theirs: list[Row]) -> None:
    same = next((at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]), len(ours))
    detail = f"the first {same} of {len(ours)} rows, {len(set(ours))} of them distinct"
    record.check(name, is_met=same == len(ours) and len(set(ours)) > len(ours) // 2, detail=detail)


def _sound(runner: GraphRunner, rows: list[Row]) -> list[bytes]:
    runner.launch_windows(windows_of(rows))
    return [bytes(pcm or b"") for pcm in runner.collect_windows(must=True) or ()]
