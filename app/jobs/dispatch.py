"""Due rows become rings at a worker's door: marked, committed, then rung; unmarked again when the ring did not get through.

Any number of dispatchers may run: an advisory lock lets one choose at a time. Only a small window of jobs is handed out,
because a backlog that is rung again and again feeds itself.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from redis.exceptions import RedisError
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.jobs import circuit
from app.jobs.circuit import Gates
from app.jobs.doorbell import Doorbell, Ring
from app.jobs.process import Process
from app.log import log
from app.outbox import ORDERED, QUEUES, RULES, JobType
from app.providers.http import limits_for_lease

WINDOW = 2  # outstanding jobs a worker
FIRST_RERING = (
    3  # only for rings that Redis does not hold any more: nothing is repeated because it has to wait
)
LONGEST_RERING = 600
KNOWN = list(JobType)  # another version's jobs are another version's business

DUE_QUEUES = text(
    "SELECT DISTINCT queue_name FROM queue_jobs WHERE status = 'pending' AND dispatched_at IS NULL AND scheduled_at <= now()"
    " AND job_type = ANY(:types)"
)
ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(7401, 1)")
# Nobody waits for a job whose worker gave no sign of life for twice the time that one call may take.
OUTSTANDING = text(
    "SELECT queue_name, job_type, count(*) AS jobs FROM queue_jobs WHERE job_type = ANY(:types)"
    " AND (status = 'pending' AND dispatched_at IS NOT NULL OR status = 'processing'"
    " AND lease_until > clock_timestamp() + make_interval(secs => :lease - :alive)) GROUP BY queue_name, job_type"
)
DUE = (
    "SELECT j.id, j.priority, j.scheduled_at, j.seq FROM queue_jobs j"
    " WHERE j.status = 'pending' AND j.dispatched_at IS NULL AND j.queue_name = :queue AND j.job_type = ANY(:types)"
    " AND NOT (j.job_type = ANY(:ordered) AND EXISTS (SELECT 1 FROM queue_jobs e WHERE e.booking_id = j.booking_id"
    " AND e.seq < j.seq AND e.job_type = ANY(:ordered) AND e.status IN ('pending', 'processing')))"
)
# What waited for five minutes goes first, the oldest before all and whatever its priority, so that nothing starves.
CHOOSE_OLD = text(
    f"{DUE} AND j.scheduled_at < now() - interval '5 minutes'"
    " ORDER BY j.scheduled_at, j.seq LIMIT :room FOR UPDATE SKIP LOCKED"
)
CHOOSE_NEW = text(
    f"{DUE} AND j.scheduled_at BETWEEN now() - interval '5 minutes' AND now()"
    " ORDER BY j.priority DESC, j.scheduled_at, j.seq LIMIT :room FOR UPDATE SKIP LOCKED"
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
    "SELECT id, queue_name, dispatch_count, job_type FROM queue_jobs WHERE status = 'pending' AND job_type = ANY(:types)"
    " AND dispatched_at < now() - make_interval(secs => least(:longest, :first * 2 ^ greatest(dispatch_count - attempts - defer_count - 1, 0)))"
)
FORGET_RING = text(
    "UPDATE queue_jobs SET dispatched_at = NULL WHERE id = :id AND dispatch_count = :count AND status = 'pending'"
)


@dataclass(frozen=True)
class Due:
    """A job that may be handed out; they compare by who goes first."""

    id: uuid.UUID
    urgency: tuple[bool, int, datetime, int]


@dataclass(frozen=True)
class Plan:
    """What a round of handing out goes by: whom to leave alone, and what is out already by queue and job type."""

    gates: Gates
    outstanding: Mapping[tuple[str, str], int]

    def held(self, queue: str | None, provider: str | None) -> int:
        """Count what is out, of one queue or all, and of one provider or all."""
        return sum(
            jobs
            for (name, kind), jobs in self.outstanding.items()
            if queue in {None, name} and provider in {None, RULES[JobType(kind)].provider}
        )


def dispatch(process: Process, doorbell: Doorbell) -> int:
    """Hand out what is due and fits into the window; answer how many rings got through. Raise RedisError."""
    queues = process.transact(lambda session: session.execute(DUE_QUEUES, {"types": KNOWN}).scalars().all())
    if not queues:
        return 0
    windows = {queue: WINDOW * doorbell.workers(queue) for queue in queues if queue in QUEUES}
    rings = process.transact(lambda session: mark(session, windows, process.lease_seconds))
    rung = ring_all(process, doorbell, rings)
    if rung:
        log.info("dispatched", rung=rung)
    return rung


def mark(session: Session, windows: Mapping[str, int], lease_seconds: int) -> list[Ring]:
    """Choose and mark the jobs to ring for, queue by queue."""
    if not session.execute(ONE_AT_A_TIME).scalar_one():
        return []
    plan = make_plan(session, lease_seconds)
    rings: list[Ring] = []
    probing: set[str] = set()
    for queue, window in windows.items():
        chosen = choose(session, plan, queue, window, probing)
        if chosen:
            rings += [ring_of(row) for row in session.execute(MARK, {"ids": chosen})]
    return rings


def make_plan(session: Session, lease_seconds: int) -> Plan:
    """Read what is out and who is to be left alone."""
    alive = 2 * limits_for_lease(lease_seconds).total
    rows = session.execute(OUTSTANDING, {"types": KNOWN, "lease": lease_seconds, "alive": alive})
    return Plan(circuit.gates(session), {(row.queue_name, row.job_type): row.jobs for row in rows})


def choose(session: Session, plan: Plan, queue: str, window: int, probing: set[str]) -> list[uuid.UUID]:
    """Choose what a queue's window has room for: each provider within its share, the most urgent of all first."""
    left = window - plan.held(queue, None)
    due: list[Due] = []
    if left <= 0:
        return []
    for provider, kinds in BY_QUEUE[queue].items():
        found = read_due(session, queue, kinds, min(left, room_for(plan, queue, provider, window, probing)))
        if found and provider in plan.gates.probe:
            probing.add(provider)
        due += found
    return [job.id for job in sorted(due, key=lambda job: job.urgency)[:left]]


