"""The simulator answers with every field that the providers document as always there, and fields it does not may be new."""

import pytest

from tests.providers.simulated import CONFIG
from tests.providers.wire import ADDRESS, GUID, Json, Wire

WRAPPER = {"page", "pageSize", "hasMore", "totalCount", "data"}
CATALOGUES = {
    "settings/business-units": "id active name tagTypeIds createdOn modifiedOn externalData",
    "settings/tag-types": "id name active",
    "jpm/job-types": "id name businessUnitIds skills tagTypeIds priority duration class summary noCharge active isSmartDispatched "
    "invoiceSignaturesRequired createdOn modifiedOn externalData",
    "jpm/job-cancel-reasons": "id name active createdOn modifiedOn",
    "jpm/jobs/custom-fields": "id name dataType dataTypeOptions active createdOn modifiedOn",
    "marketing/campaigns": "id name active modifiedOn createdOn isDefaultCampaign category",
    "dispatch/zones": "id active name zips cities businessUnits technicians serviceDaysEnabled serviceDays",
    "dispatch/arrival-windows": "id start duration businessUnitIds active",
    "crm/booking-provider-tags": "id tagName description type active createdOn modifiedOn",
    "schedulingpro/schedulers": "id name companyName schedulerStatus dataApiKey isDefault mode quickLaunchLink createdOn modifiedOn",
}
CUSTOMER = (
    "id active name type address customFields balance doNotMail doNotService createdOn createdById modifiedOn mergedToId taxExempt "
    "tagTypeIds nationalAccount externalData"
)
JOB = (
    "id jobNumber customerId locationId jobStatus businessUnitId jobTypeId priority campaignId appointmentCount firstAppointmentId "
    "lastAppointmentId noCharge notificationsEnabled createdOn createdById modifiedOn tagTypeIds customerPo invoiceId estimateIds "
    "customFields externalData completedOn summary total bookingId"
)
APPOINTMENT = (
    "id jobId appointmentNumber start end arrivalWindowStart arrivalWindowEnd status specialInstructions createdOn modifiedOn "
    "customerId unused createdById isConfirmed active"
)
BOOKING = (
    "id source createdOn name address customerType start summary campaignId businessUnitId jobTypeId priority isFirstTimeClient "
    "uploadedImages isSendConfirmationEmail status dismissingReasonId jobId externalId bookingProviderId modifiedOn"
)
MESSAGE = (
    "sid status to from body num_segments num_media direction date_created date_sent date_updated price price_unit error_code "
    "error_message api_version account_sid messaging_service_sid uri subresource_uris"
)
SESSION = (
    "id createdOn modifiedOn lastCheckinDate sessionOutcome schedulerId jobId bookingId leadId timeslotStart timeslotEnd category "
    "customer sourceTracking lastStep zoneId"
)


def has(row: Json, names: str) -> None:
    missing = set(names.split()) - set(row)
    assert not missing, missing


@pytest.mark.parametrize(("path", "names"), CATALOGUES.items())
def test_reference_data_has_its_fields(wire: Wire, path: str, names: str) -> None:
    answer = wire.st("GET", path, includeTotal="true").json()
    assert set(answer) == WRAPPER
    assert answer["totalCount"] == len(answer["data"]) > 0
    for row in answer["data"]:
        has(row, names)


def test_hours_and_the_place_of_a_job_in_its_window(wire: Wire) -> None:
    hours = wire.st("GET", "dispatch/business-hours").json()
    assert set(hours) == {"weekdays", "saturday", "sunday"}
    has(hours["weekdays"][0], "fromHour toHour")
    where = wire.st("GET", "dispatch/arrival-windows/configuration").json()
    assert where == {"configuration": "StartTimeOfArrivalWindow"}


def test_people_places_and_their_contacts(wire: Wire) -> None:
    made = wire.customer()
    has(made, CUSTOMER + " locations contacts")
    has(made["contacts"][0], "id type value memo")
    has(
        made["locations"][0],
        "id customerId active name address zoneId taxZoneId taxExempt customFields externalData contacts",
    )
    has(wire.st("GET", f"crm/customers/{made['id']}").json(), CUSTOMER)
    (contact,) = wire.st("GET", f"crm/customers/{made['id']}/contacts").json()["data"]
    has(contact, "id type value memo modifiedOn createdOn preferences phoneSettings")
    assert contact["phoneSettings"] == {"phoneNumber": "6025550123", "doNotText": False}


def test_jobs_appointments_and_logs(wire: Wire) -> None:
    job = wire.job()
    has(job, JOB)
    (visit,) = wire.st("GET", "jpm/appointments", jobId=job["id"]).json()["data"]
    has(visit, APPOINTMENT)
    log = wire.st("GET", f"jpm/jobs/{job['id']}/booked-log").json()
    has(log, "id jobId jobAppointmentId start arrivalWindowStart arrivalWindowEnd createdOn")
    assert log["jobAppointmentId"] == visit["id"]
    wire.st("PUT", f"jpm/jobs/{job['id']}/cancel", {"reasonId": 801, "memo": "no"}).raise_for_status()
    (log,) = wire.st("GET", f"jpm/jobs/{job['id']}/canceled-log").json()["data"]
    has(log, "id jobId reasonId memo createdOn createdById active")


