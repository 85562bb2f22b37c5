"""The first page after the login: what needs a person now, who waits for a call, who is visited today, and how the wizard does."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import db
from app.staff.attention import find_flagged
from app.staff.days import Span, midnight, today
from app.staff.pages import page, staff
from app.staff.pending import find_missing
from app.staff.reports import drawing
from app.staff.reports import overview as overview_report
from app.staff.reports.base import Ask
from app.web import settings

FIGURES = text(
    "SELECT (SELECT count(*) FROM bookings WHERE id >= uuid_v7_floor(:start) AND id < uuid_v7_floor(:stop)) AS booked,"
    " (SELECT count(*) FROM bookings WHERE preferred_time >= :start AND preferred_time < :stop AND status <> 'cancelled') AS visits,"
    " (SELECT count(*) FROM leads WHERE status = 'open' AND (phone IS NOT NULL OR email IS NOT NULL)) AS leads,"
    " (SELECT count(*) FROM inbound_texts WHERE handled_at IS NULL) AS texts,"
    " (SELECT count(*) FROM queue_jobs WHERE status = 'failed' AND outcome IS DISTINCT FROM 'cancelled') AS failed,"
    " (SELECT count(*) FROM time_slots WHERE available AND starts_at > now() AND slot_date BETWEEN :today AND :today + 2) AS open_windows"
)
VISITS = text(
    "SELECT b.reference, b.preferred_time, b.window_end, b.status, b.issue_type, b.contact_first_name, b.contact_last_name,"
    " b.contact_phone, b.door_count, a.city, a.zip_code, a.timezone"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE b.preferred_time >= :start AND b.preferred_time < :stop AND b.status <> 'cancelled'"
    " ORDER BY b.preferred_time, b.id LIMIT 200"
)
CALLERS = text(
    "SELECT id, created_at, kind, urgency, first_name, phone, issue_type, note FROM leads"
    " WHERE status = 'open' AND phone IS NOT NULL AND (kind = 'callback' OR urgency = 'emergency')"
    " ORDER BY urgency IS NOT DISTINCT FROM 'emergency' DESC, created_at LIMIT 10"
)
LAST_DAYS = 14


@dataclass(frozen=True)
class Figures:
    """The numbers at the top."""

    booked: int
    visits: int
    leads: int
    texts: int
    failed: int
    open_windows: int


@staff.get("/")
def overview() -> Response:
    """Show the day."""
    session, day = db.session(), today()
    span = Span(day - timedelta(days=LAST_DAYS - 1), day, settings().report_timezone)
    rows = overview_report.REPORT.rows(session, Ask(span, {}))
    return page(
        "overview",
        day=day,
        figures=read_figures(session, day),
        missing=find_missing(session),
        flagged=find_flagged(session),
        callers=list(session.execute(CALLERS)),
        visits=read_visits(session, day),
        visits_tomorrow=read_visits(session, day + timedelta(days=1)),
        chart=drawing.draw(overview_report.REPORT, rows, {}),
        has_data=any(row[1] or row[2] for row in rows),
    )


def read_figures(session: Session, day: date) -> Figures:
    """Count what the day has."""
    return Figures(*session.execute(FIGURES, {**bounds(day), "today": day}).one())


def read_visits(
    session: Session, day: date
) -> list[Any]:  # Any: rows of the statement, for the template alone
    """Return whom we visit on a day, in order."""
    return list(session.execute(VISITS, bounds(day)))


def bounds(day: date) -> dict[str, object]:
    """Return the instants a day lies between."""
    zone = settings().report_timezone
    return {"start": midnight(day, zone), "stop": midnight(day + timedelta(days=1), zone)}
