"""Visits that stand somewhere in the wizard, and windows for all of them, made in bulk by the database."""

import json
import secrets
import uuid
from dataclasses import dataclass
from string import ascii_lowercase

from sqlalchemy import Connection, text

from app.config import Settings
from app.wizard import tokens
from bench.wire import HTMX, get, post

ZONE = "America/Phoenix"
DAYS, WINDOWS = 13, 5
ANSWERS = {
    "city": "Phoenix", "state": "AZ", "timezone": ZONE, "issue_type": "broken_spring", "door_count": 1, "door_age": "7",
    "homeowner_status": "owner", "first_name": "Ana", "last_name": "Ruiz", "phone": "+16025550123",
    "address_line1": "12 Oak Street", "sms_opt_in": True,
}  # fmt: skip
ADD_AREAS = text(
    "INSERT INTO service_areas (zip_code, city, state, timezone) SELECT :mark || lpad(n::text, 6, '0'), 'Phoenix', 'AZ',"
    " :zone FROM generate_series(1, :count) n"
)
ADD_WINDOWS = text(
    "WITH made AS (INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, external_slot_id)"
    " SELECT a.id, day::date, hour, (day::date + hour) AT TIME ZONE :zone, (day::date + hour + interval '2 hours') AT TIME ZONE :zone,"
    " 'bench:' || a.id || ':' || day::date || ':' || hour"
    " FROM service_areas a, generate_series(current_date + 2, current_date + 1 + :days, interval '1 day') day,"
    " unnest(ARRAY['08:00', '10:00', '12:00', '14:00', '16:00']::time[]) hour WHERE a.zip_code LIKE :mark || '%'"
    " RETURNING external_slot_id) INSERT INTO slot_capacity (external_slot_id, capacity) SELECT external_slot_id, 1 FROM made"
)
ADD_VISITS = text(
    "INSERT INTO wizard_sessions (partner_id, answers, last_step)"
    " SELECT p.id, CAST(:answers AS jsonb) || jsonb_build_object('zip_code', s.zip_code, 'area_id', s.service_area_id, 'slot_id', s.id,"
    " 'starts_at', s.starts_at, 'ends_at', s.ends_at, 'email', 'v' || s.id || '@example.com'), 'review'"
    " FROM (SELECT t.id, t.starts_at, t.ends_at, t.service_area_id, x.zip_code FROM time_slots t JOIN service_areas x"
    " ON x.id = t.service_area_id AND x.zip_code LIKE :mark || '%' ORDER BY t.id LIMIT :count) s, partners p"
    " WHERE p.key = 'direct' RETURNING id, submission_id"
)


@dataclass(frozen=True)
class Ready:
    """A visit whose every answer is given, each with a window of its own."""

    visit_id: uuid.UUID
    submission_id: uuid.UUID
    token: str
    seals: dict[str, str]

    def post(self, step: str, **form: str) -> bytes:
        """Return the request that answers a step, as htmx sends it."""
        return post(f"/w/{self.token}/{step}", {"fs": self.seals[step], **form}, HTMX)

    def get(self, step: str) -> bytes:
        """Return the request that shows a step, as htmx sends it."""
        return get(f"/w/{self.token}/{step}", HTMX)

    def submit(self) -> bytes:
        """Return the request that books."""
        return self.post("review", submission_id=str(self.submission_id))


def ready_visits(connection: Connection, settings: Settings, count: int) -> list[Ready]:
    """Add areas with windows enough, and a visit for each of `count` windows; all of it is committed by the caller."""
    mark = "".join(secrets.choice(ascii_lowercase) for _ in range(4))  # no room for more before six digits
    areas = -(-count // (DAYS * WINDOWS))
    connection.execute(ADD_AREAS, {"mark": mark, "zone": ZONE, "count": areas})
    connection.execute(ADD_WINDOWS, {"mark": mark, "zone": ZONE, "days": DAYS})
    rows = connection.execute(
        ADD_VISITS, {"answers": json.dumps(ANSWERS), "count": count, "mark": mark}
    ).all()
    return [ready(settings, row.id, row.submission_id) for row in rows]


def ready(settings: Settings, visit_id: uuid.UUID, submission_id: uuid.UUID) -> Ready:
    """Return a visit with its signed names."""
    seals = {step: tokens.seal(settings, visit_id, step, 1) for step in ("issue", "ownership", "review")}
    return Ready(visit_id, submission_id, tokens.make(settings, visit_id, "direct"), seals)
