"""ServiceTitan as the slot source: zones, and how many technicians are free in each arrival window."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app import clock
from app.providers.ports import OpenWindow, Outcome, ProviderError, Snapshot, Zone
from app.providers.servicetitan_api import ServiceTitanApi, read_id, read_time, rows, wire_time

SOURCE = "ac1"
MAX_RANGE = timedelta(days=14)
PAGE_SIZE = 200
MAX_PAGES = 50
KEY_TIME = "%Y%m%dT%H%M%SZ"
KEY = re.compile(SOURCE + r":(\d+):(\d+):(\d{8}T\d{6}Z):(\d{8}T\d{6}Z)")


@dataclass(frozen=True)
class SlotKey:
    """The parts of a derived slot key. The job type is not among them: one crew has one counter."""

    business_unit_id: int
    zone_id: int
    starts_at: datetime
    ends_at: datetime

    @property
    def prefix(self) -> str:
        """What all keys of this business unit and zone begin with."""
        return f"{SOURCE}:{self.business_unit_id}:{self.zone_id}:"

    def __str__(self) -> str:
        return f"{self.prefix}{self.starts_at:{KEY_TIME}}:{self.ends_at:{KEY_TIME}}"


def parse_key(key: str) -> SlotKey:
    """Read a key this file made."""
    match = KEY.fullmatch(key)
    if match is None:
        raise ProviderError(Outcome.PERMANENT, "not a slot key of this source")
    start, end = (datetime.strptime(match[n], KEY_TIME).replace(tzinfo=UTC) for n in (3, 4))
    return SlotKey(int(match[1]), int(match[2]), start, end)


class ServiceTitanSlots:
    """The SlotSource port over ServiceTitan's adjustable capacity."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api

    def zones(self) -> tuple[Zone, ...]:
        """List every active zone with its ZIP codes, page by page."""
        found: list[Zone] = []
        for page in range(1, MAX_PAGES + 1):
            data = self._api.get("zones.list", "dispatch/zones", page=page, pageSize=PAGE_SIZE, active="True")
            found += [self._zone(row) for row in rows(data, "zones.list")]
            if not data.get("hasMore"):
                return tuple(found)
        raise ProviderError(Outcome.UNCERTAIN, "zones.list: answer never ends")

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's open windows, asking for at most 14 days at a time."""
        asked_at = requested_at or clock.now()
        windows: dict[str, OpenWindow] = {}
        at = starts_at
        while at < ends_at:
            until = min(at + MAX_RANGE, ends_at)
            windows |= {w.key: w for w in self._ask(int(zone.business_unit_id), int(zone.id), at, until)}
            at = until
        return Snapshot(
            key_prefix=SlotKey(int(zone.business_unit_id), int(zone.id), starts_at, ends_at).prefix,
            requested_at=asked_at,
            starts_at=starts_at,
            ends_at=ends_at,
            windows=tuple(sorted(windows.values(), key=lambda w: w.starts_at)),
        )

    def find_window(self, key: str) -> OpenWindow | None:
        """Ask again for the one window a key names."""
        wanted = parse_key(key)
        found = self._ask(wanted.business_unit_id, wanted.zone_id, wanted.starts_at, wanted.ends_at)
        return next((window for window in found if window.key == key), None)

    def _ask(self, unit: int, zone: int, starts_at: datetime, ends_at: datetime) -> list[OpenWindow]:
        data = self._api.post(
            "slots.list",
            "dispatch/adcap/availability/slots",
            {
                "startUtc": wire_time(starts_at),
                "endUtc": wire_time(ends_at),
                "xType": "ArrivalWindow",
                "businessUnits": [unit],
                "zones": [zone],
                "jobDurationInMinutes": self._api.config.visit_minutes,
                "useTenantSettings": False,
            },
        )
        return [_window(unit, zone, row) for row in rows(data, "slots.list", "availableSlots")]

    def _zone(self, row: dict[str, Any]) -> Zone:  # untyped JSON, see http.Reply
        units = [unit for unit in row.get("businessUnits") or [] if isinstance(unit, int)]
        ours = self._api.config.business_unit_id
        unit = ours if ours in units or not units else units[0]
        zips = row.get("zips")
        return Zone(
            id=read_id(row, "zones.list"),
            name=str(row.get("name") or ""),
            zip_codes=tuple(str(code)[:5] for code in zips) if isinstance(zips, list) else (),
            business_unit_id=str(unit),
        )


def _window(unit: int, zone: int, row: dict[str, Any]) -> OpenWindow:  # untyped JSON, see http.Reply
    starts_at = read_time(row.get("slotStart"), "slots.list")
    ends_at = read_time(row.get("slotEnd"), "slots.list")
    technicians = row.get("technicians")
    if not isinstance(technicians, list) or ends_at <= starts_at:
        raise ProviderError(Outcome.UNCERTAIN, "slots.list: answer has a malformed slot")
    return OpenWindow(str(SlotKey(unit, zone, starts_at, ends_at)), starts_at, ends_at, len(technicians))
