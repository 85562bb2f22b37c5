"""Finding bookings: page by page with filters, or one person by reference, name, phone or e-mail."""

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import phonenumbers
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models.booking import BookingStatus
from app.staff.days import Span

PAGE_SIZE = 50
SEARCHED = timedelta(days=365)
COLUMNS = (
    "SELECT b.id, b.reference, b.status, b.preferred_time, b.window_end, b.issue_type, b.contact_first_name,"
    " b.contact_last_name, b.contact_phone, b.booking_source, b.servicetitan_job_id, b.needs_attention, b.created_at,"
    " a.city, a.zip_code, a.timezone FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
)
FILTERED = text(
    f"{COLUMNS} WHERE (CAST(:before AS uuid) IS NULL OR b.id < :before)"
    " AND b.id >= coalesce(uuid_v7_floor(:booked_from), '00000000-0000-0000-0000-000000000000')"
    " AND b.id < coalesce(uuid_v7_floor(:booked_to), 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
    " AND (CAST(:visit_from AS timestamptz) IS NULL OR b.preferred_time >= :visit_from)"
    " AND (CAST(:visit_to AS timestamptz) IS NULL OR b.preferred_time < :visit_to)"
    " AND (CAST(:status AS text) IS NULL OR b.status = :status)"
    " AND (CAST(:source AS text) IS NULL OR b.booking_source = :source)"
    " ORDER BY b.id DESC LIMIT :size"
)
BY_REFERENCE = text("SELECT reference FROM bookings WHERE reference = :reference")
# The bound is a value, not now(): the planner then leaves years of months out before it starts.
LAST_YEAR = "id >= uuid_v7_floor(:since) AND (CAST(:before AS uuid) IS NULL OR id < :before)"
# Every way to the person by its own index, and then the bookings by id: an OR over both tables would read all of the year.
BY_CONTACT = text(
    f"{COLUMNS} WHERE b.id = ANY(ARRAY(SELECT id FROM bookings WHERE contact_email = :email AND {LAST_YEAR}"  # noqa: S608 - our own words
    f" UNION SELECT id FROM bookings WHERE contact_phone = :phone AND {LAST_YEAR}"
    " UNION SELECT o.id FROM customers c CROSS JOIN LATERAL (SELECT id FROM bookings"
    f" WHERE customer_id = c.id AND {LAST_YEAR} OFFSET 0) o WHERE c.email = :email OR c.phone = :phone)) AND b.id >= uuid_v7_floor(:since)"
    " ORDER BY b.id DESC LIMIT :size"
)
BY_NAME = text(
    f"{COLUMNS} WHERE b.id >= uuid_v7_floor(:since) AND (CAST(:before AS uuid) IS NULL OR b.id < :before)"
    " AND lower(b.contact_first_name || ' ' || b.contact_last_name) LIKE :name ORDER BY b.id DESC LIMIT :size"
)
LIKE_SIGNS = re.compile(r"([\\%_])")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; dates are of the booking or of the visit."""

    status: str | None = None
    source: str | None = None
    span: Span | None = None
    by_visit: bool = False
    before: uuid.UUID | None = None


@dataclass(frozen=True)
class Found:
    """One page of bookings; `before` continues behind it."""

    rows: list[Any]  # Any: rows of the statement, for the template alone
    before: uuid.UUID | None


def list_filtered(session: Session, filters: Filters) -> Found:
    """Return a page of bookings, the newest first."""
    starts_at, ends_at = (filters.span.starts_at, filters.span.ends_at) if filters.span else (None, None)
    values = {
        "status": filters.status if filters.status in set(BookingStatus) else None,
        "source": filters.source,
        "before": filters.before,
        "booked_from": None if filters.by_visit else starts_at,
        "booked_to": None if filters.by_visit else ends_at,
        "visit_from": starts_at if filters.by_visit else None,
        "visit_to": ends_at if filters.by_visit else None,
    }
    return page_of(list(session.execute(FILTERED, {**values, "size": PAGE_SIZE + 1})))


def find_reference(session: Session, words: str) -> str | None:
    """Return the reference that was typed, if it is one; people read O for 0 and I or L for 1."""
    typed = re.sub(r"[\s-]", "", words).upper().translate(str.maketrans("OIL", "011"))
    if not re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{8}", typed):
        return None
    found: str | None = session.execute(BY_REFERENCE, {"reference": typed}).scalar()
    return found


def search_contact(session: Session, words: str, before: uuid.UUID | None) -> Found:
    """Return bookings of the last year whose contact fits an e-mail address, a phone number or a part of a name."""
    typed = " ".join(words.lower().split())[:100]
    email = typed if "@" in typed else None
    phone = None if email else phone_in(typed)
    name = None if email or phone or len(typed) < 2 else "%" + LIKE_SIGNS.sub(r"\\\1", typed) + "%"
    since = clock.now() - SEARCHED
    values = {
        "email": email,
        "phone": phone,
        "name": name,
        "since": since,
        "before": before,
        "size": PAGE_SIZE + 1,
    }
    return page_of(list(session.execute(BY_NAME if name else BY_CONTACT, values)))


def phone_in(typed: str) -> str | None:
    """Return what was typed as E.164, when it is a phone number."""
    if sum(letter.isdigit() for letter in typed) < 7:
        return None
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(typed, "US"), phonenumbers.PhoneNumberFormat.E164
        )
    except phonenumbers.NumberParseException:
        return None


def page_of(rows: list[Any]) -> Found:
    """Cut the one row too many, which tells that there is more."""
    more = len(rows) > PAGE_SIZE
    return Found(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].id if more else None)
