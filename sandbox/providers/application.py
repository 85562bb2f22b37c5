"""Puts the simulated providers, their control API and the page for people into one application."""

from flask import Flask, Response, g, request

from sandbox.providers import (
    control,
    klaviyo,
    page,
    servicetitan_capacity,
    servicetitan_crm,
    servicetitan_jobs,
    twilio,
)
from sandbox.providers.config import SimConfig
from sandbox.providers.faults import Fault, Mode, after_effect, before_effect
from sandbox.providers.servicetitan import bp as servicetitan_bp
from sandbox.providers.state import Seen, World, world

PROVIDERS = ("servicetitan", "klaviyo", "twilio")
WITH_ROUTES = (
    servicetitan_crm,
    servicetitan_jobs,
    servicetitan_capacity,
)  # they add theirs to ServiceTitan's blueprint
SECRET_HEADERS = {"Authorization", "St-App-Key"}
KEPT_BODY = 20_000


def create_app(config: SimConfig) -> Flask:
    """Make the simulator."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a property of the default JSON provider
    app.extensions["world"] = World(config)
    app.before_request(_arrive)
    app.after_request(_leave)
    for blueprint in (servicetitan_bp, klaviyo.bp, twilio.bp, control.bp, page.bp):
        app.register_blueprint(blueprint)
    return app


def _arrive() -> Response | None:
    """Write the request down and let a fault have its way before anything takes effect."""
    provider = request.path.split("/")[1]
    if provider not in PROVIDERS:
        return None
    sim = world()
    with sim.lock:
        fault = sim.faults.take(provider, request.method, request.path)
        g.seen = _seen(sim, provider, fault)
        sim.requests.append(g.seen)
        if fault is None:
            return None
        fault.provider = provider
        g.fault = fault
        if fault.mode is Mode.EXPIRE_TOKEN:
            sim.office.tokens.clear()
    return before_effect(fault)


def _leave(response: Response) -> Response:
    """Write the answer down and let a fault spoil it."""
    fault: Fault | None = g.get("fault")
    if fault is not None:
        response = after_effect(fault, response)
    seen: Seen | None = g.get("seen")
    if seen is not None:
        seen.status = response.status_code
        world().changes += request.method != "GET"
    return response


def _seen(sim: World, provider: str, fault: Fault | None) -> Seen:
    headers = {name: "…" if name in SECRET_HEADERS else value for name, value in request.headers.items()}
    is_login = request.path.endswith("/connect/token")
    return Seen(
        at=sim.stamp(),
        provider=provider,
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        headers=headers,
        body="…" if is_login else request.get_data(cache=True).decode("utf-8", "replace")[:KEPT_BODY],
        fault=fault.mode.value if fault else None,
    )
