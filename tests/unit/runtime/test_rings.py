"""Pinned places are never overwritten before they are read, and graphs are never missing unnoticed."""

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.lane import CpuLane
from antiphon_server.runtime.cuda.ring import InputRing, ResultRing

DEPTH = 3


class NotedMark:
    def __init__(self):
        self.was_waited_for = False

    def is_passed(self):
        return self.was_waited_for

    def wait(self):
        self.was_waited_for = True


class NotedLane:
    """A lane whose marks pass only when somebody waits for them."""

    def __init__(self):
        self.marks = []

    def entered(self):
        return nullcontext()

    def mark(self):
        self.marks.append(NotedMark())
        return self.marks[-1]

    def follow(self, mark):
        raise NotImplementedError

    def pinned(self, *shape, dtype):
        return torch.full(shape, -7, dtype=dtype)


@given(moves=st.lists(st.sampled_from(["send", "read"]), max_size=40))
@settings(deadline=None)
def test_results_are_read_in_order_and_whole_and_only_after_their_mark(moves):
    lane = NotedLane()
    ring, device, sent, num_read = ResultRing(lane, DEPTH, 4, dtype=torch.long), torch.zeros(4, dtype=torch.long), [], 0
    for number, move in enumerate(moves):
        if move == "send":
            device.fill_(number)  # the device goes on writing to the same place
            if ring.num_sent == DEPTH:
                with pytest.raises(IndexError):
                    ring.send(device)
                continue
            ring.send(device[: 1 + number % 4])
            sent.append([number] * (1 + number % 4))
        elif ring.num_sent:
            assert not ring.is_ready()
            assert ring.read().tolist() == sent[num_read]
            assert lane.marks[num_read].was_waited_for
            num_read += 1
    assert ring.num_sent == len(sent) - num_read


@given(num_sends=st.integers(1, 20))
@settings(deadline=None)
def test_an_input_place_is_filled_again_only_after_its_last_copy(num_sends):
    lane, target = NotedLane(), torch.zeros(2, dtype=torch.long)
    ring = InputRing(lane, DEPTH, target)
    for number in range(num_sends):
        ring.send(torch.tensor([number, -number]))
        assert target.tolist() == [number, -number]
        if number >= DEPTH:
            assert lane.marks[number - DEPTH].was_waited_for
        assert not lane.marks[number].was_waited_for


@given(keys=st.lists(st.integers(0, 9)), asked=st.lists(st.integers(0, 9)))
@settings(deadline=None)
def test_a_missing_graph_is_an_error_and_is_counted(keys, asked):
    runs = []
    catalogue = GraphCatalogue(CpuLane(), is_eager=True)
    for key in keys:
        catalogue.capture(key, lambda key=key: runs.append(key))
    for key in asked:
        if key in keys:
            catalogue.replay(key)
        else:
            with pytest.raises(KeyError, match=str(key)):
                catalogue.replay(key)
    assert runs == [key for key in asked if key in keys]
    assert catalogue.num_misses == len(asked) - len(runs)
    assert len(catalogue.entries) == len(keys)


def test_graphs_are_not_promised_where_there_is_no_stream():
    with pytest.raises(ValueError, match="CUDA stream"):
        GraphCatalogue(CpuLane(), is_eager=False)
