from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.voicegate import WINDOW_MS, VoiceGate

PROBABILITIES = st.lists(st.sampled_from([0.0, 0.2, 0.34, 0.36, 0.49, 0.5, 0.9, 1.0]), max_size=200)


def test_speech_starts_at_its_first_window_once_it_is_long_enough():
    gate = VoiceGate(min_speech_ms=100)
    assert gate.take([0.0, 0.0, 0.9, 0.9, 0.9]) == []
    (change,) = gate.take([0.9])
    assert change.is_start
    assert change.at_ms == round(2 * WINDOW_MS)


def test_a_click_shorter_than_the_shortest_speech_is_noise():
    gate = VoiceGate(min_speech_ms=100)
    assert gate.take([0.9, 0.9, 0.0] * 20) == []
    assert not gate.is_speaking


def test_speech_goes_on_a_little_below_the_threshold_and_not_far_below():
    gate = VoiceGate(threshold=0.5, min_speech_ms=0, silence_ms=100)
    assert len(gate.take([0.5])) == 1
    assert gate.take([0.36] * 50) == []
    (stop,) = gate.take([0.34] * 4)
    assert not stop.is_start
    assert stop.at_ms == round(51 * WINDOW_MS)


def test_without_speech_the_lower_level_does_not_start_it():
    assert VoiceGate(threshold=0.5, min_speech_ms=0).take([0.49] * 100) == []


def test_a_pause_shorter_than_the_wanted_silence_does_not_end_speech():
    gate = VoiceGate(min_speech_ms=0, silence_ms=500)
    gate.take([1.0])
    assert gate.take(([0.0] * 15 + [1.0]) * 5) == []
    (stop,) = gate.take([0.0] * 16)
    assert not stop.is_start


@given(PROBABILITIES, st.integers(100, 1000), st.integers(0, 500))
def test_starts_and_stops_alternate_in_order_of_time(probabilities, silence_ms, min_speech_ms):
    changes = VoiceGate(silence_ms=silence_ms, min_speech_ms=min_speech_ms).take(probabilities)
    assert [change.is_start for change in changes] == [index % 2 == 0 for index in range(len(changes))]
    times = [change.at_ms for change in changes]
    assert times == sorted(times)
    assert all(0 <= at_ms <= round(len(probabilities) * WINDOW_MS) for at_ms in times)


@given(PROBABILITIES, st.lists(st.integers(0, 20), max_size=30))
def test_how_the_windows_are_cut_makes_no_difference(probabilities, sizes):
    whole, cut = VoiceGate(), VoiceGate()
    expected = whole.take(probabilities)
    found, rest = [], probabilities
    for size in sizes:
        found += cut.take(rest[:size])
        rest = rest[size:]
    assert found + cut.take(rest) == expected
    assert cut.last_voice_ms == whole.last_voice_ms


def test_forgetting_the_scores_keeps_the_decision():
    gate = VoiceGate(min_speech_ms=0)
    gate.take([1.0] * 3)
    gate.forget()
    assert gate.scores == []
    assert gate.is_speaking
    assert gate.last_voice_ms == 3 * WINDOW_MS
