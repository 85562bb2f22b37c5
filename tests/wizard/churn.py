"""Forty clients that book, move, cancel and sync the same few windows as fast as they can."""

import random
import threading
import time
import uuid
from collections import Counter
from datetime import timedelta

from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.booking import changes, slot_sync
from app.booking.changes import Mover
from app.booking.errors import NotMovable, SlotTaken
from app.booking.slot_sync import AreaDay, UpstreamWindow, UpstreamZone
from app.config import Settings
from app.web import transaction
from tests.factories import SlotRow, add_area, add_slot
from tests.wizard.ready import ReadyVisit, ready_visits

ZIPS = ("85004", "85006", "85008")
CAPACITY = 2
KEYS = 6


class Churn:
    """Three ZIP codes over one crew: six windows each, six shared counters of two."""

    def __init__(self, app: Flask, database: Engine, settings: Settings) -> None:
        self.app, self.database, self.settings = app, database, settings
        self.mover = Mover("visitor", timedelta(hours=2), settings.privacy_hash_key)
        self.lock = threading.Lock()
        self.areas: list[uuid.UUID] = []
        self.slots: dict[uuid.UUID, list[SlotRow]] = {}
        self.visits: dict[uuid.UUID, list[ReadyVisit]] = {}

    def prepare(self) -> None:
        """Add areas, windows and visits that are ready to press the button."""
        with Session(self.database) as session:
            for zip_code in ZIPS:
                area = add_area(session, zip_code)
                self.areas.append(area)
                self.slots[area] = [
                    add_slot(session, area, day=3, hour=7 + 2 * n, key=f"up:{n}", capacity=CAPACITY)
                    for n in range(KEYS)
                ]
                self.visits[area] = ready_visits(session, self.settings, area, self.slots[area][0], 700)
            session.commit()

    def client(self, number: int, ends: float) -> Counter[str]:
        """Act until the time is up, from one address of its own."""
        rng = random.Random(number)
        outcomes: Counter[str] = Counter()
        acts = (self.book, self.book, self.move, self.cancel) if number else (self.sync,)
        while time.monotonic() < ends:
            outcomes[rng.choice(acts)(rng, f"203.0.113.{number}")] += 1
        return outcomes

    def book(self, rng: random.Random, address: str) -> str:
        """Submit a fresh visit on a random window."""
        area = rng.choice(self.areas)
        with self.lock:
            if not self.visits[area]:
                return "lost"
            visit = self.visits[area].pop()
        slot = rng.choice(self.slots[area])
        with Session(self.database) as session:
            session.execute(
                text(
                    "UPDATE wizard_sessions SET answers = answers || jsonb_build_object('slot_id', CAST(:slot AS text)) WHERE id = :id"
                ),
                {"slot": str(slot.id), "id": visit.visit_id},
            )
            session.commit()
        status = visit.submit(self.app, address).status_code
        return {200: "booked", 409: "lost"}.get(status, f"answered {status}")

    def someone(self, rng: random.Random) -> tuple[uuid.UUID, uuid.UUID] | None:
        """Return a random open booking and its area."""
        with Session(self.database) as session:
            rows = session.execute(
                text("SELECT id, service_area_id FROM bookings WHERE status <> 'cancelled' LIMIT 30")
            ).all()
        return tuple(rng.choice(rows)) if rows else None

    def move(self, rng: random.Random, _address: str) -> str:
        """Move a random booking to a random window of its area."""
        found = self.someone(rng)
        if not found:
            return "not moved"
        slot = rng.choice(self.slots[found[1]])
        with self.app.app_context():
            try:
                moved = transaction.run(lambda session: changes.move(session, found[0], slot.id, self.mover))
            except (SlotTaken, NotMovable):
                return "not moved"
        return "moved" if moved.changed else "not moved"

    def cancel(self, rng: random.Random, _address: str) -> str:
        """Cancel a random booking."""
        found = self.someone(rng)
        if not found:
            return "not cancelled"
        with self.app.app_context():
            done = transaction.run(
                lambda session: changes.cancel(
                    session,
                    found[0],
                    actor="visitor",
                    reason=None,
                    privacy_key=self.settings.privacy_hash_key,
                )
            )
        return "cancelled" if done else "not cancelled"

    def sync(self, rng: random.Random, _address: str) -> str:
        """Apply a snapshot in which nothing of ours is known yet: capacity stays what it is."""
        area = rng.choice(self.areas)
        rows = self.slots[area]
        windows = tuple(
            UpstreamWindow(row.key, row.starts_at, row.starts_at + timedelta(hours=2), CAPACITY)
            for row in rows
        )
        starts, ends = rows[0].starts_at - timedelta(hours=8), rows[-1].starts_at + timedelta(hours=8)
        with self.app.app_context():

            def work(session: Session) -> int:
                zone = UpstreamZone(ZIPS, "up:", slot_sync.database_time(session), starts, ends, windows)
                return slot_sync.apply(session, zone, AreaDay(area, rows[0].starts_at.date()))

            transaction.run(work)
        return "synced"

    def check_counters(self) -> None:
        """Assert that what is taken is what is booked, and never more than there is."""
        with Session(self.database) as session:
            rows = session.execute(
                text(
                    "SELECT c.external_slot_id, c.capacity, c.taken, count(s.booking_id) AS booked FROM slot_capacity c"
                    " JOIN time_slots s USING (external_slot_id) GROUP BY 1, 2, 3"
                )
            ).all()
            live = session.execute(
                text("SELECT count(*) FROM bookings WHERE status <> 'cancelled'")
            ).scalar_one()
        assert all(row.taken == row.booked <= row.capacity == CAPACITY for row in rows), rows
        assert sum(row.booked for row in rows) == live
