"""A person whose every word is known nowhere else, and the search for those words in the whole database."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import changes, erasure
from app.booking.answers import Bookable
from app.booking.consent import Witness
from app.booking.submit import Submission, Terms, submit
from app.config import Settings
from app.maintenance.privacy.person import Tools
from app.notifications.recipients import phone_hash
from tests.factories import add_area, add_slot

COLUMNS = text(
    "SELECT c.table_name, c.column_name FROM information_schema.columns c"
    " JOIN pg_class t ON t.relname = c.table_name AND t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'm')"
    " WHERE c.table_schema = 'public' AND c.data_type IN ('text', 'character varying', 'character', 'jsonb', 'json', 'ARRAY', 'inet')"
    " ORDER BY 1, 2"
)


@dataclass(frozen=True)
class Who:
    """One person's words."""

    first_name: str
    last_name: str
    email: str
    phone: str
    address: str
    apartment: str
    access: str
    note: str
    click: str

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(vars(self).values())


CANARY = Who(
    "Zephyrine", "Quaxbottle", "zephyrine.quaxbottle@canary.example", "+16025550177", "4711 Ostrichfeather Lane",
    "Unit Kumquat", "Beware of the zebrafinch", "It squeaks like a wombat", "click-platypus-1",
)  # fmt: skip
OTHER = Who(
    "Orville", "Plinkington", "orville@other.example", "+16025550188", "12 Hollyhock Street",
    "Flat Marigold", "Ring twice, thimble", "The spring is rhubarb", "click-gannet-2",
)  # fmt: skip


def settings_tools(settings: Settings) -> Tools:
    """An erasure's tools, in nobody's name."""
    return erasure.tools(settings.privacy_hash_key, "cli")


def book(session: Session, settings: Settings, who: Who, *, hour: int = 8, day: int = 2) -> uuid.UUID:
    """Book by the real submit, from a visit that still holds every answer."""
    known = session.execute(
        text("SELECT id FROM service_areas WHERE zip_code = '85004'")
    ).scalar_one_or_none()
    area = known or add_area(session)
    slot = add_slot(session, area, day=day, hour=hour)
    partner = session.execute(text("SELECT id FROM partners WHERE key = 'direct'")).scalar_one()
    visit = add_visit(session, who)
    answers = Bookable(
        area, "broken_spring", who.note, 2, 7, "owner", None, slot.id, who.first_name, who.last_name, who.email,
        who.phone, who.address, who.apartment, who.access, True,
    )  # fmt: skip
    attribution = {"first": {"utm_source": "google"}, "last": {"utm_source": "google", "gclid": who.click}}
    witness = Witness("/w/-/contact", "direct", "en", "203.0.113.7", "a browser")
    submission = Submission(
        visit, uuid.uuid4(), who.note.encode(), partner, "paid_search", attribution, witness
    )
    terms = Terms(timedelta(hours=2), 8900, "A1 Garage", settings.privacy_hash_key)
    booked = submit(session, answers, submission, terms)
    session.execute(
        text("UPDATE wizard_sessions SET booking_id = :booking WHERE id = :id"),
        {"booking": booked.booking_id, "id": visit},
    )
    return booked.booking_id


def add_visit(session: Session, who: Who) -> uuid.UUID:
    """A visit that got as far as the contact step."""
    answers = {
        "first_name": who.first_name, "last_name": who.last_name, "email": who.email, "phone": who.phone,
        "address_line1": who.address, "address_line2": who.apartment, "access_notes": who.access, "issue_note": who.note,
    }  # fmt: skip
    touch = {"utm_source": "google", "gclid": who.click, "landing_path": f"/?q={who.last_name}"}
    visit: uuid.UUID = session.execute(
        text(
            "INSERT INTO wizard_sessions (partner_id, answers, first_touch, last_touch, client_addr_hash)"
            " SELECT id, CAST(:answers AS jsonb), CAST(:touch AS jsonb), CAST(:touch AS jsonb), 'x' FROM partners"
            " WHERE key = 'direct' RETURNING id"
        ),
        {"answers": json.dumps(answers), "touch": json.dumps(touch)},
    ).scalar_one()
    return visit


