"""Simulated ServiceTitan capacity follows the jobs, whoever makes, moves or cancels them; both endpoints agree."""

import pytest

from tests.providers.wire import Json, Wire


def open_at(wire: Wire, start: str, **more: object) -> int:
    return next((len(slot["technicians"]) for slot in wire.slots(**more) if slot["slotStart"] == start), 0)


def capacity(wire: Wire, day: str, **more: object) -> list[Json]:
    body = {"startsOnOrAfter": f"{day}T00:00:00", "endsOnOrBefore": f"{day}T23:59:00", "businessUnitIds": [1011],
            "skillBasedAvailability": False}  # fmt: skip
    return list(wire.st("POST", "dispatch/capacity", body | more).json()["availabilities"])


def test_a_job_takes_room_a_move_takes_it_along_and_a_cancel_gives_it_back(wire: Wire) -> None:
    (old, old_end), (new, new_end) = wire.window(0), wire.window(1)
    before = open_at(wire, old), open_at(wire, new)
    job = wire.job()
    assert open_at(wire, old) == before[0] - 1
    wire.control("POST", f"st/jobs/{job['id']}/reschedule", {"start": new, "end": new_end}).raise_for_status()
    assert (open_at(wire, old), open_at(wire, new)) == (before[0], before[1] - 1)
    wire.control("POST", f"st/jobs/{job['id']}/cancel").raise_for_status()
    assert (open_at(wire, old), open_at(wire, new)) == before
    assert old_end


def test_a_full_window_is_left_out_but_refuses_no_job_unless_we_say_so(wire: Wire) -> None:
    start, end = wire.window()
    room = open_at(wire, start)
    jobs = [wire.st("POST", "jpm/jobs", wire.job_body(start, end, f"b-{n}")).json() for n in range(room)]
    assert open_at(wire, start) == 0
    assert wire.st("POST", "jpm/jobs", wire.job_body(start, end, "one too many")).status_code == 200
    wire.flags(st_reject_full=True)
    assert wire.st("POST", "jpm/jobs", wire.job_body(start, end, "two too many")).status_code == 400
    other = wire.st("GET", "jpm/appointments", jobId=jobs[0]["id"]).json()["data"][0]["id"]
    own = {"start": start, "end": end}
    assert wire.st("PATCH", f"jpm/appointments/{other}/reschedule", own).status_code == 400


def test_the_own_appointment_can_be_left_out_when_it_is_moved(wire: Wire) -> None:
    start, _ = wire.window()
    before = open_at(wire, start)
    job = wire.job()
    assert open_at(wire, start, existingJobAppointmentId=job["firstAppointmentId"]) == before


def test_slots_can_be_narrowed(wire: Wire) -> None:
    assert {slot["slotStart"][11:13] for slot in wire.slots(arrivalWindows=[602])} == {"17"}
    assert {t["technicianId"] for slot in wire.slots(technicians=[308]) for t in slot["technicians"]} == {308}
    assert wire.slots(businessUnits=[1012]) == []
    assert len({slot["slotStart"][:10] for slot in wire.slots(weekdays=["Monday"])}) in {1, 2}


@pytest.mark.parametrize(
    "wrong",
    [{"xType": "Moon"}, {"endUtc": "2020-01-01"}, {"zones": "44"}, {"weekdays": ["Noday"]}, {"jobPriorities": ["Soon"]},
     {"startUtc": None}, {"useTenantSettings": "yes"}],
)  # fmt: skip
def test_a_senseless_request_is_refused(wire: Wire, wrong: Json) -> None:
    body = {"startUtc": "2030-01-01", "endUtc": "2030-01-02", "xType": "ArrivalWindow"}
    assert wire.st("POST", "dispatch/adcap/availability/slots", body).status_code == 200
    assert wire.st("POST", "dispatch/adcap/availability/slots", body | wrong).status_code == 400
    wire.flags(st_adcap_needs_duration=True)
    assert wire.st("POST", "dispatch/adcap/availability/slots", body).status_code == 400


@pytest.mark.parametrize("status", [403, 404])
def test_a_tenant_without_adjustable_capacity_still_has_the_classic_one(wire: Wire, status: int) -> None:
    wire.flags(st_adcap=str(status))
    body = {"startUtc": "2030-01-01", "endUtc": "2030-01-02", "xType": "ArrivalWindow"}
    assert wire.st("POST", "dispatch/adcap/availability/slots", body).status_code == status
    assert capacity(wire, "2030-01-01")


@pytest.mark.parametrize(("unit", "each"), [("hours", 2.0), ("jobs", 1.0)])
def test_classic_capacity_counts_hours_or_jobs(wire: Wire, unit: str, each: float) -> None:
    wire.flags(st_capacity_unit=unit)
    start, _ = wire.window()
    day = start[:10]
    before = next(row for row in capacity(wire, day) if row["startUtc"] == start)
    wire.job()
    after = next(row for row in capacity(wire, day) if row["startUtc"] == start)
    assert before["totalAvailability"] == after["totalAvailability"] == len(before["technicians"]) * each
    assert after["openAvailability"] == before["openAvailability"] - each
    assert sum(t["status"] == "Unavailable" for t in after["technicians"]) == 1
    assert before["start"] == f"{day}T08:00:00"


def test_old_answers_have_only_local_times(wire: Wire) -> None:
    wire.flags(st_capacity_old_fields=True)
    row = capacity(wire, "2030-01-01")[0]
    assert row["start"] == "2030-01-01T08:00:00"
    assert not {"startUtc", "endUtc", "isAvailable"} & set(row)


def test_skills_count_only_when_asked_for(wire: Wire) -> None:
    day = "2030-01-01"
    every = capacity(wire, day, jobTypeId=2046)[0]
    skilled = capacity(wire, day, jobTypeId=2046, skillBasedAvailability=True)[0]
    assert skilled["totalAvailability"] < every["totalAvailability"]
    assert all(t["hasRequiredSkills"] for t in skilled["technicians"])
    body = {"startsOnOrAfter": day, "endsOnOrBefore": "2030-01-20", "skillBasedAvailability": True}
    assert wire.st("POST", "dispatch/capacity", body).status_code == 400
    assert wire.st("POST", "dispatch/capacity", {}).status_code == 400
