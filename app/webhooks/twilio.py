"""Twilio tells what became of a text."""

import re
import uuid

from flask import Blueprint, abort, request
from sqlalchemy.orm import Session

from app.notifications import delivery
from app.providers.twilio_signature import is_genuine
from app.web import settings, transaction
from app.web.render import path_of

twilio = Blueprint("twilio", __name__)
MESSAGE_ID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
ERROR_CODE = re.compile(r"[0-9]{5}")


@twilio.post("/webhooks/twilio/status")
def status() -> tuple[str, int]:
    """Take a status callback; a forged one is 403 and changes nothing, a repeated or older one changes nothing."""
    refuse_forged()
    form = request.form
    sid, state, code = (form.get(name, "") for name in ("MessageSid", "MessageStatus", "ErrorCode"))
    try:
        notification_id = uuid.UUID(request.args.get("n", ""))
    except ValueError:
        abort(400)
    if not MESSAGE_ID.fullmatch(sid):
        abort(400)
    error = f"{code} reported after sending" if ERROR_CODE.fullmatch(code) and code != "00000" else None

    def work(session: Session) -> bool:
        return delivery.record(session, notification_id, sid, state, error)

    transaction.run(work)
    return "", 204


def refuse_forged() -> None:
    """Answer 403 unless the signature fits the address Twilio was given: ours as the world knows it."""
    own = settings()
    url = own.public_base_url.rstrip("/") + path_of(request.full_path.rstrip("?"))
    given = request.headers.get("X-Twilio-Signature", "")
    fields = {name: request.form.getlist(name) for name in request.form}
    if not own.twilio_auth_token or not is_genuine(own.twilio_auth_token, url, fields, given):
        abort(403)