def leave_traces(session: Session, settings: Settings, who: Who, booking_id: uuid.UUID) -> None:
    """Write the person's words wherever the product could ever have put them."""
    reason = f"{who.first_name} {who.last_name} called from {who.phone}"
    values: dict[str, Any] = vars(who) | {
        "id": booking_id,
        "reason": reason,
        "hash": phone_hash(who.phone, settings.privacy_hash_key),
        "sid": f"SM{uuid.uuid4().hex}",
        "free": f"SM{uuid.uuid4().hex}",
        "touch": json.dumps(
            {"first": {"gclid": who.click}, "last": {"utm_source": "google", "fbclid": who.click}}
        ),
        "lead": add_visit(session, who),
        "document": json.dumps({"to": who.email, "name": who.first_name, "customer_id": "4711"}),
    }
    for statement in TRACES:
        session.execute(text(statement), values)


TRACES = (
    "UPDATE bookings SET needs_attention = :reason WHERE id = :id",
    "UPDATE booking_status_history SET reason = :reason WHERE booking_id = :id",
    "UPDATE notifications SET error_msg = :reason WHERE booking_id = :id",
    (
        "UPDATE queue_jobs SET error_msg = :reason, payload = payload || CAST(:document AS jsonb), provider_ref = CAST(:document AS jsonb)"
        " WHERE booking_id = :id"
    ),
    "INSERT INTO inbound_texts (provider_sid, phone_hash, booking_id, meaning, body) VALUES (:sid, :hash, :id, 'other', :reason)",
    "INSERT INTO inbound_texts (provider_sid, phone_hash, meaning, body) VALUES (:free, :hash, 'other', :reason)",
    (
        "INSERT INTO leads (kind, session_id, zip_code, first_name, email, phone, note, attribution)"
        " VALUES ('callback', :lead, '85004', :first_name, upper(:email), :phone, :note, CAST(:touch AS jsonb))"
    ),
    "INSERT INTO leads (kind, zip_code, first_name, phone, note) VALUES ('callback', '85005', :first_name, :phone, :note)",
    (
        "INSERT INTO analytics_events (booking_id, event_type, event_data, session_id, gclid)"
        " SELECT id, 'booking_submitted', '{\"step\": \"review\"}', session_id, :click FROM bookings WHERE id = :id"
    ),
    "INSERT INTO analytics_events (event_type, session_id, gclid) VALUES ('step_viewed', CAST(:lead AS text), :click)",
)


def finish(session: Session, settings: Settings, booking_id: uuid.UUID) -> None:
    """Cancel the way the office does, so that nothing is ahead any more."""
    assert changes.cancel(
        session, booking_id, actor="visitor", reason="other plans", privacy_key=settings.privacy_hash_key
    )


def hits(session: Session, who: Who) -> list[tuple[str, str, int]]:
    """Search every text, JSON and array column of every table and partition; answer where the words are."""
    digits = who.phone.removeprefix("+1")
    words = [*who.words, digits, f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"]
    found = []
    for table, column in session.execute(COLUMNS).all():
        number = session.execute(
            text(
                f'SELECT count(*) FROM "{table}" WHERE EXISTS (SELECT 1 FROM unnest(CAST(:words AS text[])) w'
                f' WHERE position(lower(w) IN lower("{column}"::text)) > 0)'
            ),
            {"words": words},
        ).scalar_one()
        if number:
            found.append((table, column, number))
    return found


def contents(session: Session, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Everything in the database, table by table, in an order of its own."""
    tables = session.execute(
        text(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND relname NOT IN ('zip_codes', 'alembic_version') ORDER BY 1"
        )
    ).scalars()
    return {
        table: list(session.execute(text(f'SELECT to_jsonb(t)::text FROM "{table}" t ORDER BY 1')).scalars())
        for table in list(tables)
        if table not in without
    }
