"""How ServiceTitan writes jobs and appointments, and what of them goes into the ledger."""

from sandbox.providers.checks import Json
from sandbox.providers.servicetitan_lists import visible_external
from sandbox.providers.servicetitan_locations import zone_of
from sandbox.providers.servicetitan_records import Appointment, Job
from sandbox.providers.state import World, wire, wire_or_none

BOOKING_KEY = "a1_booking_id"


def show_job(job: Job) -> Json:
    """Write a job as the API does."""
    return {
        "id": job.id, "jobNumber": str(job.id), "projectId": None, "customerId": job.customer_id,
        "locationId": job.location_id, "jobStatus": job.status, "completedOn": wire_or_none(job.completed_at),
        "businessUnitId": job.business_unit_id, "jobTypeId": job.job_type_id, "priority": job.priority,
        "campaignId": job.campaign_id, "appointmentCount": len(job.appointments),
        "firstAppointmentId": job.appointments[0].id, "lastAppointmentId": job.appointments[-1].id, "recallForId": None,
        "warrantyId": None, "noCharge": False, "notificationsEnabled": True, "createdOn": wire(job.created_at),
        "createdById": 1, "modifiedOn": wire(job.modified_at), "tagTypeIds": job.tag_type_ids, "leadCallId": None,
        "bookingId": job.booking_id, "soldById": None, "customerPo": job.customer_po, "invoiceId": None, "membershipId": None,
        "estimateIds": [], "customFields": job.custom_fields, "summary": job.summary, "total": 0,
        "externalData": visible_external(job.external), "active": job.active,
    }  # fmt: skip


def show_appointment(job: Job, visit: Appointment) -> Json:
    """Write an appointment as the API does."""
    return {
        "id": visit.id, "jobId": job.id, "appointmentNumber": visit.number, "start": wire(visit.start),
        "end": wire(visit.end), "arrivalWindowStart": wire_or_none(visit.window_start),
        "arrivalWindowEnd": wire_or_none(visit.window_end), "status": visit.status,
        "specialInstructions": visit.special_instructions, "createdOn": wire(visit.created_at),
        "modifiedOn": wire(visit.modified_at), "customerId": job.customer_id, "unused": False, "createdById": 1,
        "isConfirmed": visit.is_confirmed, "active": visit.active,
    }  # fmt: skip


def booking_key(job: Job) -> str | None:
    """Find the caller's own key on a job."""
    return next((pair.value for pair in job.external if pair.key == BOOKING_KEY), None)


def record_effect(sim: World, kind: str, job: Job, key: str | None = None) -> None:
    """Write what happened to a job into the ledger."""
    first, location = job.appointments[0], sim.office.locations[job.location_id]
    zone = zone_of(location.address)
    sim.record(
        "servicetitan", kind, key or booking_key(job), str(job.id),
        customer_id=job.customer_id, location_id=job.location_id, business_unit_id=job.business_unit_id,
        job_type_id=job.job_type_id, priority=job.priority, campaign_id=job.campaign_id, summary=job.summary,
        customer=sim.office.customers[job.customer_id].name, address=location.address, zone_id=zone.id if zone else None,
        start=wire(first.start), end=wire(first.end), memo=job.cancel_memo,
    )  # fmt: skip
