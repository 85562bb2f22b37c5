"""Simulated ServiceTitan: customers, created together with their first location."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_contacts import CRM, brief, index_phones, new_contacts
from sandbox.providers.servicetitan_lists import (
    candidates,
    page_of,
    patch_external,
    read_external,
    visible_external,
)
from sandbox.providers.servicetitan_locations import is_at, show_location, store_location
from sandbox.providers.servicetitan_records import Customer, digits
from sandbox.providers.state import World, wire, world

KINDS = {"Residential", "Commercial"}
CUSTOMER_KEY = "a1_customer_id"


@bp.get(f"{CRM}/customers")
def list_customers() -> Response:
    """Filter customers; there is no filter by e-mail."""
    sim = world()
    with sim.lock:
        phone = request.args.get("phone")
        known = sim.office.customers
        if phone:
            known = {n: known[n] for n in sim.office.customers_by_phone.get(digits(phone), ())}
        found = candidates(sim, sim.office.customers_by_external, known)
        if phone:
            found = [customer for customer in found if _has(sim, customer, phone)]
        return page_of([customer for customer in found if _is_wanted(customer)], show_customer)


def _has(sim: World, customer: Customer, phone: str) -> bool:
    if sim.flags.word("st_phone_match") == "exact":
        return any(contact["value"] == phone for contact in customer.contacts)
    return any(digits(contact["value"]) == digits(phone) for contact in customer.contacts)


def _is_wanted(customer: Customer) -> bool:
    name = request.args.get("name")
    return (not name or name.casefold() in customer.name.casefold()) and is_at(customer.address)


@bp.post(f"{CRM}/customers")
def add_customer() -> Response:
    """Create a customer together with at least one location."""
    sim, check = world(), Checker(request.get_json(silent=True))
    name, address = check.text("name"), check.address()
    kind = str(check.body.get("type") or "Residential")
    if kind not in KINDS:
        check.fail("type", "Residential or Commercial.")
    places = [Checker(row) for row in check.items("locations")]
    for place in places:
        place.text("name")
        place.address()
    with sim.lock:
        contacts = new_contacts(sim, check)
        there = [new_contacts(sim, place) for place in places]
        for place in places:
            check.take(place, "locations")
        refuse_if(check.errors)
        now = sim.now()
        customer = Customer(
            id=sim.office.customer_ids.take(), created_at=now, modified_at=now, name=name, kind=kind, address=address,
            contacts=contacts, external=read_external(check.body), tag_type_ids=check.numbers("tagTypeIds"),
            do_not_mail=check.flag("doNotMail"), do_not_service=check.flag("doNotService"),
        )  # fmt: skip
        keep_customer(sim, customer)
        made = [store_location(sim, customer.id, *part) for part in zip(places, there, strict=True)]
        body = show_customer(customer) | {
            "locations": [show_location(location) for location in made],
            "contacts": [brief(contact) for contact in contacts],
        }
        return jsonify(body)


def keep_customer(sim: World, customer: Customer) -> None:
    """File a new customer and everything they are found by."""
    office = sim.office
    office.customers[customer.id] = customer
    index_phones(sim, customer)
    index_external(sim, customer)
    office.touch("customers", customer, customer.created_at)
    office.feeds["customers/contacts"].note(customer.id, customer.created_at)
    key = next((pair.value for pair in customer.external if pair.key == CUSTOMER_KEY), None)
    sim.record("servicetitan", "customer", key, str(customer.id), name=customer.name)


def index_external(sim: World, customer: Customer) -> None:
    """Make a customer findable by their external data."""
    for pair in customer.external:
        known = sim.office.customers_by_external[pair.guid, pair.key, pair.value]
        if customer.id not in known:
            known.append(customer.id)


@bp.get(f"{CRM}/customers/<int:customer_id>")
def get_customer(customer_id: int) -> Response:
    """Read one customer; one that was merged away says into whom."""
    sim = world()
    with sim.lock:
        return jsonify(show_customer(known_customer(sim, customer_id)))


@bp.patch(f"{CRM}/customers/<int:customer_id>")
def change_customer(customer_id: int) -> Response:
    """Change what is given and leave the rest."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        customer = known_customer(sim, customer_id)
        body = check.body
        name = check.text("name") if "name" in body else customer.name
        address = check.address() if "address" in body else customer.address
        kind = str(body.get("type", customer.kind))
        if kind not in KINDS:
            check.fail("type", "Residential or Commercial.")
        refuse = check.flag("doNotService") if "doNotService" in body else customer.do_not_service
        mail = check.flag("doNotMail") if "doNotMail" in body else customer.do_not_mail
        refuse_if(check.errors)
        customer.name, customer.address, customer.kind = name, address, kind
        customer.do_not_service, customer.do_not_mail = refuse, mail
        customer.external = patch_external(customer.external, body)
        index_external(sim, customer)
        sim.office.touch("customers", customer, sim.now())
        return jsonify(show_customer(customer))


def known_customer(sim: World, customer_id: int) -> Customer:
    """Find a customer or answer 404."""
    customer = sim.office.customers.get(customer_id)
    if customer is None:
        raise ApiError(404, "Customer not found.")
    return customer


def show_customer(customer: Customer) -> Json:
    """Write a customer as the API does."""
    return {
        "id": customer.id, "active": customer.active, "name": customer.name, "type": customer.kind, "address": customer.address,
        "customFields": customer.custom_fields, "balance": 0, "taxExempt": False, "doNotMail": customer.do_not_mail,
        "doNotService": customer.do_not_service, "nationalAccount": False, "createdOn": wire(customer.created_at),
        "createdById": 1, "modifiedOn": wire(customer.modified_at), "mergedToId": customer.merged_to_id,
        "tagTypeIds": customer.tag_type_ids, "externalData": visible_external(customer.external),
    }  # fmt: skip
