"""Simulated Klaviyo events: taken with 202 and nothing else, kept once, and turned into e-mails by live flows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Response, jsonify, request

from sandbox.providers.checks import Json, path, read_moment
from sandbox.providers.klaviyo import Refused, accepted, attributes_of, bp, raise_problem, unix
from sandbox.providers.klaviyo_hooks import tell_delivery
from sandbox.providers.klaviyo_profiles import Problem, find_or_add, profile_problem
from sandbox.providers.klaviyo_records import MailEvent, Profile
from sandbox.providers.state import World, wire, world

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MOST_PROPERTIES, MOST_EVENTS = 400, 1000
LONGEST_TEXT = 100_000
BLOCKING = {"HARD_BOUNCE", "INVALID_EMAIL"}
FILTER = re.compile(r"(equals|greater-or-equal|greater-than|less-than)\(([a-z_]+),\"?([^\")]*)\"?\)")


@dataclass(frozen=True)
class Order:
    """An event that is fit to be kept."""

    metric: str
    person: Json
    properties: Json
    at: datetime
    unique_id: str
    backfill: bool
    value: object


@bp.post("/api/events")
def create_event() -> tuple[Response, int]:
    """Accept an event. A repeated unique id of the same profile and metric is dropped without a word."""
    sim = world()
    order = _read(sim, attributes_of("event"), "/data/attributes")
    with sim.lock:
        keep(sim, order)
    return accepted()


@bp.post("/api/event-bulk-create-jobs")
def create_events() -> tuple[Response, int]:
    """Accept up to a thousand events, each profile with its own."""
    sim, attributes = world(), attributes_of("event-bulk-create-job")
    groups = path(attributes, "events-bulk-create", "data")
    if not isinstance(groups, list) or not groups:
        raise Refused(400, "invalid", "Events are required.", "/data/attributes/events-bulk-create")
    orders = []
    for group in groups:
        person = path(group, "attributes", "profile")
        events = path(group, "attributes", "events", "data")
        for row in events if isinstance(events, list) else []:
            inner = path(row, "attributes")
            orders.append(
                _read(
                    sim, {**(inner if isinstance(inner, dict) else {}), "profile": person}, "/data/attributes"
                )
            )
    if not 0 < len(orders) <= MOST_EVENTS:
        raise Refused(400, "invalid", f"1 to {MOST_EVENTS} events.", "/data/attributes/events-bulk-create")
    with sim.lock:
        for order in orders:
            keep(sim, order)
    return accepted()


def _read(sim: World, attributes: Json, pointer: str) -> Order:
    """Check an event and take it apart."""
    metric = path(attributes, "metric", "data", "attributes", "name")
    person = path(attributes, "profile", "data", "attributes")
    properties = attributes.get("properties")
    if not isinstance(metric, str) or not 0 < len(metric) < 128:
        raise Refused(
            400, "invalid", "A metric name of less than 128 letters is required.", f"{pointer}/metric"
        )
    if not isinstance(properties, dict):
        raise Refused(400, "invalid", "Properties are required.", f"{pointer}/properties")
    raise_problem(_properties_problem(properties, f"{pointer}/properties"))
    raise_problem(profile_problem(person, f"{pointer}/profile", path(attributes, "profile", "data", "id")))
    at = sim.now() if attributes.get("time") is None else read_moment(attributes["time"])
    if at is None or not EARLIEST <= at <= sim.now() + timedelta(days=366):
        raise Refused(400, "invalid", "The time is not valid.", f"{pointer}/time")
    at = at.astimezone(UTC).replace(microsecond=0)
    return Order(
        metric=metric, person=person if isinstance(person, dict) else {}, properties=properties, at=at,
        unique_id=str(attributes.get("unique_id") or at.isoformat()), backfill=bool(attributes.get("backfill")),
        value=attributes.get("value"),
    )  # fmt: skip


def _properties_problem(properties: Json, pointer: str) -> Problem | None:
    if len(properties) > MOST_PROPERTIES:
        return Problem(f"At most {MOST_PROPERTIES} properties.", pointer)
    long = [n for n, v in properties.items() if isinstance(v, str) and len(v.encode()) > LONGEST_TEXT]
    return Problem("A string is larger than 100 KB.", f"{pointer}/{long[0]}") if long else None


def keep(sim: World, order: Order) -> None:
    """Record an event unless it is known, and let its flow do its work."""
    mail = sim.mail
    profile, _ = find_or_add(sim, order.person)
    mail.metric_id(order.metric)
    place = (profile.id, order.metric, order.unique_id)
    if place in mail.seen:
        return
    mail.seen.add(place)
    flow = mail.flows.get(order.metric)
    live = flow.live if flow else sim.flags.on("klaviyo_every_flow_live")
    event = MailEvent(
        id=f"ev{mail.event_ids.take()}", profile_id=profile.id, metric=order.metric, unique_id=order.unique_id, at=sim.stamp(),
        properties=order.properties, to=str(profile.attributes.get("email") or ""),
        first_name=str(profile.attributes.get("first_name") or ""), happened_at=order.at,
        template=flow.template if flow else None,
        mailed=live and not order.backfill and _may_mail(profile, transactional=flow.transactional if flow else True),
    )  # fmt: skip
    mail.events.append(event)
    sim.record(
        "klaviyo", "event", order.unique_id, event.id, metric=order.metric, to=event.to, properties=order.properties
    )  # fmt: skip
    if event.mailed:
        tell_delivery(sim, profile, event)


def _may_mail(profile: Profile, *, transactional: bool) -> bool:
    """Tell whether an e-mail leaves: essential ones stop only where the address is dead."""
    if not profile.attributes.get("email") or BLOCKING & set(profile.suppressions):
        return False
    unsubscribed = profile.consent.get("email.marketing", {}).get("consent") == "UNSUBSCRIBED"
    return transactional or not (unsubscribed or profile.suppressions)


@bp.get("/api/events")
def list_events() -> Response:
    """List events, newest first, by metric, profile and time."""
    sim, text = world(), request.args.get("filter", "")
    filters = FILTER.findall(text)
    if text and not filters:
        raise Refused(400, "invalid", "The filter is not understood.", "filter")
    size = min(200, max(1, request.args.get("page[size]", 200, type=int)))
    start = request.args.get("page[cursor]", 0, type=int)
    with sim.lock:
        found = [event for event in reversed(sim.mail.events) if all(_fits(sim, event, f) for f in filters)]
        rows = [_show(sim, event) for event in found[start : start + size]]
    more = f"{request.base_url}?filter={text}&page[cursor]={start + size}"
    return jsonify(
        data=rows, links={"self": request.url, "next": more if start + size < len(found) else None}
    )


def _fits(sim: World, event: MailEvent, rule: tuple[str, str, str]) -> bool:
    how, name, value = rule
    if name in {"metric_id", "profile_id"}:
        return value == (sim.mail.metric_id(event.metric) if name == "metric_id" else event.profile_id)
    moment = read_moment(value)
    if name not in {"datetime", "timestamp"} or moment is None:
        raise Refused(400, "invalid", f"{name} cannot be filtered by.", "filter")
    at = event.happened_at
    return {
        "equals": at == moment, "greater-or-equal": at >= moment, "greater-than": at > moment, "less-than": at < moment,
    }[how]  # fmt: skip


def _show(sim: World, event: MailEvent) -> Json:
    return {
        "type": "event", "id": event.id,
        "attributes": {
            "timestamp": unix(event.happened_at), "datetime": wire(event.happened_at), "uuid": event.id,
            "event_properties": event.properties,
        },
        "relationships": {
            "metric": {"data": {"type": "metric", "id": sim.mail.metric_id(event.metric)}},
            "profile": {"data": {"type": "profile", "id": event.profile_id}},
        },
    }  # fmt: skip


@bp.get("/api/metrics")
def list_metrics() -> Response:
    """List the metrics that have come into being."""
    sim = world()
    with sim.lock:
        rows = [_metric(number, name) for name, number in sim.mail.metrics.items()]
    return jsonify(data=rows, links={"next": None})


@bp.get("/api/metrics/<metric_id>")
def get_metric(metric_id: str) -> Response:
    """Read one metric."""
    sim = world()
    with sim.lock:
        name = next((n for n, number in sim.mail.metrics.items() if number == metric_id), None)
    if name is None:
        raise Refused(404, "not_found", "A metric with this id does not exist.")
    return jsonify(data=_metric(metric_id, name))


def _metric(number: str, name: str) -> Json:
    return {"type": "metric", "id": number, "attributes": {"name": name, "integration": {"name": "API"}}}
