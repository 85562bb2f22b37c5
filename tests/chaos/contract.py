"""The delivery contract as a machine that hypothesis drives: any order of events, and what must hold after each."""

import re
import uuid
from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.manage_links import token_of
from app.jobs import runner, sweep
from app.providers.twilio_signature import signature
from tests.chaos import verdict
from tests.chaos.house import Database, House
from tests.factories import SlotRow, add_area, add_slot
from tests.wizard.ready import ReadyVisit, ready_visits

WINDOWS = 4
CREW = 2  # windows that share a crew of one
HOW: dict[str, dict[str, object] | None] = {
    "ok": None,
    "transient": {"mode": "error", "status": 503},
    "refused before it arrived": {"mode": "drop_before"},
    "too many": {"mode": "rate_limit", "retry_after": 1},
    "permanent": {"mode": "error", "status": 400},
    "done and no answer": {"mode": "drop_after_commit"},
    "done and nonsense answered": {"mode": "garbage"},
}  # fmt: skip
EFFECTS = {"servicetitan": "/jobs*", "klaviyo": "/events", "twilio": "/Messages.json"}
FINAL = {"delivered", "undelivered", "failed"}
EMPTIED = (
    "bookings, booking_submissions, booking_status_history, manage_links, time_slots, slot_capacity, notifications,"
    " queue_jobs, provider_events, provider_health, wizard_sessions, analytics_events, customers"
)
DUE = "SELECT id FROM queue_jobs WHERE status = 'pending' AND scheduled_at <= now() ORDER BY seq"
HURRY = (
    "UPDATE queue_jobs SET scheduled_at = scheduled_at - make_interval(mins => :minutes),"
    " lease_until = lease_until - make_interval(mins => :minutes), deadline_at = deadline_at - make_interval(mins => :minutes)"
    " WHERE status IN ('pending', 'processing')"
)
PROBE = "UPDATE provider_health SET next_probe_at = next_probe_at - make_interval(mins => :minutes)"
SPENT = "SELECT count(*) FROM queue_jobs WHERE attempts > max_attempts"
JOBS_WRONG = (
    "SELECT count(*) FROM bookings b WHERE (SELECT count(*) FROM queue_jobs q WHERE q.booking_id = b.id AND"
    " job_type = 'servicetitan.create_job') <> 1 OR (SELECT count(*) FROM queue_jobs q WHERE q.booking_id = b.id AND"
    " job_type = 'servicetitan.cancel_job') <> (b.status = 'cancelled')::int"
)


