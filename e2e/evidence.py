"""What a journey left behind: rows of the database and effects at the simulated providers, always of one booking."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import RowMapping, create_engine, text

T = TypeVar("T")
ENDED = {"completed", "failed"}


class TooLate(AssertionError):
    """Something that was promised did not happen in time."""


def wait_for(look: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
    """Look again and again until there is something to see, and give it."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > end:
            raise TooLate(f"{what or 'nothing'} after {seconds} s; last seen: {seen!r}")
        time.sleep(0.1)
    return seen


class Evidence:
    """Reads what is stored and what was delivered. It changes data only to play what time or rivals would do."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._engine = create_engine(env["MIGRATION_DATABASE_URL"])
        self._simulator = env["SIMULATOR_URL"]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def rows(self, sql: str, **values: Any) -> list[RowMapping]:
        """Read rows."""
        with self._engine.connect() as connection:
            return list(connection.execute(text(sql), values).mappings())

    def change(self, sql: str, **values: Any) -> None:
        """Change rows."""
        with self._engine.begin() as connection:
            connection.execute(text(sql), values)

    def booking(self, reference: str) -> RowMapping:
        """The booking of that reference."""
        (row,) = self.rows("SELECT * FROM bookings WHERE reference = :reference", reference=reference)
        return row

    def events(self, visit_id: Any) -> list[RowMapping]:
        """The events of one visit in order."""
        return self.rows(
            "SELECT event_type, event_data ->> 'step' AS step, event_data ->> 'nav' AS nav, event_data, booking_id, utm_source,"
            " utm_medium, utm_campaign, gclid, is_bot FROM analytics_events WHERE session_id = :id ORDER BY created_at, id",
            id=str(visit_id),
        )

    def steps(self, visit_id: Any, event_type: str) -> list[str]:
        """The steps that one kind of event was recorded for, in order."""
        return [event["step"] for event in self.events(visit_id) if event["event_type"] == event_type]

    def latest_visit(self) -> RowMapping:
        """The visit that began last."""
        (row,) = self.rows("SELECT * FROM wizard_sessions ORDER BY created_at DESC LIMIT 1")
        return row

    def leads(self, visit_id: Any) -> list[RowMapping]:
        """What one visit left without booking."""
        return self.rows("SELECT * FROM leads WHERE session_id = :id", id=visit_id)

    def jobs(self, booking_id: Any) -> list[RowMapping]:
        """The queue jobs of one booking."""
        return self.rows("SELECT * FROM queue_jobs WHERE booking_id = :id ORDER BY seq", id=booking_id)

    def settled_jobs(self, booking_id: Any, seconds: float = 15.0) -> list[RowMapping]:
        """The queue jobs of one booking once none is waiting any more."""

        def look() -> list[RowMapping]:
            jobs = self.jobs(booking_id)
            return jobs if all(job["status"] in ENDED for job in jobs) else []

        return wait_for(look, seconds, "finished deliveries")

    def notifications(self, booking_id: Any) -> list[RowMapping]:
        """The messages of one booking."""
        return self.rows("SELECT * FROM notifications WHERE booking_id = :id ORDER BY type", id=booking_id)

    def slot(self, slot_id: Any) -> RowMapping:
        """One window."""
        (row,) = self.rows("SELECT * FROM time_slots WHERE id = :id", id=slot_id)
        return row

    def release_holds(self) -> None:
        """Let all holds end, as ten minutes would."""
        self.change(
            "UPDATE time_slots SET held_by = NULL, held_until = NULL, held_addr = NULL WHERE held_by IS NOT NULL"
        )

    def effects(self, booking: RowMapping) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What the providers did for one booking, by provider and kind."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for effect in self._ask("/__sim__/ledger")["effects"]:
            if _belongs(effect, booking):
                found.setdefault((effect["provider"], effect["kind"]), []).append(effect)
        return found

    def texts(self, reference: str) -> list[dict[str, Any]]:
        """The text messages that name a booking."""
        messages: list[dict[str, Any]] = self._ask("/__sim__/outbox/sms")["messages"]
        return [message for message in messages if reference in message["body"]]

    def manage_link(self, reference: str) -> str:
        """The link that the text message about a booking carries."""
        words: list[str] = self.texts(reference)[0]["body"].split()
        return next(word for word in words if "/manage/" in word)

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self._simulator + path, timeout=5) as answer:  # noqa: S310  our own loopback server
            return json.load(answer)


def _belongs(effect: Mapping[str, Any], booking: RowMapping) -> bool:
    """ServiceTitan knows our id, Klaviyo has it in its key, a text message says the reference."""
    return str(booking["id"]) in (effect["key"] or "") or booking["reference"] in effect["data"].get(
        "body", ""
    )
