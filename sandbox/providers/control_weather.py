"""The control API's bad weather: faults, chance, latency, call limits, outages, and the switches of assumptions."""

import random
from dataclasses import asdict
from datetime import timedelta

from flask import Response, jsonify

from sandbox.providers.chance import read_chance
from sandbox.providers.checks import read_moment
from sandbox.providers.control import BadOrder, bp, order, order_number
from sandbox.providers.faults import CALLBACK_MODES, Mode
from sandbox.providers.limits import OUTAGE_WAYS, Latency, Outage
from sandbox.providers.listeners import close_listeners, open_listener
from sandbox.providers.state import wire, world

PROVIDERS = {"*", "servicetitan", "klaviyo", "twilio"}
BY_CHANCE = {mode.value for mode in Mode if mode not in CALLBACK_MODES}


@bp.get("/faults")
def show_faults() -> Response:
    """List the orders that are still open, and what chance does."""
    sim = world()
    with sim.lock:
        chance = sim.faults.chance
        return jsonify(faults=sim.faults.open_orders(), random=chance.describe() if chance else None)


@bp.post("/faults")
def order_fault() -> tuple[Response, int]:
    """Let the next matching request go wrong, or a share of all requests."""
    sim, body = world(), order()
    try:
        with sim.lock:
            if "random" in body:
                wish = body["random"]
                sim.faults.chance = read_chance(wish, BY_CHANCE) if isinstance(wish, dict) else None
                return jsonify(random=sim.faults.chance.describe() if sim.faults.chance else None), 201
            return jsonify(asdict(sim.faults.add(body))), 201
    except ValueError as error:
        raise BadOrder(str(error)) from error


@bp.delete("/faults")
def drop_faults() -> tuple[str, int]:
    """Take back every order, the chance, latencies, limits and outages; what is known stays."""
    sim = world()
    with sim.lock:
        sim.faults.clear()
        sim.limits.latencies.clear()
        sim.limits.rates.clear()
        sim.limits.outages.clear()
    return "", 204


def _provider(body: dict[str, object]) -> str:
    name = str(body.get("provider") or "*")
    if name not in PROVIDERS:
        raise BadOrder(f"provider is one of {', '.join(sorted(PROVIDERS))}")
    return name


@bp.post("/latency")
def set_latency() -> Response:
    """Make a provider slow: log-normal, by its middle and its slowest twentieth; 0 ends it."""
    sim, body = world(), order()
    name, middle = _provider(body), order_number(body, "p50_ms", 0)
    slow, seed = order_number(body, "p95_ms", middle), order_number(body, "seed", 1)
    with sim.lock:
        sim.limits.latencies.pop(name, None)
        if middle > 0:
            dice = random.Random(seed)  # noqa: S311 chaos, no secrets
            sim.limits.latencies[name] = Latency(middle, max(slow, middle), dice)
    return jsonify(provider=name, p50_ms=middle, p95_ms=slow)


@bp.post("/rates")
def set_rate() -> Response:
    """Let a provider take only so many calls a second; 0 ends it."""
    sim, body = world(), order()
    name, limit = _provider(body), int(order_number(body, "per_second", 0))
    with sim.lock:
        sim.limits.rates.pop(name, None)
        if limit > 0:
            sim.limits.rates[name] = limit
    return jsonify(provider=name, per_second=limit)


@bp.post("/outage")
def set_outage() -> Response:
    """Take a provider away until a time of the simulated clock; 0 seconds ends it."""
    sim, body = world(), order()
    name, how = _provider(body), str(body.get("how") or "refuse")
    until = read_moment(body.get("until")) or sim.now() + timedelta(seconds=order_number(body, "seconds", 0))
    if how not in OUTAGE_WAYS:
        raise BadOrder(f"how is one of {', '.join(OUTAGE_WAYS)}")
    with sim.lock:
        sim.limits.outages.pop(name, None)
        if until > sim.now():
            sim.limits.outages[name] = Outage(until, how)
    if how == "refuse" and until > sim.now():
        close_listeners(name)
    return jsonify(provider=name, until=wire(until), how=how)


@bp.post("/listeners")
def add_listener() -> tuple[Response, int]:
    """Give a provider an address of its own, whose listener closes during an outage: connections are refused."""
    name = _provider(order())
    if name == "*":
        raise BadOrder("name one provider")
    return jsonify(provider=name, url=open_listener(name)), 201


@bp.get("/assumptions")
def show_assumptions() -> Response:
    """List every behaviour that is a guess, with its switch."""
    sim = world()
    with sim.lock:
        return jsonify(assumptions=sim.flags.listing())


@bp.post("/flags")
def set_flags() -> Response:
    """Turn switches until the next reset."""
    sim = world()
    try:
        with sim.lock:
            for name, value in order().items():
                sim.flags.set(name, value)
            return jsonify(assumptions=sim.flags.listing())
    except ValueError as error:
        raise BadOrder(str(error)) from error
