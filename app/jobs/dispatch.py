"""Due rows become rings at a worker's door: marked, committed, then rung; unmarked again when the ring did not get through.

Any number of dispatchers may run: an advisory lock lets one choose at a time. Only a small window of jobs is handed out,
because a backlog that is rung again and again feeds itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from redis.exceptions import RedisError
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.jobs import circuit
from app.jobs.circuit import Gates
from app.jobs.doorbell import Doorbell, Ring
from app.jobs.process import Process
from app.log import log
from app.outbox import ORDERED, RULES, JobType

WINDOW = 2  # outstanding jobs a worker
FIRST_RERING = 30
LONGEST_RERING = 600

DUE_QUEUES = text(
    "SELECT DISTINCT queue_name FROM queue_jobs WHERE status = 'pending' AND dispatched_at IS NULL AND scheduled_at <= now()"
)
ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(7401, 1)")
OUTSTANDING = text(
    "SELECT count(*) FROM queue_jobs WHERE queue_name = :queue"
    " AND (status = 'processing' OR (status = 'pending' AND dispatched_at IS NOT NULL))"
)
# What waited for five minutes goes first whatever its priority, so that nothing starves.
CHOOSE = text(
    "SELECT j.id FROM queue_jobs j WHERE j.status = 'pending' AND j.dispatched_at IS NULL AND j.scheduled_at <= now()"
    " AND j.queue_name = :queue AND j.job_type = ANY(:types)"
    " AND NOT (j.job_type = ANY(:ordered) AND EXISTS (SELECT 1 FROM queue_jobs e WHERE e.booking_id = j.booking_id"
    " AND e.seq < j.seq AND e.job_type = ANY(:ordered) AND e.status IN ('pending', 'processing')))"
    " ORDER BY j.scheduled_at < now() - interval '5 minutes' DESC, j.priority DESC, j.scheduled_at, j.seq"
    " LIMIT :room FOR UPDATE SKIP LOCKED"
)
MARK = text(
    "UPDATE queue_jobs SET dispatched_at = now(), dispatch_count = dispatch_count + 1 WHERE id = ANY(:ids)"
    " RETURNING id, queue_name, dispatch_count, job_type"
)
UNMARK = text(
    "UPDATE queue_jobs SET dispatched_at = NULL, dispatch_count = dispatch_count - 1"
    " WHERE id = :id AND dispatch_count = :count AND status = 'pending'"
)
# Rings that were answered by a claim do not lengthen the pause: only those that nobody heard.
UNHEARD = text(
    "SELECT id, queue_name, dispatch_count, job_type FROM queue_jobs WHERE status = 'pending' AND dispatched_at <"
    " now() - make_interval(secs => least(:longest, :first * 2 ^ greatest(dispatch_count - attempts - defer_count - 1, 0)))"
)
FORGET_RING = text(
    "UPDATE queue_jobs SET dispatched_at = NULL WHERE id = :id AND dispatch_count = :count AND status = 'pending'"
)


@dataclass(frozen=True)
class Choice:
    """Which job types may be handed out now, and which providers get a single job to see whether they answer again."""

    open_types: list[str]
    probes: dict[str, list[str]]


def dispatch(process: Process, doorbell: Doorbell) -> int:
    """Hand out what is due and fits into the window; answer how many rings got through. Raise RedisError."""
    queues = process.transact(lambda session: session.execute(DUE_QUEUES).scalars().all())
    if not queues:
        return 0
    room = {queue: WINDOW * doorbell.workers(queue) for queue in queues}
    rings = process.transact(lambda session: mark(session, room, process.lease_seconds))
    return ring_all(process, doorbell, rings)


def mark(session: Session, room: dict[str, int], lease_seconds: int) -> list[Ring]:
    """Choose and mark the jobs to ring for, queue by queue."""
    if not session.execute(ONE_AT_A_TIME).scalar_one():
        return []
    choice = allowed(circuit.gates(session))
    rings: list[Ring] = []
    for queue, window in room.items():
        left = window - session.execute(OUTSTANDING, {"queue": queue}).scalar_one()
        chosen = choose(session, queue, choice.open_types, left)
        for provider, types in list(choice.probes.items()):
            probe = choose(session, queue, types, min(1, left - len(chosen)))
            if probe:
                circuit.start_probe(session, provider, lease_seconds)
                del choice.probes[provider]
                chosen += probe
        if chosen:
            rings += [ring_of(row) for row in session.execute(MARK, {"ids": chosen})]
    return rings


def ring_of(row: Row[tuple[object, ...]]) -> Ring:
    """Return the ring for a marked row."""
    return Ring(row.id, row.queue_name, row.dispatch_count, JobType(row.job_type))


def allowed(gates: Gates) -> Choice:
    """Split the job types by the state of their provider."""
    held_back = gates.shut | gates.probe
    probes: dict[str, list[str]] = {}
    for job_type, rules in RULES.items():
        if rules.provider in gates.probe:
            probes.setdefault(rules.provider, []).append(job_type)
    return Choice([kind for kind, rules in RULES.items() if rules.provider not in held_back], probes)


def choose(session: Session, queue: str, types: Iterable[JobType | str], room: int) -> list[object]:
    """Lock up to `room` due jobs of these types, in order of urgency; a booking's ServiceTitan jobs one after the other."""
    if room <= 0:
        return []
    values = {"queue": queue, "types": list(types), "ordered": list(ORDERED), "room": room}
    return list(session.execute(CHOOSE, values).scalars())


def ring_all(process: Process, doorbell: Doorbell, rings: list[Ring]) -> int:
    """Ring for each. After the first failure the rest is unmarked untried: each try could take half a second."""
    for done, ring in enumerate(rings):
        try:
            doorbell.ring(ring)
        except RedisError:
            process.transact(partial(unmark, rings=rings[done:]))
            log.warning("doorbell_down", unrung=len(rings) - done)
            raise
        log.debug("job_dispatched", queue_job_id=str(ring.job_id), queue=ring.queue, count=ring.count)
    return len(rings)


def unmark(session: Session, rings: list[Ring]) -> None:
    """Take marks back whose ring did not get through; it does not count as one."""
    for ring in rings:
        session.execute(UNMARK, {"id": ring.job_id, "count": ring.count})


def ring_again(process: Process, doorbell: Doorbell) -> int:
    """Let jobs be rung for again whose ring nobody heard and Redis has lost. Raise RedisError."""
    values = {"first": FIRST_RERING, "longest": LONGEST_RERING}
    rows = process.transact(lambda session: session.execute(UNHEARD, values).all())
    lost = [ring for row in rows if not doorbell.is_waiting(ring := ring_of(row))]
    for ring in lost:
        process.transact(partial(forget, ring=ring))
        log.warning("ring_lost", queue_job_id=str(ring.job_id), count=ring.count)
    return len(lost)


def forget(session: Session, ring: Ring) -> None:
    """Make the job due for another ring."""
    session.execute(FORGET_RING, {"id": ring.job_id, "count": ring.count})
