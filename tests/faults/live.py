"""A homeowner over real HTTP, and what became of their booking outside."""

import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
from sqlalchemy import create_engine, text

from app.booking.manage_links import token_of

T = TypeVar("T")


def wait_for(look: Callable[[], T], seconds: float, what: str) -> T:
    """Look until there is something to see."""
    ends = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < ends, f"{what}: not after {seconds} s"
        time.sleep(0.1)
    return seen


class Live:
    """Books as a browser without JavaScript does."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.web = httpx.Client(base_url=env["PUBLIC_BASE_URL"], follow_redirects=True, timeout=15)
        self.simulator = httpx.Client(base_url=env["SIMULATOR_URL"], timeout=15)
        self.engine = create_engine(env["MIGRATION_DATABASE_URL"])

    def close(self) -> None:
        """Close every connection."""
        self.web.close()
        self.simulator.close()
        self.engine.dispose()

    def one(self, sql: str, **values: Any) -> Any:
        """Read one value."""
        with self.engine.connect() as connection:
            return connection.execute(text(sql), values).scalar_one_or_none()

    def book(self, *, sms: bool = True, contact: Mapping[str, str] | None = None) -> uuid.UUID:
        """Walk through the wizard and return the booking's id."""
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE time_slots SET held_by = NULL, held_until = NULL, held_addr = NULL")
            )
        page = self.web.get("/book")
        base = str(page.url).rpartition("/")[0]
        email = f"{uuid.uuid4().hex[:10]}@example.com"
        steps: list[tuple[str, dict[str, str]]] = [
            ("zip", {"zip_code": "85004"}),
            ("issue", {"issue_type": "broken_spring"}),
            ("doors", {"door_count": "1", "door_age": "7"}),
            ("ownership", {"homeowner_status": "owner"}),
            ("slot", {}),
            ("contact", {"first_name": "Ana", "last_name": "Ruiz", "email": email, "phone": "602-555-0123",
                         "address_line1": "12 Oak Street", "sms_opt_in": "1" if sms else "", **(contact or {})}),
            ("review", {}),
        ]  # fmt: skip
        for step, answer in steps:
            found = dict(re.findall(r'name="(fs|submission_id|slot_id)" value="([^"]+)"', page.text))
            hidden = {"fs": found["fs"]} | {
                name: found[name] for name in ("submission_id", "slot_id") if name in found
            }
            page = self.web.post(f"{base}/{step}", data=hidden | answer)
            assert page.status_code == 200, f"{step}: {page.status_code}"
        reference = re.search(r'data-reference="(\w+)"', page.text)
        assert reference
        booking_id: uuid.UUID = self.one("SELECT id FROM bookings WHERE reference = :r", r=reference[1])
        return booking_id

    def status(self, booking_id: uuid.UUID) -> str:
        """Return the booking's status."""
        return str(self.one("SELECT status FROM bookings WHERE id = :id", id=booking_id))

    def cancel(self, booking_id: uuid.UUID) -> None:
        """Cancel by the manage link, as the homeowner would."""
        nonce = self.one("SELECT nonce FROM manage_links WHERE booking_id = :id", id=booking_id)
        path = f"/manage/{token_of(bytes(nonce), self.env['PRIVACY_HASH_KEY'])}"
        seal = re.search(r'name="fs" value="([^"]+)"', self.web.get(path).text)
        assert seal
        assert self.web.post(f"{path}/cancel", data={"fs": seal[1], "reason": "fixed"}).status_code == 200

    def effects(self, booking_id: uuid.UUID) -> Counter[str]:
        """Count what ServiceTitan got for this booking, by kind."""
        found = self.simulator.get("/__sim__/ledger", params={"provider": "servicetitan"}).json()["effects"]
        counts: Counter[str] = Counter()
        for effect in found:
            if effect["key"] == str(booking_id):
                counts[effect["kind"]] += effect["count"]
        return counts

    def open_jobs(self, bookings: list[uuid.UUID]) -> int:
        """Count what of these bookings has not left the house yet."""
        waiting = "SELECT count(*) FROM queue_jobs WHERE booking_id = ANY(:ids) AND status IN ('pending', 'processing')"
        return int(self.one(waiting, ids=bookings))

    def servicetitan_is_done(self, booking_id: uuid.UUID) -> bool:
        """Say whether ServiceTitan has nothing more to learn of this booking."""
        waiting = (
            "SELECT count(*) FROM queue_jobs WHERE booking_id = :id AND job_type LIKE 'servicetitan.%'"
            " AND status IN ('pending', 'processing')"
        )
        return int(self.one(waiting, id=booking_id)) == 0

    def slow_down(self, path: str, milliseconds: int) -> None:
        """Make one ServiceTitan call slow."""
        order = {"provider": "servicetitan", "match": {"method": "POST", "path": path}, "times": 1,
                 "mode": "latency", "latency_ms": milliseconds}  # fmt: skip
        self.simulator.post("/__sim__/faults", json=order).raise_for_status()

    def drop_reply(self, path: str) -> None:
        """Let ServiceTitan do it once and say nothing."""
        order = {
            "provider": "servicetitan",
            "match": {"method": "POST", "path": path},
            "times": 1,
            "mode": "drop_after_commit",
        }
        self.simulator.post("/__sim__/faults", json=order).raise_for_status()
