"""Simulated Klaviyo consent: people subscribe and unsubscribe by jobs that are taken at once and done in a moment."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Json, path, read_moment
from sandbox.providers.klaviyo import Refused, accepted, attributes_of, bp, raise_problem
from sandbox.providers.klaviyo_profiles import find_by_identifiers, find_or_add, profile_problem
from sandbox.providers.state import World, world

CHANNELS = {
    ("email", "marketing"), ("sms", "marketing"), ("sms", "transactional"), ("whatsapp", "marketing"),
    ("whatsapp", "transactional"), ("push", "marketing"),
}  # fmt: skip
MOST_IN, MOST_OUT = 1000, 100
LIFTED = {"UNSUBSCRIBE", "SPAM_REPORT", "USER_SUPPRESSED"}
POINTER = "/data/attributes/profiles/data"


@bp.post("/api/profile-subscription-bulk-create-jobs")
def subscribe() -> tuple[Response, int]:
    """Subscribe up to a thousand people; a time of consent goes only with a historical import, which needs one."""
    sim, attributes = world(), attributes_of("profile-subscription-bulk-create-job")
    historical = bool(attributes.get("historical_import"))
    people = _people(attributes, MOST_IN)
    wishes = [(person, _channels(sim, person, "SUBSCRIBED", historical=historical)) for person in people]
    list_id = _list_id(sim)
    with sim.lock:
        for person, channels in wishes:
            profile, _ = find_or_add(sim, {k: v for k, v in person.items() if k != "subscriptions"})
            profile.suppressions = [reason for reason in profile.suppressions if reason not in LIFTED]
            for channel, at in channels.items():
                profile.consent[channel] = {
                    "consent": "SUBSCRIBED", "timestamp": at or sim.stamp(), "custom_source": attributes.get("custom_source"),
                }  # fmt: skip
            sim.record(
                "klaviyo",
                "subscription",
                None,
                profile.id,
                channels=list(channels),
                list=list_id,
                person=person,
            )
    return accepted()


@bp.post("/api/profile-subscription-bulk-delete-jobs")
def unsubscribe() -> tuple[Response, int]:
    """Unsubscribe up to a hundred people."""
    sim, attributes = world(), attributes_of("profile-subscription-bulk-delete-job")
    people = _people(attributes, MOST_OUT)
    wishes = [(person, _channels(sim, person, "UNSUBSCRIBED", historical=False)) for person in people]
    _list_id(sim)
    with sim.lock:
        for person, channels in wishes:
            for profile in find_by_identifiers(sim.mail, person)[:1]:
                for channel in channels:
                    profile.consent[channel] = {"consent": "UNSUBSCRIBED", "timestamp": sim.stamp()}
                if "email.marketing" in channels and "UNSUBSCRIBE" not in profile.suppressions:
                    profile.suppressions.append("UNSUBSCRIBE")
                sim.record("klaviyo", "unsubscription", None, profile.id, channels=list(channels))
    return accepted()


def _people(attributes: Json, most: int) -> list[Json]:
    rows = path(attributes, "profiles", "data")
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise Refused(400, "invalid", f"1 to {most} profiles.", POINTER)
    people = []
    for number, row in enumerate(rows):
        person = path(row, "attributes")
        if path(row, "type") != "profile":
            raise Refused(400, "invalid", "The type must be profile.", f"{POINTER}/{number}/type")
        raise_problem(profile_problem(person, f"{POINTER}/{number}/attributes"))
        people.append(person if isinstance(person, dict) else {})
    return people


def _channels(sim: World, person: Json, consent: str, *, historical: bool) -> dict[str, str | None]:
    """Read what a person subscribes to, and since when."""
    found: dict[str, str | None] = {}
    given = person.get("subscriptions")
    for channel, kinds in given.items() if isinstance(given, dict) else ():
        for kind, wish in kinds.items() if isinstance(kinds, dict) else ():
            if (channel, kind) not in CHANNELS or path(wish, "consent") != consent:
                raise Refused(400, "invalid", f"Consent must be {consent} for a known channel.", POINTER)
            _check_needed(person, channel)
            found[f"{channel}.{kind}"] = _time(sim, wish, historical=historical)
    if not found:
        raise Refused(400, "invalid", "Subscriptions are required.", POINTER)
    return found


def _check_needed(person: Json, channel: str) -> None:
    needed = "email" if channel == "email" else "phone_number"
    if channel != "push" and not person.get(needed):
        raise Refused(400, "invalid", f"{needed} is required for {channel}.", POINTER)


def _time(sim: World, wish: object, *, historical: bool) -> str | None:
    at = path(wish, "consented_at")
    if not historical:
        if at is not None:
            raise Refused(400, "invalid", "consented_at goes only with historical_import.", POINTER)
        return None
    moment = read_moment(at)
    if moment is None or moment > sim.now():
        raise Refused(400, "invalid", "historical_import needs consented_at in the past.", POINTER)
    return str(at)


def _list_id(sim: World) -> str | None:
    number = path(request.get_json(silent=True, force=True), "data", "relationships", "list", "data", "id")
    if number is not None and number != sim.config.klaviyo_list_id:
        raise Refused(404, "not_found", "A list with this id does not exist.", "/data/relationships/list")
    return str(number) if number is not None else None


@bp.get("/api/lists")
def list_lists() -> Response:
    """List the lists: there is one."""
    number = world().config.klaviyo_list_id
    row = {
        "type": "list",
        "id": number,
        "attributes": {"name": "Online booking", "opt_in_process": "single_opt_in"},
    }
    return jsonify(data=[row], links={"next": None})
