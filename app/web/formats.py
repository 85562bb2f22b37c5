"""How dates, windows and money read in the visitor's language and the area's zone."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_name
from flask import Flask

from app.web.locale import current
from app.web.words import gettext

LONG_DAY = {"en": "EEEE, MMMM d", "es": "EEEE, d 'de' MMMM"}


def init_app(app: Flask) -> None:
    """Let templates format moments and money."""
    app.jinja_env.filters.update(money=money)


def long_day(at: datetime, zone: str) -> str:
    """Return «Tuesday, November 24» as it is called where the garage is."""
    return day_words(at.astimezone(ZoneInfo(zone)).date(), LONG_DAY[current()], current())


@lru_cache(maxsize=1024)
def day_words(day: date, pattern: str, locale: str) -> str:
    """Return a day in one of Unicode's patterns; remembered, because every visitor looks at the same few weeks."""
    return format_date(day, pattern, locale=locale)


@lru_cache(maxsize=4096)
def clock_time(at: datetime, zone: str) -> str:
    """Return «8 AM», or «8:30 AM» off the hour."""
    local = at.astimezone(ZoneInfo(zone))
    pattern = "h a" if local.minute == 0 else "h:mm a"
    return format_time(local, pattern, locale="en").replace("\u202f", " ")


def window(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """Return «8 AM - 10 AM» with an en dash."""
    return f"{clock_time(starts_at, zone)} – {clock_time(ends_at, zone)}"


def moment_label(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """Return day and window in one line that may break only between the two."""
    hours = window(starts_at, ends_at, zone).replace(" ", "\u00a0").replace("–", "–\u2060")
    return f"{long_day(starts_at, zone)}, {hours}"


def zone_words(at: datetime, zone: str) -> str:
    """Return «Phoenix time (MST)»: the area's zone in words, at that moment."""
    local = at.astimezone(ZoneInfo(zone))
    city = zone.rpartition("/")[2].replace("_", " ")
    return gettext(
        "%(city)s time (%(zone)s)", city=city, zone=local.tzname() or get_timezone_name(local, locale="en")
    )


def money(cents: int) -> str:
    """Return «$89», or «$89.50»."""
    return f"${cents // 100}" if cents % 100 == 0 else f"${cents / 100:.2f}"
