"""Arrival windows from our own opening hours, for offices that plan their crews themselves: nobody is asked anything.

All ZIP codes of an area share its crews. How many visits are booked is known here, so the figures are the whole room.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app import clock
from app.providers.ports import OpenWindow, Outcome, Place, ProviderError, Snapshot, Zone
from app.providers.servicetitan_mapping import Area, FieldMapping
from app.providers.slot_keys import SlotKey, key_of_source, key_prefix

SOURCE = "loc1"
EVERYWHERE = "everywhere"
LONGEST_NAME = 24
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SPAN = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))?")
TIME_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Hours:
    """One arrival window of the week, in wall time."""

    weekday: int
    start: time
    end: time


def read_hours(text: str) -> tuple[Hours, ...]:
    """Read `mon-fri 08:00-10:00 10:00-12:00; sat 08:00-12:00`. Raise ProviderError (config)."""
    found: dict[tuple[int, time], Hours] = {}
    for part in filter(None, (part.strip().lower() for part in text.split(";"))):
        days, *spans = part.split()
        for day in _days(days):
            for start, end in map(_span, spans):
                if (day, start) in found:
                    raise _refused(f"{DAYS[day]} {start:%H:%M} stands there twice")
                found[day, start] = Hours(day, start, end)
    if not found:
        raise _refused("no window in it")
    return tuple(sorted(found.values(), key=lambda hours: (hours.weekday, hours.start)))


def _days(text: str) -> list[int]:
    match = DAY_SPAN.fullmatch(text)
    if match is None:
        raise _refused(f"{text} is no day or span of days like mon-fri")
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    return [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]


def _span(text: str) -> tuple[time, time]:
    match = TIME_SPAN.fullmatch(text)
    if match is None:
        raise _refused(f"{text} is no window like 08:00-10:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if end <= start:
        raise _refused(f"{text} ends before it starts")
    return start, end


def _refused(words: str) -> ProviderError:
    return ProviderError(Outcome.CONFIG, f"SLOT_HOURS: {words}")


class LocalSlots:
    """The SlotSource port over opening hours."""

    def __init__(self, hours: Sequence[Hours], crews: int, mapping: FieldMapping) -> None:
        self._hours = hours
        self._crews = crews
        self._mapping = mapping

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:
        """Group the places we serve by the mapping's areas; what no area covers is one group for each time zone."""
        codes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for place in places:
            area = self._mapping.area_of(place.zip_code)
            unit = area.business_unit_id if area else self._mapping.business_unit_id
            codes[_zone_id(area, place.timezone), str(unit), place.timezone].append(place.zip_code)
        return tuple(
            Zone(zone_id, zone_id, tuple(ours), unit, timezone)
            for (zone_id, unit, timezone), ours in codes.items()
        )

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's windows of the opening hours, each with all its crews."""
        unit, clocks = int(zone.business_unit_id), ZoneInfo(zone.timezone)
        first, last = starts_at.astimezone(clocks).date(), ends_at.astimezone(clocks).date()
        spans = [
            span
            for number in range((last - first).days + 1)
            for span in self._spans(first + timedelta(days=number), clocks)
            if starts_at <= span[0] < ends_at
        ]
        room = self._room(zone.id)
        return Snapshot(
            key_prefix=key_prefix(SOURCE, unit, zone.id),
            requested_at=requested_at or clock.now(),
            starts_at=starts_at,
            ends_at=ends_at,
            windows=tuple(
                OpenWindow(str(SlotKey(SOURCE, unit, zone.id, start, end)), start, end, room)
                for start, end in spans
            ),
            is_total=True,
        )

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:  # noqa: ARG002 - nobody is asked
        """Return the window a key names. Its room was taken in our own tables, which nobody else sells from."""
        wanted = key_of_source(key, SOURCE)
        return OpenWindow(key, wanted.starts_at, wanted.ends_at, 1)

    def _room(self, zone_id: str) -> int:
        crews = (area.crews for area in self._mapping.areas if _slug(area.name) == zone_id and area.crews)
        return next(crews, self._crews)

    def _spans(self, day: date, clocks: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """Return a day's windows as instants; one that begins or ends in an hour the clock skips is left out."""
        found = [
            (_instant(day, hours.start, clocks), _instant(day, hours.end, clocks))
            for hours in self._hours
            if hours.weekday == day.weekday()
        ]
        return [(start, end) for start, end in found if start and end]


def _zone_id(area: Area | None, timezone: str) -> str:
    """Name a group; an area across two time zones has crews in each."""
    if area is None:
        return f"{EVERYWHERE}-{_slug(timezone)}"
    return _slug(area.name) if area.timezone in {None, timezone} else f"{_slug(area.name)}-{_slug(timezone)}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_NAME]


def _instant(day: date, at: time, clocks: ZoneInfo) -> datetime | None:
    """Return the instant of a wall time, the first where it comes twice; None where the clock skips it."""
    moment = datetime.combine(day, at, clocks).astimezone(UTC)
    return moment if moment.astimezone(clocks).time() == at else None
