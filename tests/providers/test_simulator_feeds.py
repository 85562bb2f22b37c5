"""Simulated ServiceTitan: feeds that lag and repeat, requests for the office, leads, attribution and webhooks."""

import json

import pytest
from pytest_httpserver import HTTPServer

from sandbox.providers.servicetitan_webhooks import signature
from tests.providers.simulated import Simulator
from tests.providers.waiting import until
from tests.providers.wire import ADDRESS, Json, Wire

KEY, BODY = "0123456789abcdef0123456789abcdef", b'{"eventId":"e1"}'
VISIT = {"landingPageUrl": "https://example.com/?gclid=x", "referrerUrl": "https://google.com/", "gclid": "x"}
REQUEST = {
    "source": "A1 Online Booking", "name": "Pat Jones", "externalId": "b-1", "isFirstTimeClient": True, "summary": "Spring",
    "address": ADDRESS, "contacts": [{"type": "MobilePhone", "value": "6025550123", "memo": None}],
    "customerType": "Residential", "start": "2030-01-02T15:00:00Z", "campaignId": 501, "businessUnitId": 1011, "jobTypeId": 2047,
    "priority": "Normal", "uploadedImages": None, "isSendConfirmationEmail": False,
}  # fmt: skip


def feed(wire: Wire, name: str = "jpm/export/jobs", **more: object) -> tuple[list[int], str, bool]:
    answer = wire.st("GET", name, **more).json()
    assert set(answer) == {"hasMore", "continueFrom", "data"}
    return [row["id"] for row in answer["data"]], answer["continueFrom"], answer["hasMore"]


def test_a_feed_lags_a_quarter_of_an_hour_and_goes_on_where_it_stopped(wire: Wire) -> None:
    first = wire.job("b-1")["id"]
    rows, token, _ = feed(wire)
    assert rows == []
    wire.advance(901)
    rows, token, _ = feed(wire, **{"from": token})
    assert rows == [first]
    assert feed(wire, **{"from": token}) == ([], token, False)
    second = wire.job("b-2", window=1)["id"]
    wire.control("POST", f"st/jobs/{first}/cancel").raise_for_status()
    wire.advance(901)
    assert feed(wire, **{"from": token})[0] == [second, first]


def test_recent_changes_come_at_once_and_the_last_one_twice(wire: Wire) -> None:
    first = wire.job("b-1")["id"]
    rows, token, more = feed(wire, includeRecentChanges="true")
    assert (rows, more) == ([first], False)
    second = wire.job("b-2", window=1)["id"]
    rows, token, _ = feed(wire, includeRecentChanges="true", **{"from": token})
    assert rows == [first, second]
    assert feed(wire, includeRecentChanges="true", **{"from": token})[0] == [second]
    wire.flags(st_export_duplicates=False)
    token = feed(wire, includeRecentChanges="true", **{"from": token})[1]
    assert feed(wire, includeRecentChanges="true", **{"from": token})[0] == []


def test_a_long_feed_comes_in_parts_and_every_record_once(wire: Wire) -> None:
    wire.flags(st_export_page=2)
    jobs = [wire.job(f"b-{n}", window=n)["id"] for n in range(5)]
    wire.advance(901)
    seen, token, more = feed(wire)
    while more:
        rows, token, more = feed(wire, **{"from": token})
        seen += rows
    assert seen == jobs


@pytest.mark.parametrize("start", ["nonsense", "anBtL2pvYnM6eA==", "Y3JtL2N1c3RvbWVyczox"])
def test_a_token_that_is_none_is_refused(wire: Wire, start: str) -> None:
    assert wire.st("GET", "jpm/export/jobs", **{"from": start}).status_code == 400


def test_a_feed_can_start_at_a_time(wire: Wire) -> None:
    wire.job("b-1")
    wire.advance(3600)
    now = wire.control("GET", "clock").json()["now"]
    second = wire.job("b-2", window=1)["id"]
    assert feed(wire, includeRecentChanges="true", **{"from": now})[0] == [second]


