"""Simulated Klaviyo system webhooks: who wants to hear of deliveries, and the signed calls that tell it."""

import hashlib
import hmac
import json
import secrets
from email.utils import format_datetime
from functools import partial
from uuid import uuid4

from flask import Response, jsonify, request

from sandbox.providers.callbacks import LOOPBACK, Callback, is_reachable, send
from sandbox.providers.checks import Json, path
from sandbox.providers.faults import Mode
from sandbox.providers.klaviyo import Refused, attributes_of, bp, unix
from sandbox.providers.klaviyo_records import Hook, MailEvent, Profile
from sandbox.providers.state import World, wire, world

TOPICS = tuple(
    f"event:klaviyo.{name}"
    for name in (
        "email_delivered", "email_bounced", "opened_email", "clicked_email", "marked_email_as_spam",
        "unsubscribed_from_email_marketing", "sms_received", "sms_sent",
    )
)  # fmt: skip
METRICS = {"event:klaviyo.email_delivered": "Received Email", "event:klaviyo.email_bounced": "Bounced Email"}
OWN_PATH = "/webhooks/klaviyo"
DELIVERY_SECONDS, LATE_SECONDS = 0.5, 120.0
REPEAT_AFTER = (5, 30, 120)
ACCOUNT, VERSION = "SIMULA", "2024-06-28"


@bp.get("/api/webhook-topics")
def list_topics() -> Response:
    """List what can be heard of."""
    rows = [{"type": "webhook-topic", "id": topic, "attributes": {}} for topic in TOPICS]
    return jsonify(data=rows, links={"next": None})


@bp.post("/api/webhooks")
def add_hook() -> tuple[Response, int]:
    """Register an address; only https, and http on this machine."""
    sim, attributes = world(), attributes_of("webhook")
    name, url, secret = (str(attributes.get(part) or "") for part in ("name", "endpoint_url", "secret_key"))
    host = url.split("//")[-1].split("/")[0].rsplit(":", 1)[0]
    if (
        not name
        or not secret
        or not (url.startswith("https://") or (url.startswith("http://") and host in LOOPBACK))
    ):
        raise Refused(
            400, "invalid", "A name, a secret_key and an https endpoint_url are required.", "/data/attributes"
        )
    rows = path(request.json, "data", "relationships", "webhook-topics", "data")
    topics = [str(path(row, "id")) for row in rows] if isinstance(rows, list) else []
    if not topics or not set(topics) <= set(TOPICS):
        raise Refused(400, "invalid", "Known topics are required.", "/data/relationships/webhook-topics")
    with sim.lock:
        hook = Hook(f"01HOOK{sim.mail.hook_ids.take():020d}", name, url, secret, topics)
        sim.mail.hooks[hook.id] = hook
    return jsonify(data=_show(hook)), 201


@bp.get("/api/webhooks")
def list_hooks() -> Response:
    """List who listens; a secret is never shown."""
    sim = world()
    with sim.lock:
        return jsonify(data=[_show(hook) for hook in sim.mail.hooks.values()], links={"next": None})


@bp.delete("/api/webhooks/<hook_id>")
def remove_hook(hook_id: str) -> tuple[str, int]:
    """Forget an address."""
    sim = world()
    with sim.lock:
        if sim.mail.hooks.pop(hook_id, None) is None:
            raise Refused(404, "not_found", "A webhook with this id does not exist.")
    return "", 204


def _show(hook: Hook) -> Json:
    topics = [{"type": "webhook-topic", "id": topic} for topic in hook.topics]
    return {
        "type": "webhook", "id": hook.id,
        "attributes": {"name": hook.name, "endpoint_url": hook.url, "description": None, "enabled": True},
        "relationships": {"webhook-topics": {"data": topics}},
    }  # fmt: skip


