"""Each invariant finds what breaks it and nothing else; what the product does by itself breaks none."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.booking import changes
from app.booking.changes import Mover
from app.config import Settings
from app.maintenance.integrity import looking
from app.maintenance.integrity.checks import BY_NAME, CHECKS, EMAIL_HOURS, SMS_HOURS
from app.maintenance.integrity.looking import Broken
from app.maintenance.privacy.erasing import erase
from app.maintenance.privacy.person import Person
from app.outbox import RULES, JobType
from tests.factories import add_slot
from tests.maintenance.canary import CANARY, OTHER, book, finish, settings_tools

Plant = Callable[[Session, uuid.UUID, uuid.UUID], None]


@pytest.fixture
def desk(app: object, owner: Engine) -> Iterator[Session]:
    """A transaction of the owner, who can break what the application cannot; nothing of it stays."""
    with owner.connect() as connection:
        outer = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")
        session.execute(text("UPDATE report_state SET refreshed_at = now() WHERE isfinite(refreshed_at)"))
        yield session
        session.close()
        outer.rollback()
    assert app


DEFAULTS = Settings("", "", "", "")


def look(
    session: Session, days: int | None = looking.DAYS, settings: Settings = DEFAULTS
) -> dict[str, Broken]:
    broken = looking.look(lambda work: work(session), looking.scope(session, settings, days))
    return {one.check.name: one for one in broken}


def run(session: Session, *statements: str, **values: object) -> None:
    for statement in statements:
        session.execute(text(statement), values)


def cancelled_but_sold(session: Session, mine: uuid.UUID, _other: uuid.UUID) -> None:
    run(
        session,
        "UPDATE bookings SET status = 'cancelled' WHERE id = :id",
        "INSERT INTO booking_status_history (booking_id, from_status, to_status, actor) VALUES (:id, 'pending', 'cancelled', 'x')",
        id=mine,
    )


FREE = (
    (
        "UPDATE slot_capacity SET taken = taken - 1 WHERE external_slot_id = (SELECT external_slot_id FROM time_slots"
        " WHERE booking_id = :id)"
    ),
    "UPDATE time_slots SET booking_id = NULL, available = true WHERE booking_id = :id",
)


def window_gone(session: Session, mine: uuid.UUID, _other: uuid.UUID) -> None:
    run(session, *FREE, id=mine)


def sold_twice(session: Session, mine: uuid.UUID, other: uuid.UUID) -> None:
    run(
        session,
        *FREE,
        "UPDATE bookings SET time_slot_id = (SELECT time_slot_id FROM bookings WHERE id = :other) WHERE id = :id",
        id=mine,
        other=other,
    )


def booked_twice(session: Session, mine: uuid.UUID, other: uuid.UUID) -> None:
    run(
        session,
        "UPDATE bookings SET session_id = (SELECT session_id FROM bookings WHERE id = :other) WHERE id = :id",
        id=mine,
        other=other,
    )


def not_called_off(session: Session, mine: uuid.UUID, _other: uuid.UUID) -> None:
    cancelled_but_sold(session, mine, mine)
    run(
        session,
        *FREE,
        "UPDATE bookings SET servicetitan_job_id = '9', upstream_slot_key = 'k' WHERE id = :id",
        id=mine,
    )


def one_statement(statement: str) -> Plant:
    return lambda session, mine, _other: run(session, statement, id=mine)


def wrong_month(session: Session, _mine: uuid.UUID, _other: uuid.UUID) -> None:
    run(
        session,
        "CREATE TABLE bookings_2060_01 (LIKE bookings INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED)",
        "DO $$ BEGIN EXECUTE format('ALTER TABLE bookings ATTACH PARTITION bookings_2060_01 FOR VALUES FROM (%L) TO (%L)',"
        " uuid_v7_floor('2060-02-01'), uuid_v7_floor('2060-03-01')); END $$",
    )


def shouting_customer(session: Session, _mine: uuid.UUID, _other: uuid.UUID) -> None:
    run(
        session,
        "ALTER TABLE customers DROP CONSTRAINT customers_email_normal",
        "UPDATE customers SET email = upper(email) WHERE email = :email",
        email=CANARY.email,
    )


PLANTS: dict[str, tuple[Plant, set[str]]] = {
    "booked_slots": (cancelled_but_sold, set()),
    "bookings_with_slot": (window_gone, set()),
    "sold_once": (sold_twice, {"bookings_with_slot"}),  # a window leads to one booking: the other one has none
    "visits_book_once": (booked_twice, {"submissions"}),  # a submission leads to one booking as well
    "bookings_with_job": (one_statement("DELETE FROM queue_jobs WHERE booking_id = :id AND job_type = 'servicetitan.create_job'"), set()),
    "called_off": (not_called_off, set()),
    "no_orphans": (
        one_statement("INSERT INTO booking_status_history (booking_id, to_status, actor) VALUES (uuid_v7(), 'pending', CAST(:id AS text))"),
        set(),
    ),
    "submissions": (one_statement("DELETE FROM booking_submissions WHERE booking_id = :id"), set()),
    "last_status": (
        one_statement("INSERT INTO booking_status_history (booking_id, to_status, actor) VALUES (:id, 'confirmed', 'x')"),
        set(),
    ),
    "counters": (
        one_statement("UPDATE slot_capacity SET taken = 0 WHERE external_slot_id = (SELECT external_slot_id FROM time_slots WHERE booking_id = :id)"),
        set(),
    ),
    "jobs_on_time": (one_statement("UPDATE queue_jobs SET deadline_at = now() - interval '1 hour' WHERE booking_id = :id"), set()),
    "messages_on_time": (one_statement("UPDATE notifications SET due_at = now() - interval '3 days' WHERE booking_id = :id"), set()),
    "messages_with_job": (one_statement("DELETE FROM queue_jobs WHERE booking_id = :id AND job_type <> 'servicetitan.create_job'"), set()),
    "months": (wrong_month, set()),
    "customers": (shouting_customer, set()),
    "erased": (one_statement("UPDATE bookings SET erased_at = now() WHERE id = :id"), set()),
    "fresh_reports": (
        one_statement("UPDATE report_state SET refreshed_at = now() - interval '2 hours' WHERE CAST(:id AS uuid) IS NOT NULL"),
        set(),
    ),
}  # fmt: skip


def test_each_check_has_its_counterexample() -> None:
    assert set(PLANTS) == set(BY_NAME)
    assert len(BY_NAME) == len(CHECKS)


@pytest.mark.parametrize("name", list(PLANTS))
def test_a_planted_fault_is_found_by_its_own_check(desk: Session, settings: Settings, name: str) -> None:
    mine, other = book(desk, settings, CANARY), book(desk, settings, OTHER, hour=10)
    assert look(desk) == {}
    plant, beside = PLANTS[name]
    plant(desk, mine, other)
    found = look(desk)
    assert set(found) == {name, *beside}
    assert found[name].number >= 1
    assert found[name].ids


def test_a_broken_booking_is_named_by_its_reference(desk: Session, settings: Settings) -> None:
    booking_id = book(desk, settings, CANARY)
    window_gone(desk, booking_id, booking_id)
    reference = desk.execute(
        text("SELECT reference FROM bookings WHERE id = :id"), {"id": booking_id}
    ).scalar_one()
    assert look(desk)["bookings_with_slot"].references == (reference,)


def test_booking_moving_cancelling_and_erasing_break_nothing(desk: Session, settings: Settings) -> None:
    mine, other = book(desk, settings, CANARY), book(desk, settings, OTHER, hour=10)
    area = desk.execute(
        text("SELECT service_area_id FROM bookings WHERE id = :id"), {"id": mine}
    ).scalar_one()
    mover = Mover("visitor", timedelta(hours=2), settings.privacy_hash_key)
    changes.move(desk, mine, add_slot(desk, area, hour=14).id, mover)
    assert look(desk) == {}
    finish(desk, settings, mine)
    assert look(desk) == {}
    erase(desk, Person(CANARY.email), settings_tools(settings))
    assert look(desk) == {}
    assert look(desk, days=None) == {}
    assert other


def test_old_faults_are_found_on_demand_only(desk: Session, settings: Settings) -> None:
    run(desk, "SELECT ensure_partitions(now() - interval '8 months', now(), now())")
    old = desk.execute(text("SELECT uuid_v7(now() - interval '7 months')")).scalar_one()
    run(
        desk,
        "INSERT INTO booking_status_history (booking_id, to_status, actor) VALUES (:id, 'pending', 'x')",
        id=old,
    )
    assert look(desk) == {}
    assert set(look(desk, days=None)) == {"no_orphans"}
    assert settings


def test_what_outlived_a_month_that_was_taken_away_is_no_orphan(desk: Session) -> None:
    ancient = desk.execute(text("SELECT uuid_v7(now() - interval '90 months')")).scalar_one()
    run(
        desk,
        "INSERT INTO manage_links (token_hash, nonce, booking_id) VALUES ('t', 'n', :id)",
        id=ancient,
    )
    assert look(desk, days=None) == {}


def test_the_patience_of_messages_is_the_outboxs() -> None:
    assert timedelta(hours=SMS_HOURS) == RULES[JobType.SEND_SMS].give_up_after
    assert timedelta(hours=EMAIL_HOURS) == RULES[JobType.SEND_EMAIL].give_up_after


def test_a_nightly_look_leaves_old_months_unread(desk: Session, settings: Settings) -> None:
    book(desk, settings, CANARY)
    run(desk, "SELECT ensure_partitions(now() - interval '3 months', now(), now())")
    month = desk.execute(text("SELECT to_char(now() - interval '2 months', 'YYYY_MM')")).scalar_one()
    values = vars(looking.scope(desk, settings, 10))
    for check in CHECKS:
        plan = desk.execute(text(f"EXPLAIN (ANALYZE, COSTS OFF) {check.query.text}"), values).scalars()
        read = [line for line in plan if f" on bookings_{month}" in line and "never executed" not in line]
        assert read == [], check.name


def test_what_retention_deleted_is_not_missed(desk: Session, settings: Settings) -> None:
    booking_id = book(desk, settings, CANARY)
    short = replace(settings, retention_jobs_days=7, retention_slots_days=30)
    run(
        desk,
        "SELECT ensure_partitions(now() - interval '3 months', now(), now())",
        "DELETE FROM notifications",
        "DELETE FROM queue_jobs",
        "DELETE FROM time_slots",
        "DELETE FROM booking_submissions",
        "UPDATE bookings SET id = uuid_v7(now() - interval '29 days'), window_end = now() - interval '26 days',"
        " preferred_time = now() - interval '27 days' WHERE id = :id",
        "UPDATE booking_status_history SET booking_id = (SELECT id FROM bookings)",
        "UPDATE manage_links SET booking_id = (SELECT id FROM bookings)",
        "DELETE FROM wizard_sessions",
        id=booking_id,
    )
    assert look(desk, None, short) == {}
    assert set(look(desk, None)) == {"bookings_with_slot", "submissions"}
