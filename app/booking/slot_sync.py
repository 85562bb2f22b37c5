"""Local arrival windows follow the provider's: one area and day a transaction, only the rows that differ.

What is open there is not what there is: capacity is what they have open plus what we have booked there before they were
asked. A booked window keeps its counter, a window that staff closed stays closed, one that staff opened stays theirs.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.opening import BY_HAND


@dataclass(frozen=True)
class UpstreamWindow:
    """One window as the provider has it: the key of its counter, and how many more visits fit."""

    key: str
    starts_at: datetime
    ends_at: datetime
    open: int


@dataclass(frozen=True)
class UpstreamZone:
    """What the provider said of ZIP codes that share crews. A window missing between the two instants has nothing open.

    `asked_at` is the database's time before the question. With `is_total` the figures are all the room there is, booked or not.
    """

    zip_codes: tuple[str, ...]
    key_prefix: str
    asked_at: datetime
    starts_at: datetime
    ends_at: datetime
    windows: tuple[UpstreamWindow, ...]
    is_total: bool = False


@dataclass(frozen=True)
class AreaDay:
    """One area's local day."""

    area_id: uuid.UUID
    day: date


@dataclass(frozen=True)
class OldCrew:
    """A pool of crews whose windows are offered although nobody has heard of it for a while."""

    key_prefix: str
    fetched_at: datetime


