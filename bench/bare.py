"""The control: the product's own statements sent by psycopg alone from a plain Flask app, with the same page by plain Jinja.

What the product needs beyond this is what its own code costs.
"""

import hashlib
import json
import os
import secrets
import threading
import uuid
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask, request
from jinja2 import Environment, FileSystemLoader
from psycopg.rows import namedtuple_row
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import dialect

from app.analytics import events
from app.booking import booking_rows, slots
from app.wizard import visit as visits
from bench import tables

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "app" / "templates"),
    autoescape=True,
    extensions=["jinja2.ext.i18n"],
)
PAGES.install_null_translations(newstyle=True)
SUMMARY = [
    {"label": "Area", "value": "Phoenix, AZ 85004"},
    {"label": "Issue", "value": "Broken spring"},
    {"label": "Doors", "value": "1"},
    {"label": "Arrival window", "value": "Tuesday, November 24, 8 AM to 10 AM"},
]
LEAD = timedelta(minutes=120)


def plain(statement: TextClause) -> str:
    """Return one of the product's statements as psycopg takes it."""
    return str(statement.compile(dialect=dialect())).replace("::JSONB", "")


LOAD, LOAD_LOCKED, KEEP = (plain(s) for s in (visits.LOAD, visits.LOAD_LOCKED, visits.KEEP))
LIST, CLAIM, BOOK, RECORD = (plain(s) for s in (slots.OPEN, slots.CLAIM, booking_rows.ADD, events.INSERT))

app = Flask(__name__)
local = threading.local()


def connection() -> psycopg.Connection[Any]:  # Any: rows have the columns of their statement
    """Return this thread's connection."""
    if not hasattr(local, "connection"):
        url = os.environ["DATABASE_URL"].replace("+psycopg", "")
        local.connection = psycopg.connect(url, row_factory=namedtuple_row)
    return local.connection  # type: ignore[no-any-return]


@app.get("/ready")
def ready() -> str:
    """Say that it serves."""
    return "ok"


@app.route("/step/<uuid:visit_id>", methods=["GET", "POST"])
def step(visit_id: uuid.UUID) -> str:
    """One step: load, store what was posted, list the windows where asked to, insert the events."""
    link = connection()
    with link.transaction():
        visit = link.execute(LOAD, {"id": visit_id}).fetchone()
        kinds = ["step_viewed"]
        if request.method == "POST":
            answers = visit.answers | {"homeowner_status": request.form["answer"]}
            link.execute(
                KEEP,
                {
                    "id": visit_id,
                    "version": visit.version,
                    "bump": 0,
                    "last_step": "slot",
                    "answers": json.dumps(answers),
                },
            )
            kinds = ["step_completed", "step_viewed"]
        shown: dict[str, Any] = {}  # Any: what the page shows
        if "list" in request.args:
            until = datetime.now(UTC) + timedelta(days=14)
            values = {"area": visit.answers["area_id"], "visit": visit_id, "lead": LEAD, "until": until}
            shown = picker(link.execute(LIST, values).fetchall(), visit.answers["slot_id"])
        page = render("slot" if shown else "doors", **shown)
        link.execute(RECORD, {"rows": json.dumps([event(kind, visit_id) for kind in kinds])})
    return page


@app.post("/submit/<uuid:visit_id>")
def book(visit_id: uuid.UUID) -> str:
    """The booking transaction with the product's own statements, or with one for each table."""
    link = connection()
    with link.transaction():
        visit = link.execute(LOAD_LOCKED, {"id": visit_id}).fetchone()
        answers = visit.answers
        wanted = {"slot": answers["slot_id"], "area": answers["area_id"], "visit": visit_id, "lead": LEAD}
        claim = link.execute(CLAIM, wanted).fetchone()
        values = booking_values(visit, claim)
        by_table = "tables" in request.args
        reference = (
            tables.write(link, values) if by_table else link.execute(BOOK, values).fetchone().reference
        )
        booking = {"reference": reference, "status": "received", "window_day": f"{claim.starts_at:%A, %B %d}",
                   "window_time": f"{claim.starts_at:%I %p} – {claim.ends_at:%I %p}", "zone_text": "Phoenix time (MST)",
                   "address_note": f"{answers['city']}, {answers['state']} {answers['zip_code']}"}  # fmt: skip
        page = render(
            "done",
            booking=booking,
            ics_url="/w/visit.ics",
            status_url="/w/status",
            submitted_reference=reference,
        )
        kinds = ("step_completed", "booking_submitted", "step_viewed")
        link.execute(events.BEGIN.text)
        link.execute(
            RECORD, {"rows": json.dumps([event(kind, visit_id, claim.booking_id) for kind in kinds])}
        )
        link.execute(events.END.text)
    return page


def render(page: str, **own: Any) -> str:  # Any: what the page shows
    """Render one of the product's own pages with plain Jinja."""
    here, is_done = "/w/" + "0" * 70, page == "done"
    return PAGES.get_template(f"wizard/{page}.html").render(
        layout="layouts/fragment.html", step=page, idx=8 if is_done else 5, total=7, back_url=None if is_done else f"{here}/back", action=f"{here}/{page}", fs="1." + "0" * 32,
        call_url=f"{here}/call", notice=None, errors={}, completed_step="before", partner_key="direct", values={},
        company={"name": "A1 Garage", "phone_display": "(602) 555-0142", "phone_href": "tel:+16025550142"},
summary=[] if is_done else SUMMARY,
        **own,
    )  # fmt: skip


