"""Twilio as the SMS sender. Creating a message has no idempotency key, so an unclear answer is looked up, never repeated."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from app.providers.http import HttpClient, Limits, Reply, Request, outcome_of
from app.providers.ports import Outcome, ProviderError, SmsMessage, SmsRecord

MAX_PAGES = 5
VALID_SECONDS = "14400"  # as long as we try ourselves: nobody is reminded of a visit that is over
OPTED_OUT = "21610"
CODE_OUTCOMES: dict[str, Outcome] = {
    "20003": Outcome.CONFIG,  # wrong credentials
    "20404": Outcome.PERMANENT,
    "20429": Outcome.THROTTLED,  # too many at once, documented as never processed
    "21211": Outcome.PERMANENT,  # not a phone number
    "21212": Outcome.CONFIG,  # our sender is not a phone number
    "21408": Outcome.PERMANENT,  # region not enabled
    "21602": Outcome.PERMANENT,  # no body
    "21606": Outcome.CONFIG,  # our sender cannot send SMS
    "21609": Outcome.CONFIG,  # our status callback address is not acceptable
    "21610": Outcome.PERMANENT,  # the person replied STOP
    "21611": Outcome.THROTTLED,  # the sender's queue is full
    "21612": Outcome.PERMANENT,  # no route
    "21614": Outcome.PERMANENT,  # not a mobile number
    "21617": Outcome.PERMANENT,  # body too long
    "30001": Outcome.TRANSIENT,  # queue overflow
    "30003": Outcome.TRANSIENT,  # handset unreachable
    "30004": Outcome.PERMANENT,  # blocked
    "30005": Outcome.PERMANENT,  # unknown handset
    "30006": Outcome.PERMANENT,  # landline
    "30007": Outcome.PERMANENT,  # filtered by the carrier
    "30008": Outcome.TRANSIENT,  # unknown
    "30034": Outcome.CONFIG,  # our number is not registered
    "30450": Outcome.PERMANENT,
    "30610": Outcome.PERMANENT,
    "30640": Outcome.PERMANENT,
}
CODE = re.compile(r"[0-9]{5}")


@dataclass(frozen=True)
class TwilioConfig:
    """One account's access; the sender is a messaging service or a number of the account."""

    api_base: str
    account_sid: str
    auth_token: str
    messaging_service_sid: str
    sender: str
    public_base_url: str
    limits: Limits


def outcome_of_code(code: str, status: int = 400) -> Outcome:
    """Say what an error code means; an unknown one means what its HTTP status means."""
    return CODE_OUTCOMES.get(code) or outcome_of(status)


class Twilio:
    """The SmsSender port over Twilio's Messages resource."""

    def __init__(self, config: TwilioConfig) -> None:
        self._config = config
        self._client = HttpClient("twilio", config.limits)
        pair = f"{config.account_sid}:{config.auth_token}".encode()
        self._headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        self._path = f"/2010-04-01/Accounts/{config.account_sid}/Messages.json"

    def send(self, message: SmsMessage) -> SmsRecord:
        """Hand the message over. A 5xx may come after the message left, so it is uncertain here."""
        query = urlencode({"n": str(message.notification_id)})
        form = {
            "To": message.to,
            "Body": message.body,
            "StatusCallback": f"{self._config.public_base_url}/webhooks/twilio/status?{query}",
            "ValidityPeriod": VALID_SECONDS,
        }
        if self._config.messaging_service_sid:
            form["MessagingServiceSid"] = self._config.messaging_service_sid
        else:
            form["From"] = self._config.sender
        url = self._config.api_base + self._path
        reply = self._client.send(Request("messages.create", "POST", url, self._headers, form=form))
        if reply.status >= 500:
            raise ProviderError(Outcome.UNCERTAIN, f"messages.create: {reply.status}", status=reply.status)
        return _record(_checked(reply, "messages.create").json_object())

    def list_messages(self, to: str, since: datetime) -> tuple[SmsRecord, ...]:
        """List what was sent to a number since then, newest first. The API filters by day, this by the second."""
        day = since.astimezone(UTC).strftime("%Y-%m-%d")
        params: tuple[tuple[str, str], ...] = (("To", to), ("DateSent>", day), ("PageSize", "100"))
        url, found = self._config.api_base + self._path, []
        for _ in range(MAX_PAGES):
            request = Request("messages.list", "GET", url, self._headers, params=params)
            page = _checked(self._client.send(request), "messages.list").json_object()
            found += [_record(row) for row in _messages(page)]
            following = page.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith("/"):
                break
            url, params = self._config.api_base + following, ()
        return tuple(record for record in found if record.created_at >= since.replace(microsecond=0))


def _checked(reply: Reply, operation: str) -> Reply:
    """Pass a success on; turn a refusal into its code, never its wording (it repeats the number)."""
    if reply.is_success:
        return reply
    code = _code(reply)
    outcome = outcome_of_code(code, reply.status) if code else outcome_of(reply.status)
    reason = f"{operation}: {reply.status}" + (f" code {code}" if code else "")
    raise ProviderError(outcome, reason, retry_after=reply.retry_after, status=reply.status, code=code)


def _code(reply: Reply) -> str | None:
    try:
        value = str(reply.json_object().get("code"))
    except ProviderError:
        return None
    return value if CODE.fullmatch(value) else None


def _messages(page: dict[str, Any]) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
    value = page.get("messages")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ProviderError(Outcome.UNCERTAIN, "messages.list: answer has no list of messages")
    return value


def _record(row: dict[str, Any]) -> SmsRecord:  # untyped JSON, see http.Reply
    """Read a message; a success without its id leaves open whether it was sent."""
    sid, status = row.get("sid"), row.get("status")
    if not isinstance(sid, str) or not sid or not isinstance(status, str):
        raise ProviderError(Outcome.UNCERTAIN, "messages: answer has no sid or status")
    try:
        created_at = parsedate_to_datetime(str(row.get("date_created"))).astimezone(UTC)
    except (TypeError, ValueError) as error:
        raise ProviderError(Outcome.UNCERTAIN, "messages: answer has a malformed time") from error
    code = row.get("error_code")
    return SmsRecord(
        sid=sid,
        to=str(row.get("to") or ""),
        body=str(row.get("body") or ""),
        status=status,
        created_at=created_at,
        error_code=str(code) if code else None,
    )
