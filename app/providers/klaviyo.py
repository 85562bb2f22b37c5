"""Klaviyo as the e-mail sender: an event with all the facts, from which the account's own flow writes the e-mail.

A repeated event with the same unique id is recorded once, so sending again is always safe. Accepted (202) means
queued there, not delivered.
"""

import re
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from app.providers.http import HttpClient, Limits, Reply, Request, outcome_of
from app.providers.ports import EmailEvent, EmailProfile, Outcome, ProviderError

MEDIA_TYPE = "application/vnd.api+json"
SAFE_WORD = re.compile(r"[A-Za-z0-9_/.\-]{1,80}")


@dataclass(frozen=True)
class KlaviyoConfig:
    """One account's access; `revision` pins the API's behaviour to a date."""

    api_base: str
    private_key: str
    revision: str
    limits: Limits


class Klaviyo:
    """The EmailSender port over Klaviyo's profiles and events."""

    def __init__(self, config: KlaviyoConfig) -> None:
        self._config = config
        self._client = HttpClient("klaviyo", config.limits)

    def upsert_profile(self, profile: EmailProfile) -> str:
        """Create or update the person and return Klaviyo's id."""
        attributes = _identity(profile) | {
            "location": {
                "city": profile.city,
                "region": profile.state,
                "zip": profile.zip_code,
                "timezone": profile.timezone,
            }
        }
        body = {"data": {"type": "profile", "attributes": attributes}}
        data = self._post("profiles.import", "/api/profile-import", body).json_object().get("data")
        profile_id = data.get("id") if isinstance(data, dict) else None
        if not isinstance(profile_id, str) or not profile_id:
            raise ProviderError(Outcome.UNCERTAIN, "profiles.import: answer has no id")
        return profile_id

    def send_event(self, event: EmailEvent) -> str:
        """Record the event and return its unique id: Klaviyo names it in no other way."""
        reply = self._post("events.create", "/api/events", _event_body(event))
        if reply.status != 202:
            raise ProviderError(Outcome.UNCERTAIN, "events.create: answer is not 202", status=reply.status)
        return event.unique_id

    def _post(self, operation: str, path: str, body: object) -> Reply:
        headers = {
            "Authorization": f"Klaviyo-API-Key {self._config.private_key}",
            "revision": self._config.revision,
            "Accept": MEDIA_TYPE,
            "Content-Type": MEDIA_TYPE,
        }
        reply = self._client.send(
            Request(operation, "POST", self._config.api_base + path, headers, json=body)
        )
        if not reply.is_success:
            raise _failure(reply, operation)
        return reply


def _identity(profile: EmailProfile) -> dict[str, object]:
    identity: dict[str, object] = {
        "email": profile.email,
        "external_id": profile.external_id,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
    }
    if profile.phone:
        identity["phone_number"] = profile.phone
    return identity


def _event_body(event: EmailEvent) -> dict[str, object]:
    metric = {"data": {"type": "metric", "attributes": {"name": event.metric}}}
    profile = {"data": {"type": "profile", "attributes": _identity(event.profile)}}
    attributes = {
        "properties": dict(event.properties),
        "time": event.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "unique_id": event.unique_id,
        "metric": metric,
        "profile": profile,
    }
    return {"data": {"type": "event", "attributes": attributes}}


def _failure(reply: Reply, operation: str) -> ProviderError:
    """Describe a refusal by its code and the field it points to, never by its wording."""
    code, pointer = _first_error(reply)
    words = " ".join(word for word in (code, pointer) if word)
    outcome = Outcome.CONFIG if reply.status in {410, 415} else outcome_of(reply.status)
    return ProviderError(
        outcome,
        f"{operation}: {reply.status} {words}".rstrip(),
        retry_after=reply.retry_after,
        status=reply.status,
        code=code,
    )


def _first_error(reply: Reply) -> tuple[str | None, str | None]:
    try:
        errors: Any = reply.json_object().get("errors")  # untyped JSON, see http.Reply
    except ProviderError:
        return None, None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    source = first.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return _safe(first.get("code")), _safe(pointer)


def _safe(value: object) -> str | None:
    return value if isinstance(value, str) and SAFE_WORD.fullmatch(value) else None
