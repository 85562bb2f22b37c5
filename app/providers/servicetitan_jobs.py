"""ServiceTitan's jobs: made once per booking, found by our booking id, cancelled, annotated, attributed."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.providers.ports import JobOrder, JobRef, JobStatus, Outcome, Priority, ProviderError, WebTouch
from app.providers.servicetitan_api import read_id, wire_time
from app.providers.servicetitan_match import external_value, same_text
from app.providers.servicetitan_part import BOOKING_KEY, Part
from app.providers.slot_keys import read_key

MAX_VALUES = 50
STATUSES = {
    "Scheduled": JobStatus.SCHEDULED,
    "Dispatched": JobStatus.DISPATCHED,
    "InProgress": JobStatus.IN_PROGRESS,
    "Hold": JobStatus.ON_HOLD,
    "Completed": JobStatus.COMPLETED,
    "Canceled": JobStatus.CANCELLED,
}
PRIORITIES = {
    Priority.LOW: "Low",
    Priority.NORMAL: "Normal",
    Priority.HIGH: "High",
    Priority.URGENT: "Urgent",
}
TOUCH_NAMES = {
    "gclid": "gclid", "gbraid": "gbraid", "wbraid": "wbraid", "fbclid": "fbclid", "msclkid": "msclkid",
    "utm_source": "utmSource", "utm_medium": "utmMedium", "utm_campaign": "utmCampaign", "utm_term": "utmTerm",
    "utm_content": "utmContent",
}  # fmt: skip


class Jobs(Part):
    """One job for each booking."""

    def find_job(self, booking_id: UUID) -> JobRef | None:
        """Look a job up by our booking id; of several, a living one wins, then the oldest."""
        return self.find_jobs([booking_id]).get(booking_id)

    def find_jobs(self, booking_ids: Sequence[UUID]) -> Mapping[UUID, JobRef]:
        """Look jobs up by our booking ids, fifty at a time; ids without a job are left out."""
        found: dict[UUID, JobRef] = {}
        for start in range(0, len(booking_ids), MAX_VALUES):
            wanted = [str(booking_id) for booking_id in booking_ids[start : start + MAX_VALUES]]
            found |= preferred(
                job_ref(row) for row in self._find("jobs.find", "jpm/jobs", BOOKING_KEY, *wanted)
            )
        return {booking_id: found[booking_id] for booking_id in booking_ids if booking_id in found}

    def create_job(self, order: JobOrder, customer_id: str, location_id: str) -> JobRef:
        """Create the job in the business unit of the claimed window."""
        made = self._api.post(
            "jobs.create",
            "jpm/jobs",
            {
                "customerId": int(customer_id),
                "locationId": int(location_id),
                **self._place(order),
                "priority": PRIORITIES[order.priority],
                "appointments": [{**self._window(order), "technicianIds": None}],
                "summary": job_summary(order),
                "tagTypeIds": list(self._config.mapping.tags),
                "customFields": self._config.mapping.custom_fields_of(order),
                "externalData": self._external(BOOKING_KEY, str(order.booking_id)),
            },
        )
        return replace(job_ref(made), booking_id=order.booking_id)

    def cancel_job(self, job_id: str, memo: str) -> None:
        """Cancel the job; a refusal counts as done when the job turns out to be cancelled already."""
        try:
            self._api.put(
                "jobs.cancel",
                f"jpm/jobs/{int(job_id)}/cancel",
                {"reasonId": self._config.cancel_reason_id, "memo": memo},
            )
        except ProviderError as error:
            if error.outcome is not Outcome.PERMANENT or error.status == 404:
                raise
            if self.get_job(job_id).status is not JobStatus.CANCELLED:
                raise

    def get_job(self, job_id: str) -> JobRef:
        """Read one job."""
        guid = self._config.application_guid
        return job_ref(self._api.get("jobs.get", f"jpm/jobs/{int(job_id)}", externalDataApplicationGuid=guid))

    def add_note(self, job_id: str, text: str) -> None:
        """Add a note to a job unless the same text is among its notes."""
        path = f"jpm/jobs/{int(job_id)}/notes"
        if not any(same_text(row.get("text"), text) for row in self._api.every("notes.list", path)):
            self._api.tell("notes.add", path, {"text": text})

    def attribute_job(self, job_id: str, touch: WebTouch) -> None:
        """Tell the advertising reports where the job came from."""
        known = {theirs: getattr(touch, ours) for ours, theirs in TOUCH_NAMES.items()}
        session = {
            "landingPageUrl": touch.landing_page_url,
            "referrerUrl": touch.referrer_url,
            **{name: value for name, value in known.items() if value},
        }
        body = {"jobId": int(job_id), "webSessionData": session}
        self._api.tell("jobs.attribute", "marketingads/job-attributions", body)

    def _place(self, order: JobOrder) -> dict[str, int]:
        """Tell business unit, job type and campaign: the unit is the one whose room was taken."""
        mapping, key = self._config.mapping, read_key(order.slot_key)
        return {
            "businessUnitId": (key.business_unit_id if key else 0) or mapping.unit_of(order.zip_code),
            "jobTypeId": mapping.job_type_of(order.issue_type),
            "campaignId": mapping.campaign_of(order.booking_source, order.touch),
        }

    def _window(self, order: JobOrder) -> dict[str, str]:
        """Tell the promised window, and how long the work takes where the mapping says so."""
        minutes = self._config.mapping.minutes_of(order.issue_type)
        end = order.starts_at + timedelta(minutes=minutes) if minutes else order.ends_at
        start = wire_time(order.starts_at)
        return {
            "start": start,
            "end": wire_time(end),
            "arrivalWindowStart": start,
            "arrivalWindowEnd": wire_time(order.ends_at),
        }


def preferred(jobs: Iterable[JobRef]) -> dict[UUID, JobRef]:
    """Keep one job for each booking: a living one before a cancelled one, then the oldest; it names its living twins."""
    best: dict[UUID, JobRef] = {}
    for job in sorted(jobs, key=lambda job: (job.status is JobStatus.CANCELLED, int(job.job_id))):
        if job.booking_id is None:
            continue
        first = best.setdefault(job.booking_id, job)
        if first is not job and job.status is not JobStatus.CANCELLED:
            best[job.booking_id] = replace(first, twins=(*first.twins, job.job_id))
    return best


def job_summary(order: JobOrder) -> str:
    """Write what the technician reads; the API shows it as HTML, so what people typed is escaped."""
    doors = "1 door" if order.door_count == 1 else f"{order.door_count} doors"
    age = "door age unknown" if order.door_age is None else f"door about {order.door_age} years old"
    parts = [order.issue_words, doors, age, order.homeowner_status]
    if order.owner_permission:
        parts.append(f"owner agrees: {order.owner_permission}")
    lines = ["; ".join(parts)]
    if order.issue_note:
        lines.append(f"Note: {order.issue_note}")
    if order.access_notes:
        lines.append(f"Access: {order.access_notes}")
    lines.append(f"Online booking {order.reference}")
    return "<br>".join(html.escape(line) for line in lines)


def job_ref(row: dict[str, Any]) -> JobRef:  # untyped JSON, see http.Reply
    """Read a job."""
    status = STATUSES.get(str(row.get("jobStatus")))
    if status is None:
        raise ProviderError(Outcome.UNCERTAIN, "jobs: answer has an unknown status")
    appointment = row.get("lastAppointmentId") or row.get("firstAppointmentId")
    return JobRef(
        job_id=read_id(row, "jobs"),
        job_number=str(row.get("jobNumber") or ""),
        appointment_id=str(appointment) if appointment else None,
        status=status,
        booking_id=booking_of(row),
    )


def booking_of(row: dict[str, Any]) -> UUID | None:  # untyped JSON, see http.Reply
    """Read our booking id from a job; something else under our key is not ours."""
    value = external_value(row, BOOKING_KEY)
    try:
        return UUID(value) if value else None
    except ValueError:
        return None
