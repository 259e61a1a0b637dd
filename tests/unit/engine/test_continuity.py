"""What the next segment hears of: the newest that fits, of its own sequence, and no more than there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.continuity import Spoken, SpokenMemory, heard


def spoken(number, *, num_rows=3, num_ids=2):
    return Spoken((number,) * num_ids, tuple((number % 1026, *range(1, 8)) for _ in range(num_rows)))


def numbers(segments):
    return [segment.text[0] for segment in segments]


def memory(**limits):
    return SpokenMemory(**{"max_positions": 100, **limits})


def test_what_was_remembered_comes_back_newest_first():
    kept = memory()
    for number in range(3):
        kept.remember("a", spoken(number))
    kept.remember("b", spoken(9))
    assert list(kept.recall("a")) == [spoken(2), spoken(1), spoken(0)]
    assert list(kept.recall("b")) == [spoken(9)]
    assert list(kept.recall("c")) == []


def test_a_sequence_keeps_no_more_than_can_be_heard():
    kept = memory(max_positions=20)
    for number in range(5):
        kept.remember("a", spoken(number, num_rows=6))
    assert numbers(kept.recall("a")) == [4, 3]


def test_a_segment_longer_than_can_be_heard_is_not_kept():
    kept = memory(max_positions=20)
    kept.remember("a", spoken(1, num_rows=17))
    assert list(kept.recall("a")) == []
    assert kept.num_bytes == 0


def test_the_sequence_that_spoke_least_recently_is_forgotten_first():
    kept = memory(max_sequences=2)
    for sequence in ("a", "b", "a", "c"):
        kept.remember(sequence, spoken(1))
    assert len(kept) == 2
    assert not list(kept.recall("b"))
    assert len(list(kept.recall("a"))) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_the_bytes_held_stay_under_their_bound_and_are_counted_exactly(told):
    kept = memory(max_positions=30, max_sequences=4, max_bytes=600)
    for sequence, num_rows in told:
        kept.remember(sequence, spoken(sequence, num_rows=num_rows))
    held = sum(16 * len(each.rows) + 8 * len(each.text) for key in range(6) for each in kept.recall(key))
    assert kept.num_bytes == held <= 600
    assert len(kept) <= 4
    for key in range(6):
        kept.forget(key)
    assert (len(kept), kept.num_bytes) == (0, 0)


def test_the_newest_segments_within_every_limit_are_heard_oldest_first():
    told = [spoken(number, num_rows=10) for number in (3, 2, 1, 0)]
    assert numbers(heard(told, max_positions=1000)) == [0, 1, 2, 3]
    assert numbers(heard(told, max_positions=1000, max_segments=2)) == [2, 3]
    assert numbers(heard(told, max_positions=1000, max_rows=30)) == [1, 2, 3]
    assert numbers(heard(told, max_positions=28)) == [2, 3]
    assert numbers(heard(told, max_positions=27)) == [3]
    assert heard(told, max_positions=1000, max_segments=0) == ()


def test_a_segment_that_does_not_fit_ends_what_is_heard_even_if_an_older_one_would_fit():
    told = [spoken(2, num_rows=2), spoken(1, num_rows=50), spoken(0, num_rows=2)]
    assert numbers(heard(told, max_positions=1000, max_rows=20)) == [2]
