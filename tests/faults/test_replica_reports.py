"""Reports on a replica that really streams: read there while it follows, on the primary when it lags or is gone, and back."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from app import create_app
from app.extensions import db
from app.jobs.dispatcher import BEAT
from app.models.staff import Role
from app.staff.reports.replica import MOST_LAG
from tests.faults.live import wait_for
from tests.faults.pair import Pair, running_pair
from tests.pages import PageClient
from tests.staff.office import add_staff, log_in
from tests.web.test_metrics import TOKEN

ROOT = Path(__file__).parents[2]
THERE, HERE = "read from the replica", "read from the primary database"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A primary with a replica."""
    with running_pair(tmp_path_factory.mktemp("pair") / "pair") as running:
        yield running


@pytest.fixture(scope="module")
def office(pair: Pair, environ: dict[str, str]) -> Iterator[Flask]:
    """The product on the pair: everything at the first, reports at the second."""
    addresses = {
        "DATABASE_URL": pair.first.app_url,
        "MIGRATION_DATABASE_URL": pair.first.owner_url,
        "REPORTING_DATABASE_URL": pair.second.report_url,
        "DB_POOLER": "direct",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATABASE_URL", pair.first.owner_url)
        app = create_app(environ | addresses)
        app.test_client_class = PageClient
        with app.app_context():
            upgrade(directory=str(ROOT / "migrations"))
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def beating(pair: Pair, office: Flask) -> Iterator[None]:
    """The dispatcher's sign of life, once a second."""
    engine, stop = create_engine(pair.first.app_url), threading.Event()

    def beat() -> None:
        while not stop.is_set():
            with engine.begin() as connection:
                connection.execute(BEAT)
            stop.wait(1.0)

    thread = threading.Thread(target=beat, name="beats")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        engine.dispose()


@pytest.fixture
def page(office: Flask) -> Callable[[], str]:
    """What somebody of the office sees."""
    client = office.test_client()
    with office.app_context():
        session = db.session()
        session.execute(text("UPDATE report_state SET refreshed_at = now()"))
        add_staff(session, Role.VIEWER)
        session.commit()
    assert log_in(client, f"{Role.VIEWER}@example.com").status_code == 303
    return lambda: client.get("/staff/reports/bookings").text


def lag_of(office: Flask) -> float:
    """What /metrics says."""
    shown = office.test_client().get("/metrics", headers=TOKEN).text
    return float(
        next(line for line in shown.splitlines() if line.startswith("a1_replica_lag_seconds")).split()[1]
    )


def test_reports_leave_a_replica_that_no_longer_replays_or_is_gone_and_return_to_it(
    pair: Pair, office: Flask, beating: None, page: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    wait_for(lambda: THERE in page(), 60, "the replica is read")
    assert lag_of(office) < MOST_LAG
    pair.ask(pair.second, "SELECT pg_wal_replay_pause()")
    paused_at = time.monotonic()
    wait_for(lambda: HERE in page(), MOST_LAG + 60, "the primary is read")
    left_after = time.monotonic() - paused_at
    assert left_after > MOST_LAG - 5, "it was fresh enough until then"
    assert lag_of(office) > MOST_LAG
    pair.ask(pair.second, "SELECT pg_wal_replay_resume()")
    resumed_at = time.monotonic()
    wait_for(lambda: THERE in page(), 60, "the replica is read again")
    back_after = time.monotonic() - resumed_at
    pair.supervisor.pause("second")
    asked_at = time.monotonic()
    assert HERE in page()
    gone_within = time.monotonic() - asked_at
    assert lag_of(office) == float("inf")
    pair.supervisor.resume("second")
    wait_for(lambda: THERE in page(), 90, "the replica is read after its rest")
    with capsys.disabled():
        print(
            f"\nreplica: left {left_after:.1f} s after its replay stood still, read again {back_after:.1f} s after it went on;"
            f" the page when it was gone took {gone_within:.2f} s"
        )
