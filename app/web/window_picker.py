"""Open arrival windows as people pick them: radio buttons by day and part of day, soonest first, in the area's zone."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import request

from app.booking.slots import DAYS_SHOWN, OpenSlot, by_day
from app.web import formats
from app.web.locale import current
from app.web.words import gettext

DAYS_FIRST = 7


@dataclass(frozen=True)
class Picker:
    """Where windows are picked: the area's zone, the moment, what is ticked, which window is the visitor's already."""

    zone: str
    now: datetime
    page_url: str
    chosen: str | None = None
    own: uuid.UUID | None = None


def picker_context(found: list[OpenSlot], picker: Picker) -> dict[str, Any]:
    """Return what the macro of the same name shows. Nothing to pick: no `earliest`."""
    zone, today = picker.zone, picker.now.astimezone(ZoneInfo(picker.zone)).date()
    open_slots = [slot for slot in found if slot.id != picker.own]
    shown = days_shown(open_slots, today, picker.chosen)
    grouped = by_day(found)
    chosen = (
        next((slot.slot_date for slot in found if str(slot.id) == picker.chosen), None)
        if picker.chosen
        else None
    )
    selected = chosen or (open_slots[0].slot_date if open_slots else None)
    days = [today + timedelta(days=n) for n in range(shown)] if open_slots else []
    return {
        "days": [day_card(day, grouped.get(day, []), picker, is_selected=day == selected) for day in days],
        "earliest": earliest(open_slots[0], zone) if open_slots else None,
        "zone_text": formats.zone_words(open_slots[0].starts_at if open_slots else picker.now, zone),
        "more_url": f"{picker.page_url}?days={DAYS_SHOWN}" if open_slots and shown < DAYS_SHOWN else None,
    }


def days_shown(found: list[OpenSlot], today: date, chosen: str | None) -> int:
    """Return how many days to lay out: a week, or two when asked for, or when that is where the choice lies."""
    farthest = today + timedelta(days=DAYS_FIRST)
    beyond = any(slot.slot_date >= farthest and str(slot.id) == chosen for slot in found)
    nothing_near = bool(found) and found[0].slot_date >= farthest
    return (
        DAYS_SHOWN + 1
        if beyond or nothing_near or request.args.get("days") == str(DAYS_SHOWN)
        else DAYS_FIRST
    )


def day_card(day: date, slots: list[OpenSlot], picker: Picker, *, is_selected: bool) -> dict[str, Any]:
    """Return one day of the strip with its windows."""
    locale = current()
    long_label = formats.day_words(day, formats.LONG_DAY[locale], locale)
    return {
        "date": day.isoformat(),
        "weekday": formats.day_words(day, "EEE", locale),
        "day": day.day,
        "month": formats.day_words(day, "MMM", locale),
        "long_label": long_label[:1].upper() + long_label[1:],
        "open_count": sum(slot.id != picker.own for slot in slots),
        "has_own": any(slot.id == picker.own for slot in slots),
        "is_selected": is_selected,
        "parts": parts_of_day(slots, picker),
    }


def parts_of_day(slots: list[OpenSlot], picker: Picker) -> list[dict[str, Any]]:
    """Group a day's windows into morning, afternoon and evening."""
    names = ((gettext("Morning"), 0, 12), (gettext("Afternoon"), 12, 17), (gettext("Evening"), 17, 24))
    return [
        {
            "label": label,
            "windows": [window_choice(slot, picker) for slot in slots if start <= slot.slot_time.hour < end],
        }
        for label, start, end in names
        if any(start <= slot.slot_time.hour < end for slot in slots)
    ]


def window_choice(slot: OpenSlot, picker: Picker) -> dict[str, Any]:
    """Return one window as a radio button."""
    name = str(slot.id)
    return {
        "id": name,
        "label": label_of(slot, picker.zone),
        "selected": name == picker.chosen,
        "is_own": slot.id == picker.own,
    }


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