NOW = text("SELECT clock_timestamp()")
DIFFERENT_DAYS = text(
    "WITH area AS (SELECT id, timezone FROM service_areas WHERE active AND zip_code = ANY(:zips)),"
    " want AS (SELECT a.id AS area_id, (w.starts_at AT TIME ZONE a.timezone)::date AS day,"
    "  (w.starts_at AT TIME ZONE a.timezone)::time AS at, w.*"
    "  FROM area a CROSS JOIN jsonb_to_recordset(CAST(:windows AS jsonb))"
    "  AS w (key text, starts_at timestamptz, ends_at timestamptz, open integer)),"
    " missing AS (SELECT s.service_area_id AS area_id, s.slot_date AS day FROM time_slots s JOIN area ON area.id = s.service_area_id"
    "  WHERE s.available AND s.external_slot_id !~ :by_hand AND s.starts_at >= :starts_at AND s.starts_at < :ends_at"
    "  AND NOT EXISTS (SELECT 1 FROM want WHERE want.area_id = s.service_area_id AND want.key = s.external_slot_id))"
    " SELECT area_id, day FROM (SELECT want.area_id, want.day FROM want"
    "  LEFT JOIN time_slots s ON s.service_area_id = want.area_id AND s.slot_date = want.day AND s.slot_time = want.at"
    "  WHERE s.id IS NULL OR s.closed_reason = 'withdrawn'"
    "  OR (s.booking_id IS NULL AND (s.external_slot_id, s.ends_at) IS DISTINCT FROM (want.key, want.ends_at))"
    "  UNION SELECT area_id, day FROM missing"
    "  UNION SELECT DISTINCT ON (day) area_id, day FROM want) due"  # one area a day brings the counters up to date
    " ORDER BY day, area_id"
)
LOCK_DAY = text("SELECT pg_advisory_xact_lock(7302, hashtext(CAST(:area AS text) || CAST(:day AS text)))")
LOCK_SLOTS = text(
    "SELECT id, external_slot_id, starts_at FROM time_slots WHERE service_area_id = :area AND slot_date = :day"
    " ORDER BY id FOR NO KEY UPDATE"
)
ADD_COUNTERS = text(
    "INSERT INTO slot_capacity (external_slot_id, capacity) SELECT key, 0 FROM unnest(CAST(:keys AS text[])) key ORDER BY key"
    " ON CONFLICT (external_slot_id) DO NOTHING"
)
LOCK_COUNTERS = text(
    "SELECT external_slot_id, snapshot_at FROM slot_capacity WHERE external_slot_id = ANY(:keys) ORDER BY external_slot_id FOR NO KEY UPDATE"
)
SET_COUNTERS = text(
    "UPDATE slot_capacity c SET capacity = coalesce(w.open, 0) + (SELECT count(*) FROM bookings b"
    "  WHERE NOT :is_total AND b.upstream_slot_key = k.key AND b.upstream_since < :asked_at), snapshot_at = :asked_at"
    " FROM unnest(CAST(:keys AS text[])) AS k (key)"
    " LEFT JOIN jsonb_to_recordset(CAST(:windows AS jsonb)) AS w (key text, open integer) ON w.key = k.key"
    " WHERE c.external_slot_id = k.key AND (c.snapshot_at IS NULL OR c.snapshot_at < :asked_at)"
)
SET_SLOTS = text(
    "WITH want AS (SELECT DISTINCT ON (w.starts_at AT TIME ZONE a.timezone) a.id AS area_id, w.key, w.starts_at, w.ends_at,"
    "  (w.starts_at AT TIME ZONE a.timezone)::date AS day, (w.starts_at AT TIME ZONE a.timezone)::time AS at, c.capacity > 0 AS open"
    "  FROM service_areas a CROSS JOIN jsonb_to_recordset(CAST(:windows AS jsonb))"
    "  AS w (key text, starts_at timestamptz, ends_at timestamptz) JOIN slot_capacity c ON c.external_slot_id = w.key"
    "  WHERE a.id = :area AND c.snapshot_at = :asked_at ORDER BY w.starts_at AT TIME ZONE a.timezone, w.starts_at),"
    " done AS (INSERT INTO time_slots AS s (service_area_id, slot_date, slot_time, starts_at, ends_at, available, closed_reason,"
    "  external_slot_id, snapshot_at)"
    "  SELECT area_id, day, at, starts_at, ends_at, open, CASE WHEN NOT open THEN 'withdrawn' END, key, :asked_at FROM want"
    "  WHERE day = :day"
    "  ON CONFLICT ON CONSTRAINT idx_time_slots_area_date DO UPDATE SET starts_at = excluded.starts_at, ends_at = excluded.ends_at,"
    "  external_slot_id = excluded.external_slot_id, snapshot_at = excluded.snapshot_at, updated_at = now(),"
    "  available = excluded.available AND s.closed_reason IS DISTINCT FROM 'staff',"
    "  closed_reason = CASE WHEN s.closed_reason = 'staff' THEN 'staff' ELSE excluded.closed_reason END"
    "  WHERE s.booking_id IS NULL AND (s.snapshot_at IS NULL OR s.snapshot_at < excluded.snapshot_at)"
    "  AND NOT (coalesce(s.external_slot_id, '') ~ :by_hand AND s.closed_reason IS DISTINCT FROM 'staff')"
    "  AND ((s.external_slot_id, s.starts_at, s.ends_at) IS DISTINCT FROM (excluded.external_slot_id, excluded.starts_at, excluded.ends_at)"
    "   OR (s.closed_reason IS DISTINCT FROM 'staff' AND s.available <> excluded.available))"
    "  RETURNING 1)"
    " SELECT count(*) FROM done"
)
WITHDRAW = text(
    "WITH gone AS (UPDATE time_slots s SET available = false, closed_reason = 'withdrawn', snapshot_at = :asked_at, updated_at = now()"
    "  FROM slot_capacity c WHERE c.external_slot_id = s.external_slot_id AND c.capacity = 0 AND c.snapshot_at = :asked_at"
    "  AND s.service_area_id = :area AND s.slot_date = :day AND s.external_slot_id = ANY(:missing)"
    "  AND s.booking_id IS NULL AND s.closed_reason IS NULL AND (s.snapshot_at IS NULL OR s.snapshot_at < :asked_at) RETURNING 1)"
    " SELECT count(*) FROM gone"
)
DROP_FOREIGN = text(
    "WITH gone AS (UPDATE time_slots SET available = false, closed_reason = 'withdrawn', snapshot_at = :asked_at, updated_at = now()"
    "  WHERE service_area_id = :area AND slot_date = :day AND starts_at >= :starts_at AND starts_at < :ends_at"
    "  AND external_slot_id !~ :by_hand AND NOT starts_with(external_slot_id, :prefix) AND booking_id IS NULL"
    "  AND closed_reason IS NULL AND (snapshot_at IS NULL OR snapshot_at < :asked_at) RETURNING 1)"
    " SELECT count(*) FROM gone"
)  # their counters are another zone's, or of a source that is no longer asked: they stay as they are

