"""Visits that stand on the review step, made in bulk for races."""

import json
import uuid
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.config import Settings
from app.wizard import tokens
from tests.factories import SlotRow
from tests.pages import HTMX


@dataclass(frozen=True)
class ReadyVisit:
    """A visit with every answer given."""

    visit_id: uuid.UUID
    submission_id: uuid.UUID
    token: str
    fs: str

    def submit(self, app: Flask, address: str = "203.0.113.7") -> TestResponse:
        """Press the button, in a client of its own."""
        return app.test_client().post(
            f"/w/{self.token}/review",
            data={"fs": self.fs, "submission_id": str(self.submission_id)},
            headers=HTMX | {"X-Forwarded-For": address},
        )


def ready_visits(
    session: Session, settings: Settings, area_id: uuid.UUID, slot: SlotRow, count: int
) -> list[ReadyVisit]:
    """Add visits whose every answer but the booking itself is given."""
    answers = {
        "zip_code": "85004", "area_id": str(area_id), "city": "Phoenix", "state": "AZ", "timezone": "America/Phoenix",
        "issue_type": "broken_spring", "door_count": 1, "door_age": "7", "homeowner_status": "owner",
        "slot_id": str(slot.id), "starts_at": slot.starts_at.isoformat(), "ends_at": slot.starts_at.isoformat(),
        "first_name": "Ana", "last_name": "Ruiz", "phone": "+16025550123", "address_line1": "12 Oak Street", "sms_opt_in": True,
    }  # fmt: skip
    rows = session.execute(
        text(
            "INSERT INTO wizard_sessions (partner_id, answers, last_step)"
            " SELECT p.id, CAST(:answers AS jsonb) || jsonb_build_object('email', 'v' || n || '@example.com'), 'review'"
            " FROM partners p, generate_series(1, :count) n WHERE p.key = 'direct' RETURNING id, submission_id, version"
        ),
        {"answers": json.dumps(answers), "count": count},
    ).all()
    return [
        ReadyVisit(
            row.id,
            row.submission_id,
            tokens.make(settings, row.id, "direct"),
            tokens.seal(settings, row.id, "review", row.version),
        )
        for row in rows
    ]
