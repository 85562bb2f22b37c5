"""Simulated ServiceTitan: what state allows what, and what the office does by hand shows in every list and feed."""

from itertools import pairwise

import pytest

from tests.providers.simulated import Simulator
from tests.providers.wire import ADDRESS, GUID, Json, Wire

CANCEL = {"reasonId": 801, "memo": "Cancelled online"}
FAR = {"start": "2030-01-02T15:00:00Z", "end": "2030-01-02T17:00:00Z"}


def visit_of(wire: Wire, job: Json) -> Json:
    (visit,) = wire.st("GET", "jpm/appointments", jobId=job["id"]).json()["data"]
    return dict(visit)


def test_a_job_goes_its_way_and_its_visit_with_it(wire: Wire) -> None:
    job, seen = wire.job(), []
    for _ in range(3):
        answer = wire.control("POST", f"st/jobs/{job['id']}/advance").json()
        seen.append((answer["jobStatus"], visit_of(wire, job)["status"]))
    assert seen == [("Dispatched", "Dispatched"), ("InProgress", "Working"), ("Completed", "Done")]
    assert wire.st("GET", f"jpm/jobs/{job['id']}").json()["completedOn"]
    assert wire.control("POST", f"st/jobs/{job['id']}/advance").status_code == 409
    (row,) = wire.st("GET", "dispatch/export/appointment-assignments", includeRecentChanges="true").json()[
        "data"
    ]
    assert row["jobId"] == job["id"]


@pytest.mark.parametrize(
    ("steps", "cancel", "move"),
    [
        ([], 200, 200),
        (["advance"], 200, 200),
        (["hold"], 200, 200),
        (["advance"] * 2, 400, 409),
        (["advance"] * 3, 400, 409),
        (["cancel"], 400, 409),
    ],
)
def test_what_can_be_cancelled_and_moved(wire: Wire, steps: list[str], cancel: int, move: int) -> None:
    job = wire.job()
    for step in steps:
        wire.control("POST", f"st/jobs/{job['id']}/{step}").raise_for_status()
    visit = visit_of(wire, job)
    assert wire.st("PATCH", f"jpm/appointments/{visit['id']}/reschedule", FAR).status_code == move
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", CANCEL).status_code == cancel


@pytest.mark.parametrize("status", [400, 409])
def test_a_second_cancel_is_refused_and_counts_once(wire: Wire, status: int) -> None:
    wire.flags(st_cancel_twice=status)
    job = wire.job()
    first = wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", CANCEL)
    assert (first.status_code, first.content) == (200, b"")
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", CANCEL).status_code == status
    assert [(effect["key"], effect["count"]) for effect in wire.ledger("cancel")] == [("b-1", 1)]
    assert wire.st("PUT", "jpm/jobs/1/cancel", CANCEL).status_code == 404
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", {"reasonId": 1, "memo": ""}).status_code == status


def test_a_cancellation_can_be_taken_back_once(wire: Wire) -> None:
    job = wire.job()
    wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", CANCEL).raise_for_status()
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/remove-cancellation").status_code == 200
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/remove-cancellation").status_code == 400
    assert visit_of(wire, job)["status"] == "Scheduled"


def test_a_visit_is_confirmed_once(wire: Wire) -> None:
    path = f"jpm/appointments/{wire.job()['firstAppointmentId']}/confirmation"
    codes = [wire.st(method, path).status_code for method in ("DELETE", "PUT", "PUT", "DELETE", "DELETE")]
    assert codes == [409, 200, 409, 200, 409]
    assert wire.st("PUT", "jpm/appointments/1/confirmation").status_code == 404


def test_the_only_visit_of_a_job_stays(wire: Wire) -> None:
    job = wire.job()
    first = f"jpm/appointments/{job['firstAppointmentId']}"
    assert wire.st("DELETE", first).status_code == 409
    added = wire.st("POST", "jpm/appointments", {"jobId": job["id"], **FAR})
    assert (added.status_code, added.json()["appointmentNumber"]) == (200, f"{job['id']}-2")
    assert wire.st("DELETE", first).status_code == 200
    assert wire.st("GET", first).status_code == 404
    after = wire.st("GET", f"jpm/jobs/{job['id']}").json()
    assert (after["appointmentCount"], after["firstAppointmentId"]) == (1, added.json()["id"])


