"""Simulated ServiceTitan marketing: which visit to the website brought a job, a booking or a lead."""

from collections.abc import Collection

from flask import Response, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import TENANT, bp, refuse_if
from sandbox.providers.servicetitan_job_views import booking_key
from sandbox.providers.servicetitan_lists import invalid, moment_of, page_of_rows
from sandbox.providers.state import World, world

ADS = f"/api/marketingads/{TENANT}"
OPTIONAL = (
    "gclid", "gbraid", "wbraid", "fbclid", "msclkid", "utmSource", "utmMedium", "utmCampaign", "utmAdgroup", "utmTerm",
    "utmContent", "googleAnalyticsClientId",
)  # fmt: skip
LEAD_TYPES = {"Call", "WebBooking", "WebLeadForm", "ManualJob"}


@bp.post(f"{ADS}/job-attributions")
def attribute_job() -> tuple[str, int]:
    """Tie a job to a visit of the website."""
    return _attribute(world(), "jobId", world().office.jobs, "ManualJob")


@bp.post(f"{ADS}/web-booking-attributions")
def attribute_booking() -> tuple[str, int]:
    """Tie a booking request to a visit of the website."""
    return _attribute(world(), "bookingId", world().office.bookings, "WebBooking")


@bp.post(f"{ADS}/web-lead-form-attributions")
def attribute_lead() -> tuple[str, int]:
    """Tie a lead to a visit of the website."""
    return _attribute(world(), "leadId", world().office.leads, "WebLeadForm")


def _attribute(sim: World, name: str, known: Collection[int], kind: str) -> tuple[str, int]:
    check = Checker(request.get_json(silent=True))
    number, visit = check.number(name), Checker(check.body.get("webSessionData"))
    _check_visit(sim, visit)
    check.take(visit, "webSessionData")
    with sim.lock:
        if number not in known:
            check.fail(name, f"{name} {number} not found.")
        refuse_if(check.errors)
        row: Json = {
            "leadType": kind,
            name: number,
            "dateTime": sim.stamp(),
            "webSessionData": dict(visit.body),
        }
        sim.office.attributions.append(row)
        sim.record("servicetitan", "attribution", _key(sim, name, number), str(number), **row)
    return "", 200


def _check_visit(sim: World, visit: Checker) -> None:
    visit.text("landingPageUrl")
    referrer = visit.body.get("referrerUrl")
    if not isinstance(referrer, str) or not (referrer or sim.flags.on("st_empty_referrer")):
        visit.fail("referrerUrl", "The referrerUrl field is required.")
    for name in OPTIONAL:
        visit.optional_text(name)


def _key(sim: World, name: str, number: int) -> str:
    if name == "jobId":
        return booking_key(sim.office.jobs[number]) or f"job:{number}"
    return f"{name}:{number}"


@bp.get(f"{ADS}/attributed-leads")
def list_attributed() -> Response:
    """List what was tied to visits within a span of time."""
    sim, kind = world(), request.args.get("leadType")
    start, end = moment_of("fromUtc"), moment_of("toUtc")
    if start is None or end is None:
        raise invalid("fromUtc", "fromUtc and toUtc are required.")
    if kind not in LEAD_TYPES | {None}:
        raise invalid("leadType", "Unknown type.")
    with sim.lock:
        return page_of_rows([row for row in sim.office.attributions if kind in {None, row["leadType"]}])
