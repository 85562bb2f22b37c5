"""Simulated Twilio messages: no idempotency, a status that moves on by itself, and the numbers that always fail."""

import base64
import re
import time
from email.utils import format_datetime

from flask import Blueprint, Response, g, jsonify, request

from sandbox.providers.checks import Json
from sandbox.providers.faults import refusal, too_many
from sandbox.providers.records import Text
from sandbox.providers.state import World, world
from sandbox.providers.twilio_delivery import start_delivery

bp = Blueprint("twilio", __name__, url_prefix="/twilio/2010-04-01/Accounts/<account>")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
TEST_SENDER = "+15005550006"
BAD_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
BAD_RECIPIENTS = {
    "+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
}  # fmt: skip
ENDING_BUSY, ENDING_ERROR, ENDING_SLOW = "9429", "9500", "9408"
HANG_SECONDS = 20
MESSAGES = {
    21211: "The 'To' number is not a valid phone number.",
    21212: "The 'From' number is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region.",
    21602: "Message body is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number is not a valid, SMS-capable phone number of your account.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable.",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit.",
}


@bp.url_value_preprocessor
def take_account(endpoint: str | None, values: dict[str, object] | None) -> None:  # noqa: ARG001 Flask's signature
    """Read the account from the address once, for every call."""
    g.account = str((values or {}).pop("account", ""))


@bp.before_request
def check_access() -> tuple[Response, int] | None:
    """Let a call in only with the account's own credentials."""
    config = world().config
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    wanted = base64.b64encode(f"{config.twilio_account_sid}:{config.twilio_auth_token}".encode()).decode()
    if scheme != "Basic" or value != wanted or g.account != config.twilio_account_sid:
        return jsonify(refusal("twilio", 401, "Authenticate")), 401
    return None


def _refuse(code: int, status: int = 400) -> tuple[Response, int]:
    info = f"https://www.twilio.com/docs/errors/{code}"
    return jsonify(code=code, message=MESSAGES.get(code, "Error"), more_info=info, status=status), status


@bp.post("/Messages.json")
def create_message() -> Response | tuple[Response, int]:
    """Take a message; the same one twice is two messages."""
    sim, form = world(), request.form
    to, body = form.get("To", ""), form.get("Body", "")
    with sim.lock:
        code = _problem(sim, to, body)
        if code:
            return _refuse(code)
        if _is_busy(sim, to):
            return too_many("twilio", None)
        text = Text(
            sid=f"SM{sim.phone.text_ids.take():032x}", to=to, sender=form.get("From"), service=form.get("MessagingServiceSid"),
            body=body, status="accepted" if form.get("MessagingServiceSid") else "queued", created_at=sim.now(),
            callback=form.get("StatusCallback"),
        )  # fmt: skip
        sim.phone.texts.append(text)
        sim.record("twilio", "message", None, text.sid, to=to, body=body, callback=text.callback)
        answer = _message(sim, text)
    start_delivery(sim, text)
    if to.endswith(ENDING_SLOW):
        time.sleep(HANG_SECONDS)
    if to.endswith(ENDING_ERROR):
        return jsonify(refusal("twilio", 500, "Internal error")), 500
    return jsonify(answer), 201


def _problem(sim: World, to: str, body: str) -> int | None:
    """Find the error code for a message that cannot be taken."""
    if not to:
        return 21604
    if to in BAD_RECIPIENTS or not PHONE.fullmatch(to):
        return BAD_RECIPIENTS.get(to, 21211)
    return _sender_problem(sim) or _body_problem(sim, to, body)


def _sender_problem(sim: World) -> int | None:
    sender, service = request.form.get("From"), request.form.get("MessagingServiceSid")
    if sender in BAD_SENDERS:
        return BAD_SENDERS[sender]
    if service:
        return None if service == sim.config.twilio_messaging_service_sid else 21606
    return None if sender in {TEST_SENDER, sim.config.twilio_from} else 21606


def _body_problem(sim: World, to: str, body: str) -> int | None:
    if not body:
        return 21602
    if len(body) > 1600:
        return 21617
    return 21610 if to in sim.phone.opted_out else None


def _is_busy(sim: World, to: str) -> bool:
    """Refuse twice, then take it, for the number that stands for a busy provider."""
    if not to.endswith(ENDING_BUSY):
        return False
    refusals = sim.phone.refusals.get(to, 0)
    sim.phone.refusals[to] = refusals + 1
    return refusals < 2


@bp.get("/Messages.json")
def list_messages() -> Response:
    """List messages, newest first, by recipient, sender and day."""
    sim, args = world(), request.args
    size = min(1000, max(1, args.get("PageSize", 50, type=int)))
    page = max(0, args.get("Page", 0, type=int))
    since, day = args.get("DateSent>", ""), args.get("DateSent", "")
    with sim.lock:
        found = [
            _message(sim, text)
            for text in reversed(sim.phone.texts)
            if args.get("To") in {None, text.to}
            and args.get("From") in {None, text.sender}
            and text.created_at.date().isoformat() >= since
            and (not day or text.created_at.date().isoformat() == day)
        ]
    part = found[page * size : (page + 1) * size]
    base = f"/2010-04-01/Accounts/{g.account}/Messages.json?PageSize={size}&To={args.get('To', '').replace('+', '%2B')}&Page="
    more = f"{base}{page + 1}" if (page + 1) * size < len(found) else None
    return jsonify(messages=part, page=page, page_size=size, uri=f"{base}{page}", next_page_uri=more)


@bp.get("/Messages/<sid>.json")
def get_message(sid: str) -> Response | tuple[Response, int]:
    """Read one message."""
    sim = world()
    with sim.lock:
        for text in sim.phone.texts:
            if text.sid == sid:
                return jsonify(_message(sim, text))
    return jsonify(refusal("twilio", 404, "The requested resource was not found")), 404


def _message(sim: World, text: Text) -> Json:
    at = format_datetime(text.created_at)
    return {
        "sid": text.sid, "status": text.status, "to": text.to, "from": text.sender, "body": text.body,
        "num_segments": "0" if text.service else "1", "num_media": "0", "direction": "outbound-api", "date_created": at,
        "date_sent": None if text.status in {"queued", "accepted"} else at, "date_updated": at, "price": None,
        "price_unit": "USD", "error_code": text.error_code, "error_message": None, "api_version": "2010-04-01",
        "account_sid": sim.config.twilio_account_sid, "messaging_service_sid": text.service,
        "uri": f"/2010-04-01/Accounts/{sim.config.twilio_account_sid}/Messages/{text.sid}.json", "subresource_uris": {},
    }  # fmt: skip
