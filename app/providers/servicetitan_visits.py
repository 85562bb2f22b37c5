"""ServiceTitan's appointments: read, moved and confirmed, each safe to repeat after an answer that got lost."""

from datetime import datetime
from typing import Any

from app.providers.ports import Outcome, ProviderError, Visit, VisitStatus
from app.providers.servicetitan_api import read_id, read_time, wire_time
from app.providers.servicetitan_part import Part

STATUSES = {
    "Scheduled": VisitStatus.SCHEDULED,
    "Dispatched": VisitStatus.DISPATCHED,
    "Working": VisitStatus.WORKING,
    "Hold": VisitStatus.ON_HOLD,
    "Done": VisitStatus.DONE,
    "Canceled": VisitStatus.CANCELLED,
}


class Visits(Part):
    """The visits of a job."""

    def get_visit(self, job_id: str) -> Visit | None:
        """Read the job's current appointment: the last one that is not cancelled."""
        listed = self._api.every("appointments.list", "jpm/appointments", jobId=int(job_id))
        mine = [visit_of(row) for row in listed if str(row.get("jobId")) == job_id]
        if listed and not mine:
            raise ProviderError(Outcome.UNCERTAIN, "appointments.list: answer ignores the filter")
        living = [visit for visit in mine if visit.status is not VisitStatus.CANCELLED]
        return max(living, key=lambda visit: (visit.starts_at, int(visit.appointment_id)), default=None)

    def move_visit(self, visit: Visit, starts_at: datetime, ends_at: datetime) -> Visit:
        """Move an appointment; one that is in that window already counts as done. The work keeps its length."""
        if (visit.starts_at, visit.ends_at) == (starts_at, ends_at):
            return visit
        start, end = wire_time(starts_at), wire_time(starts_at + visit.lasts if visit.lasts else ends_at)
        moved = self._api.patch(
            "appointments.reschedule",
            f"jpm/appointments/{int(visit.appointment_id)}/reschedule",
            {"start": start, "end": end, "arrivalWindowStart": start, "arrivalWindowEnd": wire_time(ends_at)},
        )
        return visit_of(moved)

    def confirm_visit(self, appointment_id: str) -> None:
        """Mark an appointment as confirmed by the customer; a conflict counts as done when it turns out to be."""
        path = f"jpm/appointments/{int(appointment_id)}"
        try:
            self._api.put("appointments.confirm", f"{path}/confirmation")
        except ProviderError as error:
            if error.status != 409 or not visit_of(self._api.get("appointments.get", path)).is_confirmed:
                raise


def visit_of(row: dict[str, Any]) -> Visit:  # untyped JSON, see http.Reply
    """Read an appointment; one that was deleted there is as good as cancelled."""
    status = STATUSES.get(str(row.get("status")))
    if status is None:
        raise ProviderError(Outcome.UNCERTAIN, "appointments: answer has an unknown status")
    start, end = (read_time(row.get(name), "appointments") for name in ("start", "end"))
    window_start, window_end = row.get("arrivalWindowStart"), row.get("arrivalWindowEnd")
    return Visit(
        appointment_id=read_id(row, "appointments"),
        job_id=read_id(row, "appointments", "jobId"),
        starts_at=read_time(window_start, "appointments") if window_start else start,
        ends_at=read_time(window_end, "appointments") if window_end else end,
        status=VisitStatus.CANCELLED if row.get("active") is False else status,
        is_confirmed=row.get("isConfirmed") is True,
        lasts=end - start,
    )
