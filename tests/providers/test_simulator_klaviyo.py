"""Simulated Klaviyo: who is who, which event counts, when consent may be given, how often one may call."""

import json

import httpx
import pytest
from pytest_httpserver import HTTPServer

from sandbox.providers.klaviyo_hooks import signature
from tests.providers.simulated import CONFIG, Simulator
from tests.providers.waiting import until
from tests.providers.wire import Json, Wire

KEY = "0123456789abcdef0123456789abcdef"
BODY, AT = b'{"data":[],"meta":{"klaviyo_webhook_id":"01TEST"}}', "Tue, 14 Apr 2026 03:50:12 GMT"
PAT: Json = {"email": "pat@example.com", "phone_number": "+16025550123", "external_id": "c-1"}


def put(wire: Wire, meta: Json | None = None, **attributes: object) -> Json:
    data: Json = {"type": "profile", "attributes": attributes}
    if meta:
        data["meta"] = {"patch_properties": meta}
    answer = wire.kl("POST", "profile-import", {"data": data})
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json()["data"])


def event(wire: Wire, person: Json | None = None, **more: object) -> httpx.Response:
    attributes = {
        "properties": {"subject": "Booked"}, "unique_id": "b-1:confirmed", "time": "2026-11-22T18:00:05Z",
        "metric": {"data": {"type": "metric", "attributes": {"name": "A1 Booking Confirmed"}}},
        "profile": {"data": {"type": "profile", "attributes": person or PAT}},
    } | more  # fmt: skip
    return wire.kl("POST", "events", {"data": {"type": "event", "attributes": attributes}})


def subscribe(
    wire: Wire, person: Json, way: str = "create", list_id: str = "A1DEMO", **more: object
) -> httpx.Response:
    kind = f"profile-subscription-bulk-{way}-job"
    attributes = {"profiles": {"data": [{"type": "profile", "attributes": person}]}} | more
    relation = {"list": {"data": {"type": "list", "id": list_id}}}
    return wire.kl(
        "POST", f"{kind}s", {"data": {"type": kind, "attributes": attributes, "relationships": relation}}
    )


def consent(word: str, **more: object) -> Json:
    return {"email": {"marketing": {"consent": word} | more}}


def test_null_clears_absence_leaves_and_properties_are_merged(wire: Wire) -> None:
    put(wire, **PAT, first_name="Pat", last_name="Jones", properties={"a": 1, "tags": ["x"]})
    after = put(wire, email="PAT@example.com", last_name=None, properties={"b": 2})["attributes"]
    assert (after["first_name"], after["last_name"], after["external_id"]) == ("Pat", None, "c-1")
    assert after["properties"] == {"a": 1, "tags": ["x"], "b": 2}
    patched = put(
        wire, {"append": {"tags": "y"}, "unappend": {"tags": "x"}, "unset": ["a"]}, email="pat@example.com"
    )
    assert patched["attributes"]["properties"] == {"tags": ["y"], "b": 2}


def test_two_profiles_that_turn_out_to_be_one_are_merged_with_their_events(wire: Wire) -> None:
    by_mail = put(wire, email="pat@example.com", first_name="Pat")
    by_phone = put(wire, phone_number="+16025550123", last_name="Jones")
    event(wire, {"phone_number": "+16025550123"}).raise_for_status()
    whole = put(wire, email="pat@example.com", phone_number="+16025550123")
    assert whole["id"] == by_mail["id"]
    assert (whole["attributes"]["first_name"], whole["attributes"]["last_name"]) == ("Pat", "Jones")
    assert wire.kl("GET", f"profiles/{by_phone['id']}").json()["data"]["id"] == by_mail["id"]
    (kept,) = wire.kl("GET", "events").json()["data"]
    assert kept["relationships"]["profile"]["data"]["id"] == by_mail["id"]
    event(wire, {"email": "pat@example.com"}).raise_for_status()
    assert len(wire.kl("GET", "events").json()["data"]) == 1


