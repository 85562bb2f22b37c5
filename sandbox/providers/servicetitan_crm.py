"""Simulated ServiceTitan CRM: customers, their locations and contacts."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.records import Counter, Customer, Location
from sandbox.providers.servicetitan import (
    ApiError,
    bp,
    matches_external,
    page_of,
    read_external,
    refuse_if,
    visible_external,
)
from sandbox.providers.state import World, world
from sandbox.providers.territory import ZONE_BY_ZIP

CRM = "/api/crm/v2/tenant/<int:tenant>"
CONTACT_TYPES = {"Phone", "Email", "Fax", "MobilePhone"}
_contact_ids = Counter(60001)


@bp.get(f"{CRM}/customers")
def list_customers() -> Response:
    """Filter customers; there is no filter by e-mail."""
    sim = world()
    with sim.lock:
        return page_of([_customer(c) for c in sim.office.customers.values() if _is_wanted(c)])


def _is_wanted(customer: Customer) -> bool:
    phone, name = request.args.get("phone"), request.args.get("name")
    if request.args.get("active", "True") == "True" and not customer.active:
        return False
    if phone and not any(contact["value"] == phone for contact in customer.contacts):
        return False
    if name and name.casefold() not in customer.name.casefold():
        return False
    return _is_at(customer.address) and matches_external(customer.external)


def _is_at(address: Json) -> bool:
    return all(
        str(address.get(part) or "").casefold() == wanted.casefold()
        for part in ("street", "unit", "city", "state", "zip", "country")
        if (wanted := request.args.get(part))
    )


@bp.post(f"{CRM}/customers")
def add_customer() -> Response:
    """Create a customer together with at least one location."""
    sim, check = world(), Checker(request.get_json(silent=True))
    name, address = check.text("name"), check.address()
    places = [Checker(row) for row in check.items("locations")]
    names = [place.text("name") for place in places]
    addresses = [place.address() for place in places]
    contacts = _contacts(check)
    for place in places:
        _merge(check, place)
    refuse_if(check.errors)
    with sim.lock:
        customer = Customer(
            id=sim.office.customer_ids.take(), name=name, kind=str(check.body.get("type") or "Residential"), address=address,
            contacts=contacts, external=read_external(check.body), created_on=sim.stamp(),
        )  # fmt: skip
        sim.office.customers[customer.id] = customer
        made = [
            _store_location(sim, customer.id, place, names[n], addresses[n]) for n, place in enumerate(places)
        ]
        body = _customer(customer) | {
            "locations": [_location(location) for location in made],
            "contacts": contacts,
        }
        return jsonify(body)


def _merge(check: Checker, part: Checker) -> None:
    for name, words in part.errors.items():
        for line in words:
            check.fail(f"locations.{name}", line)


def _contacts(check: Checker) -> list[Json]:
    found = []
    for row in check.items("contacts", required=False):
        if row.get("type") not in CONTACT_TYPES or not isinstance(row.get("value"), str):
            check.fail("contacts", "A contact needs a type and a value.")
        found.append(
            {
                "id": _contact_ids.take(),
                "type": row.get("type"),
                "value": row.get("value"),
                "memo": row.get("memo"),
            }
        )
    return found


def _store_location(sim: World, customer_id: int, place: Checker, name: str, address: Json) -> Location:
    location = Location(
        id=sim.office.location_ids.take(), customer_id=customer_id, name=name, address=address,
        contacts=_contacts(place), external=read_external(place.body), created_on=sim.stamp(),
    )  # fmt: skip
    sim.office.locations[location.id] = location
    return location


@bp.get(f"{CRM}/customers/<int:customer_id>")
def get_customer(customer_id: int) -> Response:
    """Read one customer."""
    return jsonify(_customer(_known_customer(world(), customer_id)))


@bp.get(f"{CRM}/customers/<int:customer_id>/contacts")
def list_contacts(customer_id: int) -> Response:
    """List how a customer can be reached."""
    return page_of(_known_customer(world(), customer_id).contacts)


@bp.get(f"{CRM}/locations")
def list_locations() -> Response:
    """Filter locations."""
    sim, customer_id = world(), request.args.get("customerId", type=int)
    with sim.lock:
        return page_of(
            [
                _location(location)
                for location in sim.office.locations.values()
                if customer_id in {None, location.customer_id}
                and _is_at(location.address)
                and matches_external(location.external)
            ]
        )


@bp.post(f"{CRM}/locations")
def add_location() -> Response:
    """Create a location for a customer."""
    sim, check = world(), Checker(request.get_json(silent=True))
    customer_id, name, address = check.number("customerId"), check.text("name"), check.address()
    refuse_if(check.errors)
    with sim.lock:
        if customer_id not in sim.office.customers:
            raise ApiError(409, "The customer does not exist.")
        location = _store_location(sim, customer_id, check, name, address)
        return jsonify(_location(location))


def _known_customer(sim: World, customer_id: int) -> Customer:
    with sim.lock:
        customer = sim.office.customers.get(customer_id)
    if customer is None:
        raise ApiError(404, "Customer not found.")
    return customer


def _customer(customer: Customer) -> Json:
    return {
        "id": customer.id, "active": customer.active, "name": customer.name, "type": customer.kind, "address": customer.address,
        "balance": 0, "doNotMail": False, "doNotService": False, "createdOn": customer.created_on,
        "modifiedOn": customer.created_on, "mergedToId": customer.merged_to_id, "tagTypeIds": [],
        "externalData": visible_external(customer.external, request.args.get("externalDataApplicationGuid")),
    }  # fmt: skip


def _location(location: Location) -> Json:
    zone = ZONE_BY_ZIP.get(str(location.address.get("zip"))[:5])
    return {
        "id": location.id, "customerId": location.customer_id, "active": True, "name": location.name,
        "address": location.address, "zoneId": zone.id if zone else None, "createdOn": location.created_on,
        "modifiedOn": location.created_on, "contacts": location.contacts,
        "externalData": visible_external(location.external, request.args.get("externalDataApplicationGuid")),
    }  # fmt: skip
