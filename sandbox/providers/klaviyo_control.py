"""The control API's mail house: flows, suppressed addresses, and deliveries that are told on demand."""

from flask import Response, jsonify

from sandbox.providers.control import BadOrder, bp, order
from sandbox.providers.klaviyo_hooks import TOPICS, tell
from sandbox.providers.klaviyo_profiles import find_or_add, show_profile
from sandbox.providers.klaviyo_records import Flow
from sandbox.providers.state import world


@bp.post("/klaviyo/flows")
def set_flow() -> tuple[Response, int]:
    """Say which metric makes which e-mail: `metric`, `template`, `live`, `transactional`."""
    sim, body = world(), order()
    if not body.get("metric"):
        raise BadOrder("metric is required")
    flow = Flow(
        str(body["metric"]), str(body.get("template") or ""), live=bool(body.get("live", True)),
        transactional=bool(body.get("transactional", True)),
    )  # fmt: skip
    with sim.lock:
        sim.mail.flows[flow.metric] = flow
    return jsonify(
        metric=flow.metric, template=flow.template, live=flow.live, transactional=flow.transactional
    ), 201


@bp.post("/klaviyo/suppress")
def suppress() -> Response:
    """Suppress an `email` for a `reason`: HARD_BOUNCE stops everything, the others stop marketing."""
    sim, body = world(), order()
    if not body.get("email"):
        raise BadOrder("email is required")
    with sim.lock:
        profile, _ = find_or_add(sim, {"email": str(body["email"])})
        profile.suppressions.append(str(body.get("reason") or "USER_SUPPRESSED"))
        return jsonify(show_profile(profile))


@bp.post("/klaviyo/webhooks")
def send_webhook() -> tuple[str, int]:
    """Tell of something that happened to an `email` under a `topic`."""
    sim, body = world(), order()
    topic = str(body.get("topic") or TOPICS[0])
    if topic not in TOPICS or not body.get("email"):
        raise BadOrder(f"email is required, topic is one of {', '.join(TOPICS)}")
    properties = body.get("properties")
    with sim.lock:
        profile, _ = find_or_add(sim, {"email": str(body["email"])})
        tell(sim, topic, profile.id, properties if isinstance(properties, dict) else {})
    return "", 204


@bp.get("/klaviyo/profiles")
def show_profiles() -> Response:
    """List everybody Klaviyo knows, with consents and suppressions."""
    sim = world()
    with sim.lock:
        return jsonify(profiles=[show_profile(profile) for profile in sim.mail.profiles])