def picker(rows: list[Any], chosen: str) -> dict[str, Any]:  # Any: see connection
    """Return the windows as the page shows them."""
    far = any(str(row.id) == chosen for row in rows if row.slot_date >= date.today() + timedelta(days=7))  # noqa: DTZ011 - as near as it needs to be
    days = [day_of(rows, day, list(found)) for day, found in groupby(rows, key=lambda row: row.slot_date)][
        : None if far else 5
    ]
    first = {
        "id": str(rows[0].id),
        "label_day": f"{rows[0].slot_date:%A, %B %d}",
        "label_time": hours(rows[0]),
    }
    return {
        "days": days,
        "earliest": first,
        "zone_text": "Phoenix time (MST)",
        "more_url": "/w/more",
        "callback_url": "/w/callback",
    }


def day_of(rows: list[Any], day: date, found: list[Any]) -> dict[str, Any]:  # Any: see connection
    """Return one day with its windows by part of day."""
    parts = [
        {
            "label": label,
            "windows": [
                {"id": str(row.id), "label": hours(row), "selected": False, "is_own": False} for row in each
            ],
        }
        for label, each in ((label, list(some)) for label, some in groupby(found, key=part_of_day))
    ]
    return {"date": day.isoformat(), "weekday": f"{day:%a}", "day": day.day, "month": f"{day:%b}", "long_label": f"{day:%A, %B %d}",
            "open_count": len(found), "has_own": False, "is_selected": day == rows[0].slot_date, "parts": parts}  # fmt: skip


def part_of_day(row: Any) -> str:  # Any: see connection
    """Return morning or afternoon."""
    return "Morning" if row.slot_time.hour < 12 else "Afternoon"


def hours(row: Any) -> str:  # Any: see connection
    """Return when a window is."""
    return f"{row.slot_time:%I %p} – {row.slot_time.hour + 2}"


def event(kind: str, visit_id: uuid.UUID, booking_id: uuid.UUID | None = None) -> dict[str, object]:
    """Return one event as the product writes it."""
    data = {"step": "slot", "idx": 5, "total": 8, "partner": "direct", "embed": False, "device": "desktop", "locale": "en",
            "channel": "direct", "nav": "next"}  # fmt: skip
    return {"booking_id": str(booking_id) if booking_id else None, "event_type": kind, "event_data": data,
            "session_id": str(visit_id), "utm_source": None, "utm_campaign": None, "utm_medium": None, "gclid": None,
            "is_bot": False}  # fmt: skip


def booking_values(visit: Any, claim: Any) -> dict[str, Any]:  # Any: see connection
    """Return the parameters of the statement that writes the booking."""
    nonce, booking_id = secrets.token_bytes(16), claim.booking_id
    wanted = [job(booking_id), *(message(channel, booking_id) for channel in ("email", "sms"))]
    return {
        "booking": json.dumps(booking_row(visit, claim)), "email": visit.answers["email"], "visit_id": visit.id,
        "submission_id": visit.submission_id, "request_hash": hashlib.sha256(visit.id.bytes).digest(), "booking_id": booking_id,
        "agreed": json.dumps([agreed()]), "token_hash": hashlib.sha256(nonce).digest(), "nonce": nonce, "wanted": json.dumps(wanted),
        "version": 1, "kind": "confirmation", "locale": "en", "request_id": None, "left_visit": visit.id, "kept_answers": "{}",
        "last_step": "done",
    }  # fmt: skip


def booking_row(visit: Any, claim: Any) -> dict[str, Any]:  # Any: see connection
    """Return the booking as a row of its table."""
    told = visit.answers
    same = ("issue_type", "door_count", "door_age", "homeowner_status", "address_line1")
    return {name: told[name] for name in same} | {
        "id": str(claim.booking_id), "service_area_id": told["area_id"], "preferred_time": claim.starts_at.isoformat(),
        "window_end": claim.ends_at.isoformat(), "time_slot_id": told["slot_id"], "booking_source": "direct",
        "contact_first_name": told["first_name"], "contact_last_name": told["last_name"], "contact_email": told["email"],
        "contact_phone": told["phone"], "contact_sms_opt_in": told["sms_opt_in"], "attribution": {}, "partner_id": str(visit.partner_id),
        "locale": "en", "fee_cents": 8900, "fee_text_version": "fee-2026-11", "session_id": str(visit.id),
    }  # fmt: skip


def agreed() -> dict[str, str]:
    """Return the box for texts as it was ticked."""
    digest = f"\\x{hashlib.sha256(b'').hexdigest()}"
    return {"channel": "sms", "purpose": "booking", "action": "opt_in", "method": "web", "version": "sms-2026-11",
            "text_version": "sms-2026-11", "text_sha256": digest, "sha256": digest, "body": "", "phone_hash": digest, "locale": "en",
            "page": "/w/-/contact", "partner": "direct", "ip_truncated": "127.0.0.0/24", "user_agent_hash": digest}  # fmt: skip


def job(booking_id: uuid.UUID) -> dict[str, object]:
    """Return the ServiceTitan job of a booking."""
    return {"queue_name": "critical", "job_type": "servicetitan.create_job", "priority": 10, "max_attempts": 20, "payload": {},
            "dedupe_key": f"servicetitan.create_job:{booking_id}:1", "due_in": 0, "give_up_after": 86400}  # fmt: skip


def message(channel: str, booking_id: uuid.UUID) -> dict[str, object]:
    """Return one confirmation of a booking."""
    name = f"confirmation:{channel}:{booking_id}:1"
    return {"channel": channel, "provider": "klaviyo", "recipient_hash": "00" * 32, "message_key": name, "dedupe_key": f"job:{name}",
            "queue_name": "notify", "job_type": "klaviyo.send_event", "priority": 5, "max_attempts": 20, "due_in": 300,
            "give_up_after": 86400}  # fmt: skip