def _listeners(sim: World, topic: str) -> list[Hook]:
    """List who hears of a topic: those registered, and the application itself where it has a secret for it."""
    config = sim.config
    own = config.public_base_url.rstrip("/") + OWN_PATH
    found = [hook for hook in sim.mail.hooks.values() if topic in hook.topics]
    if config.klaviyo_webhook_secret and config.public_base_url and all(hook.url != own for hook in found):
        found.append(Hook("01SIMULATED", "own", own, config.klaviyo_webhook_secret, list(TOPICS)))
    return found


def tell_delivery(sim: World, profile: Profile, event: MailEvent) -> None:
    """Tell that an e-mail arrived, or bounced where the address says so, a moment after the event."""
    bounced = "+bounce@" in event.to
    if bounced and "HARD_BOUNCE" not in profile.suppressions:
        profile.suppressions.append("HARD_BOUNCE")
    topic = f"event:klaviyo.{'email_bounced' if bounced else 'email_delivered'}"
    properties: Json = {
        "Subject": event.properties.get("subject") or event.metric,
        "$flow": "SIMFLW",
        "$message": "SIMMSG",
    }
    tell(sim, topic, profile.id, properties)


def tell(sim: World, topic: str, profile_id: str, properties: Json) -> None:
    """Send one event to everybody who listens, in the way the open orders for callbacks want."""
    if not sim.flags.on("klaviyo_webhooks"):
        return
    for hook in _listeners(sim, topic):
        if not is_reachable(sim, hook.url):
            continue
        mode = sim.faults.take_callback("klaviyo")
        body = _body(sim, hook, topic, profile_id, properties)
        wait = LATE_SECONDS if mode in {Mode.LATE_WEBHOOK, Mode.REORDER_WEBHOOKS} else DELIVERY_SECONDS
        secret = "forged" * 6 if mode is Mode.FORGED_WEBHOOK else hook.secret
        for _ in range(2 if mode is Mode.DUPLICATE_WEBHOOK else 1):
            job = partial(post, sim, hook, body, secret=secret, note=mode.value if mode else "")
            sim.clockwork.after(wait, job)


def _body(sim: World, hook: Hook, topic: str, profile_id: str, properties: Json) -> bytes:
    now, known_as = sim.now(), f"SIM{secrets.token_hex(4)}"
    metric = sim.mail.metric_id(METRICS.get(topic, topic))
    payload = {
        "type": "event", "id": known_as,
        "attributes": {
            "timestamp": unix(now), "datetime": wire(now), "uuid": str(uuid4()), "event_properties": properties,
        },
        "relationships": {
            "metric": {"data": {"type": "metric", "id": metric}}, "profile": {"data": {"type": "profile", "id": profile_id}},
        },
    }  # fmt: skip
    meta = {
        "timestamp": now.isoformat(), "klaviyo_webhook_id": hook.id, "klaviyo_account_id": ACCOUNT, "version": VERSION,
    }  # fmt: skip
    return json.dumps(
        {"meta": meta, "data": [{"topic": topic, "external_id": known_as, "payload": {"data": payload}}]}
    ).encode()  # fmt: skip


def post(sim: World, hook: Hook, body: bytes, *, secret: str, note: str = "", tries: int = 0) -> int | None:
    """Post a body with Klaviyo's signature, and again later while nobody takes it."""
    now = sim.now()
    stamp = (
        now.isoformat()
        if sim.flags.word("klaviyo_webhook_time") == "iso"
        else format_datetime(now, usegmt=True)
    )
    headers = {
        "Content-Type": "application/json", "Klaviyo-Webhook-Id": hook.id, "Klaviyo-Timestamp": stamp,
        "Klaviyo-Signature": signature(secret, body, stamp),
    }  # fmt: skip
    answer = send(sim, Callback("klaviyo", hook.url, body, headers, hook.id, note))
    if not answer.is_taken and tries < len(REPEAT_AFTER) and secret == hook.secret:
        sim.clockwork.after(
            REPEAT_AFTER[tries], lambda: post(sim, hook, body, secret=secret, note=note, tries=tries + 1)
        )  # fmt: skip
    return answer.status


def signature(secret: str, body: bytes, timestamp: str) -> str:
    """Sign a webhook: the body, and the timestamp header right behind it."""
    return hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()
