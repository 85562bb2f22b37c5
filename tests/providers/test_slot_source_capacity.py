"""Classic capacity as a slot source, and when it stands in for the adjustable one."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer

from app.providers.ports import Outcome, ProviderError, SlotSource, Zone
from tests.providers.simulated import Simulator

DISPATCH = "/api/dispatch/v2/tenant/9001"
ADCAP, CAPACITY, ZONES = (f"{DISPATCH}/{path}" for path in ("adcap/availability/slots", "capacity", "zones"))
DAY = datetime(2026, 12, 3, 7, tzinfo=UTC)  # midnight in Phoenix
EIGHT = DAY + timedelta(hours=8)
KEY = "cap1:1011:0:20261203T150000Z:20261203T170000Z"
MESA = Zone("44", "Mesa", ("85201",), "1011")
Row = dict[str, object]


def a_row(**changes: object) -> Row:
    row: Row = {
        "start": "2026-12-03T08:00:00", "end": "2026-12-03T10:00:00", "startUtc": "2026-12-03T15:00:00Z",
        "endUtc": "2026-12-03T17:00:00Z", "businessUnitIds": [1011], "totalAvailability": 8.0, "openAvailability": 5.5,
        "technicians": [], "isAvailable": True, "isExceedingIdealBookingPercentage": False, "brandNew": None,
    }  # fmt: skip
    return {name: value for name, value in (row | changes).items() if value != "absent"}


def source(sim: Simulator, server: HTTPServer, **changes: object) -> SlotSource:
    settings = {"st_api_base": server.url_for("/api"), "slot_provider": "servicetitan_capacity"}
    return sim.adapters(**settings | changes).slot_source


def answer(server: HTTPServer, *rows: Row) -> None:
    server.expect_request(CAPACITY, method="POST").respond_with_json(
        {"timeStamp": "2026-11-22T18:00:00Z", "availabilities": list(rows)}
    )


def open_there(slots: SlotSource, days: int = 1) -> list[tuple[str, int]]:
    found = slots.open_windows(MESA, DAY, DAY + timedelta(days=days))
    assert all(window.key.startswith(found.key_prefix) for window in found.windows)
    return [(window.key, window.open) for window in found.windows]


@pytest.mark.parametrize(
    ("unit", "left", "room"),
    [
        ("hours", 5.5, 2),
        ("hours", 4.0, 2),
        ("hours", 1.9, 0),
        ("jobs", 5.5, 5),
        ("jobs", 1, 1),
        ("jobs", 0.5, 0),
        ("hours", -2, 0),
    ],
)
def test_room_is_counted_in_what_the_tenant_counts(
    sim: Simulator, httpserver: HTTPServer, unit: str, left: float, room: int
) -> None:
    answer(httpserver, a_row(openAvailability=left))
    found = open_there(source(sim, httpserver, st_capacity_unit=unit))
    assert found == ([(KEY, room)] if room else [])


@pytest.mark.parametrize("gone", ["absent", None])
def test_local_time_alone_is_read_in_the_units_time_zone(
    sim: Simulator, httpserver: HTTPServer, gone: object
) -> None:
    answer(httpserver, a_row(startUtc=gone, endUtc=gone))
    assert open_there(source(sim, httpserver)) == [(KEY, 2)]
    east = source(sim, httpserver, report_timezone="America/New_York")
    assert open_there(east) == [("cap1:1011:0:20261203T130000Z:20261203T150000Z", 2)]


@pytest.mark.parametrize(
    ("day", "utc"), [("2026-03-07", 15), ("2026-03-08", 14), ("2026-10-31", 14), ("2026-11-01", 15)]
)
def test_eight_o_clock_is_eight_o_clock_on_the_day_the_clocks_change(
    sim: Simulator, httpserver: HTTPServer, day: str, utc: int
) -> None:
    answer(httpserver, a_row(start=f"{day}T08:00:00", end=f"{day}T10:00:00", startUtc=None, endUtc=None))
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    found = source(sim, httpserver, report_timezone="America/Denver").open_windows(
        MESA, start, start + timedelta(days=2)
    )
    assert [window.starts_at.hour for window in found.windows] == [utc]


def test_the_question_is_in_local_time_and_at_most_two_weeks_long(
    sim: Simulator, httpserver: HTTPServer
) -> None:
    answer(httpserver)
    assert open_there(source(sim, httpserver), days=21) == []
    asked = [request.get_json() for request, _ in httpserver.log]
    assert [(body["startsOnOrAfter"], body["endsOnOrBefore"]) for body in asked] == [
        ("2026-12-03T00:00:00", "2026-12-17T00:00:00"),
        ("2026-12-16T00:00:00", "2026-12-24T00:00:00"),
    ]
    assert asked[0]["businessUnitIds"] == [1011]
    assert "skillBasedAvailability" in asked[0]


@pytest.mark.parametrize(
    "changes",
    [{"isAvailable": False}, {"isExceedingIdealBookingPercentage": True}, {"businessUnitIds": [1012]}],
)
def test_what_is_not_to_be_sold_is_not_offered(sim: Simulator, httpserver: HTTPServer, changes: Row) -> None:
    answer(httpserver, a_row(**changes))
    assert open_there(source(sim, httpserver)) == []


def test_a_window_over_the_ideal_share_keeps_the_promise_made(sim: Simulator, httpserver: HTTPServer) -> None:
    answer(httpserver, a_row(isExceedingIdealBookingPercentage=True))
    found = source(sim, httpserver).find_window(KEY)
    assert found
    assert (found.key, found.open) == (KEY, 2)


@pytest.mark.parametrize("changes", [{"isAvailable": False}, {"openAvailability": 0}])
def test_a_window_without_room_is_gone(sim: Simulator, httpserver: HTTPServer, changes: Row) -> None:
    answer(httpserver, a_row(**changes))
    assert source(sim, httpserver).find_window(KEY) is None


@pytest.mark.parametrize(
    "changes",
    [{"openAvailability": "many"}, {"openAvailability": None}, {"endUtc": "2026-12-03T15:00:00Z"}, {"startUtc": "soon"},
     {"startUtc": None, "start": "soon"}],
)  # fmt: skip
def test_a_malformed_window_is_no_snapshot(sim: Simulator, httpserver: HTTPServer, changes: Row) -> None:
    answer(httpserver, a_row(**changes))
    with pytest.raises(ProviderError) as caught:
        open_there(source(sim, httpserver))
    assert caught.value.outcome is Outcome.UNCERTAIN


def test_zones_of_one_unit_share_one_counter(sim: Simulator, httpserver: HTTPServer) -> None:
    zones: list[Row] = [
        {"id": 41, "name": "A", "zips": ["85004", "85006"], "businessUnits": [1011]},
        {"id": 44, "name": "B", "zips": ["85201-1234", "85004"], "businessUnits": [1011, 1012]},
        {"id": 51, "name": "C", "zips": ["85701"], "businessUnits": [1012]},
    ]
    httpserver.expect_request(ZONES).respond_with_json({"hasMore": False, "data": zones})
    found = source(sim, httpserver).zones()
    assert [(zone.id, zone.business_unit_id, zone.zip_codes) for zone in found] == [
        ("0", "1011", ("85004", "85006", "85201")),
        ("0", "1012", ("85701",)),
    ]


@pytest.mark.parametrize("status", [403, 404])
def test_without_adjustable_capacity_the_classic_one_is_asked(
    sim: Simulator, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    httpserver.expect_request(ADCAP).respond_with_json({"title": "no"}, status=status)
    answer(httpserver, a_row())
    slots = source(sim, httpserver, slot_provider="servicetitan_adcap")
    for _ in range(3):
        assert open_there(slots) == [(KEY, 2)]
    assert [request.path for request, _ in httpserver.log].count(ADCAP) == 1
    assert capsys.readouterr().out.count("slots_fallback") == 1


def test_a_window_keeps_its_key_when_another_source_has_to_answer(
    sim: Simulator, httpserver: HTTPServer
) -> None:
    httpserver.expect_request(ADCAP).respond_with_json({}, status=403)
    answer(httpserver, a_row())
    slots = source(sim, httpserver, slot_provider="servicetitan_adcap")
    key = "ac1:1011:44:20261203T150000Z:20261203T170000Z"
    for _ in range(2):
        found = slots.find_window(key)
        assert found
        assert (found.key, found.starts_at) == (key, EIGHT)
    assert slots.find_window("ac1:1011:44:20261203T170000Z:20261203T190000Z") is None


@pytest.mark.parametrize(
    ("status", "outcome"), [(503, Outcome.TRANSIENT), (429, Outcome.THROTTLED), (401, Outcome.CONFIG)]
)
def test_trouble_is_no_reason_to_ask_elsewhere(
    sim: Simulator, httpserver: HTTPServer, status: int, outcome: Outcome
) -> None:
    httpserver.expect_request(ADCAP).respond_with_json({}, status=status)
    answer(httpserver, a_row())
    with pytest.raises(ProviderError) as caught:
        open_there(source(sim, httpserver, slot_provider="servicetitan_adcap"))
    assert caught.value.outcome is outcome
    assert CAPACITY not in [request.path for request, _ in httpserver.log]


@pytest.mark.parametrize(
    ("chosen", "key", "asked"),
    [
        ("servicetitan_capacity", "ac1:1011:44:20261203T150000Z:20261203T170000Z", ADCAP),
        ("local", "ac1:1011:44:20261203T150000Z:20261203T170000Z", ADCAP),
        ("servicetitan_adcap", KEY, CAPACITY),
        ("local", KEY, CAPACITY),
    ],
)
def test_the_source_that_made_a_key_is_asked_about_it(
    sim: Simulator, httpserver: HTTPServer, chosen: str, key: str, asked: str
) -> None:
    answer(httpserver, a_row())
    technician = {"technicianId": 1}
    slot = {
        "slotStart": "2026-12-03T15:00:00Z",
        "slotEnd": "2026-12-03T17:00:00Z",
        "technicians": [technician],
    }
    httpserver.expect_request(ADCAP).respond_with_json({"availableSlots": [slot]})
    found = source(sim, httpserver, slot_provider=chosen).find_window(key)
    assert found
    assert found.key == key
    assert [request.path for request, _ in httpserver.log] == [asked]


def test_a_visit_that_moves_does_not_stand_in_its_own_way(sim: Simulator, httpserver: HTTPServer) -> None:
    httpserver.expect_request(ADCAP).respond_with_json({"availableSlots": []})
    slots = source(sim, httpserver, slot_provider="servicetitan_adcap")
    key = "ac1:1011:44:20261203T150000Z:20261203T170000Z"
    slots.find_window(key, appointment_id="95001")
    slots.find_window(key)
    asked = [request.get_json().get("existingJobAppointmentId") for request, _ in httpserver.log]
    assert asked == [95001, None]
