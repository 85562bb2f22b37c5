"""Simulated ServiceTitan adjustable capacity: the windows somebody is free for, with the technicians."""

from datetime import timedelta

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import TENANT, ApiError, bp, refuse_if
from sandbox.providers.servicetitan_crews import busy_in, free_in
from sandbox.providers.state import wire, world
from sandbox.providers.territory import (
    ARRIVAL_WINDOW_IDS,
    LOCAL,
    ZONE_BY_ID,
    Technician,
    Window,
    ZoneFile,
    windows_between,
)

SLOT_TYPES = {
    "ArrivalWindow", "BusinessHour", "BusinessUnit", "BusinessUnitGroup", "JobType", "JobTypeGroup", "Skill", "Team",
    "Technician", "TechnicianType", "Trade", "Zone",
}  # fmt: skip
ID_LISTS = (
    "arrivalWindows", "businessHours", "businessUnits", "businessUnitGroups", "jobTypes", "jobTypeGroups", "tagTypes",
    "teams", "technicians", "trades", "zones",
)  # fmt: skip
WORD_LISTS = {
    "jobPriorities": {"Low", "Normal", "High", "Urgent"},
    "shiftTypes": {"Scheduled", "OnCall"},
    "technicianTypes": {"Unmanaged", "Managed"},
    "weekdays": {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
}
MAX_RANGE = timedelta(days=14)


@bp.post(f"/api/dispatch/{TENANT}/adcap/availability/slots")
def list_slots() -> Response:
    """List windows that somebody is free for, with the technicians; full ones are left out."""
    sim, check = world(), Checker(request.get_json(silent=True))
    state = sim.flags.word("st_adcap")
    if state != "on":
        raise ApiError(int(state), "Adjustable capacity is not available for this tenant.")
    start, end = check.moment("startUtc"), check.moment("endUtc")
    _check(check, needs_duration=sim.flags.on("st_adcap_needs_duration"))
    if start and end and not start < end <= start + MAX_RANGE:
        check.fail("endUtc", "The range must be between 0 and 14 days.")
    ids = {name: check.numbers(name) for name in ID_LISTS}
    days = check.words("weekdays", WORD_LISTS["weekdays"])
    refuse_if(check.errors)
    with sim.lock:
        now = sim.now()
        but_for = check.optional_number("existingJobAppointmentId")
        crews = [(zone, busy_in(sim.office, zone, but_for)) for zone in _crews(ids)]
        slots = [
            _slot(window, free)
            for window in windows_between(start or now, end or now)
            if window.start > now
            and _is_meant(window, ids, days)
            and (free := [t for zone, busy in crews for t in _wanted(free_in(zone, busy, window), ids)])
        ]
    return jsonify(timeStamp=wire(now), availableSlots=slots)


def _check(check: Checker, *, needs_duration: bool) -> None:
    if check.text("xType") not in SLOT_TYPES:
        check.fail("xType", "Unknown type.")
    if needs_duration or check.body.get("jobDurationInMinutes") is not None:
        check.number("jobDurationInMinutes")
    for name, known in WORD_LISTS.items():
        check.words(name, known)
    check.flag("useTenantSettings")


def _crews(ids: dict[str, list[int]]) -> list[ZoneFile]:
    zones, units = ids["zones"], ids["businessUnits"]
    some = [ZONE_BY_ID[number] for number in zones or ZONE_BY_ID if number in ZONE_BY_ID]
    return [zone for zone in some if not units or zone.business_unit_id in units]


def _is_meant(window: Window, ids: dict[str, list[int]], days: list[str]) -> bool:
    wanted = ids["arrivalWindows"]
    if wanted and ARRIVAL_WINDOW_IDS.get((window.from_hour, window.to_hour)) not in wanted:
        return False
    return not days or f"{window.start.astimezone(LOCAL):%A}" in days


def _wanted(free: list[Technician], ids: dict[str, list[int]]) -> list[Technician]:
    return [t for t in free if not ids["technicians"] or t.id in ids["technicians"]]


def _slot(window: Window, free: list[Technician]) -> Json:
    start, end = wire(window.start), wire(window.end)
    crew = [{"technicianId": t.id, "technicianName": t.name, "jobStart": start, "jobEnd": end} for t in free]
    return {"slotStart": start, "slotEnd": end, "technicians": crew}
