"""The counts of bookings, deliveries, messages and leads follow what becomes of them, and outlive the rows."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from app.booking import status
from app.config import Settings
from app.jobs.process import transact
from app.maintenance import rollups
from tests.staff.office import book

PHOENIX = "America/Phoenix"
FORGET = text(
    "UPDATE report_state SET last_xid = '0', last_snapshot = NULL, zone = NULL, cluster = NULL, restored_at = '-infinity'"
)

PARTITIONS = text(
    "SELECT inhparent::regclass::text AS parent, inhrelid::regclass::text AS name FROM pg_inherits"
    " WHERE inhparent IN ('bookings'::regclass, 'analytics_events'::regclass)"
)


@pytest.fixture
def months_behind(app: Flask, owner: Engine) -> Iterator[None]:
    """Room for bookings of seven months ago, taken away once `database` has emptied it."""
    with owner.begin() as connection:
        before = set(connection.execute(PARTITIONS))
        connection.execute(text("SELECT ensure_partitions(now() - interval '7 months', now(), now())"))
    yield
    with owner.begin() as connection:
        for parent, name in set(connection.execute(PARTITIONS)) - before:
            connection.execute(text(f"ALTER TABLE {parent} DETACH PARTITION {name}"))
            connection.execute(text(f"DROP TABLE {name}"))


@pytest.fixture
def office(app: Flask, database: Engine, owner: Engine) -> Iterator[sessionmaker[Session]]:
    """A database that commits for real and has counted nothing yet."""
    with owner.begin() as connection:
        connection.execute(FORGET)
    with app.app_context():
        yield sessionmaker(database)
    with owner.begin() as connection:
        connection.execute(FORGET)


def refresh(office: sessionmaker[Session]) -> int:
    return transact(office, lambda session: rollups.refresh_counts(session, PHOENIX))


def counted(office: sessionmaker[Session], topic: str) -> dict[tuple[str, str], int]:
    with office() as session:
        sql = text(
            "SELECT item, outcome, sum(n) AS n FROM report_counts_daily WHERE topic = :topic GROUP BY 1, 2"
        )
        months = text(sql.text.replace("daily", "monthly"))
        by_day = {(row.item, row.outcome): row.n for row in session.execute(sql, {"topic": topic})}
        by_month = {(row.item, row.outcome): row.n for row in session.execute(months, {"topic": topic})}
    assert by_day == by_month
    return by_day


def change(office: sessionmaker[Session], sql: str, **values: object) -> None:
    with office.begin() as session:
        session.execute(text(sql), values)


def book_at(office: sessionmaker[Session], settings: Settings, hour: int, **differs: object) -> uuid.UUID:
    with office.begin() as session:
        reference = book(session, settings, hour=hour, **differs)
        found: uuid.UUID = session.execute(
            text("SELECT id FROM bookings WHERE reference = :reference"), {"reference": reference}
        ).scalar_one()
    return found


def test_a_booking_is_counted_where_it_stands_by_source_issue_and_wait(
    office: sessionmaker[Session], settings: Settings
) -> None:
    first = book_at(office, settings, 8)
    book_at(office, settings, 10, source="direct", issue_type="off_track")
    refresh(office)
    assert counted(office, "booking") == {("", "all"): 2, ("", "pending"): 2}
    with office.begin() as session:
        assert status.confirm(session, first, actor="test")
    refresh(office)
    assert counted(office, "booking") == {("", "all"): 2, ("", "pending"): 1, ("", "confirmed"): 1}
    assert counted(office, "source") == {("paid_search", "confirmed"): 1, ("direct", "pending"): 1}
    assert counted(office, "issue") == {("broken_spring", "confirmed"): 1, ("off_track", "pending"): 1}
    assert sum(counted(office, "wait").values()) == 2


def test_a_change_whose_transaction_was_still_open_is_not_forgotten(
    office: sessionmaker[Session], settings: Settings
) -> None:
    booking = book_at(office, settings, 8)
    with office() as slow:
        status.cancel(slow, booking, actor="test", reason=None)
        refresh(office)
        assert counted(office, "booking")[("", "pending")] == 1
        slow.commit()
    refresh(office)
    assert counted(office, "booking") == {("", "all"): 1, ("", "cancelled"): 1}


@pytest.mark.usefixtures("months_behind")  # before the database that empties it
def test_a_change_of_an_old_booking_is_counted_on_its_own_day(
    office: sessionmaker[Session], settings: Settings, owner: Engine
) -> None:
    booking = book_at(office, settings, 8)
    with owner.begin() as connection:
        old = connection.execute(text("SELECT uuid_v7(now() - interval '200 days')")).scalar_one()
        connection.execute(
            text(
                "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
                " address_line1, status) SELECT :old, customer_id, service_area_id, 'off_track', 1, 'owner', preferred_time, window_end,"
                " address_line1, 'confirmed' FROM bookings WHERE id = :id"
            ),
            {"old": old, "id": booking},
        )
    refresh(office)
    with office.begin() as session:
        assert status.complete(session, old, actor="test")
    refresh(office)
    with office() as session:
        days = session.execute(
            text(
                "SELECT now()::date - day FROM report_counts_daily WHERE topic = 'booking' AND outcome = 'completed'"
            )
        )
        assert 199 <= days.scalar_one() <= 201
    assert counted(office, "booking") == {("", "all"): 2, ("", "pending"): 1, ("", "completed"): 1}


def test_deliveries_are_counted_again_while_they_wait_and_after_they_were_given_up(
    office: sessionmaker[Session], settings: Settings
) -> None:
    with office.begin() as session:
        session.execute(
            text(
                "INSERT INTO queue_jobs (id, queue_name, job_type) VALUES (uuid_v7(now() - interval '9 days'), 'critical', 'x')"
            )
        )
    refresh(office)
    assert counted(office, "delivery") == {("x", "all"): 1, ("x", "waiting"): 1}
    change(
        office,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted', attempts = 3, completed_at = now()",
    )
    refresh(office)
    assert counted(office, "delivery") == {("x", "all"): 1, ("x", "failed"): 1, ("x", "retried"): 1}
    change(
        office,
        "UPDATE queue_jobs SET status = 'completed', outcome = 'ok', completed_at = created_at + interval '7 seconds'",
    )
    refresh(office)
    assert counted(office, "delivery") == {
        ("x", "all"): 1,
        ("x", "done"): 1,
        ("x", "retried"): 1,
        ("x", "t03"): 1,
    }


def test_what_retention_takes_away_stays_counted(office: sessionmaker[Session], settings: Settings) -> None:
    book_at(office, settings, 8)
    change(
        office,
        "INSERT INTO leads (kind, session_id, zip_code, phone) VALUES ('no_slot', uuid_v7(), '86001', '+16025550100')",
    )
    refresh(office)
    before = {topic: counted(office, topic) for topic in ("booking", "delivery", "message", "lead", "demand")}
    assert all(before.values())
    assert before["demand"] == {("86001", "no_slot"): 1, ("86001", "reachable"): 1}
    change(office, "DELETE FROM queue_jobs")
    change(office, "DELETE FROM notifications")
    change(office, "DELETE FROM leads")
    refresh(office)
    change(office, "SELECT report_recount_all(:zone)", zone=PHOENIX)
    refresh(office)
    assert {topic: counted(office, topic) for topic in before} == before


def test_a_message_that_bounces_later_is_counted_so(
    office: sessionmaker[Session], settings: Settings
) -> None:
    book_at(office, settings, 8)
    change(office, "UPDATE notifications SET status = 'sent', sent_at = now(), delivery_status = 'bounced'")
    refresh(office)
    found = counted(office, "message")
    assert found[("confirmation (email)", "sent")] == found[("confirmation (email)", "refused")] == 1


def test_the_view_of_months_is_filled_beside_its_readers_and_not_too_often(
    office: sessionmaker[Session], settings: Settings
) -> None:
    book_at(office, settings, 8)
    refresh(office)
    with office() as reader:
        reader.execute(text("SELECT count(*) FROM report_months"))
        assert transact(office, lambda session: rollups.refresh_views(session, timedelta(0))) == 1
        assert reader.execute(text("SELECT booked FROM report_months")).scalar_one() == 1
    assert transact(office, lambda session: rollups.refresh_views(session, timedelta(minutes=10))) == 0


def test_every_refresh_counts_in_days_of_the_same_zone(office: sessionmaker[Session]) -> None:
    refresh(office)
    with pytest.raises(Exception, match="set REPORT_TIMEZONE back"):
        transact(office, lambda session: rollups.refresh_counts(session, "Europe/Berlin"))
