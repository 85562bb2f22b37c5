"""Bookings made by the real submit, and the queue worked off in this process, without Redis."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.booking import changes
from app.booking.answers import Bookable
from app.booking.consent import Witness
from app.booking.submit import Submission, Terms, submit
from app.jobs import dispatch, runner
from app.jobs.doorbell import Ring
from app.jobs.process import Process
from app.outbox import QUEUES, JobType
from tests.factories import add_area, add_slot

T = TypeVar("T")
LEAD = timedelta(hours=2)
PHONE = "+16025550123"


@dataclass(frozen=True)
class Wish:
    """What differs between the bookings of a test."""

    sms: bool = True
    key: str | None = None
    day: int = 2
    hour: int = 8
    email: str = "pat@example.com"
    locale: str = "en"
    news: bool = False


def book(process: Process, wish: Wish | None = None) -> uuid.UUID:
    """Book for real; the window is one that the office opened itself unless the wish names a key."""
    wish = wish or Wish()
    return process.transact(lambda session: _book(session, process, wish))


def _book(session: Session, process: Process, wish: Wish) -> uuid.UUID:
    area = session.execute(text("SELECT id FROM service_areas WHERE zip_code = '85201'")).scalar_one_or_none()
    area = area or add_area(session, "85201")
    slot = add_slot(session, area, day=wish.day, hour=wish.hour, key=wish.key)
    partner = session.execute(text("SELECT id FROM partners WHERE key = 'direct'")).scalar_one()
    visit = session.execute(
        text("INSERT INTO wizard_sessions (partner_id) VALUES (:partner) RETURNING id"), {"partner": partner}
    ).scalar_one()
    answers = Bookable(
        area, "broken_spring", "a <loud> bang", 2, 7, "owner", None, slot.id,
        "Pat", "Jones", wish.email, PHONE, "12 Oak Street", "Apt 2", "gate 1", wish.sms, wish.news,
    )  # fmt: skip
    attribution = {"last": {"utm_source": "google", "gclid": "click-1"}}
    witness = Witness("/w/review", "direct", wish.locale, None, "a browser")
    submission = Submission(visit, uuid.uuid4(), b"hash", partner, "paid_search", attribution, witness)
    terms = Terms(LEAD, 8900, "A1 Garage", process.settings.privacy_hash_key)
    return submit(session, answers, submission, terms).booking_id


def cancel(process: Process, booking_id: uuid.UUID) -> None:
    """Cancel as the manage page does."""
    key = process.settings.privacy_hash_key
    assert process.transact(
        lambda session: changes.cancel(session, booking_id, actor="visitor", reason=None, privacy_key=key)
    )


def one(process: Process, sql: str, **values: object) -> Row[Any]:
    """Return the only row of a query."""
    return process.transact(lambda session: session.execute(text(sql), values).one())


def rows(process: Process, sql: str, **values: object) -> list[Row[Any]]:
    """Return the rows of a query."""
    return process.transact(lambda session: list(session.execute(text(sql), values).all()))


def do(process: Process, sql: str, **values: object) -> None:
    """Change something behind everyone's back."""
    process.transact(lambda session: session.execute(text(sql), values))


def job_of(process: Process, booking_id: uuid.UUID, job_type: JobType) -> Row[Any]:
    """Return the newest job of this type."""
    return one(
        process,
        "SELECT * FROM queue_jobs WHERE booking_id = :id AND job_type = :type ORDER BY seq DESC LIMIT 1",
        id=booking_id,
        type=job_type,
    )


def booking(process: Process, booking_id: uuid.UUID) -> Row[Any]:
    """Return the booking's row."""
    return one(process, "SELECT * FROM bookings WHERE id = :id", id=booking_id)


def run_type(process: Process, booking_id: uuid.UUID, job_type: JobType) -> Row[Any]:
    """Run a booking's newest job of one type now, and return its row afterwards."""
    hurry(process)
    runner.run(process, job_of(process, booking_id, job_type).id)
    return job_of(process, booking_id, job_type)


def hand_out(process: Process, room: int = 100) -> list[Ring]:
    """Choose what a dispatcher would ring for."""
    return process.transact(
        lambda session: dispatch.mark(session, dict.fromkeys(QUEUES, room), process.lease_seconds)
    )


def run_due(process: Process) -> int:
    """Run what is due and in turn, once; answer how many."""
    rings = hand_out(process)
    for ring in rings:
        runner.run(process, ring.job_id)
    return len(rings)


def run_all(process: Process) -> None:
    """Run until nothing is due."""
    while run_due(process):
        pass


def hurry(process: Process) -> None:
    """Let time pass for everything that waits."""
    do(process, "UPDATE queue_jobs SET scheduled_at = now() - interval '1 second' WHERE status = 'pending'")
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")


def during(target: object, name: str, act: Callable[[], None]) -> Callable[..., Any]:
    """Return the method of an adapter that lets `act` happen first, as if it came from outside at that moment."""
    real = getattr(target, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        act()
        return real(*arguments, **options)

    return wrapped