@pytest.mark.parametrize(
    ("name", "count"),
    [("jpm/export/appointments", 1), ("jpm/export/job-canceled-logs", 1), ("crm/export/customers", 1),
     ("crm/export/locations", 1), ("crm/export/customers/contacts", 1), ("crm/export/bookings", 0), ("crm/export/leads", 0)],
)  # fmt: skip
def test_there_is_a_feed_for_everything(wire: Wire, name: str, count: int) -> None:
    job = wire.job()
    wire.control("POST", f"st/jobs/{job['id']}/cancel").raise_for_status()
    assert len(wire.st("GET", name, includeRecentChanges="true").json()["data"]) == count
    assert wire.st("GET", "jpm/export/nothing").status_code == 404


def test_what_the_office_moved_shows_in_the_feed_of_visits(wire: Wire) -> None:
    job = wire.job()
    token = feed(wire, "jpm/export/appointments", includeRecentChanges="true")[1]
    new = {"start": "2030-01-02T15:00:00Z", "end": "2030-01-02T17:00:00Z"}
    wire.control("POST", f"st/jobs/{job['id']}/reschedule", new).raise_for_status()
    (row,) = wire.st("GET", "jpm/export/appointments", includeRecentChanges="true", **{"from": token}).json()[
        "data"
    ]
    assert (row["id"], row["arrivalWindowStart"]) == (job["firstAppointmentId"], "2030-01-02T15:00:00.000Z")


def test_a_request_becomes_a_job_when_the_office_says_so(wire: Wire) -> None:
    made = wire.st("POST", "crm/booking-provider/701/bookings", REQUEST).json()
    assert (made["status"], made["jobId"], made["bookingProviderId"]) == ("New", None, 701)
    found = wire.st("GET", "crm/booking-provider/701/bookings", externalId="b-1").json()["data"]
    assert [row["id"] for row in found] == [made["id"]]
    wire.control("POST", f"st/bookings/{made['id']}/accept").raise_for_status()
    job = wire.control("POST", f"st/bookings/{made['id']}/convert").json()
    after = wire.st("GET", f"crm/bookings/{made['id']}").json()
    assert (after["status"], after["jobId"]) == ("Converted", job["id"])
    (linked,) = wire.st("GET", "jpm/jobs", bookingId=made["id"]).json()["data"]
    assert (linked["id"], linked["jobTypeId"], linked["campaignId"]) == (job["id"], 2047, 501)
    assert wire.st("POST", f"crm/booking-provider/701/bookings/{made['id']}/dismiss", {}).status_code == 409
    assert wire.control("POST", f"st/bookings/{made['id']}/convert").status_code == 409