def test_both_kinds_of_availability(wire: Wire) -> None:
    slot = wire.slots()[0]
    assert set(slot) == {"slotStart", "slotEnd", "technicians"}
    has(slot["technicians"][0], "technicianId technicianName jobStart jobEnd")
    start = slot["slotStart"][:10]
    body = {
        "startsOnOrAfter": f"{start}T00:00:00",
        "endsOnOrBefore": f"{start}T23:59:00",
        "skillBasedAvailability": False,
    }
    answer = wire.st("POST", "dispatch/capacity", body).json()
    assert set(answer) == {"timeStamp", "availabilities"}
    has(
        answer["availabilities"][0],
        "start end startUtc endUtc businessUnitIds totalAvailability openAvailability technicians isAvailable "
        "isExceedingIdealBookingPercentage",
    )
    has(answer["availabilities"][0]["technicians"][0], "id name status hasRequiredSkills")


def test_a_request_for_the_office(wire: Wire) -> None:
    body = {
        "source": "Web",
        "name": "Pat",
        "summary": "Spring",
        "isFirstTimeClient": True,
        "externalId": "b-1",
        "address": ADDRESS,
    }
    has(wire.st("POST", "crm/booking-provider/701/bookings", body).json(), BOOKING)


def test_a_session_of_their_own_widget(wire: Wire) -> None:
    wire.control(
        "POST", "st/sessions", {"sessionOutcome": "booking", "lastStep": "booked"}
    ).raise_for_status()
    (scheduler,) = wire.st("GET", "schedulingpro/schedulers").json()["data"]
    (session,) = wire.st("GET", f"schedulingpro/schedulers/{scheduler['id']}/sessions").json()["data"]
    has(session, SESSION)
    has(session["customer"], "isNewCustomer isNewLocation address")
    has(session["sourceTracking"], "campaignId landingPageUrl gclid utmSource isRWGSession")
    span = {"sessionCreatedOnOrAfter": "2020-01-01T00:00:00Z", "sessionCreatedBefore": "2099-01-01T00:00:00Z"}
    counts = wire.st("GET", f"schedulingpro/schedulers/{scheduler['id']}/performance", **span).json()
    has(counts, "totalJobsCreated totalBookingsCreated totalSessions milestoneFrequencyCount")
    assert (counts["totalSessions"], counts["totalBookingsCreated"]) == (1, 1)
    assert counts["milestoneFrequencyCount"]["booked"] == 1
    assert wire.st("GET", "schedulingpro/schedulers/other/sessions").status_code == 404


def test_a_refusal_of_servicetitan_has_all_six_keys_and_names_fields(wire: Wire) -> None:
    answer = wire.st("POST", "crm/customers", {"name": ""})
    assert answer.status_code == 400
    assert set(answer.json()) == {"type", "title", "status", "traceId", "errors", "data"}
    assert isinstance(answer.json()["errors"]["name"], list)
    wire.flags(st_errors_style="string")
    assert isinstance(wire.st("POST", "crm/customers", {"name": ""}).json()["errors"]["name"], str)


def test_a_text_message(wire: Wire) -> None:
    made = wire.text()
    has(made, MESSAGE)
    assert made["api_version"] == "2010-04-01"
    page = wire.tw("GET").json()
    has(page, "messages page page_size start end uri first_page_uri next_page_uri previous_page_uri")
    has(page["messages"][0], MESSAGE)


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("legacy", "code message more_info status"),
        ("rfc9457", "type title status code detail instance errors"),
    ],
)
def test_a_refusal_of_twilio_in_both_formats(wire: Wire, style: str, names: str) -> None:
    wire.flags(twilio_errors=style)
    answer = wire.tw("POST", To="+1555", From=CONFIG.twilio_from, Body="x")
    assert answer.status_code == 400
    assert set(answer.json()) == set(names.split())
    assert answer.json()["code"] == 21211


def test_a_profile_an_event_and_a_refusal_of_klaviyo(wire: Wire) -> None:
    person = {"data": {"type": "profile", "attributes": {"email": "pat@example.com", "first_name": "Pat"}}}
    made = wire.kl("POST", "profile-import", person)
    assert made.status_code == 201
    assert made.headers["Content-Type"] == "application/vnd.api+json"
    has(made.json()["data"], "type id attributes links")
    assert wire.kl("POST", "profile-import", person).status_code == 200
    bad = wire.kl(
        "POST", "profile-import", {"data": {"type": "profile", "attributes": {"phone_number": "602"}}}
    )
    has(bad.json()["errors"][0], "id status code title detail source links meta")
    assert bad.json()["errors"][0]["source"]["pointer"] == "/data/attributes/phone_number"


def test_unknown_fields_can_be_sprinkled_into_every_answer(wire: Wire) -> None:
    plain = wire.customer()
    wire.flags(sim_chaos_fields=True)
    pages = [wire.st("GET", "crm/customers", name="Pat", pageSize=n).json() for n in range(1, 9)]
    assert any(set(page) - WRAPPER for page in pages)
    row = pages[0]["data"][0]
    assert {name: row[name] for name in ("id", "name")} == {"id": plain["id"], "name": plain["name"]}


def test_external_data_shows_only_to_the_application_that_wrote_it(wire: Wire) -> None:
    job = wire.job()
    assert job["externalData"] == []
    mine = wire.st("GET", f"jpm/jobs/{job['id']}", externalDataApplicationGuid=GUID).json()
    assert mine["externalData"] == [{"key": "a1_booking_id", "value": "b-1"}]
    other = wire.st("GET", f"jpm/jobs/{job['id']}", externalDataApplicationGuid="another").json()
    assert other["externalData"] == []
