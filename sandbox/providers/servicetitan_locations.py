"""Simulated ServiceTitan: the places that trucks go to."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_contacts import CRM, brief, new_contacts
from sandbox.providers.servicetitan_lists import (
    external_keys,
    page_of,
    patch_external,
    read_external,
    visible_external,
)
from sandbox.providers.servicetitan_records import Location
from sandbox.providers.state import World, wire, world
from sandbox.providers.territory import ZONE_BY_ZIP, ZoneFile

LOCATION_KEY = "a1_location_id"


def zone_of(address: Json) -> ZoneFile | None:
    """Find the zone an address is in."""
    return ZONE_BY_ZIP.get(str(address.get("zip"))[:5])


def is_at(address: Json) -> bool:
    """Apply the address filters of the query."""
    return all(
        str(address.get(part) or "").casefold() == wanted.casefold()
        for part in ("street", "unit", "city", "state", "zip", "country")
        if (wanted := request.args.get(part))
    )


@bp.get(f"{CRM}/locations")
def list_locations() -> Response:
    """Filter locations."""
    sim, customer_id = world(), request.args.get("customerId", type=int)
    keys, name = external_keys(), request.args.get("name", "").casefold()
    with sim.lock:
        office = sim.office
        ids = office.locations if customer_id is None else office.locations_of.get(customer_id, [])
        return page_of(
            [
                location
                for location in (office.locations[number] for number in ids)
                if is_at(location.address)
                and name in location.name.casefold()
                and (keys is None or any((e.guid, e.key, e.value) in keys for e in location.external))
            ],
            show_location,
        )


@bp.post(f"{CRM}/locations")
def add_location() -> Response:
    """Create a location for a customer."""
    sim, check = world(), Checker(request.get_json(silent=True))
    customer_id = check.number("customerId")
    check.text("name")
    check.address()
    with sim.lock:
        contacts = new_contacts(sim, check)
        refuse_if(check.errors)
        if customer_id not in sim.office.customers:
            raise ApiError(409, "The customer does not exist.")
        return jsonify(show_location(store_location(sim, customer_id, check, contacts)))


def store_location(sim: World, customer_id: int, place: Checker, contacts: list[Json]) -> Location:
    """File a new location; its name and address are checked already."""
    now = sim.now()
    location = Location(
        id=sim.office.location_ids.take(), created_at=now, modified_at=now, customer_id=customer_id, name=place.text("name"),
        address=place.address(), contacts=contacts, external=read_external(place.body),
        tag_type_ids=place.numbers("tagTypeIds"),
    )  # fmt: skip
    sim.office.locations[location.id] = location
    sim.office.locations_of[customer_id].append(location.id)
    sim.office.touch("locations", location, now)
    sim.office.feeds["locations/contacts"].note(location.id, now)
    key = next((pair.value for pair in location.external if pair.key == LOCATION_KEY), None)
    sim.record("servicetitan", "location", key, str(location.id), customer_id=customer_id)
    return location


@bp.get(f"{CRM}/locations/<int:location_id>")
def get_location(location_id: int) -> Response:
    """Read one location."""
    sim = world()
    with sim.lock:
        return jsonify(show_location(_known(sim, location_id)))


@bp.patch(f"{CRM}/locations/<int:location_id>")
def change_location(location_id: int) -> Response:
    """Change what is given and leave the rest; the zone of jobs already there stays."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        location = _known(sim, location_id)
        name = check.text("name") if "name" in check.body else location.name
        address = check.address() if "address" in check.body else location.address
        refuse_if(check.errors)
        location.name, location.address = name, address
        location.external = patch_external(location.external, check.body)
        sim.office.touch("locations", location, sim.now())
        return jsonify(show_location(location))


def _known(sim: World, location_id: int) -> Location:
    location = sim.office.locations.get(location_id)
    if location is None:
        raise ApiError(404, "Location not found.")
    return location


def show_location(location: Location) -> Json:
    """Write a location as the API does."""
    zone = zone_of(location.address)
    return {
        "id": location.id, "customerId": location.customer_id, "active": location.active, "name": location.name,
        "address": location.address, "zoneId": zone.id if zone else None, "taxZoneId": None, "taxExempt": False,
        "customFields": location.custom_fields, "createdOn": wire(location.created_at), "createdById": 1,
        "modifiedOn": wire(location.modified_at), "mergedToId": None, "tagTypeIds": location.tag_type_ids,
        "contacts": [brief(contact) for contact in location.contacts], "externalData": visible_external(location.external),
    }  # fmt: skip
