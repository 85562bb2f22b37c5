"""Simulated ServiceTitan: how customers and locations can be reached, and whether a number wants no texts."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import TENANT, ApiError, bp, refuse_if
from sandbox.providers.servicetitan_lists import page_of_rows
from sandbox.providers.servicetitan_records import Customer, Location, digits
from sandbox.providers.state import World, world

CRM = f"/api/crm/{TENANT}"
CONTACT_TYPES = {"Phone", "Email", "Fax", "MobilePhone"}
PHONES = {"Phone", "MobilePhone"}
OWNERS = '<any("customers", "locations"):owners>/<int:owner_id>'


def new_contacts(sim: World, check: Checker) -> list[Json]:
    """Read the contacts of a create request."""
    return [_new(sim, check, row) for row in check.items("contacts", required=False)]


def _new(sim: World, check: Checker, row: Json) -> Json:
    if row.get("type") not in CONTACT_TYPES or not isinstance(row.get("value"), str) or not row["value"]:
        check.fail("contacts", "A contact needs a type and a value.")
    contact: Json = {
        "id": sim.office.contact_ids.take(), "type": row.get("type"), "value": row.get("value"), "memo": row.get("memo"),
        "createdOn": sim.stamp(), "modifiedOn": sim.stamp(), "preferences": None, "phoneSettings": None,
    }  # fmt: skip
    if row.get("type") in PHONES:
        contact["phoneSettings"] = {"phoneNumber": digits(row.get("value")), "doNotText": False}
    return contact


def brief(contact: Json) -> Json:
    """Show a contact inside its owner."""
    return {
        "id": contact["id"], "type": contact["type"], "value": _shown(contact), "memo": contact["memo"],
    }  # fmt: skip


def full(contact: Json) -> Json:
    """Show a contact by itself."""
    return contact | {"value": _shown(contact)}


def _shown(contact: Json) -> object:
    value, style = contact["value"], world().flags.word("st_phone_format")
    if contact["type"] not in PHONES or style == "as_sent":
        return value
    number = digits(value)
    return f"({number[:3]}) {number[3:6]}-{number[6:]}" if style == "dashes" else number


def index_phones(sim: World, customer: Customer) -> None:
    """Make a customer findable by each of their numbers."""
    for contact in customer.contacts:
        known = sim.office.customers_by_phone[digits(contact["value"])]
        if contact["type"] in PHONES and customer.id not in known:
            known.append(customer.id)


def _owner(sim: World, owners: str, owner_id: int) -> Customer | Location:
    files: dict[int, Customer] | dict[int, Location] = (
        sim.office.customers if owners == "customers" else sim.office.locations
    )
    owner = files.get(owner_id)
    if owner is None:
        raise ApiError(404, f"{owners[:-1].capitalize()} not found.")
    return owner


def _changed(sim: World, owners: str, owner: Customer | Location) -> None:
    sim.office.touch(owners, owner, sim.now())
    sim.office.feeds[f"{owners}/contacts"].note(owner.id, sim.now())
    if isinstance(owner, Customer):
        index_phones(sim, owner)


@bp.get(f"{CRM}/{OWNERS}/contacts")
def list_contacts(owners: str, owner_id: int) -> Response:
    """List how somebody can be reached."""
    sim = world()
    with sim.lock:
        return page_of_rows([full(contact) for contact in _owner(sim, owners, owner_id).contacts])


@bp.post(f"{CRM}/{OWNERS}/contacts")
def add_contact(owners: str, owner_id: int) -> Response:
    """Add a way to reach somebody."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        owner = _owner(sim, owners, owner_id)
        contact = _new(sim, check, check.body)
        refuse_if(check.errors)
        owner.contacts.append(contact)
        _changed(sim, owners, owner)
        return jsonify(full(contact))


@bp.patch(f"{CRM}/{OWNERS}/contacts/<int:contact_id>")
def change_contact(owners: str, owner_id: int, contact_id: int) -> Response:
    """Change a contact; the kind of a phone decides whether it has phone settings."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        owner = _owner(sim, owners, owner_id)
        contact = _known(owner, contact_id)
        if check.body.get("type", contact["type"]) not in CONTACT_TYPES:
            check.fail("type", "Unknown type.")
        refuse_if(check.errors)
        contact.update({k: check.body[k] for k in ("type", "value", "memo") if k in check.body})
        contact["modifiedOn"] = sim.stamp()
        settings = contact["phoneSettings"]
        if isinstance(settings, dict):
            settings["phoneNumber"] = digits(contact["value"])
        _changed(sim, owners, owner)
        return jsonify(full(contact))


@bp.delete(f"{CRM}/{OWNERS}/contacts/<int:contact_id>")
def remove_contact(owners: str, owner_id: int, contact_id: int) -> tuple[str, int]:
    """Remove a contact."""
    sim = world()
    with sim.lock:
        owner = _owner(sim, owners, owner_id)
        owner.contacts.remove(_known(owner, contact_id))
        _changed(sim, owners, owner)
    return "", 200


def _known(owner: Customer | Location, contact_id: int) -> Json:
    contact = next((row for row in owner.contacts if row["id"] == contact_id), None)
    if contact is None:
        raise ApiError(404, "Contact not found.")
    return contact


@bp.post(f"{CRM}/{OWNERS}/notes")
def add_note(owners: str, owner_id: int) -> Response:
    """Write a note about a customer or a location."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        owner = _owner(sim, owners, owner_id)
        note = new_note(sim, check)
        owner.notes.append(note)
        sim.office.touch(owners, owner, sim.now())
        return jsonify(note)


@bp.get(f"{CRM}/{OWNERS}/notes")
def list_notes(owners: str, owner_id: int) -> Response:
    """List the notes about a customer or a location."""
    sim = world()
    with sim.lock:
        return page_of_rows(_owner(sim, owners, owner_id).notes)


def new_note(sim: World, check: Checker) -> Json:
    """Read a note, refusing one without text."""
    text, pinned = check.text("text"), check.flag("pinToTop")
    refuse_if(check.errors)
    return {
        "text": text, "isPinned": pinned, "createdById": 1, "createdOn": sim.stamp(), "modifiedOn": sim.stamp(),
    }  # fmt: skip
