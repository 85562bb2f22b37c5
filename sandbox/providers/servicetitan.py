"""Simulated ServiceTitan: the token endpoint, the two credentials every call needs, and its error format."""

import base64
import json
import secrets
import time
from datetime import timedelta

from flask import Blueprint, Response, g, jsonify, request

from sandbox.providers.checks import Json
from sandbox.providers.faults import refusal, too_many
from sandbox.providers.records import External
from sandbox.providers.state import world

PREFIX = "/servicetitan"
bp = Blueprint("servicetitan", __name__, url_prefix=PREFIX)


class ApiError(Exception):
    """A refusal in ServiceTitan's own format."""

    def __init__(self, status: int, title: str, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = errors or {}


def refuse_if(errors: dict[str, list[str]]) -> None:
    """Answer 400 when validation found something."""
    if errors:
        raise ApiError(400, "One or more validation errors occurred.", errors)


@bp.app_errorhandler(ApiError)
def show_error(error: ApiError) -> tuple[Response, int]:
    """Write the error body with all six keys."""
    return jsonify(
        refusal("servicetitan", error.status, error.title) | {"errors": error.errors}
    ), error.status


@bp.post("/auth/connect/token")
def issue_token() -> tuple[Response, int]:
    """Answer the client-credentials grant; no other grant and no refresh exists."""
    sim, form = world(), request.form
    if form.get("grant_type") != "client_credentials":
        return jsonify(error="unsupported_grant_type"), 400
    if (form.get("client_id"), form.get("client_secret")) != (
        sim.config.st_client_id,
        sim.config.st_client_secret,
    ):
        return jsonify(error="invalid_client"), 400
    seconds = int(sim.config.sim_token_seconds)
    with sim.lock:
        token = _token_text(seconds)
        sim.office.tokens[token] = sim.now() + timedelta(seconds=seconds)
    answer = {
        "access_token": token,
        "expires_in": seconds,
        "token_type": "Bearer",
        "scope": "tn.crm.customers:r tn.jpm.jobs:w",
    }
    return jsonify(answer), 200


def _token_text(seconds: int) -> str:
    """Make something shaped like their token. Nobody may look inside, and its signature is none."""
    header = {"alg": "RS256", "typ": "at+jwt"}
    claims = {"jti": secrets.token_hex(8), "exp": int(time.time()) + seconds}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return ".".join([*parts, "simulated"])


@bp.url_value_preprocessor
def take_tenant(endpoint: str | None, values: dict[str, object] | None) -> None:  # noqa: ARG001 Flask's signature
    """Read the tenant from the address once, for every call."""
    g.tenant = str((values or {}).pop("tenant", ""))


@bp.before_request
def check_access() -> Response | tuple[Response, int] | None:
    """Let a call in only with a living token, the app key, our tenant and within the rate limit."""
    if not request.path.startswith(f"{PREFIX}/api/"):
        return None
    sim = world()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    with sim.lock:
        expires = sim.office.tokens.get(token) if scheme == "Bearer" else None
        if expires is None or expires <= sim.now():
            return jsonify(refusal("servicetitan", 401, "Unauthorized")), 401
        if request.headers.get("ST-App-Key") != sim.config.st_app_key:
            return jsonify(refusal("servicetitan", 401, "Unauthorized")), 401
        if g.tenant != sim.config.st_tenant_id:
            return jsonify(refusal("servicetitan", 403, "Forbidden")), 403
        calls, now = sim.office.calls, time.monotonic()
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= sim.config.calls_per_second:
            return too_many("servicetitan", 1)
        calls.append(now)
    return None


def page_of(rows: list[Json]) -> Response:
    """Answer one page of a list, with the total only on request."""
    page = max(1, request.args.get("page", 1, type=int))
    size = min(5000, max(1, request.args.get("pageSize", 50, type=int)))
    part = rows[(page - 1) * size : page * size]
    total = len(rows) if request.args.get("includeTotal") == "true" else None
    return jsonify(page=page, pageSize=size, hasMore=page * size < len(rows), totalCount=total, data=part)


def read_external(body: Json) -> list[External]:
    """Read the caller's own data from a create request."""
    data = body.get("externalData")
    if not isinstance(data, dict):
        return []
    pairs = data.get("externalData")
    guid = str(data.get("applicationGuid") or "")
    if not guid or not isinstance(pairs, list):
        raise ApiError(
            400, "One or more validation errors occurred.", {"externalData": ["applicationGuid is required."]}
        )
    return [
        External(guid, str(pair.get("key")), str(pair.get("value")))
        for pair in pairs
        if isinstance(pair, dict)
    ]


def visible_external(external: list[External], guid: str | None) -> list[Json]:
    """Show a record's external data to the application that wrote it."""
    return [{"key": pair.key, "value": pair.value} for pair in external if pair.guid == guid]


def matches_external(external: list[External]) -> bool:
    """Apply the request's external-data filter; both key and values are needed."""
    guid, key = request.args.get("externalDataApplicationGuid"), request.args.get("externalDataKey")
    values = request.args.get("externalDataValues")
    if key is None and values is None:
        return True
    if not key or not values or not guid:
        raise ApiError(
            400,
            "One or more validation errors occurred.",
            {"externalDataKey": ["Key and values go together."]},
        )
    wanted = values.split(",")[:50]
    return any(pair.guid == guid and pair.key == key and pair.value in wanted for pair in external)
