"""Whatever happens, in whatever order: every sequence ends once, no queue outgrows its bound, and nothing is kept."""

import gc

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.codec_plan import MAX_CHUNK_FRAMES
from antiphon_server.engine.runner import BROKEN
from antiphon_server.engine.sequence import MAX_UNDELIVERED_SAMPLES
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import DeadlineTooShort, EngineFailed, Overloaded
from support.scripted_runner import SAMPLES_PER_FRAME, SILENT, ScriptedRunner, speech_rows
from support.stepping import Clock, ask, assert_at_rest, run, submit

SCRIPT = {
    0: speech_rows(30),
    1: speech_rows(90),
    2: [(SILENT,) * 8] * 300,
    3: [*speech_rows(40)[:25], BROKEN],
    4: [BROKEN],
}
ENDLESS = 5
NUMBER = st.integers(0, 15)
ACTIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 60)),
    st.tuples(
        st.just("ask"),
        st.integers(0, ENDLESS),
        st.one_of(st.none(), st.floats(0, 0.3)),
        st.booleans(),
        st.integers(0, 2),
    ),
    st.tuples(st.just("cancel"), NUMBER),
    st.tuples(st.just("take"), NUMBER),
    st.tuples(st.just("wait"), st.floats(0, 0.2)),
    st.tuples(st.just("fail"), st.integers(0, 20)),
)


class FragileRunner(ScriptedRunner):
    """Fails at a call when told to."""

    calls_left = -1

    def prefill(self, part):
        self._may_fail()
        return super().prefill(part)

    def launch(self, parts):
        self._may_fail()
        super().launch(parts)

    def collect(self):
        rows = super().collect()
        self._may_fail()
        return rows

    def decode_windows(self, parts):
        self._may_fail()
        return super().decode_windows(parts)

    def begin(self, slot, draw):
        super().begin(slot, draw)
        self._may_fail()

    def _may_fail(self):
        self.calls_left -= 1
        if self.calls_left == 0:
            raise RuntimeError("as told")


class Chaos:
    """A loop, who listens to it, and what happens to them."""

    def __init__(self, lag):
        self.clock = Clock()
        self.loop = StepLoop(
            FragileRunner(num_blocks=300, max_sequences=3, max_lag=lag, script=SCRIPT), self.clock, max_waiting=6
        )
        self.ears = []

    def step(self, num_steps=1):
        for _ in range(num_steps):
            self.clock.now += 0.002
            try:
                self.loop.step()
            except RuntimeError:
                self.loop.fail_all(EngineFailed("broken"))
            for ear in self.ears:
                most = MAX_UNDELIVERED_SAMPLES + MAX_CHUNK_FRAMES * SAMPLES_PER_FRAME
                assert ear.sequence.num_undelivered <= most
                assert len(ear.ends) + len(ear.failures) <= 1

    def ask(self, seed, due_in_s, is_slow, caller):
        due_at = None if due_in_s is None else self.clock.now + due_in_s
        try:
            one = ask(seed, max_rows=200, due_at=due_at, caller=caller, prompt=(seed, 2, 3, 4, 5), num_prefix=4)
            self.ears.append(submit(self.loop, one, is_slow=is_slow))
        except (DeadlineTooShort, Overloaded):
            pass

    def cancel(self, number):
        if self.ears:
            self.loop.cancel(self.ears[number % len(self.ears)].sequence)

    def take(self, number):
        if self.ears:
            sequence = self.ears[number % len(self.ears)].sequence
            self.loop.note_delivered(sequence, sequence.num_undelivered)

    def wait(self, seconds):
        self.clock.now += seconds

    def fail(self, num_calls):
        self.loop.runner.calls_left = num_calls

    def finish(self):
        for _ in range(3000):
            if self.loop.is_idle:
                break
            for number in range(len(self.ears)):
                self.take(number)
            self.step()


@given(st.lists(ACTIONS, max_size=40), st.sampled_from([1, 2]))
@settings(deadline=None)
def test_every_sequence_ends_once_whatever_happens(actions, lag):
    chaos = Chaos(lag)
    for name, *how in actions:
        getattr(chaos, name)(*how)
    chaos.finish()
    assert all(len(ear.ends) + len(ear.failures) == 1 for ear in chaos.ears)
    assert_at_rest(chaos.loop)
    counters = chaos.loop.stats().counters
    assert sum(counters[name] for name in counters if name.startswith("sequences_")) == len(chaos.ears)
    assert chaos.loop.stats().gauges["running"] == chaos.loop.stats().gauges["waiting"] == 0


@given(st.integers(1, 120), st.sampled_from([1, 2]))
@settings(deadline=None)
def test_after_a_failure_the_next_speech_is_whole(num_calls, lag):
    chaos = Chaos(lag)
    for seed in (0, 1, ENDLESS):
        chaos.ask(seed, None, False, 0)
    chaos.fail(num_calls)
    chaos.finish()
    chaos.fail(-1)
    again = submit(chaos.loop, ask(1, max_rows=200, prompt=(1, 2, 3, 4, 5), num_prefix=4))
    run(chaos.loop)
    assert again.pcm[:: 2 * SAMPLES_PER_FRAME] == bytes(range(90))
    assert_at_rest(chaos.loop)


def test_a_hundred_thousand_steps_leave_nothing_behind():
    runner = ScriptedRunner(max_sequences=3, num_blocks=100, script={0: speech_rows(30)})
    loop, num_objects = StepLoop(runner, lambda: 0.0), []
    runner.batches, runner.prefills, runner.begun = Forgetful(), Forgetful(), Forgetful()
    for num_steps in (20_000, 100_000):
        while loop.num_steps < num_steps:
            if loop.num_waiting < 2:
                prompt = (loop.num_steps % 50, 2, 3, 4, 5)
                submit(loop, ask(max_rows=40, prompt=prompt, num_prefix=4, caller=loop.num_steps, due_at=1e9))
            loop.step()
        run(loop)
        assert_at_rest(loop)
        gc.collect()
        num_objects.append(len(gc.get_objects()))
    assert len(loop.blocks._by_key) <= 100
    assert num_objects[1] <= num_objects[0] + 100


class Forgetful(list):
    def append(self, _):
        """Keep nothing."""
