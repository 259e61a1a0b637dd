"""A codec that works beside the steps: samples come late, in order, and to nobody who has ended."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.sequence import Finish
from antiphon_server.engine.step_loop import StepLoop
from support.scripted_runner import ScriptedRunner, sound_of, speech_rows
from support.stepping import ask, assert_at_rest, run, submit

FRAMES = {1: 8, 2: 30, 3: 120}


class LateRunner(ScriptedRunner):
    """Windows are ready when they have been asked after ``lateness`` times, or must be waited for."""

    def __init__(self, lateness, **how):
        super().__init__(**how)
        self.lateness, self.num_asked = lateness, 0

    def launch_windows(self, parts):
        firsts = [part.rows[0] for part in parts]
        assert firsts
        super().launch_windows(parts)

    def collect_windows(self, *, must):
        self.num_asked += 1
        if not must and self.num_asked <= self.lateness:
            return None
        self.num_asked = 0
        return super().collect_windows(must=must)


@given(lateness=st.integers(0, 30), lag=st.integers(1, 3))
def test_late_windows_give_the_same_sound(lateness, lag):
    script = {seed: speech_rows(frames) for seed, frames in FRAMES.items()}
    loop = StepLoop(LateRunner(lateness, max_lag=lag, script=script, num_blocks=400), lambda: 0.0)
    ears = {seed: submit(loop, ask(seed, max_rows=200)) for seed in FRAMES}
    run(loop)
    for seed, ear in ears.items():
        assert ear.ends == [Finish.STOP]
        assert ear.pcm == sound_of(script[seed][: FRAMES[seed]])
    assert_at_rest(loop)


@given(lateness=st.integers(0, 30), num_steps=st.integers(0, 80))
def test_a_window_of_who_has_ended_is_dropped(lateness, num_steps):
    script = {seed: speech_rows(60) for seed in (1, 2)}
    loop = StepLoop(LateRunner(lateness, max_lag=2, script=script, num_blocks=400), lambda: 0.0)
    gone, other = (submit(loop, ask(seed, max_rows=200)) for seed in (1, 2))
    for _ in range(num_steps):
        loop.step()
    heard = len(gone.pcm)
    loop.cancel(gone.sequence)
    loop.step()
    assert len(gone.ends) == 1
    run(loop)
    assert len(gone.pcm) == heard or gone.ends == [Finish.STOP]
    assert other.pcm == sound_of(script[2][:60])
    assert_at_rest(loop)
