"""Simulated ServiceTitan dispatch: zones, and who is free when: shifts minus what is booked. And the catalogues."""

from datetime import datetime, timedelta

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.records import FieldOffice
from sandbox.providers.servicetitan import bp, page_of, refuse_if
from sandbox.providers.state import wire, world
from sandbox.providers.territory import (
    BUSINESS_UNITS,
    CAMPAIGNS,
    CANCEL_REASONS,
    JOB_TYPES,
    ZONE_BY_ID,
    ZONE_BY_ZIP,
    ZONES,
    Technician,
    Window,
    ZoneFile,
    on_shift,
    windows_between,
)

TENANT = "v2/tenant/<int:tenant>"
SLOT_TYPES = {
    "ArrivalWindow", "BusinessHour", "BusinessUnit", "BusinessUnitGroup", "JobType", "JobTypeGroup", "Skill", "Team",
    "Technician", "TechnicianType", "Trade", "Zone",
}  # fmt: skip
MAX_RANGE = timedelta(days=14)
Span = tuple[datetime, datetime]


@bp.get(f"/api/dispatch/{TENANT}/zones")
def list_zones() -> Response:
    """List zones with their ZIP codes."""
    return page_of(
        [
            {
                "id": zone.id, "active": True, "name": zone.name, "zips": list(zone.zips), "cities": list(zone.cities),
                "businessUnits": [zone.business_unit_id], "technicians": [t.id for t in zone.crew],
                "serviceDaysEnabled": False, "serviceDays": [],
            }
            for zone in ZONES
        ]
    )  # fmt: skip


@bp.post(f"/api/dispatch/{TENANT}/adcap/availability/slots")
def list_slots() -> Response:
    """List windows that somebody is free for, with the technicians; full ones are left out."""
    sim, check = world(), Checker(request.get_json(silent=True))
    start, end = check.moment("startUtc"), check.moment("endUtc")
    if check.text("xType") not in SLOT_TYPES:
        check.fail("xType", "Unknown type.")
    if start and end and not start < end <= start + MAX_RANGE:
        check.fail("endUtc", "The range must be between 0 and 14 days.")
    units, zones = (_numbers(check, name) for name in ("businessUnits", "zones"))
    refuse_if(check.errors)
    crews = [
        zone
        for zone in (ZONE_BY_ID[number] for number in zones or ZONE_BY_ID if number in ZONE_BY_ID)
        if not units or zone.business_unit_id in units
    ]
    with sim.lock:
        now = sim.now()
        booked = [(zone, _booked(sim.office, zone)) for zone in crews]
        windows = [window for window in windows_between(start or now, end or now) if window.start > now]
        slots = [
            _slot(window, free)
            for window in windows
            if (free := [t for zone, spans in booked for t in _free(zone, spans, window)])
        ]
    return jsonify(timeStamp=wire(now), availableSlots=slots)


def _numbers(check: Checker, name: str) -> list[int]:
    value = check.body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(number, int) for number in value):
        check.fail(name, "A list of ids is required.")
        return []
    return value


def _free(zone: ZoneFile, booked: list[Span], window: Window) -> list[Technician]:
    """List who is left of the crew. Jobs have no technician yet, so each takes the first."""
    taken = sum(1 for start, end in booked if start < window.end and window.start < end)
    return on_shift(zone, window)[taken:]


def _booked(office: FieldOffice, zone: ZoneFile) -> list[Span]:
    return [
        (visit.start, visit.end)
        for job in office.jobs.values()
        if ZONE_BY_ZIP.get(str(office.locations[job.location_id].address.get("zip"))[:5]) is zone
        for visit in job.appointments
        if visit.status != "Canceled"
    ]


def _slot(window: Window, free: list[Technician]) -> Json:
    start, end = wire(window.start), wire(window.end)
    crew = [{"technicianId": t.id, "technicianName": t.name, "jobStart": start, "jobEnd": end} for t in free]
    return {"slotStart": start, "slotEnd": end, "technicians": crew}


def _catalogue(names: dict[int, str]) -> Response:
    return page_of([{"id": number, "name": name, "active": True} for number, name in names.items()])


@bp.get(f"/api/settings/{TENANT}/business-units")
def list_business_units() -> Response:
    """List the business units."""
    return _catalogue(BUSINESS_UNITS)


@bp.get(f"/api/jpm/{TENANT}/job-types")
def list_job_types() -> Response:
    """List the job types."""
    return _catalogue(JOB_TYPES)


@bp.get(f"/api/jpm/{TENANT}/job-cancel-reasons")
def list_cancel_reasons() -> Response:
    """List the reasons a job can be cancelled for."""
    return _catalogue(CANCEL_REASONS)


@bp.get(f"/api/marketing/{TENANT}/campaigns")
def list_campaigns() -> Response:
    """List the campaigns."""
    return _catalogue(CAMPAIGNS)
