"""Many people want the same thing at the same time."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.config import Settings
from tests.factories import add_area, add_slot
from tests.wizard.churn import Churn
from tests.wizard.ready import ReadyVisit, ready_visits

RACERS = 50
ROUNDS = 20


def all_at_once(calls: list[Callable[[], TestResponse]]) -> list[TestResponse]:
    """Make all calls in the same instant."""
    barrier = threading.Barrier(len(calls))

    def go(call: Callable[[], TestResponse]) -> TestResponse:
        barrier.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(go, calls))


def test_one_window_is_sold_once_whoever_presses_first(
    app: Flask, database: Engine, settings: Settings
) -> None:
    with Session(database) as session:
        area = add_area(session)
        for hour in (8, 10, 12):
            add_slot(session, area, day=5, hour=hour)
        session.commit()
    for number in range(ROUNDS):
        with Session(database) as session:
            slot = add_slot(
                session, area, day=20 + number, hour=9, capacity=3
            )  # a row sells once whatever the crew
            visits = ready_visits(session, settings, area, slot, RACERS)
            session.commit()
        answers = all_at_once([lambda visit=visit: visit.submit(app) for visit in visits])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: RACERS - 1}
        losers = [answer.text for answer in answers if answer.status_code == 409]
        assert all('data-step="slot"' in page and 'name="slot_id"' in page for page in losers), (
            "losers see alternatives"
        )
        with Session(database) as session:
            assert (
                session.execute(
                    text("SELECT count(*) FROM bookings WHERE time_slot_id = :id"), {"id": slot.id}
                ).scalar_one()
                == 1
            )
            kept = session.execute(
                text("SELECT answers FROM wizard_sessions WHERE id = ANY(:ids) AND booking_id IS NULL"),
                {"ids": [visit.visit_id for visit in visits]},
            ).scalars()
            for rest in kept:
                assert rest["email"], "a loser keeps every answer but the window"
                assert "slot_id" not in rest


def test_the_same_visit_pressed_many_times_books_once(
    app: Flask, database: Engine, settings: Settings
) -> None:
    with Session(database) as session:
        area = add_area(session)
        visits = ready_visits(session, settings, area, add_slot(session, area), 1)
        session.commit()
    answers = all_at_once([lambda: visits[0].submit(app) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {200}
    assert all("data-reference" in answer.text for answer in answers)
    with Session(database) as session:
        assert session.execute(text("SELECT count(*) FROM bookings")).scalar_one() == 1
        assert session.execute(text("SELECT count(*) FROM queue_jobs")).scalar_one() == 3
        assert (
            session.execute(
                text("SELECT count(*) FROM analytics_events WHERE event_type = 'booking_submitted'")
            ).scalar_one()
            == 1
        )


def test_a_submit_waits_for_the_other_tab_and_then_sees_what_it_changed(
    app: Flask, database: Engine, settings: Settings
) -> None:
    with Session(database) as session:
        area = add_area(session)
        visit = ready_visits(session, settings, area, add_slot(session, area), 1)[0]
        session.commit()
    with Session(database) as other_tab, ThreadPoolExecutor(1) as pool:
        other_tab.execute(
            text("UPDATE wizard_sessions SET version = version + 1 WHERE id = :id"), {"id": visit.visit_id}
        )
        answer = pool.submit(visit.submit, app)
        time.sleep(0.5)
        other_tab.commit()
        assert answer.result(10).status_code == 409
    with Session(database) as session:
        assert session.execute(text("SELECT count(*) FROM bookings")).scalar_one() == 0


def test_two_zips_that_share_a_crew_never_sell_more_than_it_has(
    app: Flask, database: Engine, settings: Settings
) -> None:
    with Session(database) as session:
        visits: list[ReadyVisit] = []
        for zip_code in ("85004", "85006", "85008", "85012"):
            area = add_area(session, zip_code)
            visits += ready_visits(
                session, settings, area, add_slot(session, area, key="shared", capacity=2), 5
            )
        session.commit()
    answers = all_at_once([lambda visit=visit: visit.submit(app) for visit in visits])
    assert Counter(answer.status_code for answer in answers)[200] == 2
    with Session(database) as session:
        assert session.execute(text("SELECT count(*) FROM bookings")).scalar_one() == 2
        assert (
            session.execute(
                text("SELECT taken FROM slot_capacity WHERE external_slot_id = 'shared'")
            ).scalar_one()
            == 2
        )


def test_who_holds_never_loses_to_another_zip(app: Flask, database: Engine, settings: Settings) -> None:
    with Session(database) as session:
        here, there = add_area(session, "85004"), add_area(session, "85006")
        mine = add_slot(session, here, key="shared", capacity=1)
        theirs = add_slot(session, there, key="shared")
        holder = ready_visits(session, settings, here, mine, 1)[0]
        others = ready_visits(session, settings, there, theirs, 10)
        hold = text("SELECT hold_slot(:slot, :area, :visit, 'addr'::bytea, 600, interval '2 hours')")
        assert (
            session.execute(hold, {"slot": mine.id, "area": here, "visit": holder.visit_id}).scalar_one()
            == "held"
        )
        session.commit()
    answers = all_at_once([lambda visit=visit: visit.submit(app) for visit in others])
    assert {answer.status_code for answer in answers} == {409}
    assert holder.submit(app).status_code == 200


def deadlocks(database: Engine) -> int:
    """How many deadlocks this database has broken so far; its figures come a second late."""
    time.sleep(1.5)
    with Session(database) as session:
        found = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(session.execute(found).scalar_one())


CHURN_SECONDS = 10.0
CLIENTS = 40


def test_claiming_cancelling_moving_and_syncing_never_deadlocks(
    app: Flask, database: Engine, settings: Settings
) -> None:
    """Forty clients with an address each; every answer is a success or a refusal, and the counters stay true."""

    churn = Churn(app, database, settings)
    churn.prepare()
    before = deadlocks(database)
    ends = time.monotonic() + CHURN_SECONDS
    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = [
            future.result() for future in [pool.submit(churn.client, n, ends) for n in range(CLIENTS)]
        ]
    total = sum(outcomes, Counter())
    assert set(total) <= {"booked", "lost", "moved", "not moved", "cancelled", "not cancelled", "synced"}, (
        total
    )
    assert min(total[name] for name in ("booked", "moved", "cancelled", "synced")) > 0, total
    churn.check_counters()
    assert deadlocks(database) == before, "a retry hides a deadlock from people, not from us"
