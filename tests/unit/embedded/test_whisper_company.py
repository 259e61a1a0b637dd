"""Decoding in company, with a model that is only arithmetic."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from antiphon_server.embedded.priority_worker import Interrupted, Interruption
from antiphon_server.embedded.whisper_company import Company


class Doubler:
    """Doubles what is encoded; fails on 13 and notes its batches."""

    def __init__(self):
        self.batches = []

    def generate(self, encoded, prompts, **_options):
        values = [int(row[0]) for row in encoded]
        self.batches.append(values)
        assert len(prompts) == len(values)
        if 13 in values:
            raise RuntimeError("thirteen")
        return [2 * value for value in values]


def company_of(model):
    return Company(model.generate, np.concatenate)


def window(value, length=4):
    """What a window with this value is encoded to: one row."""
    return np.full((1, length), value)


def together(company, values, prompts=None, options=None, lengths=None):
    """Decode values in as many threads, none before all are there; failures are returned."""
    here = threading.Barrier(len(values))

    def job(at):
        with company.job():
            here.wait(10)
            try:
                prompt = (prompts or {}).get(at, [1])
                encoded = window(values[at], (lengths or {}).get(at, 4))
                return company.generate(Interruption(), encoded, prompt, **(options or {}))
            except RuntimeError as error:
                return str(error)

    with ThreadPoolExecutor(len(values)) as threads:
        return list(threads.map(job, range(len(values))))


def test_jobs_under_way_are_decoded_in_one_run_and_each_gets_its_own():
    model = Doubler()
    assert together(company_of(model), [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert [sorted(batch) for batch in model.batches] == [[1, 2, 3, 4]]


def test_a_lone_job_does_not_wait():
    model, company = Doubler(), None
    company = company_of(model)
    with company.job():
        assert company.generate(Interruption(), window(5), [1]) == 10


def test_prompts_and_windows_of_another_length_and_chance_are_decoded_apart():
    model = Doubler()
    assert together(company_of(model), [1, 2, 3], prompts={2: [1, 2]}) == [2, 4, 6]
    assert sorted(map(sorted, model.batches)) == [[1, 2], [3]]
    model = Doubler()
    assert together(company_of(model), [1, 2, 3], lengths={2: 8}) == [2, 4, 6]
    assert sorted(map(sorted, model.batches)) == [[1, 2], [3]]
    model = Doubler()
    assert together(company_of(model), [1, 2], options={"sampling_temperature": 0.4}) == [2, 4]
    assert sorted(model.batches) == [[1], [2]]


def test_one_jobs_failure_is_not_its_neighbours():
    assert together(company_of(Doubler()), [1, 13, 3]) == [2, "thirteen", 6]


def test_a_job_that_ends_without_decoding_holds_nobody_up():
    company, is_counted, may_end = company_of(Doubler()), threading.Event(), threading.Event()

    def short():
        with company.job():
            is_counted.set()
            may_end.wait(10)

    def waits():
        with company.job():
            is_counted.wait(10)
            threading.Timer(0.05, may_end.set).start()
            return company.generate(Interruption(), window(1), [1])

    with ThreadPoolExecutor(2) as threads:
        threads.submit(short)
        assert threads.submit(waits).result(10) == 2


def test_a_job_asked_to_stop_is_not_decoded():
    model = Doubler()
    company, interruption = company_of(model), Interruption()
    interruption.set()
    with company.job(), pytest.raises(Interrupted):
        company.generate(interruption, window(1), [1])
    assert model.batches in ([], [[]])
