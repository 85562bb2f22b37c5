"""The simulator's own callbacks against the served application: what it signs we believe, what it forges we refuse."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.serving import make_server

from app import create_app
from app.extensions import db
from app.jobs.process import Process, open_process
from app.outbox import JobType
from app.providers.twilio_signature import signature
from sandbox.providers.klaviyo_hooks import signature as their_klaviyo
from sandbox.providers.twilio_delivery import signature as their_twilio
from tests.jobs.booked import PHONE, Wish, book, one, rows, run_type
from tests.providers.conftest import sim, simulator_server
from tests.providers.simulated import CONFIG, Simulator

__all__ = ["sim", "simulator_server"]
SMS = JobType.SEND_SMS
SECRET = "0123456789abcdef0123456789abcdef"
STATE = "SELECT delivery_status, delivered_at FROM notifications WHERE type = 'sms'"


@dataclass(frozen=True)
class House:
    """A worker, and the pages it goes with."""

    process: Process
    sim: Simulator

    def order(self, path: str, **body: object) -> dict[str, Any]:
        """Ask the simulator for something."""
        answer = httpx.post(f"{self.sim.url}/__sim__/{path}", json=body, timeout=120).raise_for_status()
        return answer.json() if answer.content else {}


@pytest.fixture
def house(
    database: Engine, environ: dict[str, str], sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """The application behind a port, and a simulator that knows it."""
    served: dict[str, Flask] = {}

    def pass_on(environment: Any, start: Any) -> Any:
        return served["app"](environment, start)

    server = make_server("127.0.0.1", 0, pass_on, threaded=True)
    url = f"http://127.0.0.1:{server.port}"
    process = open_process(
        sim.settings(
            database_url=environ["DATABASE_URL"], app_env="local", job_lease_seconds=3, public_base_url=url,
            klaviyo_webhook_secret=SECRET, db_pooler=environ["DB_POOLER"],
        )
    )  # fmt: skip
    names = {
        "PUBLIC_BASE_URL": url, "PRIVACY_HASH_KEY": process.settings.privacy_hash_key, "KLAVIYO_WEBHOOK_SECRET": SECRET,
        "TWILIO_AUTH_TOKEN": CONFIG.twilio_auth_token,
    }  # fmt: skip
    served["app"] = create_app(environ | names)
    told = replace(CONFIG, public_base_url=url, klaviyo_webhook_secret=SECRET)
    monkeypatch.setattr(sim.world, "config", told)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield House(process, sim)
    server.shutdown()
    thread.join()
    server.server_close()
    with served["app"].app_context():
        db.engine.dispose()
    process.sessions.kw["bind"].dispose()


def wait_for(what: Callable[[], object]) -> None:
    """Give the callbacks time."""
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)


def test_both_sides_sign_alike() -> None:
    fields = {"To": "+16025550123", "Body": "é & <b>", "Empty": ""}
    for digest in ("sha1", "sha256"):
        ours = signature(
            "secret", "https://x.example/a?b=1", {name: [value] for name, value in fields.items()}, digest
        )
        assert ours == their_twilio("secret", "https://x.example/a?b=1", fields, digest)
    assert their_klaviyo(
        SECRET, b'{"data":[],"meta":{"klaviyo_webhook_id":"01TEST"}}', "Tue, 14 Apr 2026 03:50:12 GMT"
    ) == ("06b18a4505a0c917cf24743dc1bcd9cdc627f42f09e0303b0bdc8dc3de4be2eb")


def test_a_storm_of_bad_callbacks_changes_nothing_once_it_is_delivered(house: House) -> None:
    process = house.process
    run_type(process, book(process), SMS)
    wait_for(lambda: one(process, STATE).delivery_status == "delivered")
    before = one(process, "SELECT * FROM notifications WHERE type = 'sms'")
    answers = house.order("twilio/callbacks", mode="mixed", times=200, seed=11)["answers"]
    assert {name.partition(":")[2] for name in answers if name.startswith(("forged", "unsigned"))} == {"403"}
    assert {name.partition(":")[2] for name in answers if not name.startswith(("forged", "unsigned"))} == {
        "204"
    }
    assert one(process, "SELECT * FROM notifications WHERE type = 'sms'") == before


def test_a_lost_answer_is_settled_by_the_callback(house: House) -> None:
    process, booking_id = house.process, book(house.process)
    house.sim.fault("twilio", "drop_after_commit", "POST", "/Messages.json")
    run_type(process, booking_id, SMS)
    wait_for(lambda: one(process, STATE).delivery_status == "delivered")
    ended = run_type(process, booking_id, SMS)
    assert (ended.outcome, ended.error_msg) == ("ok", "sent already")
    assert len(house.sim.effects("twilio", "message")) == 1


def test_a_stop_word_is_answered_once_by_the_provider_and_the_next_text_stays(house: House) -> None:
    process, booking_id = house.process, book(house.process)
    heard = house.order("twilio/inbound", **{"from": PHONE, "body": "CANCEL"})
    assert (heard["status"], heard["reply"]) == (200, None)
    assert run_type(process, booking_id, SMS).outcome == "cancelled"
    assert not [call for call in house.sim.calls("/Messages.json") if call["method"] == "POST"]
    assert one(process, "SELECT status FROM bookings").status == "pending"
    house.order("twilio/inbound", **{"from": PHONE, "body": "START"})
    run_type(process, book(process, Wish(hour=10)), SMS)
    assert (
        one(process, "SELECT count(*) AS n FROM notifications WHERE type = 'sms' AND status = 'sent'").n == 1
    )


def test_own_words_stop_texts_and_get_one_answer(house: House) -> None:
    process, booking_id = house.process, book(house.process)
    order = {"from": PHONE, "body": "please do not text me", "sid": "SM" + "7" * 32}
    assert "unsubscribed" in house.order("twilio/inbound", **order)["reply"]
    assert house.order("twilio/inbound", **order)["reply"] is None
    assert run_type(process, booking_id, SMS).outcome == "cancelled"
    assert len(rows(process, "SELECT 1 FROM consents WHERE action = 'opt_out'")) == 1


def test_a_forged_text_is_refused(house: House) -> None:
    book(house.process)
    assert house.order("twilio/inbound", **{"from": PHONE, "body": "STOP", "forged": True})["status"] == 403
    assert rows(house.process, "SELECT 1 FROM consents WHERE action = 'opt_out'") == []


def test_klaviyo_tells_of_an_unsubscribe(house: House) -> None:
    house.order(
        "klaviyo/webhooks",
        email="pat@example.com",
        topic="event:klaviyo.unsubscribed_from_email_marketing",
        properties={"email": "pat@example.com"},
    )
    wait_for(
        lambda: rows(house.process, "SELECT 1 FROM consents WHERE channel = 'email' AND action = 'opt_out'")
    )
