"""Simulated Twilio: the way of a message, its callbacks in every bad order, and people who text back."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.providers.sms_segments import count_segments
from sandbox.providers.twilio_delivery import signature
from sandbox.providers.twilio_inbound import keyword, twiml_text
from tests.providers.simulated import CONFIG, Simulator
from tests.providers.waiting import until
from tests.providers.wire import Json, Wire

PHONE = "+16025550123"
TOKEN, URL = "test_auth_token_0123456789abcdef", "https://book.example.com/webhooks/twilio/status?b=42"
FIELDS = {
    "AccountSid": "AC00000000000000000000000000000001", "ApiVersion": "2010-04-01", "From": "+16025550100",
    "MessageSid": "SM00000000000000000000000000000001", "MessageStatus": "delivered",
    "SmsSid": "SM00000000000000000000000000000001", "SmsStatus": "delivered", "To": PHONE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("digest", "signed"),
    [("sha1", "wPG1ZIKW94IOo3slaNa/8aBbv/k="), ("sha256", "+RobdjxQaDp4+YwKZ/lDr0tumCtOkr2nf2DPYidH1hs=")],
)
def test_the_signature_agrees_with_known_ones(digest: str, signed: str) -> None:
    assert signature(TOKEN, URL, FIELDS, digest) == signed


@pytest.mark.parametrize(
    ("body", "parts"),
    [("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("ñ" * 160, 1),
     ("á" * 70, 1), ("á" * 71, 2), ("é" * 160, 1), ("😀" * 35, 1), ("😀" * 36, 2)],
)  # fmt: skip
def test_parts_are_counted_by_alphabet(body: str, parts: int) -> None:
    assert count_segments(body) == parts


def status_of(wire: Wire, sid: str) -> str:
    return str(wire.tw("GET", f"Messages/{sid}").json()["status"])


def test_a_message_goes_its_way(wire: Wire) -> None:
    made = wire.text()
    assert (made["status"], made["num_segments"], made["date_sent"]) == ("queued", "1", None)
    until(lambda: status_of(wire, made["sid"]) == "delivered")
    row = wire.tw("GET", f"Messages/{made['sid']}").json()
    assert row["date_sent"]
    assert row["error_code"] is None


def test_a_message_that_cannot_arrive_says_why(wire: Wire) -> None:
    made = wire.text(To="+16025559003")
    until(lambda: status_of(wire, made["sid"]) == "undelivered")
    assert wire.tw("GET", f"Messages/{made['sid']}").json()["error_code"] == 30003


def with_service(simulator: Simulator) -> str:
    service = "MG" + "0" * 31 + "1"
    object.__setattr__(simulator.world.config, "twilio_messaging_service_sid", service)
    return service


def test_a_service_accepts_first_and_knows_sender_and_parts_later(listening: Simulator) -> None:
    wire, service = Wire(listening), with_service(listening)
    answer = wire.tw("POST", To=PHONE, Body="hello", MessagingServiceSid=service).json()
    assert (answer["status"], answer["from"], answer["num_segments"]) == ("accepted", None, "0")
    until(lambda: status_of(wire, answer["sid"]) == "delivered")
    row = wire.tw("GET", f"Messages/{answer['sid']}").json()
    assert (row["from"], row["num_segments"]) == (CONFIG.twilio_from, "1")


def test_a_stop_shows_later_with_a_service_and_at_once_with_a_number(listening: Simulator) -> None:
    wire, service = Wire(listening), with_service(listening)
    wire.control("POST", "twilio/opt-out", {"phone": PHONE}).raise_for_status()
    assert wire.tw("POST", To=PHONE, Body="x", From=CONFIG.twilio_from).json()["code"] == 21610
    made = wire.tw("POST", To=PHONE, Body="x", MessagingServiceSid=service)
    assert made.status_code == 201
    until(lambda: status_of(wire, made.json()["sid"]) == "failed")
    assert wire.tw("GET", f"Messages/{made.json()['sid']}").json()["error_code"] == 21610
    wire.flags(twilio_stop="sync")
    assert wire.tw("POST", To=PHONE, Body="x", MessagingServiceSid=service).json()["code"] == 21610


def test_a_scheduled_message_waits_and_can_be_cancelled(listening: Simulator) -> None:
    wire, service = Wire(listening), with_service(listening)
    now = datetime.fromisoformat(wire.control("GET", "clock").json()["now"])
    form = {"To": PHONE, "Body": "later", "MessagingServiceSid": service, "ScheduleType": "fixed",
            "SendAt": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    kept, dropped = (wire.tw("POST", **form).json() for _ in range(2))
    assert kept["status"] == "scheduled"
    assert wire.tw("POST", f"Messages/{dropped['sid']}", Status="canceled").json()["status"] == "canceled"
    assert wire.tw("POST", f"Messages/{dropped['sid']}", Status="canceled").status_code == 400
    wire.control("POST", "twilio/opt-out", {"phone": PHONE}).raise_for_status()
    wire.advance(3700)
    until(lambda: status_of(wire, kept["sid"]) == "delivered")
    assert status_of(wire, dropped["sid"]) == "canceled"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"SendAt": ""}, 35115), ({"SendAt": "soon"}, 35114), ({"SendAt": "2020-01-01T00:00:00Z"}, 35117), ({"ScheduleType": "odd"}, 35126),
     ({"SendAt": "2099-01-01T00:00:00Z"}, 35117)],
)  # fmt: skip
def test_a_time_that_does_not_do_is_refused(wire: Wire, change: dict[str, str], code: int) -> None:
    form = {
        "To": PHONE,
        "Body": "x",
        "From": CONFIG.twilio_from,
        "ScheduleType": "fixed",
        "SendAt": "2030-01-01T00:00:00Z",
    }
    assert wire.tw("POST", **(form | change)).json()["code"] == code


def test_a_text_can_be_taken_away_and_a_message_deleted(wire: Wire) -> None:
    sid = wire.text()["sid"]
    assert wire.tw("POST", f"Messages/{sid}", Body="other").status_code == 400
    assert wire.tw("POST", f"Messages/{sid}", Body="").json()["body"] == ""
    assert wire.tw("DELETE", f"Messages/{sid}").status_code == 204
    assert wire.tw("GET", f"Messages/{sid}").json()["code"] == 20404
    assert wire.tw("GET").json()["messages"] == []


def test_messages_are_listed_by_number_day_and_page(wire: Wire) -> None:
    for number in range(5):
        wire.text(Body=f"m{number}")
    wire.text(To="+16025550177")
    page = wire.tw("GET", To=PHONE, PageSize="2").json()
    assert ([m["body"] for m in page["messages"]], page["end"]) == (["m4", "m3"], 1)
    assert "Page=1" in page["next_page_uri"]
    last = wire.tw("GET", To=PHONE, PageSize="2", Page="2").json()
    assert ([m["body"] for m in last["messages"]], last["next_page_uri"]) == (["m0"], None)
    today = wire.control("GET", "clock").json()["now"][:10]
    assert len(wire.tw("GET", **{"DateSent>": today}).json()["messages"]) == 6
    assert len(wire.tw("GET", DateSent=today, From=str(CONFIG.twilio_from)).json()["messages"]) == 6
    assert wire.tw("GET", **{"DateSent>": "2099-01-01"}).json()["messages"] == []
    assert wire.tw("GET", **{"DateSent<": "2020-01-01"}).json()["messages"] == []


def test_an_idempotency_header_changes_nothing(sim: Simulator, wire: Wire) -> None:
    for _ in range(2):
        wire.text()
    assert len(sim.effects("twilio", "message")) == 2


def is_genuine(request: Request) -> bool:
    signed = signature(CONFIG.twilio_auth_token, request.url, request.form.to_dict())
    return request.headers["X-Twilio-Signature"] == signed


class Product:
    """Stands where the product's webhooks are and writes down what comes."""

    def __init__(self, server: HTTPServer, status: int = 204) -> None:
        self.seen: list[tuple[str, str, bool]] = []
        self.status = status
        self.base = server.url_for("/webhooks/twilio/status")
        server.expect_request("/webhooks/twilio/status").respond_with_handler(self._take)

    def _take(self, request: Request) -> Response:
        good = is_genuine(request)
        self.seen.append((request.form["MessageStatus"], request.headers["I-Twilio-Idempotency-Token"], good))
        return Response(status=self.status if good else 403)

    @property
    def statuses(self) -> list[str]:
        return [status for status, _, good in self.seen if good]


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        (None, ["sent", "delivered"]),
        ("duplicate_webhook", ["sent", "sent", "delivered"]),
        ("reorder_webhooks", ["delivered", "sent"]),
        ("forged_webhook", ["sent", "delivered"]),
    ],
)
def test_callbacks_come_as_ordered(
    wire: Wire, httpserver: HTTPServer, mode: str | None, statuses: list[str]
) -> None:
    product = Product(httpserver)
    if mode:
        wire.control("POST", "faults", {"provider": "twilio", "mode": mode}).raise_for_status()
    wire.text(StatusCallback=product.base)
    until(lambda: len(product.statuses) == len(statuses))
    assert product.statuses == statuses
    tokens = {
        status: {token for known, token, good in product.seen if known == status and good}
        for status in statuses
    }
    assert all(len(some) == 1 for some in tokens.values()), "a repeated event keeps its token"
    assert [status for status, _, good in product.seen if not good] == (
        ["failed"] if mode == "forged_webhook" else []
    )


