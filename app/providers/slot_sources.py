"""Which slot source is asked: the chosen one for what is open, and for one window the source that made its key."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app import clock
from app.log import log
from app.providers import servicetitan_capacity, servicetitan_slots
from app.providers.ports import OpenWindow, Outcome, Place, ProviderError, SlotSource, Snapshot, Zone
from app.providers.slot_keys import key_of_source

ASK_AGAIN = timedelta(hours=1)


class SlotSources:
    """The SlotSource port over all sources: windows keep the key of the source that offered them, also after a change."""

    def __init__(self, chosen: SlotSource, by_source: Mapping[str, SlotSource]) -> None:
        self._chosen = chosen
        self._by_source = by_source

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:
        """List the chosen source's zones."""
        return self._chosen.zones(places)

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List what the chosen source has open."""
        return self._chosen.open_windows(zone, starts_at, ends_at, requested_at=requested_at)

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:
        """Ask the source that made the key."""
        source = self._by_source.get(key.partition(":")[0])
        if source is None:
            raise ProviderError(Outcome.PERMANENT, "not a slot key of any source")
        return source.find_window(key, appointment_id=appointment_id)


class AdcapOrCapacity:
    """Adjustable capacity; where the tenant does not have it, classic capacity, with another try every hour."""

    def __init__(self, adcap: SlotSource, capacity: SlotSource) -> None:
        self._adcap = adcap
        self._capacity = capacity
        self._refused_until: datetime | None = None

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:
        """List the zones of the source that will be asked."""
        return (self._capacity if self._is_refused() else self._adcap).zones(places)

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's open windows."""
        if not self._is_refused():
            try:
                return self._adcap.open_windows(zone, starts_at, ends_at, requested_at=requested_at)
            except ProviderError as error:
                self._note_refusal(error)
        return self._capacity.open_windows(zone, starts_at, ends_at, requested_at=requested_at)

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:
        """Ask again for one window; the key stays what it was, whoever answers."""
        wanted = key_of_source(key, servicetitan_slots.SOURCE)
        if not self._is_refused():
            try:
                return self._adcap.find_window(key, appointment_id=appointment_id)
            except ProviderError as error:
                self._note_refusal(error)
        whole = servicetitan_capacity.WHOLE_UNIT
        instead = str(replace(wanted, source=servicetitan_capacity.SOURCE, zone_id=whole))
        found = self._capacity.find_window(instead)
        return replace(found, key=key) if found else None

    def _is_refused(self) -> bool:
        return self._refused_until is not None and clock.now() < self._refused_until

    def _note_refusal(self, error: ProviderError) -> None:
        """Remember that adjustable capacity is not there; anything else is no reason to ask elsewhere."""
        if error.status not in {403, 404}:
            raise error
        log.warning(
            "slots_fallback", asked="servicetitan_adcap", instead="servicetitan_capacity", reason=error.reason
        )
        self._refused_until = clock.now() + ASK_AGAIN
