"""Simulated ServiceTitan booking requests: what an online form sends where somebody in the office decides."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json, read_moment
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_contacts import CRM, brief, new_contacts
from sandbox.providers.servicetitan_lists import page_of, page_of_rows
from sandbox.providers.servicetitan_records import BookingRequest
from sandbox.providers.state import World, wire, world
from sandbox.providers.territory import BUSINESS_UNITS, CAMPAIGNS, JOB_TYPES

BY_PROVIDER = f"{CRM}/booking-provider/<int:provider_id>/bookings"
REQUIRED = ("source", "name", "summary", "externalId")
PRIORITIES = {None, "Low", "Normal", "High", "Urgent"}
SHOWN = (
    "source", "name", "address", "customerType", "start", "summary", "campaignId", "businessUnitId", "jobTypeId", "priority",
    "isFirstTimeClient", "uploadedImages", "isSendConfirmationEmail",
)  # fmt: skip


@bp.post(BY_PROVIDER)
def add_booking(provider_id: int) -> Response:
    """Take a request; the same external id twice is two requests, as long as that is what we assume."""
    sim, check = world(), Checker(request.get_json(silent=True))
    _check_provider(sim, provider_id)
    for name in REQUIRED:
        check.text(name)
    check.flag("isFirstTimeClient", required=True)
    _check_optional(check)
    with sim.lock:
        contacts = new_contacts(sim, check)
        if not contacts and not isinstance(check.body.get("address"), dict):
            check.fail("contacts", "An address, a phone or an e-mail is required.")
        refuse_if(check.errors)
        external_id, now = str(check.body["externalId"]), sim.now()
        same = [b for b in sim.office.bookings.values() if b.external_id == external_id]
        if same and sim.flags.on("st_external_id_unique"):
            raise ApiError(409, "A booking with this externalId exists.")
        booking = BookingRequest(
            id=sim.office.booking_ids.take(), created_at=now, modified_at=now, provider_id=provider_id,
            external_id=external_id, body=dict(check.body), contacts=contacts,
        )  # fmt: skip
        sim.office.bookings[booking.id] = booking
        sim.office.touch("bookings", booking, now)
        sim.record("servicetitan", "booking", external_id, str(booking.id), **show_booking(booking))
        return jsonify(show_booking(booking))


def _check_provider(sim: World, provider_id: int) -> None:
    if str(provider_id) != sim.config.st_booking_provider_id:
        raise ApiError(404, "Booking provider not found.")


def _check_optional(check: Checker) -> None:
    body = check.body
    if body.get("start") is not None and read_moment(body["start"]) is None:
        check.fail("start", "Not a date and time.")
    if body.get("priority") not in PRIORITIES:
        check.fail("priority", "Unknown priority.")
    if body.get("customerType") not in {None, "Residential", "Commercial"}:
        check.fail("customerType", "Unknown type.")
    known = {"campaignId": CAMPAIGNS, "businessUnitId": BUSINESS_UNITS, "jobTypeId": JOB_TYPES}
    for name, some in known.items():
        number = check.optional_number(name)
        if number is not None and number not in some:
            check.fail(name, f"{name} {number} not found.")


@bp.get(BY_PROVIDER)
def list_bookings(provider_id: int) -> Response:
    """Filter one provider's bookings, among others by its own id."""
    _check_provider(world(), provider_id)
    return _list()


@bp.get(f"{CRM}/bookings")
def list_all_bookings() -> Response:
    """Filter the bookings of all providers."""
    return _list()


def _list() -> Response:
    sim, args = world(), request.args
    with sim.lock:
        found = [
            booking
            for booking in sim.office.bookings.values()
            if args.get("externalId") in {None, booking.external_id}
            and args.get("status") in {None, booking.status}
        ]
        return page_of(found, show_booking)


@bp.get(f"{BY_PROVIDER}/<int:booking_id>")
def get_booking(provider_id: int, booking_id: int) -> Response:
    """Read one booking of a provider."""
    sim = world()
    _check_provider(sim, provider_id)
    return get_any_booking(booking_id)


@bp.get(f"{CRM}/bookings/<int:booking_id>")
def get_any_booking(booking_id: int) -> Response:
    """Read one booking."""
    sim = world()
    with sim.lock:
        return jsonify(show_booking(known_booking(sim, booking_id)))


