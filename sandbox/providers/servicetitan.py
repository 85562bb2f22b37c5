"""Simulated ServiceTitan: the token endpoint, the two credentials every call needs, and its error format."""

import base64
import json
import secrets
import time
from datetime import timedelta

from flask import Blueprint, Response, g, jsonify, request

from sandbox.providers.refusals import refusal, too_many
from sandbox.providers.state import world

PREFIX = "/servicetitan"
TENANT = "v2/tenant/<int:tenant>"
SCOPES = (
    "tn.crm.customers:r tn.crm.customers:w tn.crm.bookings:w tn.jpm.jobs:r tn.jpm.jobs:w tn.dis.capacity:r"
)
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
    errors: dict[str, object] = dict(error.errors)
    if world().flags.word("st_errors_style") == "string":
        errors = {name: words[0] for name, words in error.errors.items()}
    return jsonify(refusal("servicetitan", error.status, error.title) | {"errors": errors}), error.status


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
    with sim.lock:
        now = sim.now()
        seconds = sim.flags.number("sim_token_seconds")
        token = _token_text(seconds)
        sim.office.tokens = {known: until for known, until in sim.office.tokens.items() if until > now}
        sim.office.tokens[token] = now + timedelta(seconds=seconds)
    answer = {"access_token": token, "expires_in": seconds, "token_type": "Bearer", "scope": SCOPES}
    return jsonify(answer), 200


def _token_text(seconds: int) -> str:
    """Make something shaped like their token. Nobody may look inside, and its signature is none."""
    config, now = world().config, int(time.time())
    header = {"alg": "RS256", "kid": "SIM", "typ": "at+jwt", "x5t": "SIM"}
    claims = {
        "nbf": now, "exp": now + seconds, "iss": "https://auth.servicetitan.io", "client_id": config.st_client_id,
        "tenant": config.st_tenant_id, "jti": secrets.token_hex(8).upper(), "iat": now, "scope": SCOPES.split(),
    }  # fmt: skip
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
            return too_many("servicetitan", 1 if sim.flags.on("st_retry_after") else None)
        calls.append(now)
    return None