def test_a_late_callback_comes_after_the_last(wire: Wire, httpserver: HTTPServer) -> None:
    product = Product(httpserver)
    wire.control("POST", "faults", {"provider": "twilio", "mode": "late_webhook"}).raise_for_status()
    wire.text(StatusCallback=product.base)
    until(lambda: product.statuses == ["delivered"])
    wire.advance(61)
    until(lambda: product.statuses == ["delivered", "sent"])


def test_a_callback_nobody_takes_comes_again_with_its_token(wire: Wire, httpserver: HTTPServer) -> None:
    product = Product(httpserver, status=503)
    wire.text(StatusCallback=product.base)
    until(lambda: product.statuses == ["sent", "delivered"])
    until(lambda: wire.advance(16) or len(product.seen) == 6)
    assert set(Counter(token for _, token, _ in product.seen).values()) == {3}


def test_bad_callbacks_can_be_sent_on_demand(wire: Wire, httpserver: HTTPServer) -> None:
    product = Product(httpserver)
    sid = wire.text(StatusCallback=product.base)["sid"]
    until(lambda: product.statuses == ["sent", "delivered"])
    answers: Counter[str] = Counter()
    for mode in ("duplicate", "late", "reorder", "forged", "unsigned"):
        answers.update(wire.control("POST", "twilio/callbacks", {"mode": mode, "sid": sid}).json()["answers"])
    assert answers == {
        "duplicate:204": 2,
        "late:204": 1,
        "reorder:204": 2,
        "forged:403": 1,
        "unsigned:403": 1,
    }
    mixed = wire.control("POST", "twilio/callbacks", {"mode": "mixed", "times": 40, "seed": 7}).json()[
        "answers"
    ]
    assert all(name.endswith(":403") == name.startswith(("forged", "unsigned")) for name in mixed)
    assert sum(mixed.values()) >= 40
    assert wire.control("POST", "twilio/callbacks", {"mode": "odd"}).status_code == 400
    told = wire.control("GET", "callbacks", provider="twilio").json()["callbacks"]
    assert len(told) >= 49


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("stop", "STOP"),
        (" Cancel ", "STOP"),
        ("STOP PLEASE", None),
        ("yes", "START"),
        ("help", "HELP"),
        ("C", None),
        ("", None),
    ],
)
def test_only_a_single_word_is_a_keyword(body: str, kind: str | None) -> None:
    assert keyword(body) == kind


