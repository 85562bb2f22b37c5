"""Erasing somebody who is booking at the same moment: the booking is erased with them, or stands whole as somebody new."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.maintenance.integrity import looking
from app.maintenance.privacy.erasing import OpenBookingsError, StillAtWorkError, erase, erase_with_visits
from app.maintenance.privacy.person import Person, RacedError
from app.sqlstate import can_retry, sqlstate
from tests.maintenance.canary import CANARY, OTHER, book, finish, hits, settings_tools

WHO = Person(CANARY.email)
HALVES = text(
    "SELECT count(*) FROM bookings b JOIN customers c ON c.id = b.customer_id WHERE (b.erased_at IS NULL) <> (c.erased_at IS NULL)"
    " OR (b.erased_at IS NULL) <> (b.contact_email = c.email AND b.contact_email NOT LIKE 'erased%')"
)


@pytest.fixture
def known(database: Engine, settings: Settings) -> Engine:
    """Somebody with a cancelled booking: a customer whom the next booking will find."""
    with Session(database) as session:
        finish(session, settings, book(session, settings, CANARY))
        book(session, settings, OTHER, hour=10)
        session.commit()
    return database


class Beside:
    """Something that happens in a thread of its own; what it answered or raised."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.answer: object = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            self.answer = act()
        except Exception as error:  # noqa: BLE001 - told to the test
            self.error = error

    def end(self) -> "Beside":
        """Wait for the end."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self


def wait_until_blocked(engine: Engine) -> None:
    """Wait until somebody stands in front of a lock."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _try in range(300):
        with engine.connect() as connection:
            if connection.execute(query).scalar_one():
                return
        time.sleep(0.1)
    raise AssertionError("nobody waits")


def erase_now(engine: Engine, settings: Settings) -> object:
    with Session(engine) as session:
        session.execute(text("SET LOCAL lock_timeout = '60s'"))
        answer = erase(session, WHO, settings_tools(settings))
        session.commit()
        return answer


def book_now(engine: Engine, settings: Settings, hour: int) -> object:
    with Session(engine) as session:
        session.execute(text("SET LOCAL lock_timeout = '60s'"))
        session.execute(text("SET LOCAL statement_timeout = '60s'"))
        answer = book(session, settings, CANARY, hour=hour)
        session.commit()
        return answer


def test_a_booking_that_was_first_keeps_its_person(known: Engine, settings: Settings) -> None:
    with Session(known) as visitor:
        book(visitor, settings, CANARY, hour=14)
        erasing = Beside(partial(erase_now, known, settings))
        wait_until_blocked(known)
        visitor.commit()
    assert isinstance(erasing.end().error, RacedError)
    with pytest.raises(OpenBookingsError):
        erase_now(known, settings)
    with known.connect() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM bookings WHERE erased_at IS NOT NULL")).scalar_one()
            == 0
        )


def test_a_booking_that_came_second_is_somebody_new(known: Engine, settings: Settings) -> None:
    with Session(known) as office:
        erase(office, WHO, settings_tools(settings))
        booking = Beside(partial(book_now, known, settings, 14))
        wait_until_blocked(known)
        office.commit()
    assert booking.end().error is None
    with known.connect() as connection:
        assert connection.execute(HALVES).scalar_one() == 0
        alive = text("SELECT count(*) FROM bookings WHERE contact_email = :email AND erased_at IS NULL")
        assert connection.execute(alive, {"email": CANARY.email}).scalar_one() == 1


def keep_erasing(engine: Engine, settings: Settings, stop: threading.Event) -> int:
    """Erase with visits called off, over and over."""
    done = 0
    while not stop.is_set():
        with Session(engine) as session:
            try:
                done += not erase_with_visits(session, WHO, settings_tools(settings)).is_nothing
                session.commit()
            except (OpenBookingsError, StillAtWorkError, RacedError):
                session.rollback()
            except Exception as error:
                if not can_retry(sqlstate(error)):
                    raise
                session.rollback()
    return done


def test_bookings_and_erasures_in_a_crowd_leave_no_half_state(known: Engine, settings: Settings) -> None:
    stop = threading.Event()
    erasing = Beside(partial(keep_erasing, known, settings, stop))

    def keep_booking(hours: range) -> int:
        return sum(book_patiently(known, settings, hour) for hour in hours)

    visitors = [Beside(partial(keep_booking, hours)) for hours in (range(11, 16), range(16, 21))]
    made = [visitor.end() for visitor in visitors]
    stop.set()
    assert erasing.end().error is None
    assert [visitor.error for visitor in made] == [None, None]
    assert sum(int(str(visitor.answer)) for visitor in made) == 10
    with Session(known) as session:
        assert session.execute(HALVES).scalar_one() == 0
        erase_with_visits(session, WHO, settings_tools(settings))
        assert hits(session, CANARY) == []
        session.execute(text("UPDATE report_state SET refreshed_at = now() WHERE isfinite(refreshed_at)"))
        assert looking.look(lambda work: work(session), looking.scope(session, settings)) == ()


def book_patiently(engine: Engine, settings: Settings, hour: int) -> bool:
    """Book as a page does: again when the database asks for that."""
    for _try in range(50):
        try:
            book_now(engine, settings, hour)
        except Exception as error:
            if not can_retry(sqlstate(error)):
                raise
        else:
            return True
    return False
