"""Puts the simulated providers, their control API and the page for people into one application."""

import time

from flask import Flask, Response, g, request

from sandbox.providers import (
    control,
    control_office,
    control_weather,
    klaviyo,
    klaviyo_control,
    klaviyo_events,
    klaviyo_hooks,
    klaviyo_privacy,
    klaviyo_subscriptions,
    page,
    servicetitan_adcap,
    servicetitan_appointments,
    servicetitan_attribution,
    servicetitan_bookings,
    servicetitan_capacity,
    servicetitan_catalogues,
    servicetitan_contacts,
    servicetitan_customers,
    servicetitan_feeds,
    servicetitan_job_actions,
    servicetitan_jobs,
    servicetitan_leads,
    servicetitan_locations,
    servicetitan_scheduling,
    twilio,
    twilio_control,
)
from sandbox.providers.chaos import sprinkle
from sandbox.providers.config import SimConfig
from sandbox.providers.faults import Fault, Mode
from sandbox.providers.refusals import too_many
from sandbox.providers.servicetitan import bp as servicetitan_bp
from sandbox.providers.spoil import after_effect, before_effect, in_outage
from sandbox.providers.state import Seen, World, world

PROVIDERS = ("servicetitan", "klaviyo", "twilio")
WITH_ROUTES = (
    servicetitan_adcap, servicetitan_appointments, servicetitan_attribution, servicetitan_bookings, servicetitan_capacity,
    servicetitan_catalogues, servicetitan_contacts, servicetitan_customers, servicetitan_feeds, servicetitan_job_actions,
    servicetitan_jobs, servicetitan_leads, servicetitan_locations, servicetitan_scheduling, klaviyo_events, klaviyo_hooks,
    klaviyo_privacy, klaviyo_subscriptions, control_office, control_weather, klaviyo_control, twilio_control,
)  # they add theirs to their provider's blueprint, or to the control API's  # fmt: skip
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
    g.provider = provider
    sim = world()
    with sim.lock:
        outage = sim.limits.outage(provider, sim.now())
        fault = None if outage else sim.faults.take(provider, request.method, request.path)
        g.seen = _seen(
            sim, provider, fault.mode.value if fault else f"outage: {outage.how}" if outage else None
        )
        sim.requests.append(g.seen)
        delay, allowed = sim.limits.delay(provider), sim.limits.allows(provider)
        if fault is not None:
            fault.provider = provider
            g.fault = fault
        if fault is not None and fault.mode is Mode.EXPIRE_TOKEN:
            sim.office.tokens.clear()
    if outage is not None:
        return in_outage(provider, outage)
    if delay:
        time.sleep(delay)
    if not allowed:
        return too_many(provider, 1)
    return before_effect(fault) if fault else None


def _leave(response: Response) -> Response:
    """Write the answer down and let a fault spoil it."""
    if "provider" in g and world().flags.on("sim_chaos_fields"):
        response = sprinkle(response)
    fault: Fault | None = g.get("fault")
    if fault is not None:
        response = after_effect(fault, response)
    seen: Seen | None = g.get("seen")
    if seen is not None:
        seen.status = response.status_code
        world().changes += request.method != "GET"
    return response


def _seen(sim: World, provider: str, fault: str | None) -> Seen:
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
        fault=fault,
    )
