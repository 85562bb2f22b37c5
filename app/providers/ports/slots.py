"""What we need from whoever knows which arrival windows are open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Place:
    """A ZIP code we serve and the time zone its clocks show."""

    zip_code: str
    timezone: str


@dataclass(frozen=True)
class Zone:
    """ZIP codes that share one pool of crews; `timezone` is set where windows are made from local hours."""

    id: str
    name: str
    zip_codes: tuple[str, ...]
    business_unit_id: str
    timezone: str = ""


@dataclass(frozen=True)
class OpenWindow:
    """One arrival window and how many more visits fit into it, in aware UTC times."""

    key: str
    starts_at: datetime
    ends_at: datetime
    open: int


@dataclass(frozen=True)
class Snapshot:
    """What the provider said was open between two instants; a window missing in that span has nothing open.

    `requested_at` was taken before the call: a visit booked later may or may not be in the figures. With `is_total` they
    are all the room there is, whatever is booked.
    """

    key_prefix: str
    requested_at: datetime
    starts_at: datetime
    ends_at: datetime
    windows: tuple[OpenWindow, ...]
    is_total: bool = False


class SlotSource(Protocol):
    """Where open arrival windows come from."""

    def zones(self, places: Sequence[Place] = ()) -> tuple[Zone, ...]:
        """List every zone with its ZIP codes; a source that knows no zones makes them from the places we serve."""

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's open windows; pass the database's time as `requested_at` where clocks may differ."""

    def find_window(self, key: str, *, appointment_id: str | None = None) -> OpenWindow | None:
        """Ask again for the one window a key names. The visit that is to be moved there does not stand in its own way."""