def test_the_same_request_twice_is_two_unless_we_assume_otherwise(wire: Wire) -> None:
    path = "crm/booking-provider/701/bookings"
    ids = {wire.st("POST", path, REQUEST).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert [(effect["key"], effect["count"]) for effect in wire.ledger("booking")] == [("b-1", 2)]
    wire.flags(st_external_id_unique=True)
    assert wire.st("POST", path, REQUEST).status_code == 409


def test_a_request_is_checked_changed_and_withdrawn(wire: Wire) -> None:
    path = "crm/booking-provider/701/bookings"
    for wrong in ({"externalId": ""}, {"isFirstTimeClient": None}, {"jobTypeId": 1}, {"priority": "Soon"}, {"start": "soon"},
                  {"address": None, "contacts": []}):  # fmt: skip
        assert wire.st("POST", path, REQUEST | wrong).status_code == 400, wrong
    assert wire.st("POST", "crm/booking-provider/1/bookings", REQUEST).status_code == 404
    made = wire.st("POST", path, REQUEST).json()
    assert wire.st("PATCH", f"{path}/{made['id']}", {"summary": "Opener"}).json()["summary"] == "Opener"
    contact = wire.st(
        "POST", f"{path}/{made['id']}/contacts", {"type": "Email", "value": "a@example.com"}
    ).json()
    assert len(wire.st("GET", f"{path}/{made['id']}/contacts").json()["data"]) == 2
    assert wire.st("DELETE", f"{path}/{made['id']}/contacts/{contact['id']}").status_code == 200
    assert wire.st("POST", f"{path}/{made['id']}/dismiss", {"dismissingMemo": "online"}).status_code == 200
    assert wire.st("GET", f"{path}/{made['id']}").json()["status"] == "Dismissed"


def test_leads_need_a_reason_to_call_and_forms_only_a_name(wire: Wire) -> None:
    lead = {"campaignId": 500, "summary": "left at the slot step"}
    assert wire.st("POST", "crm/leads", lead).status_code == 400
    made = wire.st("POST", "crm/leads", lead | {"followUpDate": "2030-01-02"}).json()
    assert wire.st("GET", f"crm/leads/{made['id']}").json()["summary"] == lead["summary"]
    assert set(wire.st("POST", "crm/leads/form", {"name": "Pat", "phoneNumber": "6025550123"}).json()) == {
        "leadId"
    }
    assert wire.st("POST", "crm/leads/form", {}).status_code == 400
    assert len(wire.st("GET", "crm/leads").json()["data"]) == 2


def test_a_job_is_tied_to_the_visit_that_brought_it(wire: Wire) -> None:
    job = wire.job()
    path = "marketingads/job-attributions"
    answer = wire.st("POST", path, {"jobId": job["id"], "webSessionData": VISIT})
    assert (answer.status_code, answer.content) == (200, b"")
    assert [effect["key"] for effect in wire.ledger("attribution")] == ["b-1"]
    empty = {"jobId": job["id"], "webSessionData": VISIT | {"referrerUrl": ""}}
    assert wire.st("POST", path, empty).status_code == 200
    wire.flags(st_empty_referrer=False)
    assert wire.st("POST", path, empty).status_code == 400
    assert wire.st("POST", path, {"jobId": 1, "webSessionData": VISIT}).status_code == 400
    assert wire.st("POST", path, {"jobId": job["id"], "webSessionData": {}}).status_code == 400
    span = {"fromUtc": "2020-01-01T00:00:00Z", "toUtc": "2099-01-01T00:00:00Z"}
    assert len(wire.st("GET", "marketingads/attributed-leads", **span).json()["data"]) == 2
    assert wire.st("GET", "marketingads/attributed-leads").status_code == 400


def test_the_signature_agrees_with_known_ones() -> None:
    assert signature(KEY, BODY) == "b0da8f8574df76a785a19d798f37936472d2e99c25fc07bc11a6e68821f2129b"
    assert signature(KEY, BODY, "base64") == "sNqPhXTfdqeFoZ15jzeTZHLS6Zwl/Ae8EabmiCHyEps="


def hooks(server: HTTPServer) -> list[tuple[Json, bool]]:
    found = []
    for request, _ in server.log:
        if request.path == "/webhooks/servicetitan":
            good = request.headers["x-servicetitan-signature"] == signature(KEY, request.get_data())
            found.append((json.loads(request.get_data()), good))
    return found


def test_a_change_is_told_until_somebody_takes_it(listening: Simulator, httpserver: HTTPServer) -> None:
    wire = Wire(listening)
    httpserver.expect_oneshot_request("/webhooks/servicetitan").respond_with_data("", status=503)
    job = wire.job()
    until(lambda: len(hooks(httpserver)) == 1)
    httpserver.expect_request("/webhooks/servicetitan").respond_with_data("", status=200)
    until(lambda: wire.advance(10) or len(hooks(httpserver)) == 2)
    (first, good), (second, _) = hooks(httpserver)
    assert good
    assert first == second
    assert (first["eventType"], first["data"]["id"]) == ("job.created", job["id"])


def test_webhooks_come_twice_or_forged_on_demand(listening: Simulator, httpserver: HTTPServer) -> None:
    wire = Wire(listening)
    httpserver.expect_request("/webhooks/servicetitan").respond_with_data("", status=200)
    wire.control(
        "POST", "faults", {"provider": "servicetitan", "mode": "duplicate_webhook"}
    ).raise_for_status()
    job = wire.job()
    until(lambda: len(hooks(httpserver)) == 2)
    wire.control("POST", "faults", {"provider": "servicetitan", "mode": "forged_webhook"}).raise_for_status()
    wire.control("POST", f"st/jobs/{job['id']}/advance").raise_for_status()
    until(lambda: len(hooks(httpserver)) == 3)
    assert [good for _, good in hooks(httpserver)] == [True, True, False]
