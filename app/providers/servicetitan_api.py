"""ServiceTitan's front door: the token everybody shares, the two credentials on every call, and its error format."""

import re
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.providers.http import SIGN_IN, HttpClient, Limits, Reply, Request, outcome_of
from app.providers.pace import AT_WILL, Pace
from app.providers.ports import Outcome, ProviderError
from app.providers.servicetitan_mapping import FieldMapping

REFRESH_MARGIN = 60.0
PAGE_SIZE = 200
MAX_PAGES = 50
FIELD_NAME = re.compile(r"[A-Za-z0-9_.\[\]]{1,60}")


@dataclass(frozen=True)
class ServiceTitanConfig:
    """One tenant's access, and what our words are called there.

    `booking_provider_id` is needed only where bookings are requests; `capacity_unit` says what classic capacity counts.
    """

    auth_url: str
    api_base: str
    tenant_id: str
    client_id: str
    client_secret: str
    app_key: str
    application_guid: str
    cancel_reason_id: int
    mapping: FieldMapping
    limits: Limits
    booking_provider_id: int | None = None
    capacity_unit: str = "hours"
    pace: Pace = AT_WILL


@dataclass(frozen=True)
class _Token:
    value: str
    refresh_at: float


class TokenCache:
    """Keeps one access token per process; threads that need a new one wait for the first to fetch it."""

    def __init__(self, config: ServiceTitanConfig, client: HttpClient) -> None:
        self._config = config
        self._client = client
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def get(self) -> str:
        """Return a token that is still good for a minute."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.refresh_at:
                self._token = self._fetch()
            return self._token.value

    def drop(self, refused: str) -> None:
        """Forget a token the provider refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None

    def _fetch(self) -> _Token:
        asked_at = time.monotonic()
        reply = self._client.send(
            Request(
                SIGN_IN,
                "POST",
                self._config.auth_url,
                {},
                form={
                    "grant_type": "client_credentials",
                    "client_id": self._config.client_id,
                    "client_secret": self._config.client_secret,
                },
            )
        )
        if reply.status in {400, 401, 403}:
            raise ProviderError(Outcome.CONFIG, "token refused: check the credentials", status=reply.status)
        if not reply.is_success:
            raise _failure(reply, "token")
        data = reply.json_object()
        value, seconds = data.get("access_token"), data.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(seconds, int | float):
            raise ProviderError(Outcome.UNCERTAIN, "token answer is malformed", status=reply.status)
        return _Token(value, asked_at + seconds - min(REFRESH_MARGIN, seconds / 2))


class ServiceTitanApi:
    """Calls one tenant's API with a good token."""

    def __init__(self, config: ServiceTitanConfig) -> None:
        self.config = config
        self._client = HttpClient("servicetitan", config.limits, config.pace)
        self._tokens = TokenCache(config, self._client)

    def get(
        self, operation: str, path: str, **params: str | int
    ) -> dict[str, Any]:  # untyped JSON, see http.Reply
        """Read one thing or one page."""
        query = tuple((name, str(value)) for name, value in params.items())
        return self._call(Request(operation, "GET", path, {}, params=query)).json_object()

    def post(self, operation: str, path: str, body: object) -> dict[str, Any]:  # untyped JSON, see http.Reply
        """Create something or ask a question that does not fit into an address."""
        return self._call(Request(operation, "POST", path, {}, json=body)).json_object()

    def patch(
        self, operation: str, path: str, body: object
    ) -> dict[str, Any]:  # untyped JSON, see http.Reply
        """Change a thing."""
        return self._call(Request(operation, "PATCH", path, {}, json=body)).json_object()

    def put(self, operation: str, path: str, body: object | None = None) -> None:
        """Do something to a thing; the answer has no body."""
        self._call(Request(operation, "PUT", path, {}, json=body))

    def tell(self, operation: str, path: str, body: object) -> None:
        """Report something; the answer has no body that matters."""
        self._call(Request(operation, "POST", path, {}, json=body))

    def every(
        self, operation: str, path: str, **params: str | int
    ) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        """Read all pages of a list."""
        found: list[dict[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            data = self.get(operation, path, page=page, pageSize=PAGE_SIZE, **params)
            found += rows(data, operation)
            if not data.get("hasMore"):
                return found
        raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer never ends")

    def _call(self, request: Request) -> Reply:
        """Send with the shared token; a refused one is replaced once, which is safe because 401 means not done."""
        module, _, rest = request.url.partition("/")
        url = f"{self.config.api_base}/{module}/v2/tenant/{self.config.tenant_id}/{rest}"
        token = self._tokens.get()
        reply = self._send(replace(request, url=url), token)
        if reply.status == 401:
            self._tokens.drop(token)
            reply = self._send(replace(request, url=url), self._tokens.get())
        if not reply.is_success:
            raise _failure(reply, request.operation)
        return reply

    def _send(self, request: Request, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "ST-App-Key": self.config.app_key}
        return self._client.send(replace(request, headers=headers))


def _failure(reply: Reply, operation: str) -> ProviderError:
    """Describe a refusal by its field names only: the wording around them may repeat what a person typed."""
    names = ", ".join(_error_fields(reply))
    reason = f"{operation}: {reply.status}" + (f" ({names})" if names else "")
    return ProviderError(outcome_of(reply.status), reason, retry_after=reply.retry_after, status=reply.status)


def _error_fields(reply: Reply) -> list[str]:
    try:
        errors = reply.json_object().get("errors")
    except ProviderError:
        return []
    if not isinstance(errors, dict):
        return []
    return [name for name in sorted(map(str, errors)) if FIELD_NAME.fullmatch(name)][:5]


def read_id(data: dict[str, Any], operation: str, key: str = "id") -> str:  # untyped JSON, see http.Reply
    """Read an id; a success without one leaves open what was done."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer has no {key}")
    return str(value)


def rows(data: dict[str, Any], operation: str, key: str = "data") -> list[dict[str, Any]]:  # untyped JSON
    """Read the rows of a list answer."""
    value = data.get(key)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer has no list of {key}")
    return value


def wire_time(moment: datetime) -> str:
    """Write an aware time the way the API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(value: object, operation: str) -> datetime:
    """Read an API time as aware UTC."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer has a malformed time") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