def room_for(plan: Plan, queue: str, provider: str, window: int, probing: set[str]) -> int:
    """Return how many more jobs a provider may have out: none while it is left alone, one to see whether it answers again."""
    if provider in plan.gates.shut:
        return 0
    if provider in plan.gates.probe:
        return 0 if provider in probing or plan.held(None, provider) else 1
    return share(window, len(BY_QUEUE[queue])) - plan.held(queue, provider)


def share(window: int, providers: int) -> int:
    """Return how many jobs one of a queue's providers may have out.

    One less than there are workers for each other provider: should this one hang, somebody is left for those.
    """
    return window if providers == 1 else max(1, window // WINDOW - (providers - 1))


def read_due(session: Session, queue: str, kinds: list[JobType], room: int) -> list[Due]:
    """Lock up to `room` due jobs of these kinds, in order of urgency; a booking's ServiceTitan jobs one after the other."""
    if room <= 0:
        return []
    values = {"queue": queue, "types": kinds, "ordered": list(ORDERED)}
    found = [
        Due(row.id, (False, 0, row.scheduled_at, row.seq))
        for row in session.execute(CHOOSE_OLD, {**values, "room": room})
    ]
    if len(found) < room:
        newer = session.execute(CHOOSE_NEW, {**values, "room": room - len(found)})
        found += [Due(row.id, (True, -row.priority, row.scheduled_at, row.seq)) for row in newer]
    return found


def ring_of(row: Row[tuple[object, ...]]) -> Ring:
    """Return the ring for a marked row."""
    return Ring(row.id, row.queue_name, row.dispatch_count, JobType(row.job_type))


def by_queue() -> Mapping[str, Mapping[str, list[JobType]]]:
    """Return each queue's providers with their kinds of jobs."""
    table: dict[str, dict[str, list[JobType]]] = {}
    for kind, rules in RULES.items():
        table.setdefault(rules.queue, {}).setdefault(rules.provider, []).append(kind)
    return table


BY_QUEUE = by_queue()


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
    """Let jobs be rung for again whose ring no worker claimed and Redis holds no more. Raise RedisError."""
    values = {"first": FIRST_RERING, "longest": LONGEST_RERING, "types": KNOWN}
    rows = process.transact(lambda session: session.execute(UNHEARD, values).all())
    lost = [ring for row in rows if not doorbell.is_waiting(ring := ring_of(row))]
    for ring in lost:
        process.transact(partial(forget, ring=ring))
        log.warning("job_rescued", reason="undispatched", queue_job_id=str(ring.job_id), count=ring.count)
    return len(lost)


def forget(session: Session, ring: Ring) -> None:
    """Make the job due for another ring."""
    session.execute(FORGET_RING, {"id": ring.job_id, "count": ring.count})