def test_creating_somebody_known_is_a_conflict_that_names_them(wire: Wire) -> None:
    known = put(wire, **PAT)
    body = {"data": {"type": "profile", "attributes": {"phone_number": "+16025550123"}}}
    answer = wire.kl("POST", "profiles", body)
    assert answer.status_code == 409
    (error,) = answer.json()["errors"]
    assert (error["code"], error["meta"]["duplicate_profile_id"]) == ("duplicate_profile", known["id"])
    other = put(wire, email="other@example.com")
    assert wire.kl("PATCH", f"profiles/{other['id']}", body).status_code == 409
    found = wire.kl("GET", "profiles", filter='equals(email,"Pat@example.com")').json()["data"]
    assert [row["id"] for row in found] == [known["id"]]


def test_one_unique_id_of_one_person_and_metric_is_one_event(wire: Wire) -> None:
    answers = [event(wire) for _ in range(10)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert "Content-Type" not in answers[0].headers
    event(wire, unique_id="b-1:reminder").raise_for_status()
    event(wire, person={"email": "sam@example.com"}).raise_for_status()
    event(
        wire, metric={"data": {"type": "metric", "attributes": {"name": "A1 Booking Moved"}}}
    ).raise_for_status()
    assert len(wire.control("GET", "outbox/email").json()["messages"]) == 4
    assert {effect["count"] for effect in wire.ledger("event")} <= {1, 2, 3}


def test_without_a_unique_id_there_is_one_event_a_second(wire: Wire) -> None:
    for at in ("2026-11-22T18:00:05.100Z", "2026-11-22T18:00:05.900Z", "2026-11-22T18:00:06Z"):
        event(wire, unique_id=None, time=at).raise_for_status()
    assert len(wire.kl("GET", "events").json()["data"]) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"properties": None}, {"metric": {}}, {"metric": {"data": {"attributes": {"name": "x" * 128}}}}, {"profile": {}},
     {"profile": {"data": {"type": "profile", "attributes": {}}}}, {"time": "1980-01-01T00:00:00Z"},
     {"time": "2099-01-01T00:00:00Z"}, {"properties": {f"p{n}": n for n in range(401)}}],
)  # fmt: skip
def test_an_event_that_is_not_fit_is_refused(wire: Wire, wrong: Json) -> None:
    assert event(wire, **wrong).status_code == 400
    assert wire.kl("GET", "events").json()["data"] == []


def test_only_live_flows_send_and_history_sends_nothing(wire: Wire) -> None:
    event(wire, unique_id="old", backfill=True).raise_for_status()
    wire.flags(klaviyo_every_flow_live=False)
    event(wire, unique_id="no flow").raise_for_status()
    wire.control(
        "POST", "klaviyo/flows", {"metric": "A1 Booking Confirmed", "template": "Booked"}
    ).raise_for_status()
    event(wire, unique_id="flow").raise_for_status()
    (mail,) = wire.control("GET", "outbox/email").json()["messages"]
    assert (mail["unique_id"], mail["template"]) == ("flow", "Booked")
    assert len(wire.kl("GET", "events").json()["data"]) == 3


def test_a_dead_address_gets_nothing_and_an_unsubscribed_one_only_what_is_essential(wire: Wire) -> None:
    subscribe(wire, PAT | {"subscriptions": consent("UNSUBSCRIBED")}, "delete").raise_for_status()
    put(wire, **PAT)
    subscribe(wire, PAT | {"subscriptions": consent("UNSUBSCRIBED")}, "delete").raise_for_status()
    event(wire, unique_id="essential").raise_for_status()
    flow = {"metric": "A1 Booking Confirmed", "template": "News", "transactional": False}
    wire.control("POST", "klaviyo/flows", flow).raise_for_status()
    event(wire, unique_id="marketing").raise_for_status()
    wire.control(
        "POST", "klaviyo/suppress", {"email": PAT["email"], "reason": "HARD_BOUNCE"}
    ).raise_for_status()
    wire.control("POST", "klaviyo/flows", flow | {"transactional": True}).raise_for_status()
    event(wire, unique_id="bounced").raise_for_status()
    mails = wire.control("GET", "outbox/email").json()["messages"]
    assert [mail["unique_id"] for mail in mails] == ["essential"]


