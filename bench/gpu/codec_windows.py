"""The codec's windows, by their length and by how many are decoded together."""

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.runtime.cuda.codec_step import RAMP_FRAMES, CodecStep, WindowShape
from antiphon_server.runtime.cuda.device import set_numerics
from bench.gpu.model import make_codec_weights, make_decoder, make_kernels, noise
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import Replays, elapsed_ms, wait_for

WINDOW_FRAMES = 45


def measure(setting: Setting, record: Record) -> None:
    """Time graphs of each shape, and for the usual window also the eager work."""
    set_numerics()
    decoder, replays = make_decoder(setting), Replays(setting.device)
    record.fact(snake=make_kernels(setting.device).snake.__module__)
    shapes = [WindowShape(frames, 1) for frames in RAMP_FRAMES if frames != WINDOW_FRAMES]
    shapes += [WindowShape(WINDOW_FRAMES, batch) for batch in setting.scale.codec_batches]
    for shape in shapes:
        step = CodecStep(decoder, shape, device=setting.device)
        step.codes.random_(0, 1024, generator=noise("codes", setting.seed, setting.device))
        wait_for(setting.device)
        times = replays.time(shape, step.run, setting.scale.replays)
        of = {"frames": shape.num_frames, "batch": shape.batch}
        record.figure("codec window", times, "ms", of=of, ms_per_window=sorted(times)[len(times) // 2] / shape.batch)
        if shape == WindowShape(WINDOW_FRAMES, 1):
            _plain(setting, record, replays, shape)
        if shape == WindowShape(WINDOW_FRAMES, 1) and setting.has_graphs:
            with replays.lane.entered():
                record.figure("codec window, eager", elapsed_ms(replays.device, step.run, 10), "ms", of=of)


def _plain(setting: Setting, record: Record, replays: Replays, shape: WindowShape) -> None:
    """Time the same window with channels outermost and a snake of several kernels: what the other layout is worth."""
    step = CodecStep(HiggsCodec(make_codec_weights(setting, setting.device)), shape, device=setting.device)
    step.codes.random_(0, 1024, generator=noise("codes", setting.seed, setting.device))
    wait_for(setting.device)
    of = {"frames": shape.num_frames, "batch": shape.batch}
    times = replays.time(("plain", shape), step.run, setting.scale.replays)
    record.figure("codec window, channels outermost", times, "ms", of=of)
