"""The control API: what happened, what was asked and what was told. It exists only in the simulator."""

from dataclasses import asdict, fields
from datetime import datetime

from flask import Blueprint, Response, jsonify, request

from sandbox.providers.state import wire, world
from sandbox.providers.twilio_records import Text

bp = Blueprint("control", __name__, url_prefix="/__sim__")
INNER = {"told", "held"}


class BadOrder(Exception):
    """An order of the control API that makes no sense."""


@bp.app_errorhandler(BadOrder)
def refuse_order(error: BadOrder) -> tuple[Response, int]:
    """Say what is wrong with an order."""
    return jsonify(error=str(error)), 400


def order() -> dict[str, object]:
    """Read the body of an order."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def order_number(body: dict[str, object], name: str, default: float) -> float:
    """Read a number of an order."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadOrder(f"{name} must be a number")
    return value


@bp.get("/ledger")
def show_ledger() -> Response:
    """List what really happened, by `provider` and `key`; `kind=all` also the small things."""
    sim, args = world(), request.args
    with sim.lock:
        found = sim.ledger.of(args.get("provider"), args.get("kind"), args.get("key"))
        return jsonify(effects=[vars(effect) for effect in found])


@bp.get("/requests")
def show_requests() -> Response:
    """List what was asked, credentials blotted out."""
    sim, provider = world(), request.args.get("provider")
    with sim.lock:
        return jsonify(requests=[vars(seen) for seen in sim.requests if provider in {None, seen.provider}])


@bp.get("/callbacks")
def show_callbacks() -> Response:
    """List what the application was told, and what it answered."""
    sim, provider = world(), request.args.get("provider")
    with sim.lock:
        return jsonify(callbacks=[vars(told) for told in sim.told if provider in {None, told.provider}])


@bp.post("/reset")
def reset() -> tuple[str, int]:
    """Forget everything."""
    world().reset()
    return "", 204


@bp.post("/clock")
def move_clock() -> Response:
    """Push the simulated clock forward and return its time."""
    sim, body = world(), request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadOrder("advance_s must be a number")
    sim.advance(order_number(body, "advance_s", 0))
    return jsonify(now=sim.stamp())


@bp.get("/clock")
def show_clock() -> Response:
    """Tell the simulated time."""
    return jsonify(now=world().stamp())


@bp.get("/outbox/email")
def show_email() -> Response:
    """List the e-mails that flows have made of events."""
    sim = world()
    with sim.lock:
        mails = [asdict(event) for event in sim.mail.events if event.mailed]
    return jsonify(messages=[mail | {"happened_at": wire(mail["happened_at"])} for mail in mails])


@bp.get("/outbox/sms")
def show_sms() -> Response:
    """List the text messages."""
    sim = world()
    with sim.lock:
        return jsonify(messages=[text_row(text) for text in sim.phone.texts])


@bp.get("/outbox/replies")
def show_replies() -> Response:
    """List what was texted back to people: by the provider itself to keywords, by the application's answers to the rest."""
    sim = world()
    with sim.lock:
        return jsonify(messages=[text_row(text) for text in sim.phone.replies])


def text_row(text: Text) -> dict[str, object]:
    """Write a text message as the outbox shows it."""
    row = {spec.name: getattr(text, spec.name) for spec in fields(text) if spec.name not in INNER}
    return {name: wire(value) if isinstance(value, datetime) else value for name, value in row.items()}
