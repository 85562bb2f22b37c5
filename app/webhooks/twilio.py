"""Twilio tells what became of a text, and what homeowners text back."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy.orm import Session

from app.booking import inbound
from app.booking.inbound import Answer, Inbound
from app.notifications import delivery
from app.notifications.caps import Ceilings
from app.notifications.delivery import Event, Fate, Report
from app.notifications.messages import spoken_phone, to_gsm7
from app.providers.twilio_signature import Call, is_genuine
from app.web import settings, transaction
from app.web.render import path_of

twilio = Blueprint("twilio", __name__)
MESSAGE_ID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
ERROR_CODE = re.compile(r"[1-9][0-9]{4}")
EVENT_TOKEN = re.compile(r"[\x21-\x7e]{8,150}")
SENDER = re.compile(r"\+?[0-9]{3,15}")
LONGEST_NAME = 30
FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "20003": Fate.OUR_SETUP,
        "21610": Fate.OPTED_OUT,
        "30001": Fate.SECOND_TRY,  # queue overflow
        "30003": Fate.SECOND_TRY,  # handset out of reach
        "30004": Fate.BAD_NUMBER,  # blocked
        "30005": Fate.BAD_NUMBER,  # unknown handset
        "30006": Fate.BAD_NUMBER,  # landline
        "30007": Fate.OUR_SETUP,  # filtered by the carrier: our words or our sender displease
        "30008": Fate.SECOND_TRY,  # unknown
        "30034": Fate.OUR_SETUP,  # our number is not registered
    }
)


@twilio.post("/webhooks/twilio/status")
def status() -> tuple[str, int]:
    """Take a status callback; a forged one is 403 and changes nothing, a repeated or older one changes nothing."""
    refuse_forged()
    report = read_report()
    transaction.run(lambda session: delivery.record(session, event_of(report), report))
    return "", 204


@twilio.post("/webhooks/twilio/inbound")
def receive() -> Response:
    """Take a homeowner's text and answer in TwiML: what it asks for is done before the answer leaves."""
    refuse_forged()
    sid, sender = request.form.get("MessageSid", ""), request.form.get("From", "")
    if not MESSAGE_ID.fullmatch(sid) or not SENDER.fullmatch(sender):
        abort(400)
    text = Inbound(sid, sender, body_words(), request.form.get("OptOutType", ""))
    own = settings()
    ceilings = Ceilings.of(own)

    def work(session: Session) -> Answer:
        return inbound.receive(session, text, own.privacy_hash_key, ceilings)

    return twiml(reply_words(transaction.run(work)))


def read_report() -> Report:
    """Read a status callback. One of a shape that Twilio never sends is 400."""
    form = request.form
    sid, state, code = (form.get(name, "") for name in ("MessageSid", "MessageStatus", "ErrorCode"))
    try:
        notification_id = uuid.UUID(request.args.get("n", ""))
    except ValueError:
        abort(400)
    if not MESSAGE_ID.fullmatch(sid):
        abort(400)
    known = code if ERROR_CODE.fullmatch(code) else None
    return Report(notification_id, sid, state[:20], known, FATES.get(code, Fate.LOST))


def event_of(report: Report) -> Event:
    """Name the callback as Twilio does on each of its retries, or by what it says."""
    token = request.headers.get("I-Twilio-Idempotency-Token", "")
    name = token if EVENT_TOKEN.fullmatch(token) else f"{report.external_id}:{report.status}"
    said = f"{report.notification_id}:{report.external_id}:{report.status}:{report.code}"
    return Event("twilio", name, hashlib.sha256(said.encode()).digest())


def body_words() -> str:
    """Return the text, or how many pictures came without one."""
    body, pictures = request.form.get("Body", "").strip(), request.form.get("NumMedia", "0")
    if body or not pictures.isdigit() or int(pictures) == 0:
        return body
    return f"({int(pictures)} picture{'s' if int(pictures) > 1 else ''})"


def reply_words(answer: Answer) -> str | None:
    """Return the words of an answer, in letters that one text holds many of."""
    if answer.reply is None:
        return None
    own, locale = settings(), "es" if answer.locale == "es" else "en"
    words = render_template(
        f"replies/{locale}/{answer.reply}.txt",
        company=own.company_name[:LONGEST_NAME].strip(),
        phone=spoken_phone(own.company_phone),
    )
    return to_gsm7(words.strip())


def twiml(words: str | None) -> Response:
    """Return what Twilio does next: nothing, or one text."""
    inside = f"<Response><Message>{escape(words)}</Message></Response>" if words else "<Response/>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{inside}', mimetype="text/xml")


def refuse_forged() -> None:
    """Answer 403 unless the signature fits the address Twilio was given: ours as the world knows it."""
    own = settings()
    fields = {name: request.form.getlist(name) for name in request.form}
    url = own.public_base_url.rstrip("/") + path_of(request.full_path.rstrip("?"))
    call = Call(url, fields, request.get_data())
    given = request.headers.get("X-Twilio-Signature", "")
    named = request.headers.get("X-Twilio-Webhooks-Signature-Settings", "")
    if not own.twilio_auth_token or not is_genuine(own.twilio_auth_token, call, given, named):
        abort(403)
