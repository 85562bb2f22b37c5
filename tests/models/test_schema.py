"""The schema is what the models say, goes up and down, and has a place for every moment to come."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.models import Base
from tests.factories import add_area, add_slot

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SEED_INDEXES = """
    idx_customers_email idx_customers_phone idx_service_areas_zip idx_service_areas_active idx_bookings_customer
    idx_bookings_status idx_bookings_created idx_bookings_preferred_time idx_time_slots_area_date idx_time_slots_available
    idx_notifications_booking idx_notifications_status idx_notifications_created idx_queue_jobs_status idx_queue_jobs_queue
    idx_queue_jobs_priority idx_queue_jobs_scheduled idx_analytics_events_booking idx_analytics_events_type
    idx_analytics_events_created idx_analytics_events_session
""".split()


def test_the_models_say_what_the_migrations_made(app: Flask, owner: Engine) -> None:
    with owner.connect() as connection:
        partitions = set(
            connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars()
        )

        def include(item: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
            if not reflected:
                return True
            if kind == "foreign_key_constraint":
                return item.elements[0].target_fullname.split(".")[-2] not in partitions
            return not (kind == "table" and (name in partitions or name == "alembic_version"))

        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": include,
                "include_name": lambda name, kind, _p: not (kind == "table" and name in partitions),
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_every_agreed_index_name_exists(app: Flask, session: Session) -> None:
    names = set(session.execute(text("SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')")).scalars())
    assert set(SEED_INDEXES) <= names


def test_the_newest_migration_is_named_in_head() -> None:
    newest = max(path.stem for path in (MIGRATIONS / "versions").glob("*.py"))
    assert (MIGRATIONS / "HEAD").read_text().strip() == newest
    assert all(re.fullmatch(r"\d{4}_\w+", path.stem) for path in (MIGRATIONS / "versions").glob("*.py"))


def test_down_leaves_nothing_and_up_works_again(
    app: Flask, database: Engine, owner: Engine, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", environ["MIGRATION_DATABASE_URL"])
    left = text(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')"
        " AND relname <> 'alembic_version'"
    )
    database.dispose()
    with app.app_context():
        downgrade(directory=str(MIGRATIONS), revision="base")
        with owner.connect() as connection:
            assert connection.execute(left).scalar_one() == 0
        upgrade(directory=str(MIGRATIONS))
    database.dispose()


def months_ahead(count: int) -> list[datetime]:
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return [
        first.replace(year=first.year + (first.month - 1 + n) // 12, month=(first.month - 1 + n) % 12 + 1)
        for n in range(count + 1)
    ]


def test_bookings_of_the_next_twelve_months_have_a_partition_each(session: Session) -> None:
    area = add_area(session)
    customer = session.execute(
        text(
            "INSERT INTO customers (first_name, last_name, email, phone) VALUES ('A', 'B', 'a@example.com', '+16025550123') RETURNING id"
        )
    ).scalar_one()
    for at in months_ahead(12):
        made = session.execute(
            text(
                "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time,"
                " window_end, address_line1) VALUES (uuid_v7(:at), :customer, :area, 'not_sure', 1, 'owner', :at,"
                " :at + interval '2 hours', '12 Oak') RETURNING tableoid::regclass::text, created_at"
            ),
            {"at": at, "customer": customer, "area": area},
        ).one()
        assert made[0] == f"bookings_{at:%Y_%m}"
        assert made.created_at == at


def test_events_of_the_next_eight_weeks_have_a_partition_each(session: Session) -> None:
    monday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    for week in range(9):
        at = monday + timedelta(weeks=week)
        year, number, _day = at.isocalendar()
        made = session.execute(
            text(
                "INSERT INTO analytics_events (event_type, created_at) VALUES ('step_viewed', :at) RETURNING tableoid::regclass::text"
            ),
            {"at": at},
        ).scalar_one()
        assert made == f"analytics_events_{year}_w{number:02d}"


def test_a_booking_is_looked_up_in_one_partition(session: Session) -> None:
    plan = session.execute(text(f"EXPLAIN SELECT * FROM bookings WHERE id = '{uuid.uuid4()}'"))
    scanned = {match for line in plan.scalars() for match in re.findall(r"bookings_\d{4}_\d{2}(?!_)", line)}
    assert len(scanned) <= 1
    now = session.execute(text("SELECT uuid_v7()")).scalar_one()
    plan = "\n".join(session.execute(text(f"EXPLAIN SELECT * FROM bookings WHERE id = '{now}'")).scalars())
    assert set(re.findall(r" on (bookings_\d{4}_\d{2})", plan)) == {f"bookings_{datetime.now(UTC):%Y_%m}"}


def test_references_are_readable_and_never_the_same(session: Session) -> None:
    made = (
        session.execute(text("SELECT booking_reference(n) FROM generate_series(1, 20000) n")).scalars().all()
    )
    assert len(set(made)) == 20000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{8}", reference) for reference in made)


def test_the_ledgers_refuse_change(session: Session) -> None:
    session.execute(text("INSERT INTO audit_log (actor, action, object) VALUES ('a', 'b', 'c')"))
    for statement in (
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        "UPDATE consents SET locale = 'x'",
    ):
        with pytest.raises(Exception, match=r"append-only|permission denied"), session.begin_nested():
            session.execute(text(statement))


def test_release_gives_the_window_and_the_crew_back(session: Session) -> None:
    area = add_area(session)
    slot = add_slot(session, area)
    claim = session.execute(
        text("SELECT booking_id FROM claim_slot(:slot, :area, uuid_v7(), interval '2 hours')"),
        {"slot": slot.id, "area": area},
    ).scalar_one()
    assert session.execute(text("SELECT release_slot(:id)"), {"id": claim}).scalar_one() is True
    row = session.execute(
        text(
            "SELECT available, booking_id, taken FROM time_slots JOIN slot_capacity USING (external_slot_id)"
        )
    ).one()
    assert tuple(row) == (True, None, 0)
