"""The Twilio adapter against the simulator: nothing is ever sent twice by itself, and each code means what it should."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.providers import Adapters
from app.providers.ports import Outcome, ProviderError
from app.providers.twilio import OPTED_OUT, outcome_of_code
from sandbox.providers.twilio_delivery import signature
from tests.providers.samples import PHONE, a_text
from tests.providers.simulated import CONFIG, Simulator


def since() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def test_a_message_is_sent_once_and_found_again(sim: Simulator, adapters: Adapters) -> None:
    record = adapters.sms.send(a_text())
    assert record.status == "queued"
    (found,) = adapters.sms.list_messages(PHONE, since())
    assert (found.sid, found.body, found.to) == (record.sid, "A1 Garage: you're booked.", PHONE)
    (effect,) = sim.effects("twilio", "message")
    assert (effect["key"], effect["id"], effect["count"]) == (None, record.sid, 1)


def test_sending_twice_is_two_messages(sim: Simulator, adapters: Adapters) -> None:
    adapters.sms.send(a_text())
    adapters.sms.send(a_text())
    assert len(sim.effects("twilio", "message")) == 2


def test_the_list_is_of_that_number_and_not_older_than_asked(adapters: Adapters) -> None:
    adapters.sms.send(a_text())
    assert adapters.sms.list_messages("+16025550177", since()) == ()
    assert adapters.sms.list_messages(PHONE, datetime.now(UTC) + timedelta(seconds=5)) == ()


def test_a_long_list_is_read_page_by_page(sim: Simulator, adapters: Adapters) -> None:
    for number in range(120):
        adapters.sms.send(a_text(body=f"message {number}"))
    found = adapters.sms.list_messages(PHONE, since())
    assert [record.body for record in found] == [f"message {number}" for number in reversed(range(120))]


@pytest.mark.parametrize("mode", ["drop_after_commit", "garbage", "empty"])
def test_a_lost_answer_is_uncertain_and_the_list_shows_the_message(
    sim: Simulator, adapters: Adapters, mode: str
) -> None:
    sim.fault("twilio", mode, "POST", "/Messages.json")
    with pytest.raises(ProviderError) as caught:
        adapters.sms.send(a_text())
    assert caught.value.outcome is Outcome.UNCERTAIN
    assert len(adapters.sms.list_messages(PHONE, since())) == 1


def test_a_server_error_on_sending_is_uncertain_because_the_message_may_have_left(
    sim: Simulator, adapters: Adapters
) -> None:
    with pytest.raises(ProviderError) as caught:
        adapters.sms.send(a_text("+16025559500"))
    assert (caught.value.outcome, caught.value.status) == (Outcome.UNCERTAIN, 500)
    assert len(sim.effects("twilio", "message")) == 1


def test_a_server_error_on_looking_is_transient(sim: Simulator, adapters: Adapters) -> None:
    sim.fault("twilio", "error", "GET", status=503)
    with pytest.raises(ProviderError) as caught:
        adapters.sms.list_messages(PHONE, since())
    assert caught.value.outcome is Outcome.TRANSIENT


def test_too_many_at_once_were_never_processed(sim: Simulator, adapters: Adapters) -> None:
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            adapters.sms.send(a_text("+16025559429"))
        assert (caught.value.outcome, caught.value.code) == (Outcome.THROTTLED, "20429")
    adapters.sms.send(a_text("+16025559429"))
    assert len(sim.effects("twilio", "message")) == 1


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("+15005550001", "21211"),
        ("602-555-0123", "21211"),
        ("+15005550002", "21612"),
        ("+15005550003", "21408"),
        ("+15005550004", OPTED_OUT),
        ("+15005550009", "21614"),
    ],
)
def test_a_number_that_can_never_work_is_permanent(
    sim: Simulator, adapters: Adapters, to: str, code: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        adapters.sms.send(a_text(to))
    assert (caught.value.outcome, caught.value.code) == (Outcome.PERMANENT, code)
    assert caught.value.reason == f"messages.create: 400 code {code}"
    assert sim.effects("twilio", "message") == []


@pytest.mark.parametrize(
    ("sender", "code", "outcome"),
    [
        ("+15005550001", "21212", Outcome.CONFIG),
        ("+15005550007", "21606", Outcome.CONFIG),
        ("+15005550008", "21611", Outcome.THROTTLED),
        ("+16025550100", "21606", Outcome.CONFIG),
    ],
)
def test_a_sender_that_does_not_work(sim: Simulator, sender: str, code: str, outcome: Outcome) -> None:
    with pytest.raises(ProviderError) as caught:
        sim.adapters(twilio_from=sender).sms.send(a_text())
    assert (caught.value.code, caught.value.outcome) == (code, outcome)


def test_texting_someone_who_replied_stop_shows_the_code(sim: Simulator, adapters: Adapters) -> None:
    httpx.post(f"{sim.url}/__sim__/twilio/inbound", json={"from": PHONE, "body": "stop"}).raise_for_status()
    with pytest.raises(ProviderError) as caught:
        adapters.sms.send(a_text())
    assert caught.value.code == OPTED_OUT
    httpx.post(f"{sim.url}/__sim__/twilio/inbound", json={"from": PHONE, "body": "START"}).raise_for_status()
    assert adapters.sms.send(a_text()).sid


def test_wrong_credentials_are_a_matter_of_configuration(sim: Simulator) -> None:
    with pytest.raises(ProviderError) as caught:
        sim.adapters(twilio_auth_token="other").sms.send(a_text())
    assert (caught.value.outcome, caught.value.code) == (Outcome.CONFIG, "20003")


def test_an_unknown_code_means_what_its_status_means() -> None:
    assert outcome_of_code("99999", 400) is Outcome.PERMANENT
    assert outcome_of_code("99999", 503) is Outcome.TRANSIENT
    assert outcome_of_code("30007") is Outcome.PERMANENT


@pytest.fixture
def callbacks(httpserver: HTTPServer) -> tuple[HTTPServer, threading.Semaphore]:
    arrived = threading.Semaphore(0)

    def take(_: Request) -> Response:
        arrived.release()
        return Response(status=204)

    httpserver.expect_request("/webhooks/twilio/status").respond_with_handler(take)
    return httpserver, arrived


@pytest.mark.parametrize(
    ("to", "last", "error"), [(PHONE, "delivered", None), ("+16025559003", "undelivered", "30003")]
)
def test_the_fate_of_a_message_comes_back_signed_with_our_notification_id(
    sim: Simulator, callbacks: tuple[HTTPServer, threading.Semaphore], to: str, last: str, error: str | None
) -> None:
    server, arrived = callbacks
    notification_id = uuid4()
    record = sim.adapters(public_base_url=server.url_for("")).sms.send(
        a_text(to, notification_id=notification_id)
    )
    assert all(arrived.acquire(timeout=10) for _ in range(2))
    requests = [request for request, _ in server.log]
    assert [request.form["MessageStatus"] for request in requests] == ["sent", last]
    assert {request.form["MessageSid"] for request in requests} == {record.sid}
    assert requests[-1].form.get("ErrorCode") == error
    for request in requests:
        assert request.args["n"] == str(notification_id)
        signed = signature(CONFIG.twilio_auth_token, request.url, request.form.to_dict())
        assert request.headers["X-Twilio-Signature"] == signed


def test_a_text_ends_where_our_own_patience_ends(httpserver: HTTPServer, sim: Simulator) -> None:
    httpserver.expect_request("/").respond_with_data("")
    with pytest.raises(ProviderError):
        sim.adapters(twilio_api_base=httpserver.url_for("").rstrip("/")).sms.send(a_text())
    (request, _) = httpserver.log[0]
    assert request.form["ValidityPeriod"] == "14400"


@pytest.mark.parametrize("style", ["legacy", "rfc9457"])
def test_a_refusal_is_understood_in_either_format(sim: Simulator, adapters: Adapters, style: str) -> None:
    sim.world.flags.set("twilio_errors", style)
    with pytest.raises(ProviderError) as caught:
        adapters.sms.send(a_text("+15005550009"))
    assert (caught.value.outcome, caught.value.code) == (Outcome.PERMANENT, "21614")


def test_the_signature_agrees_with_a_known_one() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, fields) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
