"""Simulated ServiceTitan classic capacity: per window and business unit, how much of the crews is still free."""

from datetime import UTC, datetime, timedelta

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import TENANT, bp, refuse_if
from sandbox.providers.servicetitan_crews import Busy, busy_in, free_in
from sandbox.providers.state import World, wire, world
from sandbox.providers.territory import (
    BUSINESS_UNITS,
    JOB_TYPES,
    LOCAL,
    SKILLED,
    ZONES,
    Window,
    ZoneFile,
    on_shift,
    windows_between,
)

MAX_RANGE = timedelta(days=14)
IDEAL_SHARE = 0.8


@bp.post(f"/api/dispatch/{TENANT}/capacity")
def show_capacity() -> Response:
    """List every window with its total and open availability, in hours or jobs, whichever we assume."""
    sim, check = world(), Checker(request.get_json(silent=True))
    check.flag("skillBasedAvailability", required=True)
    start, end = _local(check, "startsOnOrAfter"), _local(check, "endsOnOrBefore")
    if start and end and not start < end <= start + MAX_RANGE:
        check.fail("endsOnOrBefore", "The range must be between 0 and 14 days.")
    job_type = check.optional_number("jobTypeId")
    if job_type is not None and job_type not in JOB_TYPES:
        check.fail("jobTypeId", f"Job type {job_type} not found.")
    units = check.numbers("businessUnitIds") or list(BUSINESS_UNITS)
    refuse_if(check.errors)
    with sim.lock:
        now = sim.now()
        rows = [
            _row(sim, check.body, unit, window, crews)
            for unit in units
            if (
                crews := [
                    (zone, busy_in(sim.office, zone)) for zone in ZONES if zone.business_unit_id == unit
                ]
            )
            for window in windows_between(start or now, end or now)
        ]
    return jsonify(timeStamp=wire(now), availabilities=rows)


def _local(check: Checker, name: str) -> datetime | None:
    """Read a time; without an offset it is the business unit's own."""
    text = check.body.get(name)
    moment = check.moment(name)
    naive = isinstance(text, str) and moment and datetime.fromisoformat(text).tzinfo is None
    return moment.replace(tzinfo=LOCAL).astimezone(UTC) if naive and moment else moment


def _row(
    sim: World, order: Json, unit: int, window: Window, crews: list[tuple[ZoneFile, list[Busy]]]
) -> Json:
    skilled = SKILLED.get(int(str(order.get("jobTypeId") or 0)))
    by_skill = bool(order["skillBasedAvailability"]) and skilled is not None
    staff = [t for zone, _ in crews for t in on_shift(zone, window)]
    free = {t.id for zone, busy in crews for t in free_in(zone, busy, window)}
    if by_skill and skilled is not None:
        free &= skilled
        staff = [t for t in staff if t.id in skilled]
    hours = (window.end - window.start).total_seconds() / 3600
    each = hours if sim.flags.word("st_capacity_unit") == "hours" else 1.0
    row: Json = {
        "start": f"{window.start.astimezone(LOCAL):%Y-%m-%dT%H:%M:%S}", "end": f"{window.end.astimezone(LOCAL):%Y-%m-%dT%H:%M:%S}",
        "startUtc": wire(window.start), "endUtc": wire(window.end), "businessUnitIds": [unit],
        "totalAvailability": len(staff) * each, "openAvailability": len(free) * each,
        "technicians": [
            {
                "id": t.id, "name": t.name, "status": "Available" if t.id in free else "Unavailable",
                "hasRequiredSkills": (t.id in skilled) if by_skill and skilled is not None else None,
            }
            for t in staff
        ],
        "isAvailable": bool(free) and window.start > sim.now(),
        "isExceedingIdealBookingPercentage": bool(staff) and 1 - len(free) / len(staff) > IDEAL_SHARE,
    }  # fmt: skip
    if sim.flags.on("st_capacity_old_fields"):
        for name in ("startUtc", "endUtc", "isAvailable"):
            del row[name]
    return row
