"""Events of the wizard: names, the keys they may carry, and the one statement that writes them."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.analytics.attribution import Touch
from app.log import log
from app.sqlstate import can_retry, sqlstate


class EventType(StrEnum):
    """Everything that is ever counted."""

    STEP_VIEWED = "step_viewed"
    STEP_COMPLETED = "step_completed"
    STEP_ERROR = "step_error"
    BOOKING_SUBMITTED = "booking_submitted"
    BOOKING_CONFIRMED = "booking_confirmed"
    BOOKING_MOVED = "booking_moved"
    BOOKING_CANCELLED = "booking_cancelled"
    OUT_OF_AREA = "out_of_area"
    NO_AVAILABILITY = "no_availability"
    SLOT_HELD = "slot_held"
    SLOT_LOST = "slot_lost"
    CALL_CLICKED = "call_clicked"
    CALLBACK_REQUESTED = "callback_requested"


DATA_KEYS = frozenset(
    (
        "step",
        "idx",
        "total",
        "nav",
        "ms_on_step",
        "variant",
        "partner",
        "embed",
        "device",
        "locale",
        "channel",
        "fields",
    )
)


DIRECT_TOUCH = Touch()


@dataclass(frozen=True)
class Event:
    """One event of one visit. `data` may hold DATA_KEYS only: nothing that identifies a person has a key."""

    event_type: EventType
    visit_id: uuid.UUID
    data: Mapping[str, Any]  # Any: JSON scalars and lists of field names
    touch: Touch = DIRECT_TOUCH
    booking_id: uuid.UUID | None = None
    is_bot: bool = False

    def row(self) -> dict[str, Any]:
        """Return the event as a row; the columns of the touch are cut to fit, a click id that does not fit is left out."""
        unknown = set(self.data) - DATA_KEYS
        if unknown:
            raise ValueError(f"event data has keys nobody agreed on: {sorted(unknown)}")
        gclid = self.touch.gclid
        return {
            "booking_id": str(self.booking_id) if self.booking_id else None,
            "event_type": self.event_type,
            "event_data": {key: value for key, value in self.data.items() if value is not None},
            "session_id": str(self.visit_id),
            "utm_source": (self.touch.utm_source or "")[:100] or None,
            "utm_campaign": (self.touch.utm_campaign or "")[:100] or None,
            "utm_medium": (self.touch.utm_medium or "")[:100] or None,
            "gclid": gclid if gclid and len(gclid) <= 200 else None,
            "is_bot": self.is_bot,
        }


INSERT = text(
    "INSERT INTO analytics_events (booking_id, event_type, event_data, session_id, utm_source, utm_campaign, utm_medium, gclid, is_bot)"
    " SELECT booking_id, event_type, event_data, session_id, utm_source, utm_campaign, utm_medium, gclid, is_bot"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS e (booking_id uuid, event_type text, event_data jsonb, session_id text,"
    " utm_source text, utm_campaign text, utm_medium text, gclid text, is_bot boolean)"
)


def record(session: Session, *events: Event) -> None:
    """Write events in one statement. Call it last before the commit: its failure must not cost anything else."""
    if events:
        session.execute(INSERT, {"rows": json.dumps([event.row() for event in events])})


# Each of these is one round trip: without parameters, several statements may travel together.
BEGIN, END, UNDO = (
    text(words).execution_options(no_parameters=True)
    for words in (
        "SAVEPOINT events; SET LOCAL lock_timeout = '200ms'",
        "RELEASE SAVEPOINT events; SET LOCAL lock_timeout TO DEFAULT",
        "ROLLBACK TO SAVEPOINT events",
    )
)


def record_beside(session: Session, *events: Event) -> bool:
    """Write events in a savepoint of their own and say whether they stand: what they tell of stands in any case."""
    session.execute(BEGIN)
    try:
        record(session, *events)
    except DBAPIError as error:
        if is_lost_connection(error):
            raise
        session.execute(UNDO)
        log.warning("events_dropped", count=len(events), sqlstate=sqlstate(error))
        return False
    session.execute(END)
    return True


def is_lost_connection(error: DBAPIError) -> bool:
    """Say whether the whole transaction is gone, not only the events; a lock not had in time costs only them."""
    code = sqlstate(error)
    return can_retry(code) and code != "55P03"
