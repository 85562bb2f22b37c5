"""What we need from the systems that send e-mail and text messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

Property = str | int | bool | None


@dataclass(frozen=True)
class EmailProfile:
    """The person an e-mail goes to; `external_id` is our customer id."""

    email: str
    external_id: str
    first_name: str
    last_name: str
    phone: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class EmailEvent:
    """One thing that happened, from which the provider's flow writes the e-mail; `unique_id` dedupes it."""

    metric: str
    unique_id: str
    occurred_at: datetime
    profile: EmailProfile
    properties: Mapping[str, Property] = field(default_factory=dict)


class EmailSender(Protocol):
    """The system that sends e-mail."""

    def upsert_profile(self, profile: EmailProfile) -> str:
        """Create or update the person and return the provider's id."""

    def send_event(self, event: EmailEvent) -> str:
        """Record the event and return its unique id: the only name it has there."""

    def subscribe(self, profile: EmailProfile, source: str) -> None:
        """Put the person on the marketing list. Lifts an earlier unsubscribe, so it needs a fresh opt-in."""

    def delete_profile(self, external_id: str) -> bool:
        """Ask for everything about a customer of ours to be deleted. Answer False when they are not known there."""


@dataclass(frozen=True)
class SmsMessage:
    """One text message; `notification_id` comes back in the status callback."""

    to: str
    body: str
    notification_id: UUID


@dataclass(frozen=True)
class SmsRecord:
    """A message as the provider knows it; `created_at` is aware UTC."""

    sid: str
    to: str
    body: str
    status: str
    created_at: datetime
    error_code: str | None = None


class SmsSender(Protocol):
    """The system that sends text messages. It has no idempotency key: never repeat an uncertain send."""

    def send(self, message: SmsMessage) -> SmsRecord:
        """Hand the message over."""

    def list_messages(self, to: str, since: datetime) -> tuple[SmsRecord, ...]:
        """List what was sent to a number since then, newest first, to settle an uncertain send."""
