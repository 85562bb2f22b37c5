"""People who book while the database is being kept: whole booking transactions from several threads."""

import threading
import uuid
from types import TracebackType
from typing import Self

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from app.jobs.process import transact
from app.pooling import Client, connect_args
from tests.maintenance.copies import Copy

WINDOWS = 20_000
PREPARE = f"""
  INSERT INTO service_areas (zip_code, city, state, timezone) VALUES ('85201', 'Mesa', 'AZ', 'America/Phoenix');
  INSERT INTO slot_capacity (external_slot_id, capacity) SELECT 'load:' || n, 100 FROM generate_series(0, 999) n;
  INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, external_slot_id)
  SELECT a.id, at::date, at::time, at, at + interval '2 hours', 'load:' || n % 1000
    FROM service_areas a, generate_series(1, {WINDOWS}) n,
         LATERAL (SELECT now() + interval '2 days' + make_interval(mins => n) AS at) _
   WHERE a.zip_code = '85201'
"""
WINDOW_IDS = "SELECT s.id, s.service_area_id FROM time_slots s JOIN service_areas a ON a.id = s.service_area_id WHERE a.zip_code = '85201' ORDER BY s.id"
CLAIM = text("SELECT booking_id FROM claim_slot(:slot, :area, :visit, interval '2 hours')")
CUSTOMER = text(
    "INSERT INTO customers (first_name, last_name, email, phone) VALUES ('Pat', 'Doe', :visit || '@example.com', '+16025550123') RETURNING id"
)
BOOK = text(
    "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
    " address_line1, session_id) VALUES (:booking, :customer, :area, 'broken_spring', 1, 'owner', now() + interval '2 days',"
    " now() + interval '50 hours', '12 Oak', CAST(:visit AS uuid))"
)
BESIDE = text(
    "WITH job AS (INSERT INTO queue_jobs (queue_name, job_type, booking_id) VALUES ('critical', 'servicetitan.create_job', :booking)),"
    " link AS (INSERT INTO manage_links (token_hash, nonce, booking_id) VALUES (uuid_send(CAST(:visit AS uuid)), '\\x00', :booking)),"
    " message AS (INSERT INTO notifications (booking_id, type, provider, template, dedupe_key) VALUES (:booking, 'email', 'klaviyo', 'received', :visit))"
    " INSERT INTO analytics_events (booking_id, event_type, event_data, session_id)"
    " SELECT :booking, kind, '{\"step\": \"review\"}', :visit FROM unnest(ARRAY['step_completed', 'booking_submitted']) kind"
)
KEPT = text(
    "SELECT count(*) FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) WHERE EXISTS (SELECT FROM bookings b WHERE b.id = wanted.id)"
    " AND EXISTS (SELECT FROM queue_jobs j WHERE j.booking_id = wanted.id) AND EXISTS (SELECT FROM notifications n WHERE n.booking_id = wanted.id)"
    " AND EXISTS (SELECT FROM time_slots s WHERE s.booking_id = wanted.id)"
    " AND (SELECT count(*) FROM analytics_events e WHERE e.booking_id = wanted.id) = 2"
)


class Load:
    """Books as fast as it can between entering and leaving; connections have the limits that the product's have."""

    def __init__(self, database: Copy, *, threads: int = 3) -> None:
        args = connect_args(database.settings, Client.WEB)
        self.engine = create_engine(database.app.url, pool_size=threads, connect_args=args)
        self.sessions = sessionmaker(self.engine)
        self.errors: list[Exception] = []
        self.booked_ids: list[uuid.UUID] = []
        self.stop = threading.Event()
        with self.sessions.begin() as session:
            for statement in PREPARE.split(";\n"):
                session.execute(text(statement))
            self.windows = iter([tuple(row) for row in session.execute(text(WINDOW_IDS))])
        self.next_window = threading.Lock()
        self.threads = [threading.Thread(target=self.book_on) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.engine.dispose()

    @property
    def booked(self) -> int:
        """How many bookings were answered with yes."""
        return len(self.booked_ids)

    def book_on(self) -> None:
        """Book until told to stop, with a breath in between."""
        while not self.stop.wait(0.005):
            with self.next_window:
                slot, area = next(self.windows)
            try:
                self.booked_ids.append(transact(self.sessions, lambda session: book(session, slot, area)))  # noqa: B023
            except Exception as error:  # noqa: BLE001 - every error counts
                self.errors.append(error)

    def lost(self) -> int:
        """How many of the answered bookings, or of their rows elsewhere, are not there."""
        with self.sessions.begin() as session:
            kept = int(session.execute(KEPT, {"ids": self.booked_ids}).scalar_one())
        self.engine.dispose()
        return self.booked - kept


def book(session: Session, slot: uuid.UUID, area: uuid.UUID) -> uuid.UUID:
    """One booking as submit does it: visit, window, customer, booking, what must leave the house, events."""
    visit = str(session.execute(text("SELECT uuid_v7()")).scalar_one())
    booking: uuid.UUID = session.execute(CLAIM, {"slot": slot, "area": area, "visit": visit}).scalar_one()
    customer = session.execute(CUSTOMER, {"visit": visit}).scalar_one()
    values = {"booking": booking, "customer": customer, "area": area, "visit": visit}
    session.execute(BOOK, values)
    session.execute(BESIDE, values)
    return booking
