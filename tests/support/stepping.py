"""A step loop driven by hand: who listens, what is asked, and a clock that goes on when told to."""

from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask
from support.scripted_runner import SAMPLES_PER_FRAME, ScriptedRunner


class Clock:
    """Seconds, by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class TimedRunner(ScriptedRunner):
    """Every call takes its time by a clock: a prompt, a row of everyone, each window."""

    def __init__(self, clock, *, prefill_s=0.010, row_s=0.002, codec_s=0.005, **how):
        super().__init__(**how)
        self.clock, self.prefill_s, self.row_s, self.codec_s = clock, prefill_s, row_s, codec_s

    def prefill(self, part):
        self.clock.now += self.prefill_s
        return super().prefill(part)

    def launch(self, parts):
        self.clock.now += self.row_s
        super().launch(parts)

    def decode_windows(self, parts):
        self.clock.now += self.codec_s * len(parts)
        return super().decode_windows(parts)


class Ear:
    """A Listener that keeps what it hears, and takes it at once unless told to wait."""

    def __init__(self, loop, *, is_slow=False):
        self.loop, self.is_slow = loop, is_slow
        self.pcm, self.ends, self.failures = b"", [], []
        self.sequence = None

    def take_audio(self, pcm):
        assert not self.ends, "audio came after the end"
        self.pcm += pcm
        if not self.is_slow:
            self.loop.note_delivered(self.sequence, len(pcm) // 2)

    def take_end(self, sequence):
        self.ends.append(sequence.finish)

    def take_failure(self, error):
        self.failures.append(error)

    @property
    def num_frames(self):
        return len(self.pcm) // 2 // SAMPLES_PER_FRAME


def ask(seed=0, *, prompt=(1, 2, 3, 4, 5), num_prefix=1, max_rows=40, caller="", **more):
    return Ask(prompt, num_prefix, Draw(seed=seed), max_rows, caller=caller, **more)


def submit(loop, one, **how):
    ear = Ear(loop, **how)
    ear.sequence = loop.submit(one, ear)
    return ear


def run(loop, limit=5000):
    for _ in range(limit):
        if not loop.step() and loop.is_idle:
            return
    raise AssertionError("the loop does not come to rest")


def assert_at_rest(loop):
    assert loop.is_idle
    assert loop.runner.is_idle
    assert loop.blocks.num_held == 0
