"""What a person typed stays in the database and goes to the providers: no log, figure, doorbell or error page repeats it."""

import re
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from app.booking.manage_links import token_of
from sandbox.stack import Stack
from tests.faults.live import Live, wait_for

CANARY = {
    "first_name": "Canariensis",
    "last_name": "Zzyzxbird",
    "email": "yellow.feather.7391@example.com",
    "phone": "602-555-0173",
    "address_line1": "7391 Birdsong Feather Lane",
    "access_notes": "cage key 7391 under the seedbox",
}
TRACES = re.compile(
    r"Canariensis|Zzyzxbird|yellow\.feather|6025550173|602-555-0173|Birdsong|seedbox|whistling", re.IGNORECASE
)
REFUSALS = (
    ("servicetitan", "/crm/v2/tenant/*/customers", 503),
    ("servicetitan", "/jpm/v2/tenant/*/jobs", 503),
    ("klaviyo", "/api/events", 422),
    ("twilio", "/Messages.json", 400),
)
STANDS_IN_FOR_PROVIDERS = "simulator"


@pytest.fixture(scope="module")
def person(stack: Stack) -> Iterator[tuple[Live, uuid.UUID, str]]:
    """Somebody who did everything that can go wrong, with answers that would be known anywhere again."""
    live = Live(stack.env)
    for provider, path, status in REFUSALS:
        match = {"method": "POST", "path": path}
        order = {"provider": provider, "match": match, "mode": "error", "times": 1, "status": status}
        live.simulator.post("/__sim__/faults", json=order).raise_for_status()
    refuse_everything(live)
    booking_id = live.book(contact=CANARY)
    path = manage_path(live, booking_id)
    wait_for(lambda: not open_faults(live), 90, "every refusal met")
    seal = re.search(r'name="fs" value="([^"]+)"', live.web.get(path).text)[1]
    live.web.post(f"{path}/cancel", data={"fs": "wrong", "reason": "whistling"})
    live.web.post(f"{path}/cancel", data={"fs": seal, "reason": "whistling"})
    live.simulator.post("/__sim__/twilio/inbound", json={"from": "+16025550173", "body": "whistling outside"})
    yield live, booking_id, path
    live.close()


def refuse_everything(live: Live) -> None:
    """Send a contact form that is refused in every field."""
    page = live.web.get("/book?zip=85004")
    base = str(page.url).rpartition("/")[0]
    wrong = CANARY | {"email": "yellow.feather.7391@", "phone": "602-555-0173x", "fs": "junk"}
    live.web.post(f"{base}/contact", data=wrong)
    live.web.post(f"{base}/zip", data={"zip_code": "Birdsong", "fs": "junk"})


def manage_path(live: Live, booking_id: uuid.UUID) -> str:
    """Return the path of the booking's link."""
    nonce = live.one("SELECT nonce FROM manage_links WHERE booking_id = :id", id=booking_id)
    return f"/manage/{token_of(bytes(nonce), live.env['PRIVACY_HASH_KEY'])}"


def open_faults(live: Live) -> list[object]:
    """Return the refusals that nobody has met yet: left open, they would meet the next test."""
    found: list[object] = live.simulator.get("/__sim__/faults").json()["faults"]
    return found


def test_no_log_repeats_it(stack: Stack, person: tuple[Live, uuid.UUID, str]) -> None:
    _, _, path = person
    token = path.rpartition("/")[2]
    logs = [
        log for log in (stack.local / "log").iterdir() if not log.name.startswith(STANDS_IN_FOR_PROVIDERS)
    ]
    assert {log.name.partition(".")[0] for log in logs} >= {
        "web",
        "dispatcher",
        "worker-critical",
        "worker-notify",
    }
    for log in logs:
        words = log.read_text(errors="replace")
        assert not TRACES.search(words), f"{log.name}: {TRACES.search(words)}"
        assert token not in words, log.name


def test_neither_figures_nor_the_doorbell_repeat_it(
    stack: Stack, person: tuple[Live, uuid.UUID, str]
) -> None:
    live, _, _ = person
    token = {"Authorization": f"Bearer {stack.env['METRICS_TOKEN']}"}
    shown = live.web.get("/metrics", headers=token).text
    assert "a1_http_requests_total" in shown
    assert not TRACES.search(shown)
    with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        for key in redis.scan_iter():
            kept = redis.dump(key) or b""
            assert not TRACES.search((key + kept).decode("latin-1"))


def test_no_error_page_repeats_it(person: tuple[Live, uuid.UUID, str]) -> None:
    live, _, path = person
    for address in (f"{path}x", "/nowhere/7391-Birdsong", "/w/yellow.feather/contact", "/staff/bookings"):
        assert not TRACES.search(live.web.get(address).text), address


def test_no_reason_and_no_event_in_the_database_repeats_it(person: tuple[Live, uuid.UUID, str]) -> None:
    live, _, _ = person
    for words in (
        "SELECT string_agg(concat(error_msg, payload, provider_ref), ' ') FROM queue_jobs",
        "SELECT string_agg(concat(error_msg), ' ') FROM notifications",
        "SELECT string_agg(event_data::text, ' ') FROM analytics_events",
        "SELECT string_agg(concat(last_reason), ' ') FROM provider_health",
        "SELECT string_agg(figures::text, ' ') FROM task_runs",
    ):
        assert not TRACES.search(live.one(words) or ""), words
