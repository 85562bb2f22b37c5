"""The control API: what happened, what was asked, and what shall go wrong next. It exists only in the simulator."""

from dataclasses import asdict
from datetime import timedelta

from flask import Blueprint, Response, jsonify, request

from sandbox.providers.state import wire, world
from sandbox.providers.twilio_delivery import post_signed

bp = Blueprint("control", __name__, url_prefix="/__sim__")
STOP_WORDS = {"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"}
START_WORDS = {"START", "YES", "UNSTOP"}


@bp.get("/ledger")
def show_ledger() -> Response:
    """List what really happened."""
    sim = world()
    with sim.lock:
        return jsonify(effects=[asdict(effect) for effect in sim.ledger.of(request.args.get("provider"))])


@bp.get("/requests")
def show_requests() -> Response:
    """List what was asked, credentials blotted out."""
    sim, provider = world(), request.args.get("provider")
    with sim.lock:
        return jsonify(requests=[asdict(seen) for seen in sim.requests if provider in {None, seen.provider}])


@bp.get("/faults")
def show_faults() -> Response:
    """List the orders that are still open."""
    sim = world()
    with sim.lock:
        return jsonify(faults=sim.faults.open_orders())


@bp.post("/faults")
def order_fault() -> tuple[Response, int]:
    """Let the next matching request go wrong."""
    sim, order = world(), request.get_json(silent=True)
    try:
        with sim.lock:
            fault = sim.faults.add(order if isinstance(order, dict) else {})
    except ValueError as error:
        return jsonify(error=str(error)), 400
    return jsonify(asdict(fault)), 201


@bp.post("/reset")
def reset() -> tuple[str, int]:
    """Forget everything."""
    world().reset()
    return "", 204


@bp.post("/clock")
def move_clock() -> Response | tuple[Response, int]:
    """Push the simulated clock forward and return its time."""
    sim, order = world(), request.get_json(silent=True)
    seconds = order.get("advance_s", 0) if isinstance(order, dict) else None
    if not isinstance(seconds, int | float):
        return jsonify(error="advance_s must be a number"), 400
    with sim.lock:
        sim.offset += timedelta(seconds=seconds)
        return jsonify(now=wire(sim.now()))


@bp.get("/outbox/email")
def show_email() -> Response:
    """List the e-mails that flows have made of events."""
    sim = world()
    with sim.lock:
        return jsonify(messages=[asdict(event) for event in sim.mail.events])


@bp.get("/outbox/sms")
def show_sms() -> Response:
    """List the text messages."""
    sim = world()
    with sim.lock:
        return jsonify(
            messages=[asdict(text) | {"created_at": wire(text.created_at)} for text in sim.phone.texts]
        )


@bp.post("/twilio/inbound")
def receive_text() -> Response | tuple[Response, int]:
    """Let a person text back: a single stop word blocks the number, and the application hears of every message."""
    sim, order = world(), request.get_json(silent=True)
    if not isinstance(order, dict) or not order.get("from"):
        return jsonify(error="from and body are required"), 400
    sender, body = str(order["from"]), str(order.get("body") or "")
    word = body.strip().upper()
    with sim.lock:
        if word in STOP_WORDS:
            sim.phone.opted_out.add(sender)
        if word in START_WORDS:
            sim.phone.opted_out.discard(sender)
        sid = f"SM{sim.phone.text_ids.take():032x}"
    fields = {
        "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": sim.config.twilio_account_sid, "From": sender,
        "To": sim.config.twilio_from, "Body": body, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    url = sim.config.public_base_url.rstrip("/") + "/webhooks/twilio/inbound"
    status = post_signed(sim.config.twilio_auth_token, url, fields) if sim.config.public_base_url else None
    return jsonify(status=status, sid=sid)