def test_consent_is_written_down_and_lifts_an_unsubscription(wire: Wire) -> None:
    put(wire, **PAT)
    subscribe(wire, PAT | {"subscriptions": consent("UNSUBSCRIBED")}, "delete").raise_for_status()
    answer = subscribe(
        wire, PAT | {"subscriptions": consent("SUBSCRIBED")}, custom_source="A1 online booking"
    )
    assert (answer.status_code, answer.content) == (202, b"")
    (profile,) = wire.control("GET", "klaviyo/profiles").json()["profiles"]
    marketing = profile["attributes"]["subscriptions"]["email"]["marketing"]
    assert (marketing["consent"], marketing["suppression"]) == ("SUBSCRIBED", [])
    assert marketing["custom_source"] == "A1 online booking"
    assert profile["attributes"]["subscriptions"]["sms"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"


@pytest.mark.parametrize(
    ("historical", "at", "status"),
    [(False, None, 202), (False, "2024-01-02T00:00:00Z", 400), (True, None, 400), (True, "2024-01-02T00:00:00Z", 202),
     (True, "2099-01-02T00:00:00Z", 400)],
)  # fmt: skip
def test_a_time_of_consent_goes_only_with_history(
    wire: Wire, historical: bool, at: str | None, status: int
) -> None:
    more = {"consented_at": at} if at else {}
    person = PAT | {"subscriptions": consent("SUBSCRIBED", **more)}
    assert subscribe(wire, person, historical_import=historical).status_code == status


@pytest.mark.parametrize(
    ("person", "list_id", "status"),
    [
        (PAT | {"subscriptions": consent("UNSUBSCRIBED")}, "A1DEMO", 400),
        (PAT, "A1DEMO", 400),
        (
            {"email": "a@example.com", "subscriptions": {"sms": {"marketing": {"consent": "SUBSCRIBED"}}}},
            "A1DEMO",
            400,
        ),
        (PAT | {"subscriptions": consent("SUBSCRIBED")}, "OTHER", 404),
    ],
)
def test_a_subscription_that_is_not_fit_is_refused(
    wire: Wire, person: Json, list_id: str, status: int
) -> None:
    assert subscribe(wire, person, list_id=list_id).status_code == status
    assert wire.ledger("subscription") == []


def test_metrics_appear_with_their_first_event_and_events_are_found_by_them(wire: Wire) -> None:
    assert wire.kl("GET", "metrics").json()["data"] == []
    event(wire).raise_for_status()
    (metric,) = wire.kl("GET", "metrics").json()["data"]
    assert metric["attributes"]["name"] == "A1 Booking Confirmed"
    assert wire.kl("GET", f"metrics/{metric['id']}").status_code == 200
    rule = f'equals(metric_id,"{metric["id"]}"),greater-or-equal(datetime,2026-11-22T18:00:05Z)'
    assert len(wire.kl("GET", "events", filter=rule).json()["data"]) == 1
    assert wire.kl("GET", "events", filter='equals(metric_id,"other")').json()["data"] == []
    assert wire.kl("GET", "events", filter="nonsense").status_code == 400


def test_many_events_can_come_at_once(wire: Wire) -> None:
    metric = {"data": {"type": "metric", "attributes": {"name": "A1 Booking Completed"}}}
    rows = [
        {"type": "event", "attributes": {"properties": {}, "unique_id": f"e-{n}", "metric": metric}}
        for n in range(3)
    ]
    group = {"type": "event-bulk-create", "attributes": {
        "profile": {"data": {"type": "profile", "attributes": PAT}}, "events": {"data": rows}}}  # fmt: skip
    attributes = {"events-bulk-create": {"data": [group]}}
    body = {"data": {"type": "event-bulk-create-job", "attributes": attributes}}
    assert wire.kl("POST", "event-bulk-create-jobs", body).status_code == 202
    assert len(wire.kl("GET", "events").json()["data"]) == 3


def test_limits_are_told_and_a_429_tells_only_when_to_come_back(sim: Simulator, wire: Wire) -> None:
    told = event(wire).headers
    assert int(told["RateLimit-Limit"]) == 350_000
    assert 0 < int(told["RateLimit-Remaining"]) < 350_000
    assert 0 < int(told["RateLimit-Reset"]) <= 60

    def refused() -> httpx.Response | None:
        with sim.world.lock:
            minute = int(sim.world.now().timestamp()) // 60
            sim.world.mail.windows["* /api/webhook*", 60] = (minute, 10**9)
        answer = wire.kl("GET", "webhook-topics")
        return answer if answer.status_code == 429 else None

    answer = refused() or refused()  # a minute may begin in between, but not twice
    assert answer
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert not [name for name in answer.headers if name.lower().startswith("ratelimit")]
    assert wire.kl("GET", "metrics").status_code == 200


@pytest.mark.parametrize(
    ("revision", "status"), [("2026-10-15", 200), ("2020-01-01", 410), ("2099-01-01", 400), ("", 400)]
)
def test_a_revision_has_its_time(sim: Simulator, revision: str, status: int) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {CONFIG.klaviyo_private_key}", "revision": revision}
    assert httpx.get(f"{sim.url}/klaviyo/api/metrics", headers=headers).status_code == status


def test_the_signature_agrees_with_a_known_one() -> None:
    assert signature(KEY, BODY, AT) == "06b18a4505a0c917cf24743dc1bcd9cdc627f42f09e0303b0bdc8dc3de4be2eb"


def test_a_delivery_is_told_signed_and_a_bounce_too(listening: Simulator, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/webhooks/klaviyo").respond_with_data("")
    wire = Wire(listening)
    event(wire).raise_for_status()
    event(wire, person={"email": "pat+bounce@example.com"}).raise_for_status()
    until(lambda: len(httpserver.log) == 2)
    topics = set()
    for request, _ in httpserver.log:
        body = request.get_data()
        assert request.headers["Klaviyo-Signature"] == signature(
            KEY, body, request.headers["Klaviyo-Timestamp"]
        )
        assert request.headers["Klaviyo-Webhook-Id"]
        (row,) = json.loads(body)["data"]
        topics.add(row["topic"])
        assert row["payload"]["data"]["relationships"]["profile"]["data"]["id"].startswith("01SIM")
    assert topics == {"event:klaviyo.email_delivered", "event:klaviyo.email_bounced"}


def test_webhooks_are_registered_for_known_topics_only(wire: Wire) -> None:
    def hook(url: str, topic: str) -> httpx.Response:
        topics = {"data": [{"type": "webhook-topic", "id": topic}]}
        attributes = {"name": "ours", "endpoint_url": url, "secret_key": KEY}
        data = {"type": "webhook", "attributes": attributes, "relationships": {"webhook-topics": topics}}
        return wire.kl("POST", "webhooks", {"data": data})

    topic = wire.kl("GET", "webhook-topics").json()["data"][0]["id"]
    assert hook("http://example.com/x", topic).status_code == 400
    assert hook("https://example.com/x", "event:nothing").status_code == 400
    made = hook("https://example.com/x", topic)
    assert made.status_code == 201
    assert KEY not in wire.kl("GET", "webhooks").text
    assert wire.kl("DELETE", f"webhooks/{made.json()['data']['id']}").status_code == 204


def test_a_webhook_can_be_forged_on_demand(listening: Simulator, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/webhooks/klaviyo").respond_with_data("", status=403)
    wire = Wire(listening)
    wire.control("POST", "faults", {"provider": "klaviyo", "mode": "forged_webhook"}).raise_for_status()
    wire.control("POST", "klaviyo/webhooks", {"email": "pat@example.com"}).raise_for_status()
    until(lambda: httpserver.log)
    request = httpserver.log[0][0]
    good = signature(KEY, request.get_data(), request.headers["Klaviyo-Timestamp"])
    assert request.headers["Klaviyo-Signature"] != good
    until(lambda: wire.control("GET", "callbacks", provider="klaviyo").json()["callbacks"])
    (told,) = wire.control("GET", "callbacks", provider="klaviyo").json()["callbacks"]
    assert (told["status"], told["note"]) == (403, "forged_webhook")
