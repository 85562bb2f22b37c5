"""How much we send at most: whoever makes us text a thousand numbers earns with each text, and a flood of e-mail is an attack.

Texts are admitted one after the other under one lock, in the claim's transaction, so that two workers never both see the
last free place. A text is counted once, however often it is tried.
"""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import SMS_CEILINGS, Settings

NO_CEILING = 2**31

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('sms_sends'))")
IS_ADMITTED = text("SELECT EXISTS (SELECT 1 FROM sms_sends WHERE notification_id = :id)")
COUNTS = text(
    "SELECT (SELECT count(*) FROM sms_sends WHERE phone_hash = :phone AND sent_at > clock_timestamp() - interval '1 day') AS phone,"
    " (SELECT count(*) FROM sms_sends WHERE prefix_hash = :prefix AND sent_at > clock_timestamp() - interval '1 hour') AS prefix,"
    " (SELECT count(*) FROM sms_sends WHERE address_hash = :address AND sent_at > clock_timestamp() - interval '1 hour') AS address,"
    " (SELECT count(*) FROM sms_sends WHERE sent_at > clock_timestamp() - interval '1 hour') AS everyone"
)
ADMIT = text(
    "INSERT INTO sms_sends (notification_id, phone_hash, prefix_hash, address_hash, sent_at)"
    " VALUES (:id, :phone, :prefix, :address, clock_timestamp())"
)
ADDRESS = text(
    "SELECT v.client_addr_hash FROM bookings b JOIN wizard_sessions v ON v.id = b.session_id WHERE b.id = :booking_id"
)
MAILS_TO_BOOKINGS = 3
# By the order in which bookings came, not by what was sent: that needs no lock and no count of what is on its way.
EARLIER_BOOKINGS = text(
    "WITH mine AS (SELECT recipient_hash, booking_id, created_at FROM notifications WHERE booking_id = :booking_id"
    " AND type = 'email' ORDER BY created_at, id LIMIT 1)"
    " SELECT count(DISTINCT n.booking_id) FROM mine JOIN notifications n ON n.recipient_hash = mine.recipient_hash"
    " AND n.type = 'email' AND n.booking_id <> mine.booking_id AND n.created_at > mine.created_at - interval '1 day'"
    " AND (n.created_at, n.booking_id) < (mine.created_at, mine.booking_id)"
)


@dataclass(frozen=True)
class Ceilings:
    """Most texts to one number a day, and an hour to one block of numbers, for one client address, and in all."""

    per_phone_day: int
    per_prefix_hour: int
    per_address_hour: int
    per_hour: int

    @classmethod
    def of(cls, settings: Settings) -> "Ceilings":
        """Return what the settings allow; without limits on abuse there is room for everything."""
        most = [getattr(settings, name) if settings.abuse_limits else NO_CEILING for name in SMS_CEILINGS]
        return cls(*most)


@dataclass(frozen=True)
class Parcel:
    """One text that wants to leave, by keyed hashes."""

    id: uuid.UUID
    phone: bytes
    prefix: bytes
    address: bytes | None = None


class Ceiling(StrEnum):
    """Which ceiling a text would break."""

    PHONE = "too many texts to this number today"
    PREFIX = "too many texts to numbers like this one"
    ADDRESS = "too many texts asked for from one address"
    EVERYONE = "too many texts this hour"


def admit(session: Session, parcel: Parcel, ceilings: Ceilings) -> Ceiling | None:
    """Count a text that is about to leave, or say which ceiling it would break."""
    values = vars(parcel)
    session.execute(LOCK)
    if session.execute(IS_ADMITTED, values).scalar_one():
        return None
    counts = session.execute(COUNTS, values).one()
    for count, most, ceiling in (
        (counts.phone, ceilings.per_phone_day, Ceiling.PHONE),
        (counts.prefix, ceilings.per_prefix_hour, Ceiling.PREFIX),
        (counts.address, ceilings.per_address_hour, Ceiling.ADDRESS),
        (counts.everyone, ceilings.per_hour, Ceiling.EVERYONE),
    ):
        if count >= most:
            return ceiling
    session.execute(ADMIT, values)
    return None


def address_of(session: Session, booking_id: uuid.UUID) -> bytes | None:
    """Return the hash of the client address a booking came from, while its visit is kept."""
    found: bytes | None = session.execute(ADDRESS, {"booking_id": booking_id}).scalar_one_or_none()
    return found


def may_mail(session: Session, booking_id: uuid.UUID) -> bool:
    """Say whether a booking is among the first of its e-mail address within a day: only those are written about."""
    earlier: int = session.execute(EARLIER_BOOKINGS, {"booking_id": booking_id}).scalar_one()
    return earlier < MAILS_TO_BOOKINGS
