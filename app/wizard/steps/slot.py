"""When should we come? Continue holds the window; what is open is only what this visit could really get."""

import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from flask import request
from flask_babel import gettext, lazy_gettext
from wtforms import Form, StringField
from wtforms.validators import ValidationError

from app.analytics.events import EventType
from app.booking import slots
from app.booking.answers import Answers
from app.booking.errors import SlotElsewhere
from app.booking.slots import DAYS_SHOWN, HoldRequest, HoldResult, OpenSlot
from app.web import formats
from app.web.locale import current
from app.wizard.steps.base import Desk, Posted, Refused, Saved, Step

DAYS_FIRST = 7
CHOOSE_WINDOW = lazy_gettext("Please choose an arrival window.")


def slot_id(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Refuse what is no id."""
    try:
        uuid.UUID(entry.data or "")
    except ValueError:
        raise ValidationError(CHOOSE_WINDOW) from None


class SlotForm(Form):
    """The id of a window."""

    slot_id = StringField(validators=[slot_id])


class SlotStep(Step):
    """The fifth question. Its POST locks the visit's row, because it may hold a window."""

    name = "slot"
    form = SlotForm
    shows = ("slot_id",)
    locks = True

    def is_answered(self, answers: Answers) -> bool:
        """Say whether a window is chosen."""
        return answers.slot_id is not None

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Hold the window. Raise SlotTaken when it is gone."""
        chosen = uuid.UUID(posted["slot_id"])
        answers = desk.visit.answers
        wanted = HoldRequest(
            slot_id=chosen,
            area_id=uuid.UUID(answers.area_id),
            visit_id=desk.visit.id,
            address=desk.address,
            seconds=desk.settings.hold_seconds,
            lead=desk.lead,
        )
        try:
            result, window = slots.hold(desk.session, wanted)
        except SlotElsewhere:
            elsewhere = gettext("That window belongs to another area. Please choose one below.")
            raise Refused({"slot_id": elsewhere}) from None
        kept = replace(
            answers,
            slot_id=str(chosen),
            starts_at=window.starts_at.isoformat(),
            ends_at=window.ends_at.isoformat(),
        )
        return Saved(kept, (EventType.SLOT_HELD,) if result is HoldResult.HELD else ())

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:  # noqa: ARG002
        """Show every window this visit can get, by day and part of day, soonest first."""
        answers = desk.visit.answers
        zone = answers.timezone or desk.settings.report_timezone
        found = slots.open_slots(desk.session, uuid.UUID(answers.area_id), desk.visit.id, desk.lead, desk.now)
        today = desk.now.astimezone(ZoneInfo(zone)).date()
        shown = days_shown(found, today, answers.slot_id)
        grouped = slots.by_day(found)
        chosen = next((slot.slot_date for slot in found if str(slot.id) == answers.slot_id), None)
        selected = chosen or (found[0].slot_date if found else None)
        days = [today + timedelta(days=n) for n in range(shown)] if found else []
        return {
            "days": [day_card(day, grouped.get(day, []), zone, selected, answers.slot_id) for day in days],
            "earliest": earliest(found[0], zone) if found else None,
            "zone_text": formats.zone_words(found[0].starts_at if found else desk.now, zone),
            "more_url": f"/w/{desk.visit.token}/slot?days={DAYS_SHOWN}"
            if found and shown < DAYS_SHOWN
            else None,
            "callback_url": f"/w/{desk.visit.token}/callback",
        }


def days_shown(found: list[OpenSlot], today: date, chosen: str | None) -> int:
    """Return how many days to lay out: a week, or two when asked for, or when that is where the choice lies."""
    farthest = today + timedelta(days=DAYS_FIRST)
    beyond = any(str(slot.id) == chosen and slot.slot_date >= farthest for slot in found)
    nothing_near = bool(found) and found[0].slot_date >= farthest
    return (
        DAYS_SHOWN + 1
        if beyond or nothing_near or request.args.get("days") == str(DAYS_SHOWN)
        else DAYS_FIRST
    )


def day_card(
    day: date, open_slots: list[OpenSlot], zone: str, selected: date | None, chosen: str | None
) -> dict[str, Any]:
    """Return one day of the strip with its windows."""
    locale = current()
    long_label = format_date(day, "EEEE, MMMM d" if locale == "en" else "EEEE, d 'de' MMMM", locale=locale)
    return {
        "date": day.isoformat(),
        "weekday": format_date(day, "EEE", locale=locale),
        "day": day.day,
        "month": format_date(day, "MMM", locale=locale),
        "long_label": long_label[:1].upper() + long_label[1:],
        "open_count": len(open_slots),
        "is_selected": day == selected,
        "parts": parts_of_day(open_slots, zone, chosen),
    }


def parts_of_day(open_slots: list[OpenSlot], zone: str, chosen: str | None) -> list[dict[str, Any]]:
    """Group a day's windows into morning, afternoon and evening."""
    names = ((gettext("Morning"), 0, 12), (gettext("Afternoon"), 12, 17), (gettext("Evening"), 17, 24))
    return [
        {
            "label": label,
            "windows": [
                {"id": str(slot.id), "label": label_of(slot, zone), "selected": str(slot.id) == chosen}
                for slot in open_slots
                if start <= slot.slot_time.hour < end
            ],
        }
        for label, start, end in names
        if any(start <= slot.slot_time.hour < end for slot in open_slots)
    ]


def label_of(slot: OpenSlot, zone: str) -> str:
    """Return «8 AM - 10 AM»."""
    return formats.window(slot.starts_at, slot.ends_at, zone)


def earliest(slot: OpenSlot, zone: str) -> dict[str, str]:
    """Return the soonest window as its own card."""
    return {
        "id": str(slot.id),
        "label_day": formats.long_day(slot.starts_at, zone),
        "label_time": label_of(slot, zone),
    }


def moment_label(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """Return day and window in one line that may break only between the two."""
    hours = formats.window(starts_at, ends_at, zone).replace(" ", "\u00a0")
    return f"{formats.long_day(starts_at, zone)}, {hours}"
