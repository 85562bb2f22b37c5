"""ServiceTitan's dispatch zones: which ZIP codes share crews, and which business unit's crews those are."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from app.providers.ports import Zone
from app.providers.servicetitan_api import ServiceTitanApi, read_id
from app.providers.servicetitan_mapping import FieldMapping

MAX_RANGE = timedelta(days=14)
OVERLAP = timedelta(days=1)  # a window across the edge of a piece is whole in the next one


def list_zones(api: ServiceTitanApi) -> tuple[Zone, ...]:
    """List every active zone; one whose ZIP codes belong to several business units counts once for each."""
    found = api.every("zones.list", "dispatch/zones", active="True")
    return tuple(zone for row in found for zone in _split(row, api.config.mapping))


def _split(row: dict[str, Any], mapping: FieldMapping) -> list[Zone]:  # untyped JSON, see http.Reply
    units = [unit for unit in row.get("businessUnits") or [] if isinstance(unit, int)]
    usual = mapping.business_unit_id if mapping.business_unit_id in units or not units else units[0]
    zips = row.get("zips")
    codes: dict[int, list[str]] = defaultdict(list)
    for code in zips if isinstance(zips, list) else ():
        area = mapping.area_of(str(code)[:5])
        codes[area.business_unit_id if area else usual].append(str(code)[:5])
    return [
        Zone(read_id(row, "zones.list"), str(row.get("name") or ""), tuple(ours), str(unit))
        for unit, ours in codes.items()
    ]


def pieces(starts_at: datetime, ends_at: datetime) -> list[tuple[datetime, datetime]]:
    """Cut a span into what may be asked for at once."""
    found = [(starts_at, min(starts_at + MAX_RANGE, ends_at))]
    while found[-1][1] < ends_at:
        start = found[-1][1] - OVERLAP
        found.append((start, min(start + MAX_RANGE, ends_at)))
    return found