def test_instructions_notes_and_hold(wire: Wire) -> None:
    job = wire.job()
    path = f"jpm/appointments/{job['firstAppointmentId']}/special-instructions"
    assert wire.st("PUT", path, {"specialInstructions": "gate 42"}).json()["specialInstructions"] == "gate 42"
    assert wire.st("POST", f"jpm/jobs/{job['id']}/notes", {"text": "moved", "pinToTop": True}).json()[
        "isPinned"
    ]
    assert wire.st("POST", f"jpm/jobs/{job['id']}/notes", {}).status_code == 400
    assert len(wire.st("GET", f"jpm/jobs/{job['id']}/notes").json()["data"]) == 1
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/hold", {"reasonId": 811, "memo": "parts"}).status_code == 200
    assert wire.st("PUT", f"jpm/jobs/{job['id']}/hold", {"reasonId": 811, "memo": "parts"}).status_code == 400


def test_a_job_is_changed_in_part_and_its_data_merged_or_replaced(wire: Wire) -> None:
    job = wire.job()
    path = f"jpm/jobs/{job['id']}"
    data = {"applicationGuid": GUID, "externalData": [{"key": "more", "value": "1"}]}
    wire.st(
        "PATCH", path, {"summary": "new", "externalData": data | {"patchMode": "Merge"}}
    ).raise_for_status()
    after = wire.st("GET", path, externalDataApplicationGuid=GUID).json()
    assert (after["summary"], after["priority"]) == ("new", "Normal")
    assert {pair["key"] for pair in after["externalData"]} == {"a1_booking_id", "more"}
    wire.st("PATCH", path, {"externalData": data}).raise_for_status()
    keys = {
        "externalDataApplicationGuid": GUID,
        "externalDataKey": "a1_booking_id",
        "externalDataValues": "b-1",
    }
    assert wire.st("GET", "jpm/jobs", **keys).json()["data"] == []
    keys |= {"externalDataKey": "more", "externalDataValues": "0,1,2"}
    assert [row["id"] for row in wire.st("GET", "jpm/jobs", **keys).json()["data"]] == [job["id"]]
    assert wire.st("PATCH", path, {"campaignId": 1}).status_code == 400
    assert wire.st("PATCH", path, {"customFields": [{"typeId": 1, "value": "2"}]}).status_code == 400
    fields = [{"typeId": 31, "value": "2"}]
    assert wire.st("PATCH", path, {"customFields": fields}).json()["customFields"] == fields
    assert wire.st("PATCH", "jpm/jobs/1", {}).status_code == 404


def test_the_lookup_by_external_data_can_lag_behind_the_write(wire: Wire) -> None:
    wire.flags(st_lookup_lag_seconds=30)
    wire.job()
    keys = {
        "externalDataApplicationGuid": GUID,
        "externalDataKey": "a1_booking_id",
        "externalDataValues": "b-1",
    }
    assert wire.st("GET", "jpm/jobs", **keys).json()["data"] == []
    wire.advance(31)
    assert len(wire.st("GET", "jpm/jobs", **keys).json()["data"]) == 1
    del keys["externalDataValues"]
    assert wire.st("GET", "jpm/jobs", **keys).status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"jobStatus": "Scheduled"}, 2),
        ({"jobStatus": "Canceled"}, 1),
        ({"customerId": "1"}, 0),
        ({"createdBefore": "2020-01-01T00:00:00Z"}, 0),
        ({"modifiedOnOrAfter": "2020-01-01T00:00:00Z"}, 3),
        ({"appointmentStartsOnOrAfter": "2029-01-01T00:00:00Z"}, 0),
        ({"completedOnOrAfter": "2020-01-01T00:00:00Z"}, 0),
        ({"number": "91002"}, 1),
        ({"ids": "91001,91003"}, 2),
    ],
)
def test_jobs_are_filtered(wire: Wire, query: Json, found: int) -> None:
    jobs = [wire.job(f"b-{n}", window=n) for n in range(3)]
    wire.control("POST", f"st/jobs/{jobs[0]['id']}/cancel").raise_for_status()
    assert len(wire.st("GET", "jpm/jobs", **query).json()["data"]) == found
    assert wire.st("GET", "jpm/jobs", ids=",".join("1" * 51)).status_code == 400
    newest = wire.st("GET", "jpm/jobs", sort="-Id", pageSize=2).json()
    assert ([row["id"] for row in newest["data"]], newest["hasMore"]) == ([91003, 91002], True)


@pytest.mark.parametrize("written", ["6025550123", "(602) 555-0123", "+1 602 555 0123"])
def test_a_phone_finds_its_customer_however_it_is_written(wire: Wire, written: str) -> None:
    made = wire.customer()
    found = wire.st("GET", "crm/customers", phone=written).json()["data"]
    assert [row["id"] for row in found] == [made["id"]]
    wire.flags(st_phone_match="exact", st_phone_format="dashes")
    assert len(wire.st("GET", "crm/customers", phone=written).json()["data"]) == (written == "6025550123")
    shown = wire.st("GET", f"crm/customers/{made['id']}/contacts").json()["data"][0]
    assert shown["value"] == "(602) 555-0123"


