"""ServiceTitan's classic capacity as a slot source, for tenants without the adjustable one.

It knows business units but no zones, so all zones of a unit share one counter: `cap1:{unit}:0:…`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app import clock
from app.providers.ports import OpenWindow, Outcome, Place, ProviderError, Snapshot, Zone
from app.providers.servicetitan_api import ServiceTitanApi, read_time, rows
from app.providers.servicetitan_zones import list_zones, pieces
from app.providers.slot_keys import SlotKey, key_of_source, key_prefix

SOURCE = "cap1"
WHOLE_UNIT = "0"
LOCAL_TIME = "%Y-%m-%dT%H:%M:%S"


class CapacitySlots:
    """The SlotSource port over ServiceTitan's classic capacity."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:  # noqa: ARG002 - it has zones of its own
        """List the business units, each with the ZIP codes of all its zones."""
        codes: dict[str, list[str]] = defaultdict(list)
        for zone in list_zones(self._api):
            codes[zone.business_unit_id] += zone.zip_codes
        return tuple(
            Zone(WHOLE_UNIT, f"Business unit {unit}", tuple(dict.fromkeys(ours)), unit)
            for unit, ours in codes.items()
        )

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a unit's windows that may be offered, asking for at most 14 days at a time."""
        asked_at, unit = requested_at or clock.now(), int(zone.business_unit_id)
        windows: dict[str, OpenWindow] = {}
        for start, end in pieces(starts_at, ends_at):
            rows_there = self._ask(unit, start, end)
            found = [self._window(unit, row) for row in rows_there if not _is_over_ideal(row)]
            windows |= {w.key: w for w in found if w.open > 0 and starts_at <= w.starts_at < ends_at}
        return Snapshot(
            key_prefix=key_prefix(SOURCE, unit, WHOLE_UNIT),
            requested_at=asked_at,
            starts_at=starts_at,
            ends_at=ends_at,
            windows=tuple(sorted(windows.values(), key=lambda w: w.starts_at)),
        )

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:  # noqa: ARG002 - no such field
        """Ask again for the one window a key names; being over the ideal share is no reason to break a promise."""
        wanted = key_of_source(key, SOURCE)
        unit = wanted.business_unit_id
        found = [self._window(unit, row) for row in self._ask(unit, wanted.starts_at, wanted.ends_at)]
        return next((window for window in found if window.key == key and window.open > 0), None)

    def _ask(
        self, unit: int, starts_at: datetime, ends_at: datetime
    ) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        zone = self._api.config.mapping.zone_of(unit)
        question = {
            "startsOnOrAfter": starts_at.astimezone(zone).strftime(LOCAL_TIME),
            "endsOnOrBefore": ends_at.astimezone(zone).strftime(LOCAL_TIME),
            "businessUnitIds": [unit],
            "skillBasedAvailability": False,
        }
        data = self._api.post("capacity.list", "dispatch/capacity", question)
        return [row for row in rows(data, "capacity.list", "availabilities") if _is_of(row, unit)]

    def _window(self, unit: int, row: dict[str, Any]) -> OpenWindow:  # untyped JSON, see http.Reply
        zone = self._api.config.mapping.zone_of(unit)
        starts_at, ends_at = (_instant(row, name, zone) for name in ("start", "end"))
        if ends_at <= starts_at:
            raise ProviderError(Outcome.UNCERTAIN, "capacity.list: answer has a malformed window")
        key = SlotKey(SOURCE, unit, WHOLE_UNIT, starts_at, ends_at)
        return OpenWindow(str(key), starts_at, ends_at, self._room(row))

    def _room(self, row: dict[str, Any]) -> int:  # untyped JSON, see http.Reply
        """Count the visits that still fit: tenants differ in whether capacity is counted in hours or in jobs."""
        if row.get("isAvailable") is False:
            return 0
        left = row.get("openAvailability")
        if isinstance(left, bool) or not isinstance(left, int | float):
            raise ProviderError(Outcome.UNCERTAIN, "capacity.list: answer has no openAvailability")
        in_hours = self._api.config.capacity_unit == "hours"
        return max(0, int(left * 60 // self._api.config.mapping.visit_minutes if in_hours else left))


def _is_over_ideal(row: dict[str, Any]) -> bool:  # untyped JSON, see http.Reply
    return row.get("isExceedingIdealBookingPercentage") is True


def _is_of(row: dict[str, Any], unit: int) -> bool:  # untyped JSON, see http.Reply
    units = row.get("businessUnitIds")
    return not isinstance(units, list) or not units or unit in units


def _instant(row: dict[str, Any], name: str, zone: ZoneInfo) -> datetime:  # untyped JSON, see http.Reply
    """Read an instant; older tenants send local wall time alone."""
    if row.get(f"{name}Utc"):
        return read_time(row[f"{name}Utc"], "capacity.list")
    try:
        moment = datetime.fromisoformat(str(row.get(name)))
    except ValueError as error:
        raise ProviderError(Outcome.UNCERTAIN, "capacity.list: answer has a malformed time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
