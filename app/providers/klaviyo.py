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
DUPLICATE = 409
SAFE_WORD = re.compile(r"[A-Za-z0-9_/.\-]{1,80}")


@dataclass(frozen=True)
class KlaviyoConfig:
    """One account's access; `revision` pins the API's behaviour to a date, `list_id` is where news go."""

    api_base: str
    private_key: str
    revision: str
    limits: Limits
    list_id: str = ""


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
        reply = self._send("profiles.import", "/api/profile-import", body)
        if reply.status == DUPLICATE and _first_error(reply).get("code") == "duplicate_profile":
            profile_id = _inside(_first_error(reply), "meta", "duplicate_profile_id")
        else:
            profile_id = _inside(_checked(reply, "profiles.import").json_object(), "data", "id")
        if not isinstance(profile_id, str) or not profile_id:
            raise ProviderError(Outcome.UNCERTAIN, "profiles.import: answer has no id")
        return profile_id

    def send_event(self, event: EmailEvent) -> str:
        """Record the event and return its unique id: Klaviyo names it in no other way."""
        try:
            reply = self._post("events.create", "/api/events", _event_body(event))
        except ProviderError as error:
            if error.status == DUPLICATE:
                return event.unique_id
            raise
        if reply.status != 202:
            raise ProviderError(Outcome.UNCERTAIN, "events.create: answer is not 202", status=reply.status)
        return event.unique_id

    def subscribe(self, profile: EmailProfile, source: str) -> None:
        """Put the person on the list for news. Lifts an earlier unsubscribe there, so it needs a fresh opt-in.

        When somebody agreed is not told: the API takes that for old consents only, and skips the double opt-in for them.
        """
        if not self._config.list_id:
            raise ProviderError(Outcome.CONFIG, "KLAVIYO_LIST_ID is not set")
        body = _subscription_body(profile, source, self._config.list_id)
        reply = self._post("profiles.subscribe", "/api/profile-subscription-bulk-create-jobs", body)
        if reply.status != 202:
            raise ProviderError(
                Outcome.UNCERTAIN, "profiles.subscribe: answer is not 202", status=reply.status
            )

    def delete_profile(self, external_id: str) -> bool:
        """Find the customer by our own id, which is no personal data, and ask for the deletion that privacy laws want.

        Accepted (202) means queued there. Somebody deleted before is not found any more, so asking again is safe.
        """
        wanted = (("filter", f'equals(external_id,"{external_id}")'),)
        reply = _checked(self._send("profiles.find", "/api/profiles", params=wanted), "profiles.find")
        rows = reply.json_object().get("data")
        if not isinstance(rows, list):
            raise ProviderError(Outcome.UNCERTAIN, "profiles.find: answer has no list")
        for row in rows:
            profile = {"data": {"type": "profile", "id": row["id"]}}
            job = {"type": "data-privacy-deletion-job", "attributes": {"profile": profile}}
            self._post("profiles.delete", "/api/data-privacy-deletion-jobs", {"data": job})
        return bool(rows)

    def _post(self, operation: str, path: str, body: object) -> Reply:
        return _checked(self._send(operation, path, body), operation)

    def _send(
        self, operation: str, path: str, body: object = None, *, params: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        headers = {
            "Authorization": f"Klaviyo-API-Key {self._config.private_key}",
            "revision": self._config.revision,
            "Accept": MEDIA_TYPE,
            "Content-Type": MEDIA_TYPE,
        }
        method = "GET" if body is None else "POST"
        return self._client.send(
            Request(operation, method, self._config.api_base + path, headers, params=params, json=body)
        )


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


def _subscription_body(profile: EmailProfile, source: str, list_id: str) -> dict[str, object]:
    person = {
        "email": profile.email,
        "subscriptions": {"email": {"marketing": {"consent": "SUBSCRIBED"}}},
    }
    attributes = {
        "custom_source": source,
        "historical_import": False,
        "profiles": {"data": [{"type": "profile", "attributes": person}]},
    }
    return {
        "data": {
            "type": "profile-subscription-bulk-create-job",
            "attributes": attributes,
            "relationships": {"list": {"data": {"type": "list", "id": list_id}}},
        }
    }


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


def _checked(reply: Reply, operation: str) -> Reply:
    """Pass a success on; describe a refusal by its code and the field it points to, never by its wording."""
    if reply.is_success:
        return reply
    error = _first_error(reply)
    code, pointer = _safe(error.get("code")), _safe(_inside(error, "source", "pointer"))
    words = " ".join(word for word in (code, pointer) if word)
    raise ProviderError(
        Outcome.CONFIG if reply.status in {410, 415} else outcome_of(reply.status),
        f"{operation}: {reply.status} {words}".rstrip(),
        retry_after=reply.retry_after,
        status=reply.status,
        code=code,
    )


def _first_error(reply: Reply) -> dict[str, Any]:  # untyped JSON, see http.Reply
    try:
        errors: Any = reply.json_object().get("errors")
    except ProviderError:
        return {}
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _inside(outer: dict[str, Any], name: str, inner: str) -> object:
    value = outer.get(name)
    return value.get(inner) if isinstance(value, dict) else None


def _safe(value: object) -> str | None:
    return value if isinstance(value, str) and SAFE_WORD.fullmatch(value) else None
