"""Simulated Twilio messages: no idempotency, a status that moves on by itself, and the numbers that always fail."""

import base64
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request

from sandbox.providers.checks import Json, read_moment
from sandbox.providers.refusals import refusal, too_many, twilio_error
from sandbox.providers.sms_segments import count_segments
from sandbox.providers.state import World, world
from sandbox.providers.twilio_delivery import start_delivery
from sandbox.providers.twilio_records import Text
from sandbox.providers.twilio_rules import MESSAGES, ORDER_ERRORS, find_problem

ACCOUNTS = "/2010-04-01/Accounts"
bp = Blueprint("twilio", __name__, url_prefix=f"/twilio{ACCOUNTS}/<account>")
ENDING_BUSY, ENDING_ERROR, ENDING_SLOW = "9429", "9500", "9408"
HANG_SECONDS = 20
UNSENT = {"queued", "accepted", "scheduled", "sending", "canceled"}


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
    return jsonify(twilio_error(code, MESSAGES.get(code, "Error"), status)), status


@bp.post("/Messages.json")
def create_message() -> Response | tuple[Response, int]:
    """Take a message; the same one twice is two messages, whatever its headers say."""
    sim, form = world(), request.form
    to, body = form.get("To", ""), form.get("Body", "")
    with sim.lock:
        code = find_problem(sim, form)
        if code:
            return _refuse(code)
        if _is_busy(sim, to):
            return too_many("twilio", None)
        text = _new_text(sim, to, body)
        sim.phone.keep(text)
        sim.record("twilio", "message", None, text.sid, to=to, body=body, callback=text.callback)
        answer = show_message(sim, text)
    start_delivery(sim, text)
    if to.endswith(ENDING_SLOW):
        time.sleep(HANG_SECONDS)
    if to.endswith(ENDING_ERROR):
        return jsonify(refusal("twilio", 500, "Internal error")), 500
    return jsonify(answer), 201


def _new_text(sim: World, to: str, body: str) -> Text:
    form, now = request.form, sim.now()
    service, send_at = form.get("MessagingServiceSid"), read_moment(form.get("SendAt"))
    status = "scheduled" if form.get("ScheduleType") else "accepted" if service else "queued"
    return Text(
        sid=f"SM{sim.phone.text_ids.take():032x}", to=to, sender=form.get("From"), service=service, body=body,
        status=status, created_at=now, callback=form.get("StatusCallback"), updated_at=now,
        send_at=send_at if status == "scheduled" else None,
    )  # fmt: skip


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
    to = args.get("To")
    with sim.lock:
        known = sim.phone.by_number.get(to, []) if to else sim.phone.texts
        found = [
            text for text in reversed(known) if args.get("From") in {None, text.sender} and _is_dated(text)
        ]
        part = [show_message(sim, text) for text in found[page * size : (page + 1) * size]]
    last = max(0, (len(found) - 1) // size)
    first = page * size
    return jsonify(
        messages=part, page=page, page_size=size, start=first, end=first + max(0, len(part) - 1), uri=_uri(page, size),
        first_page_uri=_uri(0, size), next_page_uri=_uri(page + 1, size) if page < last else None,
        previous_page_uri=_uri(page - 1, size) if page else None,
    )  # fmt: skip


def _uri(page: int, size: int) -> str:
    kept = {
        name: value for name, value in request.args.items() if name not in {"Page", "PageSize", "PageToken"}
    }
    query = urlencode(kept | {"PageSize": size, "Page": page, "PageToken": f"PASM{page:032x}"})
    return f"{ACCOUNTS}/{g.account}/Messages.json?{query}"


def _is_dated(text: Text) -> bool:
    """Apply DateSent, DateSent> and DateSent<, each a day or a moment."""
    at = (text.sent_at or text.created_at).astimezone(UTC)
    day, after, before = (request.args.get(name) for name in ("DateSent", "DateSent>", "DateSent<"))
    if day and at.date() != _moment(day).date():
        return False
    if after and at < _moment(after):
        return False
    return not before or at < _end_of(before)


def _end_of(text: str) -> datetime:
    """Read a limit: a day counts to its end."""
    is_day = len(text) == len("2026-01-01")
    return _moment(text) + timedelta(days=1 if is_day else 0)


def _moment(text: str) -> datetime:
    return read_moment(text.replace(" ", "+")) or datetime.min.replace(tzinfo=UTC)


@bp.get("/Messages/<sid>.json")
def get_message(sid: str) -> Response | tuple[Response, int]:
    """Read one message."""
    sim = world()
    with sim.lock:
        text = sim.phone.by_sid.get(sid)
        return jsonify(show_message(sim, text)) if text else _refuse(20404, 404)


@bp.post("/Messages/<sid>.json")
def change_message(sid: str) -> Response | tuple[Response, int]:
    """Cancel a message that is only scheduled, or take its text away."""
    sim, form = world(), request.form
    with sim.lock:
        text = sim.phone.by_sid.get(sid)
        if text is None:
            return _refuse(20404, 404)
        if "Status" in form:
            if form["Status"] != "canceled" or text.status != "scheduled":
                return _refuse(ORDER_ERRORS["cancel"])
            text.status = "canceled"
        if "Body" in form:
            if form["Body"]:
                return _refuse(ORDER_ERRORS["redact"])
            text.body = ""
        text.updated_at = sim.now()
        return jsonify(show_message(sim, text))


@bp.delete("/Messages/<sid>.json")
def delete_message(sid: str) -> tuple[Response, int] | tuple[str, int]:
    """Forget a message; what was sent stays sent."""
    sim = world()
    with sim.lock:
        text = sim.phone.by_sid.pop(sid, None)
        if text is None:
            return _refuse(20404, 404)
        sim.phone.texts.remove(text)
        sim.phone.by_number[text.to].remove(text)
    return "", 204


def show_message(sim: World, text: Text) -> Json:
    """Write a message as the API does."""
    account = sim.config.twilio_account_sid
    uri = f"{ACCOUNTS}/{account}/Messages/{text.sid}"
    is_waiting = text.service is not None and text.status in UNSENT
    return {
        "sid": text.sid, "status": text.status, "to": text.to, "from": text.sender, "body": text.body,
        "num_segments": "0" if is_waiting else str(count_segments(text.body)), "num_media": "0",
        "direction": text.direction, "date_created": format_datetime(text.created_at),
        "date_sent": format_datetime(text.sent_at) if text.sent_at else None,
        "date_updated": format_datetime(text.updated_at or text.created_at), "price": None, "price_unit": "USD",
        "error_code": text.error_code, "error_message": MESSAGES.get(text.error_code) if text.error_code else None,
        "api_version": "2010-04-01", "account_sid": account, "messaging_service_sid": text.service, "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }  # fmt: skip
