"""ServiceTitan's customers and locations: found by our own id, by phone or by e-mail before one is made."""

from typing import Any

from app.providers.ports import CustomerRef, FieldAddress, FieldCustomer, Outcome, ProviderError
from app.providers.servicetitan_api import read_id
from app.providers.servicetitan_match import (
    address_key,
    digits_of,
    has_email,
    has_last_name,
    is_muted,
    location_reference,
    read_address,
)
from app.providers.servicetitan_part import CUSTOMER_KEY, LOCATION_KEY, Part

MAX_CANDIDATES = 5  # people who share a phone number or a name: a household, an office
MAX_MERGES = 5


class Customers(Part):
    """Customers, their locations and how they may be reached."""

    def find_customer(self, customer: FieldCustomer) -> CustomerRef | None:
        """Look the customer up by our id, then by phone, then by name and e-mail; one that was merged is followed."""
        for row in self._same_id(customer) or self._same_phone(customer) or self._same_email(customer):
            found = self._follow_merge(row)
            return CustomerRef(
                read_id(found, "customers.find"), do_not_service=found.get("doNotService") is True
            )
        return None

    def add_customer(self, customer: FieldCustomer) -> CustomerRef:
        """Create the customer together with the location of this visit."""
        name, address = full_name(customer), wire_address(customer.address)
        made = self._api.post(
            "customers.add",
            "crm/customers",
            {
                "name": name,
                "type": "Residential",
                "address": address,
                "locations": [{"name": name, "address": address, "contacts": contacts_of(customer)}],
                "contacts": contacts_of(customer),
                "externalData": self._external(CUSTOMER_KEY, str(customer.customer_id)),
            },
        )
        locations = made.get("locations")
        first = locations[0] if isinstance(locations, list) and locations else None
        location_id = read_id(first, "customers.add") if isinstance(first, dict) else None
        return CustomerRef(read_id(made, "customers.add"), location_id)

    def find_location(self, customer_id: str, customer: FieldCustomer) -> str | None:
        """Look up the customer's location by our reference, then by its address."""
        for row in self._find("locations.find", "crm/locations", LOCATION_KEY, location_reference(customer)):
            if str(row.get("customerId")) == customer_id:
                return read_id(row, "locations.find")
        places = self._api.every(
            "locations.by_address",
            "crm/locations",
            customerId=customer_id,
            zip=customer.address.zip_code,
            active="True",
        )
        wanted = address_key(customer.address)
        for row in places:
            if str(row.get("customerId")) == customer_id and address_key(read_address(row)) == wanted:
                return read_id(row, "locations.by_address")
        return None

    def add_location(self, customer_id: str, customer: FieldCustomer) -> str:
        """Create a location at this address."""
        made = self._api.post(
            "locations.add",
            "crm/locations",
            {
                "customerId": int(customer_id),
                "name": full_name(customer),
                "address": wire_address(customer.address),
                "contacts": contacts_of(customer),
                "externalData": self._external(LOCATION_KEY, location_reference(customer)),
            },
        )
        return read_id(made, "locations.add")

    def do_not_text(self, customer_id: str, phone: str) -> bool:
        """Tell whether this number is marked there as not to be texted."""
        return any(is_muted(row, phone) for row in self._contacts(customer_id))

    def _same_id(self, customer: FieldCustomer) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        """List who carries our id. One that was merged away is inactive and leads on; one that is just inactive is no use."""
        found = self._find(
            "customers.find", "crm/customers", CUSTOMER_KEY, str(customer.customer_id), active="Any"
        )
        return [row for row in found if row.get("mergedToId") or row.get("active") is not False]

    def _same_phone(self, customer: FieldCustomer) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        candidates = self._api.every(
            "customers.by_phone", "crm/customers", phone=digits_of(customer.phone), active="True"
        )[:MAX_CANDIDATES]
        named = [row for row in candidates if has_last_name(row, customer.last_name)]
        return named or [row for row in candidates if self._has_email(row, customer.email)]

    def _same_email(self, customer: FieldCustomer) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        """List who has this name and this e-mail address: there is no filter by e-mail, so the name finds candidates."""
        named = self._api.every("customers.by_name", "crm/customers", name=full_name(customer), active="True")
        candidates = [row for row in named if has_last_name(row, customer.last_name)][:MAX_CANDIDATES]
        return [row for row in candidates if self._has_email(row, customer.email)]

    def _has_email(self, row: dict[str, Any], email: str) -> bool:  # untyped JSON, see http.Reply
        return has_email(self._contacts(read_id(row, "customers.contacts")), email)

    def _contacts(self, customer_id: str) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        return self._api.every("customers.contacts", f"crm/customers/{int(customer_id)}/contacts")

    def _follow_merge(self, row: dict[str, Any]) -> dict[str, Any]:  # untyped JSON, see http.Reply
        """Go to the customer this one was merged into, so that no job lands on a dead record."""
        for _ in range(MAX_MERGES):
            if not row.get("mergedToId"):
                return row
            merged_to = read_id(row, "customers.get", "mergedToId")
            row = self._api.get("customers.get", f"crm/customers/{merged_to}")
        raise ProviderError(Outcome.PERMANENT, "customers.get: merged in a circle")


def full_name(customer: FieldCustomer) -> str:
    """Write the name as ServiceTitan keeps it."""
    return f"{customer.first_name} {customer.last_name}".strip()


def contacts_of(customer: FieldCustomer) -> list[dict[str, str]]:
    """Write how the customer can be reached."""
    return [
        {"type": "MobilePhone", "value": digits_of(customer.phone), "memo": "online booking"},
        {"type": "Email", "value": customer.email, "memo": "online booking"},
    ]


def wire_address(address: FieldAddress) -> dict[str, str | None]:
    """Write an address the way the API does."""
    return {
        "street": address.street,
        "unit": address.unit or None,
        "city": address.city,
        "state": address.state,
        "zip": address.zip_code,
        "country": address.country,
    }
