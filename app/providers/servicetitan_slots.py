"""ServiceTitan's adjustable capacity as a slot source: how many technicians are free in each arrival window of a zone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app import clock
from app.providers.ports import OpenWindow, Outcome, Place, ProviderError, Snapshot, Zone
from app.providers.servicetitan_api import ServiceTitanApi, read_time, rows, wire_time
from app.providers.servicetitan_zones import list_zones, pieces
from app.providers.slot_keys import SlotKey, key_of_source, key_prefix

SOURCE = "ac1"


class AdcapSlots:
    """The SlotSource port over ServiceTitan's adjustable capacity."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:  # noqa: ARG002 - it has zones of its own
        """List every active zone with its ZIP codes."""
        return list_zones(self._api)

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's open windows, asking for at most 14 days at a time."""
        asked_at = requested_at or clock.now()
        windows: dict[str, OpenWindow] = {}
        for start, end in pieces(starts_at, ends_at):
            windows |= {w.key: w for w in self._ask(int(zone.business_unit_id), zone.id, start, end)}
        return Snapshot(
            key_prefix=key_prefix(SOURCE, zone.business_unit_id, zone.id),
            requested_at=asked_at,
            starts_at=starts_at,
            ends_at=ends_at,
            windows=tuple(sorted(windows.values(), key=lambda w: w.starts_at)),
        )

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:
        """Ask again for the one window a key names."""
        wanted = key_of_source(key, SOURCE)
        unit, zone = wanted.business_unit_id, wanted.zone_id
        found = self._ask(unit, zone, wanted.starts_at, wanted.ends_at, appointment_id)
        return next((window for window in found if window.key == key), None)

    def _ask(
        self, unit: int, zone: str, starts_at: datetime, ends_at: datetime, appointment_id: str | None = None
    ) -> list[OpenWindow]:
        question: dict[str, object] = {
            "startUtc": wire_time(starts_at),
            "endUtc": wire_time(ends_at),
            "xType": "ArrivalWindow",
            "businessUnits": [unit],
            "zones": [int(zone)],
            "jobDurationInMinutes": self._api.config.mapping.visit_minutes,
            "useTenantSettings": False,
        }
        if appointment_id is not None:
            question["existingJobAppointmentId"] = int(appointment_id)
        data = self._api.post("slots.list", "dispatch/adcap/availability/slots", question)
        return [_window(unit, zone, row) for row in rows(data, "slots.list", "availableSlots")]


def _window(unit: int, zone: str, row: dict[str, Any]) -> OpenWindow:  # untyped JSON, see http.Reply
    starts_at = read_time(row.get("slotStart"), "slots.list")
    ends_at = read_time(row.get("slotEnd"), "slots.list")
    technicians = row.get("technicians")
    if not isinstance(technicians, list) or ends_at <= starts_at:
        raise ProviderError(Outcome.UNCERTAIN, "slots.list: answer has a malformed slot")
    key = SlotKey(SOURCE, unit, zone, starts_at, ends_at)
    return OpenWindow(str(key), starts_at, ends_at, len(technicians))