def test_a_merged_customer_points_to_the_other_who_has_it_all(wire: Wire) -> None:
    job = wire.job("b-1")
    gone, kept = job["customerId"], wire.customer(phone="6025550199", key="other")["id"]
    wire.control("POST", f"st/customers/{gone}/merge", {"into": kept}).raise_for_status()
    read = wire.st("GET", f"crm/customers/{gone}").json()
    assert (read["active"], read["mergedToId"]) == (False, kept)
    keys = {
        "externalDataApplicationGuid": GUID,
        "externalDataKey": "a1_customer_id",
        "externalDataValues": "c-b-1",
    }
    assert wire.st("GET", "crm/customers", **keys).json()["data"] == []
    assert len(wire.st("GET", "crm/customers", **keys, active="Any").json()["data"]) == 1
    assert [row["id"] for row in wire.st("GET", "crm/customers", phone="6025550123").json()["data"]] == [kept]
    places = wire.st("GET", "crm/locations", customerId=kept).json()["data"]
    assert job["locationId"] in {row["id"] for row in places}
    assert wire.control("POST", f"st/customers/{kept}/merge", {"into": kept}).status_code == 400


def test_the_office_refuses_service_and_texts(wire: Wire) -> None:
    made = wire.customer()
    wire.control("PATCH", f"st/customers/{made['id']}", {"doNotService": True}).raise_for_status()
    assert wire.st("GET", f"crm/customers/{made['id']}").json()["doNotService"] is True
    answer = wire.control("POST", "st/do-not-text", {"phone": "+16025550123"})
    assert answer.json() == {"changed": 1}
    (contact,) = wire.st("GET", f"crm/customers/{made['id']}/contacts").json()["data"]
    assert contact["phoneSettings"]["doNotText"] is True


def test_contacts_come_change_and_go(wire: Wire) -> None:
    for owner in (
        f"crm/customers/{wire.customer()['id']}",
        f"crm/locations/{wire.customer(key='c-2')['locations'][0]['id']}",
    ):
        made = wire.st("POST", f"{owner}/contacts", {"type": "Email", "value": "pat@example.com"}).json()
        assert made["phoneSettings"] is None
        changed = wire.st("PATCH", f"{owner}/contacts/{made['id']}", {"value": "new@example.com"}).json()
        assert changed["value"] == "new@example.com"
        assert wire.st("POST", f"{owner}/contacts", {"type": "Pigeon", "value": "x"}).status_code == 400
        assert wire.st("DELETE", f"{owner}/contacts/{made['id']}").status_code == 200
        assert wire.st("DELETE", f"{owner}/contacts/{made['id']}").status_code == 404
        assert wire.st("POST", f"{owner}/notes", {"text": "dog"}).json()["text"] == "dog"


def test_a_location_needs_its_customer(wire: Wire) -> None:
    body = {"customerId": 1, "name": "Home", "address": ADDRESS}
    assert wire.st("POST", "crm/locations", body).status_code == 409
    assert wire.st("POST", "crm/locations", {"name": "Home"}).status_code == 400
    made = wire.st("POST", "crm/locations", body | {"customerId": wire.customer()["id"]}).json()
    assert made["zoneId"] == 44
    assert wire.st("PATCH", f"crm/locations/{made['id']}", {"name": "Shop"}).json()["name"] == "Shop"
    assert wire.st("GET", f"crm/locations/{made['id']}").json()["name"] == "Shop"


def test_a_refused_customer_leaves_nothing_behind(wire: Wire) -> None:
    place = {"name": "Home", "address": ADDRESS, "contacts": [{"type": "Pigeon", "value": "x"}]}
    body = {"name": "Pat", "address": ADDRESS, "locations": [place]}
    assert wire.st("POST", "crm/customers", body).status_code == 400
    assert wire.st("GET", "crm/customers").json()["data"] == []


def test_tokens_can_be_made_short_lived(wire: Wire) -> None:
    wire.flags(sim_token_seconds=2)
    assert wire.st("GET", "jpm/jobs").status_code == 200
    token = wire._token
    wire.advance(3)
    wire._token = token
    assert wire.st("GET", "jpm/jobs").status_code == 401


def test_each_job_and_customer_id_is_in_order(sim: Simulator, wire: Wire) -> None:
    numbers = [wire.job(f"b-{n}", window=n)["id"] for n in range(3)]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
