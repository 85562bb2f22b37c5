"""Simulated Klaviyo: who may call, how often, and people's profiles with the rules that merge them."""

import re
from datetime import datetime

from flask import Blueprint, Response, g, jsonify, request

from sandbox.providers.checks import Json, path
from sandbox.providers.klaviyo_profiles import (
    Problem,
    apply_patch,
    find,
    find_by_identifiers,
    find_or_add,
    profile_problem,
    show_profile,
    update,
)
from sandbox.providers.klaviyo_rates import rate_of
from sandbox.providers.refusals import klaviyo_error, refusal
from sandbox.providers.state import World, world

bp = Blueprint("klaviyo", __name__, url_prefix="/klaviyo")
REVISION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.pre)?")
OLDEST, NEWEST = "2023-12-15", "2026-10-15"
JSON_API = "application/vnd.api+json"
LARGEST_PROFILE = 100_000


class Refused(Exception):
    """A refusal in Klaviyo's own format."""

    def __init__(self, status: int, code: str, detail: str, pointer: str = "/data", **meta: object) -> None:
        super().__init__(detail)
        self.status = status
        self.error = klaviyo_error(
            status, code, "Invalid input." if status == 400 else detail, detail, pointer
        )
        self.error["meta"] = meta


@bp.errorhandler(Refused)
def show_refusal(error: Refused) -> tuple[Response, int]:
    """Write the error with all its keys."""
    response = jsonify(errors=[error.error])
    response.mimetype = JSON_API
    return response, error.status


@bp.before_request
def check_access() -> Response | tuple[Response, int] | None:
    """Let a call in only with the private key, a living revision, the right media type and within the limits."""
    sim = world()
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Klaviyo-API-Key" or key != sim.config.klaviyo_private_key:
        return jsonify(refusal("klaviyo", 401, "Authentication credentials were not accepted.")), 401
    revision = request.headers.get("revision", "")
    if not REVISION.fullmatch(revision):
        raise Refused(400, "invalid", "A revision header is required.", "")
    if not OLDEST <= revision[:10] <= NEWEST:
        is_old = revision < OLDEST
        raise Refused(
            410 if is_old else 400, "gone" if is_old else "invalid", "This revision is not available.", ""
        )
    if request.method in {"POST", "PATCH"} and request.mimetype not in _media_types(sim):
        return jsonify(refusal("klaviyo", 415, "Unsupported media type.")), 415
    with sim.lock:
        g.rate, wait = rate_of(sim, request.method, request.path)
    if wait is not None:
        response = jsonify(refusal("klaviyo", 429, "Request was throttled."))
        response.status_code = 429
        response.headers["Retry-After"] = str(wait)
        return response
    return None


def _media_types(sim: World) -> set[str]:
    return {JSON_API, "application/json"} if sim.flags.on("klaviyo_json_media_type") else {JSON_API}


@bp.after_request
def add_limits(response: Response) -> Response:
    """Tell what is left of the longer window; a 429 tells only when to come back."""
    if response.is_json:
        response.mimetype = JSON_API
    if response.status_code != 429:
        for name, value in (g.get("rate") or {}).items():
            response.headers[f"RateLimit-{name}"] = str(value)
    return response


def attributes_of(kind: str) -> Json:
    """Read the attributes of the body's one resource, which has to be of a certain type."""
    body = request.get_json(silent=True, force=True)
    if path(body, "data", "type") != kind:
        raise Refused(400, "invalid", f"The type must be {kind}.", "/data/type")
    attributes = path(body, "data", "attributes")
    if not isinstance(attributes, dict):
        raise Refused(400, "invalid", "Attributes are required.", "/data/attributes")
    return attributes


def raise_problem(problem: Problem | None) -> None:
    """Refuse where a check has found something."""
    if problem is not None:
        raise Refused(400, "invalid", problem.words, problem.pointer)


@bp.post("/api/profile-import")
def import_profile() -> tuple[Response, int]:
    """Create or update a profile: null clears a field, absence leaves it."""
    sim, attributes = world(), attributes_of("profile")
    if (request.content_length or 0) > LARGEST_PROFILE:
        raise Refused(400, "invalid", "The profile is larger than 100 KB.")
    raise_problem(profile_problem(attributes, "/data/attributes", known_id=path(request.json, "data", "id")))
    with sim.lock:
        profile, is_new = find_or_add(sim, attributes, path(request.json, "data", "id"))
        patch = path(request.json, "data", "meta", "patch_properties")
        if isinstance(patch, dict):
            apply_patch(profile, patch)
        sim.record("klaviyo", "profile", None, profile.id, attributes=attributes)
        return jsonify(data=show_profile(profile)), 201 if is_new else 200


@bp.post("/api/profiles")
def add_profile() -> tuple[Response, int]:
    """Create a profile; one that is there already is a conflict that names it."""
    sim, attributes = world(), attributes_of("profile")
    raise_problem(profile_problem(attributes, "/data/attributes"))
    with sim.lock:
        known = find_by_identifiers(sim.mail, attributes)
        if known:
            raise Refused(
                409, "duplicate_profile", "A profile already exists with one of these identifiers.",
                "/data/attributes", duplicate_profile_id=known[0].id,
            )  # fmt: skip
        profile, _ = find_or_add(sim, attributes)
        return jsonify(data=show_profile(profile)), 201


@bp.get("/api/profiles")
def list_profiles() -> Response:
    """Find profiles by one of their identifiers."""
    sim = world()
    match = re.fullmatch(
        r'equals\((email|phone_number|external_id|id),"([^"]*)"\)', request.args.get("filter", "")
    )
    if request.args.get("filter") and not match:
        raise Refused(400, "invalid", "The filter is not understood.", "filter")
    with sim.lock:
        found = sim.mail.profiles
        if match:
            profile = sim.mail.by_id.get(match[2]) if match[1] == "id" else find(sim.mail, match[1], match[2])
            found = [profile] if profile else []
        return jsonify(data=[show_profile(profile) for profile in found[:100]], links={"next": None})


@bp.get("/api/profiles/<profile_id>")
def get_profile(profile_id: str) -> Response:
    """Read one profile; an id that was merged away leads to the one that stayed."""
    sim = world()
    with sim.lock:
        profile = sim.mail.by_id.get(profile_id)
        if profile is None:
            raise Refused(404, "not_found", "A profile with this id does not exist.")
        return jsonify(data=show_profile(profile))


@bp.patch("/api/profiles/<profile_id>")
def change_profile(profile_id: str) -> Response:
    """Change a profile; an identifier of somebody else's is a conflict."""
    sim, attributes = world(), attributes_of("profile")
    raise_problem(profile_problem(attributes, "/data/attributes", known_id=profile_id))
    with sim.lock:
        profile = sim.mail.by_id.get(profile_id)
        if profile is None:
            raise Refused(404, "not_found", "A profile with this id does not exist.")
        others = [other for other in find_by_identifiers(sim.mail, attributes) if other is not profile]
        if others:
            raise Refused(
                409, "duplicate_profile", "A profile already exists with one of these identifiers.",
                "/data/attributes", duplicate_profile_id=others[0].id,
            )  # fmt: skip
        update(sim.mail, profile, attributes, sim.now())
        return jsonify(data=show_profile(profile))


def accepted() -> tuple[Response, int]:
    """Answer 202 and nothing else: taken, not done."""
    response = Response(b"", 202)
    response.headers.pop("Content-Type", None)
    return response, 202


def unix(moment: datetime) -> int:
    """Write a time as seconds since 1970."""
    return int(moment.timestamp())