OLD_CREWS = text(
    "SELECT substring(c.external_slot_id FROM '^[^:]+:[^:]+:[^:]+') AS key_prefix, max(c.snapshot_at) AS fetched_at"
    " FROM slot_capacity c WHERE c.snapshot_at IS NOT NULL AND c.external_slot_id !~ :by_hand AND EXISTS (SELECT 1"
    "  FROM time_slots s WHERE s.external_slot_id = c.external_slot_id AND s.available AND s.starts_at > clock_timestamp())"
    " GROUP BY 1 HAVING max(c.snapshot_at) < clock_timestamp() - CAST(:age AS interval) ORDER BY 2, 1"
)


def old_crews(session: Session, age: timedelta) -> list[OldCrew]:
    """Return the pools of crews whose newest snapshot is older than this, the oldest first."""
    found = session.execute(OLD_CREWS, {"by_hand": BY_HAND, "age": age})
    return [OldCrew(row.key_prefix, row.fetched_at) for row in found]


def database_time(session: Session) -> datetime:
    """Return the one clock that both bookings and snapshots are compared by."""
    now: datetime = session.execute(NOW).scalar_one()
    return now


def different_days(session: Session, zone: UpstreamZone) -> list[AreaDay]:
    """Return the days to be applied, soonest first: a look without locks that spares most transactions."""
    values = {
        "zips": list(zone.zip_codes),
        "windows": as_json(zone.windows),
        "by_hand": BY_HAND,
        "starts_at": zone.starts_at,
        "ends_at": zone.ends_at,
    }
    return [AreaDay(row.area_id, row.day) for row in session.execute(DIFFERENT_DAYS, values)]


def apply(session: Session, zone: UpstreamZone, due: AreaDay) -> int:
    """Bring one area's day up to the snapshot; answer how many windows changed. An older snapshot changes nothing.

    Locks in everyone's order: the area's day, its windows by id, their counters by key.
    """
    day = {"area": str(due.area_id), "day": due.day.isoformat()}
    session.execute(LOCK_DAY, day)
    existing = session.execute(LOCK_SLOTS, {"area": due.area_id, "day": due.day}).all()
    windows = near(zone.windows, due.day)
    offered = {window.key for window in windows}
    missing = missing_keys(existing, zone, offered)
    values = {
        "area": due.area_id,
        "day": due.day,
        "asked_at": zone.asked_at,
        "windows": as_json(windows),
        "by_hand": BY_HAND,
        "prefix": zone.key_prefix,
        "starts_at": zone.starts_at,
        "ends_at": zone.ends_at,
        "is_total": zone.is_total,
        "keys": sorted(offered | missing),
        "missing": sorted(missing),
    }
    if not counters_are_current(session, values):
        session.execute(ADD_COUNTERS, values)
        session.execute(LOCK_COUNTERS, values)
        session.execute(SET_COUNTERS, values)
    changed: int = session.execute(SET_SLOTS, values).scalar_one()
    withdrawn: int = session.execute(WITHDRAW, values).scalar_one() if missing else 0
    foreign: int = session.execute(DROP_FOREIGN, values).scalar_one()
    return changed + withdrawn + foreign


def counters_are_current(
    session: Session, values: Mapping[str, Any]
) -> bool:  # Any: parameters of the statements above
    """Lock the counters and say whether an area before this one, or a newer snapshot, has set them all."""
    rows = session.execute(LOCK_COUNTERS, values).all()
    current = [row for row in rows if row.snapshot_at is not None and row.snapshot_at >= values["asked_at"]]
    return len(current) == len(values["keys"])


def near(windows: Sequence[UpstreamWindow], day: date) -> list[UpstreamWindow]:
    """Return the windows that may be of this local day, whatever the zone."""
    return [window for window in windows if abs(window.starts_at.date() - day) <= timedelta(days=1)]


def missing_keys(
    existing: Sequence[Any], zone: UpstreamZone, offered: set[str]
) -> set[str]:  # Any: locked rows
    """Return the keys of windows we have and the provider did not name, within the span it was asked about."""
    return {
        row.external_slot_id
        for row in existing
        if (row.external_slot_id or "").startswith(zone.key_prefix)
        and zone.starts_at <= row.starts_at < zone.ends_at
        and row.external_slot_id not in offered
    }


def as_json(windows: Sequence[UpstreamWindow]) -> str:
    """Return windows as a JSON recordset."""
    return json.dumps(
        [
            {
                "key": w.key,
                "starts_at": w.starts_at.isoformat(),
                "ends_at": w.ends_at.isoformat(),
                "open": w.open,
            }
            for w in windows
        ]
    )
