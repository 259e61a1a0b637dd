import asyncio
import threading

import pytest

from antiphon_server.embedded.priority_worker import Interrupted, PriorityWorker
from antiphon_server.errors import Overloaded


class Gate:
    """Work that waits in its thread until it is let go."""

    def __init__(self):
        self.started = threading.Event()
        self.go = threading.Event()

    def __call__(self, interruption):
        self.started.set()
        self.go.wait(10)
        interruption.check()
        return "gate"


async def until_started(gate):
    assert await asyncio.to_thread(gate.started.wait, 10)


async def test_urgent_jobs_go_first_and_equal_ones_in_order():
    worker, gate, order = PriorityWorker("test", max_waiting=8), Gate(), []
    first = asyncio.create_task(worker.run(gate, rank=0))
    await until_started(gate)
    jobs = [
        asyncio.create_task(worker.run(lambda _, name=name: order.append(name), rank=rank))
        for name, rank in [("late", 1), ("later", 1), ("urgent", 0)]
    ]
    await asyncio.sleep(0)
    gate.go.set()
    await asyncio.gather(first, *jobs)
    assert order == ["urgent", "late", "later"]


async def test_a_full_queue_refuses():
    worker, gate = PriorityWorker("test", max_waiting=1), Gate()
    jobs = [asyncio.create_task(worker.run(gate, rank=0)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="1 jobs wait"):
        await worker.run(gate, rank=0)
    gate.go.set()
    assert await asyncio.gather(*jobs) == ["gate", "gate"]


async def test_a_cancelled_waiting_job_never_runs():
    worker, gate, ran = PriorityWorker("test", max_waiting=4), Gate(), []
    first = asyncio.create_task(worker.run(gate, rank=0))
    doomed = asyncio.create_task(worker.run(lambda _: ran.append(1), rank=0))
    await until_started(gate)
    doomed.cancel()
    gate.go.set()
    await first
    await worker.run(lambda _: None, rank=0)
    assert doomed.cancelled()
    assert ran == []


async def test_a_job_cancelled_at_its_turn_hands_the_turn_on():
    worker, gate = PriorityWorker("test", max_waiting=4), Gate()
    first = asyncio.create_task(worker.run(gate, rank=0))
    await until_started(gate)
    doomed = asyncio.create_task(worker.run(lambda _: "doomed", rank=0))
    await asyncio.sleep(0)
    first.add_done_callback(lambda _: doomed.cancel())
    gate.go.set()
    await asyncio.wait([first, doomed])
    assert await worker.run(lambda _: "next", rank=0) == "next"


async def test_an_urgent_job_interrupts_a_patient_one_which_begins_anew():
    worker, gate = PriorityWorker("test", max_waiting=4), Gate()
    patient = asyncio.create_task(worker.run(gate, rank=1))
    await until_started(gate)
    urgent = asyncio.create_task(worker.run(lambda _: patient.done(), rank=0))
    await asyncio.sleep(0)
    gate.go.set()
    assert await urgent is False
    assert await patient == "gate"


async def test_cancelling_a_running_job_interrupts_it():
    worker, gate, seen = PriorityWorker("test", max_waiting=4), Gate(), []

    def work(interruption):
        try:
            gate(interruption)
        except Interrupted:
            seen.append("interrupted")
            raise

    running = asyncio.create_task(worker.run(work, rank=0))
    await until_started(gate)
    running.cancel()
    await asyncio.wait([running])
    gate.go.set()
    await worker.run(lambda _: None, rank=0)
    assert seen == ["interrupted"]


async def test_a_failure_of_the_work_is_the_callers():
    worker = PriorityWorker("test", max_waiting=4)
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda _: 1 // 0, rank=0)
    assert await worker.run(lambda _: 5, rank=0) == 5


async def test_places_are_shared_within_a_rank_and_a_patient_job_waits_for_all_urgent_ones():
    worker, order = PriorityWorker("test", max_waiting=8, num_places=2), []
    gates = [Gate() for _ in range(2)]
    urgent = [asyncio.create_task(worker.run(gate, rank=0)) for gate in gates]
    patient = asyncio.create_task(worker.run(lambda _: order.append("patient"), rank=1))
    for gate in gates:
        await until_started(gate)
    gates[0].go.set()
    await urgent[0]
    assert order == []
    gates[1].go.set()
    await asyncio.gather(*urgent, patient)
    assert order == ["patient"]


async def test_a_caller_with_many_jobs_does_not_hold_up_one_with_few():
    worker, gate, order = PriorityWorker("test", max_waiting=8), Gate(), []
    first = asyncio.create_task(worker.run(gate, rank=0, caller="many"))
    await until_started(gate)
    jobs = [
        asyncio.create_task(worker.run(lambda _, name=name: order.append(name), rank=0, caller=name[:4]))
        for name in ("many 1", "many 2", "many 3", "few  1", "few  2")
    ]
    await asyncio.sleep(0)
    gate.go.set()
    await asyncio.gather(first, *jobs)
    assert order == ["many 1", "few  1", "many 2", "few  2", "many 3"]


async def test_patient_jobs_run_one_at_a_time_so_that_who_comes_next_waits_for_one():
    worker, gates = PriorityWorker("test", max_waiting=4, num_places=3), [Gate(), Gate()]
    jobs = [asyncio.create_task(worker.run(gate, rank=1)) for gate in gates]
    await until_started(gates[0])
    assert not gates[1].started.is_set()
    gates[0].go.set()
    await until_started(gates[1])
    gates[1].go.set()
    assert await asyncio.gather(*jobs) == ["gate", "gate"]


async def test_an_urgent_job_that_may_not_interrupt_runs_beside_a_patient_one():
    worker, patient = PriorityWorker("test", max_waiting=4, num_places=2), Gate()
    job = asyncio.create_task(worker.run(patient, rank=1))
    await until_started(patient)
    assert await worker.run(lambda _: "urgent", rank=0, may_interrupt=False) == "urgent"
    patient.go.set()
    assert await job == "gate"
