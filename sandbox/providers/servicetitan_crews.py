"""Who of a crew is free when: shifts minus what is booked. Both availability endpoints read it here."""

from dataclasses import dataclass
from datetime import datetime

from sandbox.providers.servicetitan_records import FieldOffice
from sandbox.providers.territory import Technician, Window, ZoneFile, on_shift, windows_between


@dataclass(frozen=True)
class Busy:
    """A visit that somebody has to make."""

    start: datetime
    end: datetime
    technician_ids: tuple[int, ...]


def busy_in(office: FieldOffice, zone: ZoneFile, but_for: int | None = None) -> list[Busy]:
    """List the visits of a zone's crew, leaving one out that is about to be moved."""
    return [
        Busy(visit.window_start or visit.start, visit.window_end or visit.end, tuple(visit.technician_ids))
        for job_id in office.jobs_in_zone.get(zone.id, ())
        for visit in office.jobs[job_id].appointments
        if visit.status != "Canceled" and visit.id != but_for
    ]


def free_in(zone: ZoneFile, busy: list[Busy], window: Window) -> list[Technician]:
    """List who is left of the crew. A visit without a technician yet takes the first that is left."""
    there = [visit for visit in busy if visit.start < window.end and window.start < visit.end]
    assigned = {number for visit in there for number in visit.technician_ids}
    left = [technician for technician in on_shift(zone, window) if technician.id not in assigned]
    return left[sum(1 for visit in there if not visit.technician_ids) :]


def has_room(
    office: FieldOffice, zone: ZoneFile, start: datetime, end: datetime, but_for: int | None
) -> bool:
    """Tell whether somebody is free in every arrival window of this time; a time outside all windows has none."""
    windows = windows_between(start, end)
    busy = busy_in(office, zone, but_for)
    return bool(windows) and all(free_in(zone, busy, window) for window in windows)
