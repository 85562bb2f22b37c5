"""Tells whether a stored customer or address is the one on a booking, although people write the same thing differently."""

import hashlib
import html
import re
import unicodedata
from typing import Any
from uuid import UUID

from app.providers.ports import FieldAddress, FieldCustomer

SHORT_FORMS = {
    "street": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr", "lane": "ln", "boulevard": "blvd",
    "court": "ct", "place": "pl", "circle": "cir", "terrace": "ter", "trail": "trl", "parkway": "pkwy",
    "highway": "hwy", "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw",
    "southeast": "se", "southwest": "sw",
}  # fmt: skip
UNIT_WORDS = {"apt", "apartment", "unit", "suite", "ste", "no", "number"}
NOT_WORD = re.compile(r"[^\w]+")
TAG = re.compile(r"</?[A-Za-z][^>]*>")


def plain_words(text: str | None) -> list[str]:
    """Split into lower-case words without punctuation or accents."""
    decomposed = unicodedata.normalize("NFKD", text or "")
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return NOT_WORD.sub(" ", bare.casefold()).split()


def address_key(address: FieldAddress) -> str:
    """Reduce an address to what makes it that address."""
    street = " ".join(SHORT_FORMS.get(word, word) for word in plain_words(address.street))
    unit = "".join(word for word in plain_words(address.unit) if word not in UNIT_WORDS)
    return f"{street}|{unit}|{address.zip_code[:5]}"


def location_reference(customer: FieldCustomer) -> str:
    """Name a customer's location at this address, the same way every time."""
    text = f"{customer.customer_id}|{address_key(customer.address)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digits_of(phone: str) -> str:
    """Write a phone number as the ten digits ServiceTitan uses."""
    return re.sub(r"\D", "", phone)[-10:]


def read_address(row: dict[str, Any]) -> FieldAddress:  # untyped JSON, see http.Reply
    """Read a stored address; absent parts are empty."""
    stored = row.get("address")
    part = stored if isinstance(stored, dict) else {}
    return FieldAddress(
        street=str(part.get("street") or ""),
        unit=str(part.get("unit") or ""),
        city=str(part.get("city") or ""),
        state=str(part.get("state") or ""),
        zip_code=str(part.get("zip") or ""),
    )


def external_value(row: dict[str, Any], key: str) -> str | None:  # untyped JSON, see http.Reply
    """Read what we wrote on a row under our key."""
    pairs = row.get("externalData")
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, dict) and pair.get("key") == key:
            return str(pair.get("value"))
    return None


def has_external(row: dict[str, Any], key: str, value: UUID | str) -> bool:  # untyped JSON, see http.Reply
    """Tell whether a row carries our key with this value."""
    return external_value(row, key) == str(value)


def has_last_name(row: dict[str, Any], last_name: str) -> bool:  # untyped JSON, see http.Reply
    """Tell whether the stored full name ends with this last name."""
    wanted = plain_words(last_name)
    return bool(wanted) and plain_words(str(row.get("name") or ""))[-len(wanted) :] == wanted


def has_email(contacts: list[dict[str, Any]], email: str) -> bool:  # untyped JSON, see http.Reply
    """Tell whether one of the contacts is this e-mail address."""
    return any(
        row.get("type") == "Email" and str(row.get("value") or "").casefold() == email.casefold()
        for row in contacts
    )


def is_muted(contact: dict[str, Any], phone: str) -> bool:  # untyped JSON, see http.Reply
    """Tell whether a contact is this phone number, marked as not to be texted."""
    stored = contact.get("phoneSettings")
    settings = stored if isinstance(stored, dict) else {}
    numbers = {digits_of(str(value or "")) for value in (contact.get("value"), settings.get("phoneNumber"))}
    return settings.get("doNotText") is True and digits_of(phone) in numbers


def same_text(stored: object, text: str) -> bool:
    """Tell whether a stored note is this text, however the provider wrapped it."""
    ours, theirs = (plain_words(TAG.sub(" ", html.unescape(each))) for each in (text, str(stored or "")))
    return ours == theirs
