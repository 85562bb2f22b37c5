"""The visit as a calendar file, for the homeowner's own calendar."""

from datetime import datetime

from icalendar import Calendar, Event

from app.booking.promise import Promise


def visit_ics(promise: Promise, *, title: str, company_phone: str, host: str, now: datetime) -> bytes:
    """Return an iCalendar file (RFC 5545) with one event; a cancelled booking cancels it. No personal data."""
    cancelled = promise.status == "cancelled"
    event = Event()
    event.add("uid", f"{promise.booking_id}@{host}")
    event.add("summary", title)
    event.add("dtstart", promise.starts_at)
    event.add("dtend", promise.ends_at)
    event.add("dtstamp", now)
    event.add("sequence", promise.version)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("description", f"{promise.reference}\n{company_phone}")
    calendar = Calendar()
    calendar.add("prodid", "-//A1 Garage Booking//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancelled else "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical()
