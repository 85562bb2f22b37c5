"""The control API's telephones: people who text back, and callbacks that come twice, late, in disorder or from a forger."""

import random
import uuid
from collections import Counter

from flask import Response, jsonify

from sandbox.providers.callbacks import Answer
from sandbox.providers.control import BadOrder, bp, order, order_number
from sandbox.providers.state import World, world
from sandbox.providers.twilio_delivery import fields_of, post_signed, post_status
from sandbox.providers.twilio_inbound import receive
from sandbox.providers.twilio_records import Text

MODES = ("duplicate", "late", "reorder", "forged", "unsigned", "mixed")
MOST = 20_000


@bp.post("/twilio/inbound")
def receive_text() -> Response:
    """Let a person text back: a single stop word blocks the number, and the application hears of every message."""
    body = order()
    if not body.get("from"):
        raise BadOrder("from and body are required")
    sid = str(body["sid"]) if body.get("sid") else None
    forged = bool(body.get("forged"))
    return jsonify(receive(world(), str(body["from"]), str(body.get("body") or ""), forged=forged, sid=sid))


@bp.post("/twilio/opt-out")
def set_opt_out() -> tuple[str, int]:
    """Block or free a number without the application hearing of it."""
    sim, body = world(), order()
    with sim.lock:
        if body.get("blocked", True):
            sim.phone.opted_out.add(str(body.get("phone")))
        else:
            sim.phone.opted_out.discard(str(body.get("phone")))
    return "", 204


@bp.post("/twilio/callbacks")
def send_callbacks() -> Response:
    """Send callbacks about known messages in a certain bad way; answers are counted by status (None: nobody there)."""
    sim, body = world(), order()
    mode, count = str(body.get("mode")), int(order_number(body, "times", 1))
    if mode not in MODES or not 0 < count <= MOST:
        raise BadOrder(f"mode is one of {', '.join(MODES)}, times at most {MOST}")
    with sim.lock:
        known = [text for text in sim.phone.texts if text.callback and body.get("sid") in {None, text.sid}]
    if not known:
        raise BadOrder("no such message with a callback")
    dice = random.Random(int(order_number(body, "seed", 1)))  # noqa: S311 chaos, no secrets
    answers: Counter[str] = Counter()
    for number in range(count):
        text = known[-1] if count == 1 else dice.choice(known)
        kind = dice.choice(MODES[:-1]) if mode == "mixed" else mode
        for answer in _send(sim, text, kind, dice):
            answers[f"{kind}:{answer.status}"] += 1
        sim.changes += number == 0
    return jsonify(answers=dict(answers))


def _send(sim: World, text: Text, mode: str, dice: random.Random) -> list[Answer]:
    last, token = text.told[-1] if text.told else (text.status, str(uuid.uuid4()))
    fresh = str(uuid.UUID(int=dice.getrandbits(128)))
    if mode == "duplicate":
        return [post_status(sim, text, last, token, "duplicate") for _ in range(2)]
    if mode == "late":
        return [post_status(sim, text, dice.choice(("queued", "sending", "sent")), fresh, "late")]
    if mode == "reorder":
        told = text.told or [(last, token)]
        return [post_status(sim, text, status, known, "reordered") for status, known in reversed(told)]
    if mode == "forged":
        return [post_status(sim, text, dice.choice(("failed", "undelivered", "delivered")), fresh, "forged")]
    fields = fields_of(sim, text, "failed")
    return [post_signed(sim, str(text.callback), fields, secret="", token=fresh, note="unsigned")]