@bp.patch(f"{BY_PROVIDER}/<int:booking_id>")
def change_booking(provider_id: int, booking_id: int) -> Response:
    """Change a booking nobody has decided about yet."""
    sim, check = world(), Checker(request.get_json(silent=True))
    _check_provider(sim, provider_id)
    _check_optional(check)
    with sim.lock:
        booking = _open(sim, booking_id)
        refuse_if(check.errors)
        booking.body |= {name: value for name, value in check.body.items() if name in {*SHOWN, "externalId"}}
        booking.external_id = str(booking.body["externalId"])
        sim.office.touch("bookings", booking, sim.now())
        return jsonify(show_booking(booking))


@bp.post(f"{BY_PROVIDER}/<int:booking_id>/dismiss")
def dismiss_booking(provider_id: int, booking_id: int) -> tuple[str, int]:
    """Withdraw a booking nobody has decided about yet."""
    sim, check = world(), Checker(request.get_json(silent=True))
    _check_provider(sim, provider_id)
    with sim.lock:
        booking = _open(sim, booking_id)
        reason, memo = check.optional_number("callReasonId"), check.optional_text("dismissingMemo")
        refuse_if(check.errors)
        dismiss(sim, booking, reason, memo)
    return "", 200


def dismiss(sim: World, booking: BookingRequest, reason: int | None, memo: str | None) -> None:
    """Put a booking away, whoever asked for it."""
    booking.status, booking.dismissing_reason_id, booking.dismissing_memo = "Dismissed", reason, memo
    sim.office.touch("bookings", booking, sim.now())
    sim.record("servicetitan", "dismiss", booking.external_id, str(booking.id), memo=memo)


@bp.get(f"{BY_PROVIDER}/<int:booking_id>/contacts")
def list_booking_contacts(provider_id: int, booking_id: int) -> Response:
    """List how the person of a booking can be reached."""
    sim = world()
    _check_provider(sim, provider_id)
    with sim.lock:
        return page_of_rows([brief(contact) for contact in known_booking(sim, booking_id).contacts])


@bp.post(f"{BY_PROVIDER}/<int:booking_id>/contacts")
def add_booking_contact(provider_id: int, booking_id: int) -> Response:
    """Add a way to reach the person of a booking."""
    sim, body = world(), request.get_json(silent=True)
    _check_provider(sim, provider_id)
    with sim.lock:
        booking = _open(sim, booking_id)
        check = Checker({"contacts": [body] if isinstance(body, dict) else []})
        contacts = new_contacts(sim, check)
        refuse_if(check.errors)
        booking.contacts.extend(contacts)
        sim.office.touch("bookings", booking, sim.now())
        return jsonify(brief(contacts[0]))


@bp.delete(f"{BY_PROVIDER}/<int:booking_id>/contacts/<int:contact_id>")
def remove_booking_contact(provider_id: int, booking_id: int, contact_id: int) -> tuple[str, int]:
    """Remove a way to reach the person of a booking."""
    sim = world()
    _check_provider(sim, provider_id)
    with sim.lock:
        booking = _open(sim, booking_id)
        kept = [contact for contact in booking.contacts if contact["id"] != contact_id]
        if len(kept) == len(booking.contacts):
            raise ApiError(404, "Contact not found.")
        booking.contacts = kept
    return "", 200


def known_booking(sim: World, booking_id: int) -> BookingRequest:
    """Find a booking or answer 404."""
    booking = sim.office.bookings.get(booking_id)
    if booking is None:
        raise ApiError(404, "Booking not found.")
    return booking


def _open(sim: World, booking_id: int) -> BookingRequest:
    booking = known_booking(sim, booking_id)
    if booking.status not in {"New", "Accepted"}:
        raise ApiError(409, f"Booking is {booking.status}.")
    return booking


def show_booking(booking: BookingRequest) -> Json:
    """Write a booking as the API does."""
    shown: Json = {
        "id": booking.id,
        "createdOn": wire(booking.created_at),
        "modifiedOn": wire(booking.modified_at),
    }
    return shown | {name: booking.body.get(name) for name in SHOWN} | {
        "status": booking.status, "dismissingReasonId": booking.dismissing_reason_id, "jobId": booking.job_id,
        "externalId": booking.external_id, "bookingProviderId": booking.provider_id, "active": booking.active,
    }  # fmt: skip
