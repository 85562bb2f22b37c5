"""Simulated Scheduling Pro: reports about the sessions of ServiceTitan's own widget. It can list no slots and book nothing."""

from collections import Counter

from flask import Response, jsonify

from sandbox.providers.checks import Json, read_moment
from sandbox.providers.servicetitan import TENANT, ApiError, bp
from sandbox.providers.servicetitan_lists import moment_of, page_of_rows, within
from sandbox.providers.state import World, world

PRO = f"/api/schedulingpro/{TENANT}"
SCHEDULER, ROUTER = "sched_simulated0000000000001", "router_simulated000000000001"
OUTCOMES = ("job", "booking", "lead", "abandoned")
MILESTONES = (
    "opened",
    "zipcode",
    "interacted",
    "issue",
    "schedule",
    "customer",
    "details",
    "booked",
    "abandoned",
)
PERSON: Json = {
    "isNewCustomer": True, "id": None, "firstName": "Sam", "lastName": "Rivera", "email": "sam@example.com",
    "phone": "6025550155", "locationId": None, "isNewLocation": True, "ipAddress": "192.0.2.7", "userAgent": "Mozilla/5.0",
    "address": {"street": "9 Elm Rd", "unit": None, "city": "Tempe", "state": "AZ", "zip": "85281", "country": "USA"},
}  # fmt: skip
TRACKING: Json = {
    "campaignId": 501, "landingPageUrl": "https://example.com/?gclid=sim", "gclid": "sim", "gbraid": None, "wbraid": None,
    "fbclid": None, "msclkid": None, "utmSource": "google", "utmMedium": "cpc", "utmCampaign": "springs",
    "googleAnalyticsClientId": None, "isRWGSession": False,
}  # fmt: skip


def new_session(sim: World, order: Json) -> Json:
    """Make a session of the widget; what the order gives wins."""
    number = len(sim.office.sessions) + 1
    stamp = sim.stamp()
    session: Json = {
        "id": f"sess_simulated{number:014d}", "createdOn": stamp, "modifiedOn": stamp, "lastCheckinDate": stamp,
        "sessionOutcome": "abandoned", "schedulerId": SCHEDULER, "jobId": None, "bookingId": None, "leadId": None,
        "timeslotStart": None, "timeslotEnd": None, "category": "Repair", "jobTypeId": 2041, "businessUnitId": 1011,
        "customer": PERSON, "zoneId": 44, "customerResponses": [], "notes": None, "sourceTracking": TRACKING,
        "mobileNotificationOptIn": None, "marketingOptIn": None, "customOptIn": None, "blockerType": None,
        "lastStep": "schedule", "dispatchFeeQuoted": None, "externalId": None, "campaignName": None,
    }  # fmt: skip
    session |= order
    sim.office.sessions.append(session)
    return session


@bp.get(f"{PRO}/schedulers")
def list_schedulers() -> Response:
    """List the widgets."""
    row: Json = {
        "id": SCHEDULER, "name": "Website", "companyName": "A1 Garage", "schedulerStatus": "Live", "dataApiKey": "s" * 24,
        "isDefault": True, "mode": "Standard", "quickLaunchLink": "https://example.com/schedule",
        "createdOn": "2024-01-02T08:00:00.000Z", "modifiedOn": "2024-01-02T08:00:00.000Z",
    }  # fmt: skip
    return page_of_rows([row])


@bp.get(f"{PRO}/<any(schedulers, routers):kind>/<owner>/sessions")
def list_sessions(kind: str, owner: str) -> Response:
    """List the sessions of a widget or router."""
    _check(kind, owner)
    sim = world()
    with sim.lock:
        return page_of_rows(
            [row for row in sim.office.sessions if _is_wanted(row, "createdOnOrAfter", "createdBefore")]
        )


@bp.get(f"{PRO}/<any(schedulers, routers):kind>/<owner>/performance")
def show_performance(kind: str, owner: str) -> Response:
    """Count how far the sessions of a span of time came."""
    _check(kind, owner)
    if moment_of("sessionCreatedOnOrAfter") is None or moment_of("sessionCreatedBefore") is None:
        raise ApiError(400, "sessionCreatedOnOrAfter and sessionCreatedBefore are required.")
    sim = world()
    with sim.lock:
        rows = [
            row for row in sim.office.sessions if _is_wanted(row, "sessionCreatedOnOrAfter", "sessionCreatedBefore")
        ]  # fmt: skip
    ends = Counter(str(row["sessionOutcome"]) for row in rows)
    steps = Counter(name for row in rows for name in _milestones(row))
    booked = len(rows) - ends["abandoned"]
    return jsonify(
        totalSessions=len(rows), totalJobsCreated=ends["job"], totalBookingsCreated=ends["booking"],
        completionRate=booked / len(rows) if rows else 0.0,
        milestoneFrequencyCount={name: steps[name] for name in MILESTONES},
    )  # fmt: skip


def _check(kind: str, owner: str) -> None:
    if owner != (SCHEDULER if kind == "schedulers" else ROUTER):
        raise ApiError(404, "Not found.")


def _is_wanted(row: Json, after: str, before: str) -> bool:
    return within(read_moment(row["createdOn"]), after, before)


def _milestones(row: Json) -> list[str]:
    if row["sessionOutcome"] != "abandoned":
        return list(MILESTONES[:-1])
    last = str(row["lastStep"])
    reached = MILESTONES[: MILESTONES.index(last) + 1] if last in MILESTONES else MILESTONES[:1]
    return [*reached, "abandoned"]
