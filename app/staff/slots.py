"""The board of arrival windows: one ZIP code's day, what is sold and held, and closing or opening by hand."""

from collections.abc import Callable
from datetime import date, datetime, time

from flask import Response, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.booking import opening
from app.booking.opening import OpeningRefused, Window
from app.extensions import db
from app.models import ServiceArea
from app.models.staff import Role
from app.staff import audit_trail, board
from app.staff.days import read_day, today
from app.staff.pages import back_to, doer, needs, page, staff
from app.web import settings, transaction

AREAS = select(ServiceArea.zip_code, ServiceArea.city, ServiceArea.state).order_by(ServiceArea.zip_code)


@staff.get("/slots")
def show_slots() -> Response:
    """Show one ZIP code's day."""
    session, day = db.session(), read_day(request.args.get("day")) or today()
    areas = list(session.execute(AREAS))
    zip_code = request.args.get("zip", "").strip() or (areas[0].zip_code if areas else "")
    area = session.scalar(select(ServiceArea).where(ServiceArea.zip_code == zip_code))
    return page(
        "slots",
        areas=areas,
        area=area,
        zip_code=zip_code,
        day=day,
        windows=board.read_day(session, area, day) if area else [],
        strip=board.read_strip(session, area, day) if area else [],
    )


@staff.post("/slots/open")
@needs(Role.DISPATCHER)
def open_slot() -> AnyResponse:
    """Open a window, new or closed before."""
    window = read_window()
    if window is None:
        return refused("Give a start like 08:00, an end like 10:00 and a number of bookings.")
    unit = settings().st_business_unit_id

    def work(session: Session) -> str:
        return f"{window.start:%H:%M} is {opening.open_window(session, window, unit=unit, now=clock.now())}."

    return act("slot_open", window.start, work)


@staff.post("/slots/close")
@needs(Role.DISPATCHER)
def close_slot() -> AnyResponse:
    """Close one window."""
    window = read_window()
    if window is None:
        return refused("Give a start like 08:00.")
    unit = settings().st_business_unit_id

    def work(session: Session) -> str:
        done = opening.close_window(session, window, unit=unit)
        return f"{window.start:%H:%M} is closed." + (" Its booking stays." if done.booked else "")

    return act("slot_close", window.start, work)


@staff.post("/slots/close-day")
@needs(Role.DISPATCHER)
def close_day() -> AnyResponse:
    """Close all windows of a day."""
    zip_code, day = where()

    def work(session: Session) -> str:
        done = opening.close_day(session, zip_code, day)
        return f"{done.windows} windows closed." + (f" {done.booked} bookings stay." if done.booked else "")

    return act("slot_close", None, work)


@staff.post("/slots/open-day")
@needs(Role.DISPATCHER)
def open_day() -> AnyResponse:
    """Open again what staff closed on a day."""
    zip_code, day = where()
    return act(
        "slot_open",
        None,
        lambda session: f"{opening.open_day(session, zip_code, day, now=clock.now())} windows opened.",
    )


def act(action: str, start: time | None, work: Callable[[Session], str]) -> AnyResponse:
    """Do it, write it down, and show the day again."""
    zip_code, day = where()

    def whole(session: Session) -> str:
        said = work(session)
        audit_trail.record(session, doer(), action, opening.name_of(zip_code, day, start))
        return said

    try:
        return back_to(here(), transaction.run(whole))
    except OpeningRefused as error:
        return refused(f"Nothing was changed: {error}.")


def refused(reason: str) -> AnyResponse:
    """Show the day again, and why nothing happened."""
    return back_to(here(), reason, "bad")


def where() -> tuple[str, date]:
    """Return the ZIP code and day a form is about."""
    return request.form.get("zip", "").strip(), read_day(request.form.get("day")) or today()


def here() -> str:
    """Return the address of the day a form is about."""
    zip_code, day = where()
    return url_for("staff.show_slots", zip=zip_code, day=day.isoformat())


def read_window() -> Window | None:
    """Read a window of a form; what cannot be read is nothing."""
    zip_code, day = where()
    start, end = read_time(request.form.get("start")), read_time(request.form.get("end"))
    capacity = request.form.get("capacity") or "1"
    if start is None or not capacity.isdecimal() or len(capacity) > 3:
        return None
    return Window(zip_code, day, start, end, int(capacity))


def read_time(raw: str | None) -> time | None:
    """Read a wall time."""
    try:
        return datetime.strptime((raw or "")[:5], "%H:%M").time()  # noqa: DTZ007 - a wall time has no zone of its own
    except ValueError:
        return None