@pytest.mark.parametrize(
    ("answer", "text"),
    [(b'<?xml version="1.0" encoding="UTF-8"?><Response/>', None), (b"<Response><Message>Thanks &amp; bye</Message></Response>", "Thanks & bye"),
     (b"{}", None), (b"<oops", None), (b"<!DOCTYPE x><Response><Message>x</Message></Response>", None), (b"", None)],
)  # fmt: skip
def test_an_answer_may_hold_a_text(answer: bytes, text: str | None) -> None:
    assert twiml_text(answer) == text


def test_what_people_text_reaches_the_product_signed(listening: Simulator, httpserver: HTTPServer) -> None:
    wire, seen = Wire(listening), []

    def take(request: Request) -> Response:
        good = is_genuine(request)
        seen.append((request.form.to_dict(), good, request.headers["I-Twilio-Idempotency-Token"]))
        return Response(
            "<Response><Message>Noted.</Message></Response>", status=200 if good else 403, mimetype="text/xml"
        )

    httpserver.expect_request("/webhooks/twilio/inbound").respond_with_handler(take)
    order: Json = {"from": PHONE, "body": "please stop texting me"}
    first = wire.control("POST", "twilio/inbound", order).json()
    again = wire.control("POST", "twilio/inbound", order | {"sid": first["sid"]}).json()
    forged = wire.control("POST", "twilio/inbound", order | {"forged": True}).json()
    assert (first["status"], first["reply"], again["sid"], forged["status"]) == (
        200,
        "Noted.",
        first["sid"],
        403,
    )
    wire.control("POST", "twilio/inbound", {"from": PHONE, "body": "STOP"}).raise_for_status()
    fields = [row for row, _, _ in seen]
    assert "OptOutType" not in fields[0]
    assert fields[3]["OptOutType"] == "STOP"
    assert {
        "MessageSid",
        "SmsSid",
        "SmsMessageSid",
        "AccountSid",
        "From",
        "To",
        "Body",
        "NumMedia",
        "FromCity",
    } <= set(fields[0])
    assert [good for _, good, _ in seen] == [True, True, False, True]
    assert seen[0][2] == seen[1][2]
    replies = [row["body"] for row in wire.control("GET", "outbox/replies").json()["messages"]]
    assert replies.count("Noted.") == 3
    assert any("unsubscribed" in body for body in replies)
    assert wire.control("GET", "outbox/sms").json() == {"messages": []}
