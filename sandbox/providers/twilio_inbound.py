"""A person texts back: single keywords are handled by Twilio itself, and the application hears of every message."""

import re
import uuid
from xml.etree import ElementTree

from sandbox.providers.state import World
from sandbox.providers.twilio_delivery import post_signed
from sandbox.providers.twilio_records import Text

KEYWORDS = {
    "STOP": {"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"},
    "START": {"START", "YES", "UNSTOP"},
    "HELP": {"HELP", "INFO"},
}
REPLIES = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
PATH = "/webhooks/twilio/inbound"
PLACES = {
    "FromCity": "PHOENIX", "FromState": "AZ", "FromZip": "85003", "FromCountry": "US",
    "ToCity": "PHOENIX", "ToState": "AZ", "ToZip": "85003", "ToCountry": "US",
}  # fmt: skip


def keyword(body: str) -> str | None:
    """Tell what kind of keyword a message is; only a single word counts."""
    word = body.strip().upper()
    return next((kind for kind, words in KEYWORDS.items() if word in words), None)


def receive(
    sim: World, sender: str, body: str, *, forged: bool = False, sid: str | None = None
) -> dict[str, object]:
    """Take a message from a person and tell the application; its answer may hold a text to send back."""
    kind = keyword(body)
    with sim.lock:
        if kind == "STOP":
            sim.phone.opted_out.add(sender)
        if kind == "START":
            sim.phone.opted_out.discard(sender)
        known_as = sid or f"SM{sim.phone.text_ids.take():032x}"
        if kind and sim.flags.on("twilio_auto_reply"):
            _reply(sim, sender, REPLIES[kind])
        fields = _fields(sim, known_as, sender, body, kind)
    base = sim.config.public_base_url.rstrip("/")
    if not base:
        return {"status": None, "sid": known_as, "reply": None}
    secret = "forged" if forged else sim.config.twilio_auth_token
    token = str(uuid.uuid5(uuid.NAMESPACE_OID, known_as))
    answer = post_signed(
        sim, base + PATH, fields, secret=secret, token=token, note="forged" if forged else ""
    )
    reply = twiml_text(answer.body)
    if reply and answer.is_taken:
        with sim.lock:
            _reply(sim, sender, reply)
    return {"status": answer.status, "sid": known_as, "reply": reply}


def _fields(sim: World, sid: str, sender: str, body: str, kind: str | None) -> dict[str, str]:
    config = sim.config
    fields = {
        "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": config.twilio_account_sid, "From": sender,
        "To": config.twilio_from, "Body": body, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    } | PLACES  # fmt: skip
    if config.twilio_messaging_service_sid:
        fields["MessagingServiceSid"] = config.twilio_messaging_service_sid
    if kind and sim.flags.on("twilio_advanced_opt_out"):
        fields["OptOutType"] = kind
    return fields


def _reply(sim: World, to: str, body: str) -> None:
    now = sim.now()
    sid = f"SM{sim.phone.text_ids.take():032x}"
    sim.phone.replies.append(
        Text(sid, to, sim.config.twilio_from, None, body, "delivered", now, None, direction="outbound-reply", sent_at=now)
    )  # fmt: skip


def twiml_text(body: bytes) -> str | None:
    """Read the text that the application wants sent back."""
    if not re.match(rb"\s*<", body) or b"<!" in body:
        return None
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 from our own application, and without any declaration
    except ElementTree.ParseError:
        return None
    texts = ["".join(message.itertext()).strip() for message in root.iter("Message")]
    return "\n".join(filter(None, texts)) or None
