"""Simulated ServiceTitan export feeds: every change once, in order, from where the last reader stopped."""

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta

from flask import Response, jsonify, request

from sandbox.providers.checks import Json, read_moment
from sandbox.providers.servicetitan import TENANT, bp
from sandbox.providers.servicetitan_bookings import show_booking
from sandbox.providers.servicetitan_contacts import full
from sandbox.providers.servicetitan_customers import show_customer
from sandbox.providers.servicetitan_job_views import show_appointment, show_job
from sandbox.providers.servicetitan_leads import show_lead
from sandbox.providers.servicetitan_lists import invalid
from sandbox.providers.servicetitan_locations import show_location
from sandbox.providers.servicetitan_records import FieldOffice
from sandbox.providers.state import World, world

Rows = list[Json]


def _jobs(office: FieldOffice, number: int) -> Rows:
    return [show_job(office.jobs[number])]


def _appointments(office: FieldOffice, number: int) -> Rows:
    found = office.visit(number)
    return [show_appointment(*found)] if found else []


def _cancellations(office: FieldOffice, number: int) -> Rows:
    return office.jobs[number].cancellations


def _history(office: FieldOffice, number: int) -> Rows:
    return [{"jobId": number, "history": office.jobs[number].history, "active": True}]


def _customer_contacts(office: FieldOffice, number: int) -> Rows:
    rows = office.customers[number].contacts
    return [full(contact) | {"customerId": number, "active": True} for contact in rows]


def _location_contacts(office: FieldOffice, number: int) -> Rows:
    rows = office.locations[number].contacts
    return [full(contact) | {"locationId": number, "active": True} for contact in rows]


FEEDS: dict[str, tuple[str, Callable[[FieldOffice, int], Rows]]] = {
    "jpm/jobs": ("jobs", _jobs),
    "jpm/appointments": ("appointments", _appointments),
    "jpm/job-canceled-logs": ("job-canceled-logs", _cancellations),
    "jpm/job-history": ("jobs", _history),
    "crm/customers": ("customers", lambda office, n: [show_customer(office.customers[n])]),
    "crm/customers/contacts": ("customers/contacts", _customer_contacts),
    "crm/locations": ("locations", lambda office, n: [show_location(office.locations[n])]),
    "crm/locations/contacts": ("locations/contacts", _location_contacts),
    "crm/bookings": ("bookings", lambda office, n: [show_booking(office.bookings[n])]),
    "crm/leads": ("leads", lambda office, n: [show_lead(office.leads[n])]),
    "dispatch/appointment-assignments": ("assignments", lambda office, n: [office.assignments[n]]),
}


@bp.get(f"/api/<any(jpm, crm, dispatch):module>/{TENANT}/export/<path:resource>")
def export(module: str, resource: str) -> tuple[Response, int] | Response:
    """Give the next part of a feed; records younger than the lag come only to who asks for recent changes."""
    sim, name = world(), f"{module}/{resource}"
    if name not in FEEDS:
        return jsonify(statusCode=404, message="Resource not found"), 404
    recent = request.args.get("includeRecentChanges", "false").lower() == "true"
    active = request.args.get("active", "True").capitalize()
    with sim.lock:
        source, show = FEEDS[name]
        feed = sim.office.feeds[source]
        lag = 0 if recent else sim.flags.number("st_export_lag_seconds")
        start = _start(sim, name)
        ids, place, more = feed.read(
            start, sim.now() - timedelta(seconds=lag), sim.flags.number("st_export_page")
        )
        rows = [row for number in ids for row in show(sim.office, number)]
        if ids and recent and not more and sim.flags.on("st_export_duplicates"):
            place = max(0, place - 1)
    shown = [row for row in rows if active == "Any" or str(row.get("active", True)) == active]
    return jsonify(hasMore=more, continueFrom=_token(name, place), data=shown)


def _token(name: str, place: int) -> str:
    return base64.urlsafe_b64encode(f"{name}:{place}".encode()).decode()


def _start(sim: World, name: str) -> int:
    text = request.args.get("from")
    if not text:
        return 0
    moment = read_moment(text.replace(" ", "+"))
    if moment is not None:
        return sim.office.feeds[FEEDS[name][0]].since(moment)
    try:
        known, _, place = base64.urlsafe_b64decode(text.encode()).decode().rpartition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid("from", "Not a continuation token.") from error
    if known != name or not place.isdigit():
        raise invalid("from", "Not a continuation token of this feed.")
    return int(place)
