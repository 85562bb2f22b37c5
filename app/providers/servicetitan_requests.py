"""ServiceTitan's booking requests: for offices that want to make every job themselves."""

from uuid import UUID

from app.providers.ports import FieldCustomer, JobOrder, JobRef, JobStatus, Outcome, ProviderError
from app.providers.servicetitan_api import read_id, wire_time
from app.providers.servicetitan_customers import contacts_of, full_name, wire_address
from app.providers.servicetitan_jobs import PRIORITIES, Jobs, job_ref, job_summary

SOURCE = "Online booking"


class Requests(Jobs):
    """Requests on the office's list of bookings, and the jobs made of them."""

    def find_request(self, booking_id: UUID) -> str | None:
        """Look a booking request up by our booking id; of several the oldest counts."""
        found = self._api.every("requests.find", self._path(), externalId=str(booking_id))
        ours = [row for row in found if str(row.get("externalId")) == str(booking_id)]
        if found and not ours:
            raise ProviderError(Outcome.UNCERTAIN, "requests.find: answer ignores the filter")
        return min((read_id(row, "requests.find") for row in ours), key=int, default=None)

    def request_booking(self, order: JobOrder, customer: FieldCustomer) -> str:
        """Ask the office to make the job; the window is a wish until they do."""
        made = self._api.post(
            "requests.add",
            self._path(),
            {
                "source": SOURCE,
                "name": full_name(customer),
                "externalId": str(order.booking_id),
                "isFirstTimeClient": order.is_first_time,
                "summary": f"{job_summary(order)}<br>{self._wish(order)}",
                "address": wire_address(customer.address),
                "contacts": contacts_of(customer),
                "customerType": "Residential",
                "start": wire_time(order.starts_at),
                **self._place(order),
                "priority": PRIORITIES[order.priority],
                "isSendConfirmationEmail": False,
            },
        )
        return read_id(made, "requests.add")

    def find_request_job(self, request_id: str) -> JobRef | None:
        """Look up the job the office made of a request; a living one wins, then the oldest."""
        listed = self._api.every(
            "requests.job",
            "jpm/jobs",
            bookingId=int(request_id),
            externalDataApplicationGuid=self._config.application_guid,
        )
        jobs = [job_ref(row) for row in listed if str(row.get("bookingId")) == request_id]
        if listed and not jobs:
            raise ProviderError(Outcome.UNCERTAIN, "requests.job: answer ignores the filter")
        return min(jobs, key=lambda job: (job.status is JobStatus.CANCELLED, int(job.job_id)), default=None)

    def _wish(self, order: JobOrder) -> str:
        """Write the window for the people who will make the job."""
        clocks = self._config.mapping.zone_of(self._place(order)["businessUnitId"])
        start, end = (moment.astimezone(clocks) for moment in (order.starts_at, order.ends_at))
        return f"Asked for {start:%Y-%m-%d %H:%M}-{end:%H:%M} {clocks}"

    def _path(self) -> str:
        provider = self._config.booking_provider_id
        if provider is None:
            raise ProviderError(Outcome.CONFIG, "ST_BOOKING_PROVIDER_ID is not set")
        return f"crm/booking-provider/{provider}/bookings"
