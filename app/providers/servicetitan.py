"""ServiceTitan as the field service: customers, locations and jobs, each looked up by our own id before it is made.

The API has no idempotency keys, but everything may carry `externalData` and be found by it again.
"""

import html
from typing import Any
from uuid import UUID

from app.providers.ports import (
    CustomerRef,
    FieldAddress,
    FieldCustomer,
    JobOrder,
    JobRef,
    JobStatus,
    Outcome,
    Priority,
    ProviderError,
)
from app.providers.servicetitan_api import (
    ServiceTitanApi,
    ServiceTitanConfig,
    read_id,
    rows,
    wire_time,
)
from app.providers.servicetitan_match import (
    address_key,
    digits_of,
    has_email,
    has_external,
    has_last_name,
    location_reference,
    read_address,
)
from app.providers.servicetitan_slots import parse_key

BOOKING_KEY = "a1_booking_id"
CUSTOMER_KEY = "a1_customer_id"
LOCATION_KEY = "a1_location"
MAX_CANDIDATES = 5  # people who share a phone number: a household, an office
MAX_MERGES = 5

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


class ServiceTitan:
    """The FieldService port over ServiceTitan's CRM and job APIs."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api
        self._config: ServiceTitanConfig = api.config

    def find_job(self, booking_id: UUID) -> JobRef | None:
        """Look a job up by our booking id; of several, a living one wins, then the oldest."""
        found = self._find("jobs.find", "jpm/jobs", BOOKING_KEY, str(booking_id))
        jobs = [_job_ref(row) for row in found]
        return min(jobs, key=lambda job: (job.status is JobStatus.CANCELLED, int(job.job_id)), default=None)

    def find_customer(self, customer: FieldCustomer) -> CustomerRef | None:
        """Look the customer up by our id, then by phone where the last name or e-mail agrees."""
        ours = self._find("customers.find", "crm/customers", CUSTOMER_KEY, str(customer.customer_id))
        for row in ours or self._same_phone(customer):
            return CustomerRef(read_id(self._follow_merge(row), "customers.find"))
        return None

    def add_customer(self, customer: FieldCustomer) -> CustomerRef:
        """Create the customer together with the location of this visit."""
        name, address = _full_name(customer), _address(customer.address)
        made = self._api.post(
            "customers.add",
            "crm/customers",
            {
                "name": name,
                "type": "Residential",
                "address": address,
                "locations": [{"name": name, "address": address, "contacts": _contacts(customer)}],
                "contacts": _contacts(customer),
                "externalData": self._external(CUSTOMER_KEY, str(customer.customer_id)),
            },
        )
        locations = made.get("locations")
        first = locations[0] if isinstance(locations, list) and locations else None
        location_id = read_id(first, "customers.add") if isinstance(first, dict) else None
        return CustomerRef(read_id(made, "customers.add"), location_id)

    def find_location(self, customer_id: str, customer: FieldCustomer) -> str | None:
        """Look up the customer's location by our reference, then by its address."""
        for row in self._find("locations.find", "crm/locations", LOCATION_KEY, location_reference(customer)):
            if str(row.get("customerId")) == customer_id:
                return read_id(row, "locations.find")
        page = self._api.get(
            "locations.by_address",
            "crm/locations",
            customerId=customer_id,
            zip=customer.address.zip_code,
            active="True",
        )
        wanted = address_key(customer.address)
        for row in rows(page, "locations.by_address"):
            if str(row.get("customerId")) == customer_id and address_key(read_address(row)) == wanted:
                return read_id(row, "locations.by_address")
        return None

    def add_location(self, customer_id: str, customer: FieldCustomer) -> str:
        """Create a location at this address."""
        made = self._api.post(
            "locations.add",
            "crm/locations",
            {
                "customerId": int(customer_id),
                "name": _full_name(customer),
                "address": _address(customer.address),
                "contacts": _contacts(customer),
                "externalData": self._external(LOCATION_KEY, location_reference(customer)),
            },
        )
        return read_id(made, "locations.add")

    def create_job(self, order: JobOrder, customer_id: str, location_id: str) -> JobRef:
        """Create the job in the business unit of the claimed window."""
        slot = parse_key(order.slot_key) if order.slot_key else None
        start, end = wire_time(order.starts_at), wire_time(order.ends_at)
        window = {"start": start, "end": end, "arrivalWindowStart": start, "arrivalWindowEnd": end}
        made = self._api.post(
            "jobs.create",
            "jpm/jobs",
            {
                "customerId": int(customer_id),
                "locationId": int(location_id),
                "businessUnitId": slot.business_unit_id if slot else self._config.business_unit_id,
                "jobTypeId": self._config.job_types.get(order.issue_type, self._config.job_type_id),
                "priority": PRIORITIES[order.priority],
                "campaignId": self._config.campaign_id,
                "appointments": [{**window, "technicianIds": None}],
                "summary": job_summary(order),
                "externalData": self._external(BOOKING_KEY, str(order.booking_id)),
            },
        )
        return _job_ref(made)

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
        return _job_ref(self._api.get("jobs.get", f"jpm/jobs/{int(job_id)}"))

    def _find(self, operation: str, path: str, key: str, value: str) -> list[dict[str, Any]]:  # untyped JSON
        """List what carries our key; rows without it mean that the filter did not work, so nothing is known."""
        page = self._api.get(
            operation,
            path,
            externalDataApplicationGuid=self._config.application_guid,
            externalDataKey=key,
            externalDataValues=value,
        )
        found = rows(page, operation)
        ours = [row for row in found if has_external(row, key, value)]
        if found and not ours:
            raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer ignores the filter")
        return ours

    def _same_phone(self, customer: FieldCustomer) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        page = self._api.get(
            "customers.by_phone", "crm/customers", phone=digits_of(customer.phone), active="True"
        )
        candidates = rows(page, "customers.by_phone")[:MAX_CANDIDATES]
        named = [row for row in candidates if has_last_name(row, customer.last_name)]
        return named or [row for row in candidates if self._has_email(row, customer.email)]

    def _has_email(self, row: dict[str, Any], email: str) -> bool:  # untyped JSON, see http.Reply
        customer_id = read_id(row, "customers.by_phone")
        page = self._api.get("customers.contacts", f"crm/customers/{customer_id}/contacts")
        return has_email(rows(page, "customers.contacts"), email)

    def _follow_merge(self, row: dict[str, Any]) -> dict[str, Any]:  # untyped JSON, see http.Reply
        """Go to the customer this one was merged into, so that no job lands on a dead record."""
        for _ in range(MAX_MERGES):
            if not row.get("mergedToId"):
                break
            row = self._api.get(
                "customers.get", f"crm/customers/{read_id(row, 'customers.get', 'mergedToId')}"
            )
        return row

    def _external(self, key: str, value: str) -> dict[str, object]:
        return {
            "applicationGuid": self._config.application_guid,
            "externalData": [{"key": key, "value": value}],
        }


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


def _job_ref(row: dict[str, Any]) -> JobRef:  # untyped JSON, see http.Reply
    status = STATUSES.get(str(row.get("jobStatus")))
    if status is None:
        raise ProviderError(Outcome.UNCERTAIN, "jobs: answer has an unknown status")
    appointment = row.get("firstAppointmentId")
    return JobRef(
        job_id=read_id(row, "jobs"),
        job_number=str(row.get("jobNumber") or ""),
        appointment_id=str(appointment) if appointment else None,
        status=status,
    )


def _full_name(customer: FieldCustomer) -> str:
    return f"{customer.first_name} {customer.last_name}".strip()


def _contacts(customer: FieldCustomer) -> list[dict[str, str]]:
    return [
        {"type": "MobilePhone", "value": digits_of(customer.phone), "memo": "online booking"},
        {"type": "Email", "value": customer.email, "memo": "online booking"},
    ]


def _address(address: FieldAddress) -> dict[str, str | None]:
    return {
        "street": address.street,
        "unit": address.unit or None,
        "city": address.city,
        "state": address.state,
        "zip": address.zip_code,
        "country": address.country,
    }
