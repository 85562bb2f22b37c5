"""Simulated Klaviyo: profiles and events. Every event becomes an e-mail in the outbox, as a live flow would send it."""

import re
from datetime import UTC

from flask import Blueprint, Response, jsonify, request

from sandbox.providers.checks import Json, path, read_moment
from sandbox.providers.faults import refusal
from sandbox.providers.records import MailEvent, MailHouse, Profile
from sandbox.providers.state import world

bp = Blueprint("klaviyo", __name__, url_prefix="/klaviyo")
IDENTIFIERS = ("email", "external_id", "phone_number")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
REVISION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
MEDIA_TYPES = {"application/vnd.api+json", "application/json"}


@bp.before_request
def check_access() -> tuple[Response, int] | None:
    """Let a call in only with the private key, a revision and the right media type."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Klaviyo-API-Key" or key != world().config.klaviyo_private_key:
        return jsonify(refusal("klaviyo", 401, "Authentication credentials were not accepted.")), 401
    if not REVISION.fullmatch(request.headers.get("revision", "")):
        return _invalid("A revision header is required.", "")
    if request.method == "POST" and request.mimetype not in MEDIA_TYPES:
        return jsonify(refusal("klaviyo", 415, "Unsupported media type.")), 415
    return None


def _invalid(words: str, pointer: str) -> tuple[Response, int]:
    error = {
        "id": "sim", "status": 400, "code": "invalid", "title": "Invalid input.", "detail": words,
        "source": {"pointer": pointer}, "links": {}, "meta": {},
    }  # fmt: skip
    return jsonify(errors=[error]), 400


@bp.post("/api/profile-import")
def import_profile() -> tuple[Response, int]:
    """Create or update a profile: null clears a field, absence leaves it."""
    sim = world()
    attributes = path(request.get_json(silent=True, force=True), "data", "attributes")
    problem = _profile_problem(attributes, "/data/attributes")
    if problem or not isinstance(attributes, dict):
        return _invalid(*(problem or ("A profile is required.", "/data")))
    with sim.lock:
        profile, is_new = _find_or_add(sim.mail, attributes)
        body = {"data": {"type": "profile", "id": profile.id, "attributes": profile.attributes}}
        return jsonify(body), 201 if is_new else 200


def _profile_problem(attributes: object, pointer: str) -> tuple[str, str] | None:
    if not isinstance(attributes, dict) or not any(attributes.get(name) for name in IDENTIFIERS):
        return "At least one identifier is required.", pointer
    phone, email = attributes.get("phone_number"), attributes.get("email")
    if phone and not PHONE.fullmatch(str(phone)):
        return "Invalid phone number format.", f"{pointer}/phone_number"
    if email and "@" not in str(email):
        return "Invalid email address.", f"{pointer}/email"
    return None


def _find_or_add(mail: MailHouse, attributes: Json) -> tuple[Profile, bool]:
    for name in IDENTIFIERS:
        for profile in mail.profiles:
            if attributes.get(name) and profile.attributes.get(name) == attributes[name]:
                profile.attributes |= attributes
                return profile, False
    profile = Profile(f"01SIM{mail.profile_ids.take():021d}", dict(attributes))
    mail.profiles.append(profile)
    return profile, True


@bp.post("/api/events")
def create_event() -> tuple[Response, int]:
    """Accept an event: 202 and nothing else. A repeated unique id of the same profile and metric is dropped."""
    sim = world()
    attributes = path(request.get_json(silent=True, force=True), "data", "attributes")
    metric = path(attributes, "metric", "data", "attributes", "name")
    person = path(attributes, "profile", "data", "attributes")
    properties = path(attributes, "properties")
    if not isinstance(metric, str) or not 0 < len(metric) < 128:
        return _invalid("A metric name is required.", "/data/attributes/metric")
    if not isinstance(properties, dict):
        return _invalid("Properties are required.", "/data/attributes/properties")
    problem = _profile_problem(person, "/data/attributes/profile")
    if problem or not isinstance(person, dict):
        return _invalid(*(problem or ("A profile is required.", "/data/attributes/profile")))
    with sim.lock:
        at = read_moment(path(attributes, "time")) or sim.now()
        unique_id = str(path(attributes, "unique_id") or at.astimezone(UTC).isoformat(timespec="seconds"))
        profile, _ = _find_or_add(sim.mail, person)
        known = {(event.profile_id, event.metric, event.unique_id) for event in sim.mail.events}
        if (profile.id, metric, unique_id) not in known:
            event = MailEvent(
                id=f"ev{sim.mail.event_ids.take()}", profile_id=profile.id, metric=metric, unique_id=unique_id,
                at=sim.stamp(), properties=properties, to=str(profile.attributes.get("email") or ""),
                first_name=str(profile.attributes.get("first_name") or ""),
            )  # fmt: skip
            sim.mail.events.append(event)
            sim.record(
                "klaviyo", "event", unique_id, event.id, metric=metric, to=event.to, properties=properties
            )
    response = Response(b"", 202)
    response.headers.pop("Content-Type", None)
    return response, 202
