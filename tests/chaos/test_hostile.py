"""Thousands of hostile requests to every address there is: refused or answered, never an error of ours."""

import os

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.booking.manage_links import token_of
from app.config import Settings
from tests.chaos.hostile import Attacker
from tests.factories import add_week
from tests.pages import Walk
from tests.staff.office import add_staff, log_in

REQUESTS = int(os.environ.get("CHAOS_REQUESTS", "2000"))
SHOWN = 5


@pytest.fixture
def office(app: Flask, database: Engine) -> FlaskClient:
    """Somebody of the office, logged in."""
    with Session(database) as session:
        add_week(session)
        add_staff(session)
        session.commit()
    client = FlaskClient(app)
    assert log_in(client, "admin@example.com").status_code == 303
    return client


def ways_in(app: Flask, database: Engine, settings: Settings) -> dict[str, list[str]]:
    """Make visits on every step and a booking, and return the names that lead to them."""
    walks = [
        Walk(app.test_client()).start().to(step)
        for step in ("zip", "issue", "doors", "slot", "contact", "review")
    ]
    done = Walk(app.test_client(), address="203.0.113.8").start().to("review")
    assert done.submit().status_code == 200
    with database.connect() as connection:
        nonce = connection.execute(text("SELECT nonce FROM manage_links")).scalar_one()
        booking = connection.execute(text("SELECT id::text, reference FROM bookings")).one()
        slots = connection.execute(text("SELECT id::text FROM time_slots")).scalars().all()
        jobs = connection.execute(text("SELECT id::text FROM queue_jobs")).scalars().all()
    manage = token_of(bytes(nonce), settings.privacy_hash_key)
    return {
        "token": [*(walk.token for walk in (*walks, done)), manage],
        "step_name": ["zip", "issue", "doors", "ownership", "slot", "contact", "review", "done"],
        "fs": [walk.hidden("fs") for walk in walks],
        "slot_id": list(slots[:5]),
        "reference": [booking.reference],
        "job_id": list(jobs),
        "partner_key": ["direct"],
        "name": ["funnel", "sources"],
        "submission_id": [booking.id],
    }


def test_no_request_whatever_it_holds_is_answered_with_an_error_of_ours(
    app: Flask, database: Engine, settings: Settings, office: FlaskClient
) -> None:
    attacker, visitor, bad = Attacker(app, 7, ways_in(app, database, settings)), FlaskClient(app), []
    for number in range(REQUESTS):
        wanted = attacker.request()
        client = office if number % 3 == 0 and "logout" not in wanted["path"] else visitor
        response = client.open(**wanted)
        if response.status_code >= 500 or b"Traceback (most recent call last)" in response.get_data():
            bad.append((wanted, response.status_code))
    assert not bad, bad[:SHOWN]
