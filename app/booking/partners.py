"""Companies that embed the wizard: a public key, the exact origins that may frame us, and how it looks there."""

import re
import secrets
import string
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Partner

KEY_LETTERS = string.ascii_letters + string.digits
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
LOCALES = ("en", "es")
BUILT_IN = "direct"


class PartnerRefused(Exception):
    """The partner cannot be saved like this; `field` names what to change."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class PartnerData:
    """What people decide about a partner; empty means ours."""

    name: str
    origins: tuple[str, ...]
    hue: int | None = None
    phone: str | None = None
    locale: str | None = None
    active: bool = True


def checked(data: PartnerData) -> PartnerData:
    """Return the data in the form it is stored in. Raise PartnerRefused."""
    name = data.name.strip()
    if not 1 <= len(name) <= 100:
        raise PartnerRefused("name", "must have 1 to 100 characters")
    if data.hue is not None and not 0 <= data.hue <= 359:
        raise PartnerRefused("hue", "must be 0 to 359")
    if data.locale is not None and data.locale not in LOCALES:
        raise PartnerRefused("locale", "must be en or es")
    origins = tuple(dict.fromkeys(origin_of(given) for given in data.origins))
    return PartnerData(name, origins, data.hue, phone_of(data.phone), data.locale, data.active)


def origin_of(given: str) -> str:
    """Return scheme, host and port of an address as browsers write an origin. Raise PartnerRefused."""
    try:
        parts = urlsplit(given.strip())
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError as error:
        raise PartnerRefused("origin", f"«{given}» is not a web address") from error
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")
    if parts.username or parts.path not in {"", "/"} or parts.query or not ORIGIN.fullmatch(origin):
        raise PartnerRefused(
            "origin", f"«{given}» must be scheme and host alone, like https://www.example.com"
        )
    return origin


def phone_of(given: str | None) -> str | None:
    """Return a phone number in E.164. Raise PartnerRefused."""
    if not given or not given.strip():
        return None
    try:
        number = phonenumbers.parse(given, "US")
    except phonenumbers.NumberParseException as error:
        raise PartnerRefused("phone", f"«{given}» is not a phone number") from error
    if not phonenumbers.is_possible_number(number):
        raise PartnerRefused("phone", f"«{given}» is not a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def add(session: Session, data: PartnerData) -> Partner:
    """Add a partner under a new key. Raise PartnerRefused."""
    known = checked(data)
    if not known.origins:
        raise PartnerRefused("origin", "at least one is needed: the pages that will show the wizard")
    key = "pk_" + "".join(secrets.choice(KEY_LETTERS) for _ in range(16))
    partner = Partner(key=key)
    apply(partner, known)
    session.add(partner)
    session.flush()
    return partner


def change(session: Session, key: str, data: PartnerData) -> Partner:
    """Change a partner that exists; the built-in one frames nobody and stays active. Raise PartnerRefused."""
    partner = get(session, key)
    known = checked(data)
    if key == BUILT_IN and (known.origins or not known.active):
        raise PartnerRefused("origin", "our own pages are never framed and never switched off")
    apply(partner, known)
    session.flush()
    return partner


def apply(partner: Partner, data: PartnerData) -> None:
    """Write checked data to the row."""
    partner.name = data.name
    partner.origins = list(data.origins)
    partner.hue = data.hue
    partner.phone = data.phone
    partner.locale = data.locale
    partner.active = data.active


def get(session: Session, key: str) -> Partner:
    """Return the partner of a key. Raise PartnerRefused."""
    partner = session.scalar(select(Partner).where(Partner.key == key))
    if partner is None:
        raise PartnerRefused("key", f"{key} is no partner of ours")
    return partner


def find(session: Session, partner_id: uuid.UUID | None) -> Partner | None:
    """Return the partner of a booking or visit, when there is one."""
    return session.get(Partner, partner_id) if partner_id else None


def list_all(session: Session) -> list[Partner]:
    """Return all partners, our own pages first."""
    return list(session.scalars(select(Partner).order_by(Partner.key != BUILT_IN, Partner.name)))
