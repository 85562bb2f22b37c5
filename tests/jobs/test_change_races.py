"""Sixty moves and sixty cancels that race the making of their jobs: at the end nothing there is alive or wrong."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from app.booking import changes
from app.booking.changes import Mover
from app.jobs import runner, sweep
from app.jobs.process import Process, open_process
from app.outbox import ORDERED
from app.providers.ports import JobStatus
from tests.factories import add_slot
from tests.jobs.booked import LEAD, Wish, book, cancel, hand_out, hurry, one, rows
from tests.providers.simulated import JOBS, Simulator

EACH = 60
WORKERS = 5
PATIENCE = 240.0
OPEN = "SELECT 1 FROM queue_jobs WHERE job_type = ANY(:types) AND status NOT IN ('completed', 'failed')"


def book_many(process: Process, first: int) -> list[uuid.UUID]:
    """Book windows of one area, none twice."""
    wishes = [
        Wish(day=3 + n // 20, hour=n % 20, sms=False, email=f"p{n}@example.com")
        for n in range(first, first + EACH)
    ]
    return [book(process, wish) for wish in wishes]


def offers(process: Process) -> list[uuid.UUID]:
    """Windows to move to."""
    area = one(process, "SELECT id FROM service_areas WHERE zip_code = '85201'").id
    return [
        process.transact(lambda session, n=n: add_slot(session, area, day=20 + n // 20, hour=n % 20)).id
        for n in range(EACH)
    ]


@contextmanager
def workers(process: Process, rung: SimpleQueue[uuid.UUID]) -> Iterator[None]:
    """Let threads, each with connections of its own, run what is rung for."""
    ended = threading.Event()

    def work() -> None:
        own = open_process(process.settings)
        while not ended.is_set():
            try:
                runner.run(own, rung.get(timeout=0.1))
            except Empty:
                continue
        own.sessions.kw["bind"].dispose()

    with ThreadPoolExecutor(WORKERS) as pool:
        running = [pool.submit(work) for _ in range(WORKERS)]
        try:
            yield
        finally:
            ended.set()
    assert [future.result() for future in running] == [None] * WORKERS


def deliver(process: Process, rung: SimpleQueue[uuid.UUID]) -> None:
    """Play the dispatcher until every ServiceTitan job has ended; nothing has to wait for its time."""
    ends = time.monotonic() + PATIENCE
    while rows(process, OPEN, types=list(ORDERED)):
        assert time.monotonic() < ends, "jobs are still open"
        sweep.sweep(process)
        hurry(process)
        for ring in hand_out(process):
            rung.put(ring.job_id)
        time.sleep(0.1)


def change_all(process: Process, moving: list[uuid.UUID], cancelling: list[uuid.UUID]) -> None:
    """Move and cancel in no order, each a little later than the one before."""
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)
    targets = dict(zip(moving, offers(process), strict=True))
    people = moving + cancelling
    random.Random(7).shuffle(people)
    own = open_process(process.settings)
    for booking_id in people:
        if booking_id in targets:
            own.transact(
                lambda session, booking_id=booking_id: changes.move(
                    session, booking_id, targets[booking_id], mover
                )
            )
        else:
            cancel(own, booking_id)
        time.sleep(0.02)
    own.sessions.kw["bind"].dispose()


def test_whoever_comes_first_the_provider_ends_where_the_booking_does(
    process: Process, sim: Simulator
) -> None:
    moving, cancelling = book_many(process, 0), book_many(process, EACH)
    sim.fault("servicetitan", "latency", "POST", JOBS, latency_ms=30, times=EACH)
    sim.fault("servicetitan", "drop_after_commit", "POST", JOBS, times=5)
    sim.fault("servicetitan", "drop_after_commit", "PATCH", "/reschedule", times=5)
    sim.fault("servicetitan", "drop_after_commit", "PUT", "/cancel", times=5)
    rung: SimpleQueue[uuid.UUID] = SimpleQueue()
    changer = threading.Thread(target=change_all, args=(process, moving, cancelling))
    with workers(process, rung):
        changer.start()
        deliver(process, rung)
        changer.join()
        deliver(process, rung)
    look(process, sim, moving, cancelling)


def look(process: Process, sim: Simulator, moving: list[uuid.UUID], cancelling: list[uuid.UUID]) -> None:
    """Compare every booking with its job there."""
    service = process.adapters.field_service
    for booking_id in moving:
        row = one(process, "SELECT * FROM bookings WHERE id = :id", id=booking_id)
        job = service.find_job(booking_id)
        assert job is not None
        visit = service.get_visit(job.job_id)
        assert visit is not None
        assert (visit.starts_at, visit.ends_at) == (row.preferred_time, row.window_end), "wrong"
        assert (row.status, row.version, row.needs_attention) == ("confirmed", 2, None)
        assert row.servicetitan_job_id == job.job_id
    for booking_id in cancelling:
        job = service.find_job(booking_id)
        assert job is None or job.status is JobStatus.CANCELLED, "alive"
    made = sim.effects("servicetitan", "job")
    assert all(effect["count"] == 1 for effect in made)
    assert len({effect["key"] for effect in made}) == len(made), "a booking has two jobs"
    assert all(effect["count"] == 1 for effect in sim.effects("servicetitan", "cancel"))
    assert (
        rows(
            process,
            "SELECT 1 FROM queue_jobs WHERE job_type = ANY(:t) AND status = 'failed'",
            t=list(ORDERED),
        )
        == []
    )