class Contract(RuleBasedStateMachine):
    """Homeowners, workers and providers in any order; `house` is set before it runs."""

    house: House
    histories: ClassVar[list[None]] = []

    @initialize()
    def open(self) -> None:
        """Start with empty books, four windows and two crews."""
        self.histories.append(None)
        house = self.house
        self.db = Database(house.database)
        with house.owner.begin() as connection:
            connection.execute(text(f"TRUNCATE {EMPTIED} CASCADE"))
        house.sim.world.reset()
        with Session(house.database) as session:
            found = session.execute(text("SELECT id FROM service_areas WHERE zip_code = '85004'")).scalar()
            self.area: uuid.UUID = found or add_area(session)
            self.slots: list[SlotRow] = [
                add_slot(session, self.area, day=3, hour=8 + 2 * n, key=f"test:{n % CREW}")
                for n in range(WINDOWS)
            ]
            session.commit()
        self.visits: list[tuple[ReadyVisit, str]] = []
        self.frozen: list[tuple[Any, Any]] = []
        self.ended: dict[uuid.UUID, str] = {}
        self.delivered: set[uuid.UUID] = set()

    @rule(slot=st.integers(0, WINDOWS - 1))
    def submit(self, slot: int) -> None:
        """Somebody presses the button for a window."""
        with Session(self.house.database) as session:
            visit = ready_visits(session, self.house.settings, self.area, self.slots[slot], 1)[0]
            session.commit()
        response = visit.submit(self.house.app)
        assert response.status_code in {200, 409}
        if response.status_code == 200:
            self.visits.append((visit, reference_in(response.text)))

    @precondition(lambda self: self.visits)
    @rule(which=st.integers(0, 99))
    def submit_again(self, which: int) -> None:
        """Somebody presses it once more."""
        visit, reference = self.visits[which % len(self.visits)]
        response = visit.submit(self.house.app)
        assert response.status_code == 200
        assert reference_in(response.text) == reference

    @rule(which=st.integers(0, 9), how=st.sampled_from(sorted(HOW)), at_the_effect=st.booleans())
    def deliver(self, which: int, how: str, *, at_the_effect: bool) -> None:
        """A worker does a job, and it goes one way or another."""
        due = self.db.rows(DUE)
        if not due:
            return
        job_id = due[which % len(due)][0]
        self.order(job_id, how, at_the_effect=at_the_effect)
        runner.run(self.house.process, job_id)
        self.house.sim.world.faults.faults.clear()

    def order(self, job_id: uuid.UUID, how: str, *, at_the_effect: bool) -> None:
        """Let the job's provider misbehave once: at its first call, or at the one that changes something."""
        order = HOW[how]
        if order is None:
            return
        provider = {"servicetitan.": "servicetitan", "klaviyo.": "klaviyo", "twilio.": "twilio"}[
            re.match(r"\w+\.", self.db.one("SELECT job_type FROM queue_jobs WHERE id = :id", id=job_id))[0]  # type: ignore[index]
        ]
        match: dict[str, object] = {"method": "POST", "path": EFFECTS[provider]} if at_the_effect else {}
        self.house.sim.world.faults.add({"provider": provider, "match": match} | order)

    @rule(which=st.integers(0, 9), called=st.booleans())
    def crash(self, which: int, *, called: bool) -> None:
        """A worker stands still in the middle of a job, before or after its call."""
        due = self.db.rows(DUE)
        if not due:
            return
        claimed = runner.claim(self.house.process, due[which % len(due)][0])
        if claimed is not None:
            self.frozen.append((claimed, runner.call(self.house.process, claimed) if called else None))

    @precondition(lambda self: self.frozen)
    @rule()
    def thaw(self) -> None:
        """A worker that stood still goes on as if nothing had been."""
        claimed, ended = self.frozen.pop()
        runner.finish(self.house.process, claimed, ended or runner.call(self.house.process, claimed))

    @rule()
    def sweep(self) -> None:
        """The dispatcher looks for leases that ran out."""
        sweep.sweep(self.house.process)

    @rule(minutes=st.sampled_from([1, 10, 60]))
    def pass_time(self, minutes: int) -> None:
        """Time passes for everything that waits."""
        self.db.rows(HURRY, minutes=minutes)
        self.db.rows(PROBE, minutes=minutes)

    @precondition(lambda self: self.visits)
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        """Somebody cancels by their link."""
        path, seal = self.manage_page(which)
        if seal:
            answer = self.house.app.test_client().post(f"{path}/cancel", data={"fs": seal, "reason": "fixed"})
            assert answer.status_code in {303, 409}

    @precondition(lambda self: self.visits)
    @rule(which=st.integers(0, 99), slot=st.integers(0, WINDOWS - 1))
    def move(self, which: int, slot: int) -> None:
        """Somebody moves to another window by their link."""
        path, seal = self.manage_page(which)
        if seal:
            data = {"fs": seal, "slot_id": str(self.slots[slot].id)}
            answer = self.house.app.test_client().post(f"{path}/move", data=data)
            assert answer.status_code in {303, 409, 422}

    def manage_page(self, which: int) -> tuple[str, str | None]:
        """Open a booking's link."""
        reference = self.visits[which % len(self.visits)][1]
        nonce = self.db.one(
            "SELECT nonce FROM manage_links l JOIN bookings b ON b.id = l.booking_id WHERE reference = :r",
            r=reference,
        )
        path = f"/manage/{token_of(bytes(nonce), self.house.settings.privacy_hash_key)}"
        seal = re.search(r'name="fs" value="([^"]+)"', self.house.app.test_client().get(path).text)
        return path, seal[1] if seal else None

    @rule(which=st.integers(0, 9), status=st.sampled_from(["queued", "sent", "delivered", "undelivered"]))
    def call_back(self, which: int, status: str) -> None:
        """Twilio tells what became of a text, in any order and as often as it likes."""
        sent = self.db.rows(
            "SELECT id, external_id FROM notifications WHERE type = 'sms' AND status = 'sent' ORDER BY id"
        )
        if not sent:
            return
        row = sent[which % len(sent)]
        fields = {
            "MessageSid": row.external_id,
            "MessageStatus": status,
            "AccountSid": self.house.settings.twilio_account_sid,
        }
        path = f"/webhooks/twilio/status?n={row.id}"
        url = self.house.settings.public_base_url.rstrip("/") + path
        token = self.house.settings.twilio_auth_token
        signed = signature(token, url, {name: [value] for name, value in fields.items()})
        answer = self.house.app.test_client().post(path, data=fields, headers={"X-Twilio-Signature": signed})
        assert answer.status_code in {200, 204}

    @invariant()
    def windows_and_bookings_agree(self) -> None:
        """A window is sold exactly when one live booking has it, and the crews' counters say the same."""
        assert self.db.one(verdict.SLOTS_WRONG) == 0
        assert self.db.one(verdict.COUNTERS_WRONG) == 0
        assert self.db.one(verdict.TWICE_A_VISIT) == 0

    @invariant()
    def every_booking_has_its_jobs(self) -> None:
        """The outbox holds what each booking needs, and no job was tried too often."""
        assert self.db.one(JOBS_WRONG) == 0
        assert self.db.one(SPENT) == 0
        assert self.db.one(verdict.MESSAGES_WITHOUT_JOB) == 0

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        """Neither jobs nor messages leave a final state."""
        rows = self.db.rows(
            "SELECT id, coalesce(outcome, '') AS state FROM queue_jobs WHERE status IN ('completed', 'failed')"
            " UNION ALL SELECT id, status FROM notifications WHERE status <> 'pending'"
        )
        now = {row.id: row.state for row in rows}
        changed = {key: (state, now.get(key)) for key, state in self.ended.items() if now.get(key) != state}
        assert not {key: pair for key, pair in changed.items() if pair != ("failed", "sent")}, changed
        self.ended = now
        arrived = {
            row.id for row in self.db.rows("SELECT id FROM notifications WHERE delivery_status = 'delivered'")
        }
        assert self.delivered <= arrived
        self.delivered = arrived

    @invariant()
    def nothing_happened_twice(self) -> None:
        """Each effect at a provider happened once."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for effect in self.house.sim.world.ledger.of(None):
            key = str(effect.key)
            if effect.provider == "twilio":
                key = verdict.notification_of({"data": effect.data, "id": effect.id})
            if effect.kind in verdict.ONCE:
                counts[effect.provider, effect.kind, key] += effect.count
        assert not {key: number for key, number in counts.items() if number > 1}

    def teardown(self) -> None:
        """In the end everything becomes quiet, and ServiceTitan sends a truck exactly where one is wanted."""
        if not hasattr(self, "visits"):
            return
        for _ in range(40):
            self.db.rows(HURRY, minutes=70)
            self.db.rows(PROBE, minutes=70)
            sweep.sweep(self.house.process)
            due = self.db.rows(DUE)
            if not due and not self.db.one("SELECT count(*) FROM queue_jobs WHERE status = 'processing'"):
                break
            for row in due:
                runner.run(self.house.process, row.id)
        self.what_has_ended_stays_ended()
        self.nothing_happened_twice()
        self.trucks_go_where_they_should()

    def trucks_go_where_they_should(self) -> None:
        """A visit there for each live booking whose create went well; none for a cancelled one whose cancel went well."""
        alive: Counter[str] = Counter()
        for effect in self.house.sim.world.ledger.of("servicetitan"):
            alive[str(effect.key)] += {"job": 1, "cancel": -1}.get(effect.kind, 0)
        for row in self.db.rows(
            "SELECT b.id, b.status, q.job_type, q.outcome FROM bookings b JOIN queue_jobs q ON q.booking_id = b.id"
            " WHERE job_type = CASE b.status WHEN 'cancelled' THEN 'servicetitan.cancel_job' ELSE 'servicetitan.create_job' END"
        ):
            if row.outcome == "ok":
                assert alive[str(row.id)] == (0 if row.status == "cancelled" else 1), row


def reference_in(page: str) -> str:
    """Read the reference off the done page."""
    found = re.search(r'data-reference="(\w+)"', page)
    assert found
    return found[1]
