"""ServiceTitan tells that something changed. What it says is not believed: it only makes us read the feeds now."""

import hashlib
import json
import re

from flask import Blueprint, abort, request
from sqlalchemy.orm import Session

from app.booking import upstream
from app.notifications import delivery
from app.notifications.delivery import Event, Result
from app.providers.servicetitan_signature import is_genuine
from app.web import settings, transaction

servicetitan = Blueprint("servicetitan", __name__)
EVENT_ID = re.compile(r"[\x21-\x7e]{1,150}")


@servicetitan.post("/webhooks/servicetitan")
def receive() -> tuple[str, int]:
    """Take a callback; a forged one is 403 and changes nothing, a repeated one changes nothing more."""
    body = request.get_data()
    own = settings()
    given = request.headers.get(own.st_webhook_header, "")
    if not own.st_webhook_hmac_key or not is_genuine(own.st_webhook_hmac_key, body, given):
        abort(403)
    event = read_event(body)

    def work(session: Session) -> None:
        if delivery.note(session, event, Result.APPLIED):
            upstream.ask_for_changes(session, event.id)

    transaction.run(work)
    return "", 200


def read_event(body: bytes) -> Event:
    """Name an event by its own id where it has one, else by what it says."""
    digest = hashlib.sha256(body).digest()
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    name = data.get("eventId") if isinstance(data, dict) else None
    known = isinstance(name, str) and EVENT_ID.fullmatch(name)
    return Event("servicetitan", str(name) if known else digest.hex(), digest)
