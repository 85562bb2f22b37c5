"""The office of a test: people who log in, bookings made by the real submit, forms sent as the page gives them."""

import re
import uuid
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.booking.answers import Bookable
from app.booking.consent import Witness
from app.booking.submit import Submission, Terms, submit
from app.config import Settings
from app.models.staff import Role
from app.staff import accounts
from app.staff.accounts import NewAccount
from tests.factories import add_area, add_slot

PASSWORD = "a garage door of steel"
LEAD = timedelta(hours=2)


def add_staff(session: Session, role: Role = Role.ADMIN, email: str | None = None) -> uuid.UUID:
    """Let somebody in."""
    wanted = NewAccount(email or f"{role}@example.com", f"Robin {role.capitalize()}", role, PASSWORD)
    return accounts.add(session, wanted)


def log_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    """Send the login form."""
    return client.post("/staff/login", data={"email": email, "password": password})


def enter(client: FlaskClient, session: Session, role: Role = Role.ADMIN) -> FlaskClient:
    """Come in with this role."""
    add_staff(session, role)
    assert log_in(client, f"{role}@example.com").status_code == 303
    return client


def token(client: FlaskClient) -> str:
    """Return the word that this session's forms carry."""
    return re.search(r'name="csrf_token" value="([^"]+)"', client.get("/staff/").text)[1]


def send(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
    """Send a form of a page."""
    return client.post(path, data={"csrf_token": token(client), **fields})


def follow(client: FlaskClient, response: TestResponse) -> str:
    """Return the page a form leads to."""
    assert response.status_code == 303, response.status_code
    return client.get(response.headers["Location"]).text


def book(session: Session, settings: Settings, *, hour: int = 8, day: int = 2, **differs: Any) -> str:
    """Book a window in 85004; answer the reference."""
    known = session.execute(
        text("SELECT id FROM service_areas WHERE zip_code = '85004'")
    ).scalar_one_or_none()
    area = known or add_area(session)
    slot = add_slot(session, area, day=day, hour=hour)
    partner = session.execute(text("SELECT id FROM partners WHERE key = 'direct'")).scalar_one()
    visit = session.execute(
        text("INSERT INTO wizard_sessions (partner_id) VALUES (:partner) RETURNING id"), {"partner": partner}
    ).scalar_one()
    values: dict[str, Any] = {
        "area_id": area, "issue_type": "broken_spring", "issue_note": "It went <bang>", "door_count": 2, "door_age": 7,
        "homeowner_status": "owner", "owner_permission": None, "slot_id": slot.id, "first_name": "Ana", "last_name": "Ruiz",
        "email": "ana@example.com", "phone": "+16025550123", "address_line1": "12 Oak Street", "address_line2": None,
        "access_notes": "Gate 4711", "sms_opt_in": True,
    }  # fmt: skip
    source = differs.pop("source", "paid_search")
    attribution = {"first": {"utm_source": "google"}, "last": {"utm_source": "google", "gclid": "click-1"}}
    witness = Witness("/w/review", "direct", "en", None, "a browser")
    submission = Submission(visit, uuid.uuid4(), b"hash", partner, source, attribution, witness)
    terms = Terms(LEAD, 8900, "A1 Garage", settings.privacy_hash_key)
    return submit(session, Bookable(**values | differs), submission, terms).reference


def fail_create(session: Session, reference: str, reason: str = "create job: 400 (customerId)") -> uuid.UUID:
    """Let the delivery of a booking to ServiceTitan be given up; answer its id."""
    job: uuid.UUID = session.execute(
        text(
            "UPDATE queue_jobs SET status = 'failed', outcome = 'permanent', attempts = 1, error_msg = :reason, completed_at = now()"
            " WHERE job_type = 'servicetitan.create_job' AND booking_id = (SELECT id FROM bookings WHERE reference = :reference)"
            " RETURNING id"
        ),
        {"reference": reference, "reason": reason},
    ).scalar_one()
    return job


def value(session: Session, sql: str, **values: object) -> Any:
    """Return the one value of a query."""
    return session.execute(text(sql), values).scalar()


def refresh_counts(session: Session) -> None:
    """Count what the test has booked, delivered and missed."""
    session.execute(text("SELECT report_refresh_counts('America/Phoenix')"))
