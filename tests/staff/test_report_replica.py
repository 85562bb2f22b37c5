"""Reports read the replica while it is fresh and answers, never write to it, and never let the office wait for it."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from app.config import Settings
from app.models.staff import Role
from app.pooling import Client, connect_args
from app.staff.reports import replica
from app.staff.reports.replica import Replica
from tests.pages import PageClient
from tests.staff.office import enter
from tests.web.test_metrics import TOKEN

WHO = text("SELECT current_setting('application_name') || ' ' || current_setting('transaction_read_only')")


def use(app: Flask, settings: Settings, url: str) -> Replica:
    """Let the app's reports read this database."""
    known = Replica(replica.open_engine(url, connect_args(settings, Client.REPORT)))
    app.extensions[replica.EXTENSION] = known
    app.extensions["a1_figures"] = [replica.figures]
    return known


@pytest.fixture
def put_back(app: Flask) -> Iterator[None]:
    """Forget the replica afterwards."""
    yield
    app.extensions.pop(replica.EXTENSION, None)
    app.extensions.pop("a1_figures", None)


@pytest.fixture
def beating(
    app: Flask, environ: dict[str, str], settings: Settings, owner: Engine, put_back: None
) -> Iterator[Replica]:
    """A replica, which here is the same database seen by a connection of its own, with a heartbeat that was committed."""
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM heartbeat"))
        connection.execute(text("INSERT INTO heartbeat (beat_at) VALUES (now())"))
        connection.execute(
            text("UPDATE report_state SET refreshed_at = now() WHERE NOT isfinite(refreshed_at)")
        )
    yield use(app, settings, environ["DATABASE_URL"])
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM heartbeat"))


def late(session: Session, seconds: int) -> None:
    """Let the primary's heart beat on: what the replica sees was that many seconds before."""
    session.execute(
        text("UPDATE heartbeat SET beat_at = beat_at + make_interval(secs => :seconds)"), {"seconds": seconds}
    )


def test_a_fresh_replica_is_read_and_the_page_says_so(
    beating: Replica, client: PageClient, session: Session
) -> None:
    answer = replica.read(lambda there: there.execute(WHO).scalar_one())
    assert answer.from_replica
    assert answer.value == "a1-report on"
    enter(client, session, Role.VIEWER)
    late(session, 7)
    page = client.get("/staff/reports/overview").text
    assert "read from the replica" in page
    assert "7 s behind" in page
    assert client.get("/staff/reports/bookings.csv").status_code == 200


def test_a_replica_that_is_late_is_not_read(beating: Replica, client: PageClient, session: Session) -> None:
    session.execute(text("UPDATE report_state SET refreshed_at = now()"))
    late(session, 31)
    answer = replica.read(lambda there: there.execute(WHO).scalar_one())
    assert not answer.from_replica
    assert not beating.is_resting
    enter(client, session, Role.VIEWER)
    assert "read from the primary database" in client.get("/staff/reports/bookings").text
    shown = client.get("/metrics", headers=TOKEN).text
    assert "a1_replica_lag_seconds 31.0" in shown


def test_a_silent_dispatcher_does_not_make_a_replica_late(beating: Replica, session: Session) -> None:
    session.execute(text("UPDATE heartbeat SET beat_at = beat_at"))
    assert replica.read(lambda there: there.execute(WHO).scalar_one()).from_replica


def test_a_replica_that_is_away_costs_one_look_and_is_then_left_alone(
    app: Flask, client: PageClient, settings: Settings, put_back: None
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        known = use(app, settings, f"postgresql+psycopg://x:x@127.0.0.1:{port}/x")
        started = time.monotonic()
        assert not replica.read(lambda there: there.execute(text("SELECT 1")).scalar_one()).from_replica
        assert time.monotonic() - started < 5
    assert known.is_resting
    asked: list[Session] = []
    assert not replica.read(asked.append).from_replica
    assert len(asked) == 1
    assert "a1_replica_lag_seconds +Inf" in client.get("/metrics", headers=TOKEN).text
    known.rests_until = 0.0
    assert not known.is_resting, "it is asked again after a while"


def test_a_machine_that_swallows_everything_is_given_half_a_second(
    app: Flask, settings: Settings, session: Session, put_back: None
) -> None:
    with socket.socket() as full, capture_logs() as lines:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        crowd = [socket.socket() for _ in range(4)]  # nobody accepts: the queue of connections is full
        for guest in crowd:
            guest.setblocking(False)
            guest.connect_ex(full.getsockname())
        known = use(app, settings, f"postgresql+psycopg://x:x@127.0.0.1:{full.getsockname()[1]}/x")
        assert not replica.read(lambda there: there.execute(text("SELECT 1")).scalar_one()).from_replica
        assert known.is_resting
        for guest in crowd:
            guest.close()
    assert [line["reason"] for line in lines] == ["TimeoutError"], (
        "the driver alone would have waited two seconds"
    )
    assert replica.KNOCK < 1


def test_nothing_can_be_written_through_it(beating: Replica, session: Session) -> None:
    def attempt(there: Session) -> None:
        there.execute(text("INSERT INTO report_views VALUES ('x', now())"))

    with beating.open() as there, pytest.raises(DBAPIError, match="read-only transaction"):
        attempt(there)


def test_the_role_of_reports_reads_every_report_and_nobody_s_name(
    session: Session, settings: Settings, app: Flask
) -> None:
    session.execute(text("SELECT 1"))
    allowed = {
        "report_state", "report_views", "report_events_daily", "report_events_monthly", "funnel_daily", "funnel_monthly",
        "report_counts_daily", "report_counts_monthly", "report_months", "heartbeat", "partners", "zip_codes",
    }  # fmt: skip
    found = session.execute(
        text(
            "SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
            " AND has_any_column_privilege('a1_report', c.oid, 'SELECT')"
        )
    )
    assert set(found.scalars()) == allowed
    writes = text(
        "SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND has_table_privilege('a1_report', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    assert session.execute(writes).all() == []


def test_no_other_part_of_the_product_reads_the_replica() -> None:
    root = Path(replica.__file__).parents[2]
    readers = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"import .*\breplica\b|reports\.replica|reporting_database_url", path.read_text())
    ]
    assert sorted(readers) == ["config.py", "staff/reports/replica.py", "staff/reports/views.py"]
