"""The manage link's two pages: the booking as it stands, and the windows it could move to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response
from flask_babel import gettext

from app import clock
from app.booking import slots
from app.booking.issues import BY_CODE
from app.booking.slots import OpenSlot
from app.manage.link import Found, seal_of
from app.web import formats, locale, settings
from app.web.promise_view import booking_context
from app.web.render import layout, render_page, wants_fragment
from app.web.window_picker import Picker, picker_context


@dataclass(frozen=True)
class Showing:
    """How a page is shown: what was chosen, what is wrong, what just happened."""

    status: int = 200
    notice: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


AS_IT_IS = Showing()


def show_booking(found: Found, showing: Showing = AS_IT_IS, *, is_cancelling: bool = False) -> Response:
    """Show the booking as it stands now."""
    promise = found.promise
    issue = BY_CODE.get(promise.issue_type)
    return render(
        found,
        "manage/show.html",
        showing,
        step="manage",
        booking=booking_context(promise),
        rows=[
            {"label": gettext("Issue"), "value": gettext(issue.title) if issue else promise.issue_type},
            {"label": gettext("Doors"), "value": str(promise.door_count)},
        ],
        past=promise.ends_at < clock.now(),
        is_moving=promise.is_moving,
        is_cancelling=is_cancelling,
        can_change=found.can_change,
        cancel_url=f"{found.url}/cancel",
        move_url=f"{found.url}/move",
        ics_url=f"{found.url}/visit.ics",
    )


def show_windows(found: Found, showing: Showing = AS_IT_IS) -> Response:
    """Show every window the booking could move to, with its own among them, by day, soonest first."""
    promise, now = found.promise, clock.now()
    lead = timedelta(minutes=settings().booking_lead_minutes)
    open_slots = slots.open_slots(found.session, promise.area_id, None, lead, now)
    own = own_slot(found, now)
    picker = Picker(
        zone=promise.timezone,
        now=now,
        page_url=f"{found.url}/move",
        chosen=showing.values.get("slot_id"),
        own=own[0].id if own else None,
    )
    return render(
        found,
        "manage/move.html",
        showing,
        step="move",
        action=f"{found.url}/move",
        back_url=found.url,
        own_window=formats.moment_label(promise.starts_at, promise.ends_at, promise.timezone),
        **picker_context(sorted(open_slots + own, key=lambda slot: slot.starts_at), picker),
    )


def own_slot(found: Found, now: datetime) -> list[OpenSlot]:
    """Return the booking's own window the way open ones are listed, where it is among the days shown."""
    promise = found.promise
    if promise.slot_id is None or promise.starts_at > now + timedelta(days=slots.DAYS_SHOWN):
        return []
    local = promise.starts_at.astimezone(ZoneInfo(promise.timezone))
    return [
        OpenSlot(promise.slot_id, local.date(), local.time(), promise.starts_at, promise.ends_at, held=True)
    ]


def render(found: Found, template: str, showing: Showing, **context: Any) -> Response:  # Any: for templates
    """Render a page of the link, for htmx only the part that changes."""
    response = render_page(
        template,
        showing.status,
        layout=layout(),
        notice=showing.notice,
        values=showing.values,
        errors=showing.errors,
        fs=seal_of(found.token),
        lang=locale.current(),
        **context,
    )
    if wants_fragment():
        page = "" if context["step"] == "manage" else f"/{context['step']}"
        response.headers["HX-Push-Url"] = found.url + page
    return response
