"""Partitions are there before they are needed, reports add up, and what has ended goes away."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.maintenance import partitions, rollups, task_runs, visits

PHOENIX = "America/Phoenix"


def in_one(database: Engine, work: object, *arguments: object) -> object:
    with sessionmaker(database).begin() as session:
        return work(session, *arguments)  # type: ignore[operator]


@pytest.fixture
def missing_month(database: Engine, owner: Engine) -> str:
    """The last month ahead, taken away."""
    with owner.begin() as connection:
        name = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relname ~ '^bookings_[0-9]{4}_[0-9]{2}$' ORDER BY relname DESC LIMIT 1"
            )
        ).scalar_one()
        connection.execute(text(f"ALTER TABLE bookings DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))
    return name


def test_a_missing_month_is_made_and_a_second_time_there_is_nothing_to_do(
    database: Engine, missing_month: str
) -> None:
    assert in_one(database, partitions.ensure) == 1
    assert in_one(database, partitions.ensure) == 0


@pytest.fixture
def patient_engine(owner: Engine) -> Iterator[Engine]:
    """Connections that would wait six seconds for anything."""
    engine = create_engine(owner.url, connect_args={"options": "-c statement_timeout=6s"})
    yield engine
    engine.dispose()


def test_making_a_month_gives_up_on_a_lock_instead_of_holding_up_bookings(
    patient_engine: Engine, owner: Engine, missing_month: str
) -> None:
    with owner.connect() as reader:
        reader.execute(text("LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE"))
        started = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout"):
            in_one(patient_engine, partitions.ensure)
        assert 1.5 < time.monotonic() - started < 5
    assert in_one(patient_engine, partitions.ensure) == 1


def add_events(database: Engine, visit: uuid.UUID, *kinds: str) -> None:
    with database.begin() as connection:
        for kind in kinds:
            connection.execute(
                text(
                    "INSERT INTO analytics_events (event_type, event_data, session_id, utm_source)"
                    ' VALUES (:kind, \'{"step": "zip", "channel": "direct"}\', :visit, \'google\')'
                ),
                {"kind": kind, "visit": str(visit)},
            )


def new_visit(database: Engine) -> uuid.UUID:
    with database.begin() as connection:
        return connection.execute(text("SELECT uuid_v7()")).scalar_one()


def figures(database: Engine) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        sql = "SELECT event_type, step, utm_source, events, sessions FROM report_events_daily ORDER BY 1"
        return [tuple(row) for row in connection.execute(text(sql))]


def test_reports_follow_the_events_and_counting_again_changes_nothing(database: Engine) -> None:
    visit = new_visit(database)
    add_events(database, visit, "step_viewed", "step_viewed", "step_completed")
    assert in_one(database, rollups.refresh, PHOENIX) == 1
    expected = [("step_completed", "zip", "google", 1, 1), ("step_viewed", "zip", "google", 2, 1)]
    assert figures(database) == expected
    add_events(database, visit, "step_completed")
    in_one(database, rollups.refresh, PHOENIX)
    assert figures(database)[0] == ("step_completed", "zip", "google", 2, 1)
    counted = figures(database)
    in_one(database, rollups.refresh, PHOENIX)
    assert figures(database) == counted


def test_an_event_whose_transaction_was_still_open_is_not_forgotten(database: Engine) -> None:
    visit = new_visit(database)
    add_events(database, visit, "step_viewed")
    with database.connect() as slow:
        slow.execute(
            text("INSERT INTO analytics_events (event_type, session_id) VALUES ('call_clicked', :visit)"),
            {"visit": str(visit)},
        )
        in_one(database, rollups.refresh, PHOENIX)
        slow.commit()
    in_one(database, rollups.refresh, PHOENIX)
    assert [line[0] for line in figures(database)] == ["call_clicked", "step_viewed"]


def test_two_refreshes_do_not_meet(database: Engine) -> None:
    with database.connect() as other:
        other.execute(text("SELECT 1 FROM report_state FOR UPDATE"))
        assert in_one(database, rollups.refresh, PHOENIX) == -1


def test_a_refresh_needs_a_transaction_of_its_own(database: Engine) -> None:
    def late(session: Session) -> int:
        session.execute(text("SELECT 1"))
        return rollups.refresh(session, PHOENIX)

    with pytest.raises(Exception, match="must be called before any query"):
        in_one(database, late)


def test_visits_leave_a_month_after_their_end(session: Session) -> None:
    for days in (0, 29, 31):
        session.execute(
            text(
                "INSERT INTO wizard_sessions (partner_id, expires_at)"
                " SELECT id, now() - make_interval(days => :days) FROM partners WHERE key = 'direct'"
            ),
            {"days": days},
        )
    before = session.execute(text("SELECT count(*) FROM wizard_sessions")).scalar_one()
    assert visits.delete_expired(session) == 1
    assert session.execute(text("SELECT count(*) FROM wizard_sessions")).scalar_one() == before - 1
    assert visits.delete_expired(session) == 0


def test_a_run_is_written_down_from_start_to_end(session: Session) -> None:
    run_id = task_runs.start(session, "partitions")
    task_runs.end(session, run_id, ok=True, figures={"made": 2})
    task_runs.end(session, None, ok=True, figures={})
    row = session.execute(text("SELECT * FROM task_runs")).one()
    assert (row.name, row.ok, row.figures) == ("partitions", True, {"made": 2})
    assert row.started_at <= row.finished_at <= datetime.now(UTC)
