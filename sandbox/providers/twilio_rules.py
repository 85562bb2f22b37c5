"""What Twilio refuses, by its own numbers: bad recipients, bad senders, bad texts and bad times."""

import re
from datetime import timedelta

from werkzeug.datastructures import MultiDict

from sandbox.providers.checks import read_moment
from sandbox.providers.state import World

PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
TEST_SENDER = "+15005550006"
BAD_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
BAD_RECIPIENTS = {
    "+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
}  # fmt: skip
ORDER_ERRORS = {"cancel": 30409, "redact": 20009}
SOONEST, LATEST = timedelta(seconds=300), timedelta(days=35)
MESSAGES = {
    20009: "The body of a message can only be set to empty.",
    20404: "The requested resource was not found",
    21211: "The 'To' number is not a valid phone number.",
    21212: "The 'From' number is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region.",
    21602: "Message body is required.",
    21603: "A 'From' phone number or a MessagingServiceSid is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number is not a valid, SMS-capable phone number of your account.",
    21609: "The 'StatusCallback' URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable.",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    30003: "Unreachable destination handset",
    30007: "Carrier violation",
    30034: "Message from an unregistered number",
    30409: "The message is not scheduled and cannot be canceled.",
    35114: "SendAt is not an ISO 8601 time.",
    35115: "SendAt is required with ScheduleType.",
    35117: "SendAt must be more than 300 seconds and at most 35 days ahead.",
    35118: "A MessagingServiceSid is required to schedule.",
    35126: "ScheduleType must be 'fixed'.",
}


def find_problem(sim: World, form: MultiDict[str, str]) -> int | None:
    """Find the error code for a message that cannot be taken."""
    to = form.get("To", "")
    if not to:
        return 21604
    if to in BAD_RECIPIENTS or not PHONE.fullmatch(to):
        return BAD_RECIPIENTS.get(to, 21211)
    return _sender(sim, form) or _body(form) or _callback(form) or _schedule(sim, form) or _stopped(sim, form)


def _sender(sim: World, form: MultiDict[str, str]) -> int | None:
    sender, service = form.get("From"), form.get("MessagingServiceSid")
    if not sender and not service:
        return 21603
    if sender in BAD_SENDERS:
        return BAD_SENDERS[sender or ""]
    if service and service != sim.config.twilio_messaging_service_sid:
        return 21606
    if sender is None:
        return None
    return None if sender in {TEST_SENDER, sim.config.twilio_from} else 21606


def _body(form: MultiDict[str, str]) -> int | None:
    body = form.get("Body", "")
    if not body and not form.get("MediaUrl") and not form.get("ContentSid"):
        return 21602
    return 21617 if len(body) > 1600 else None


def _callback(form: MultiDict[str, str]) -> int | None:
    url = form.get("StatusCallback")
    if not url:
        return None
    host = re.match(r"https?://([^/:?#]+)", url)
    return None if host and "_" not in host[1] else 21609


def _schedule(sim: World, form: MultiDict[str, str]) -> int | None:
    kind, send_at = form.get("ScheduleType"), form.get("SendAt")
    if not kind:
        return None
    if kind != "fixed":
        return 35126
    if not send_at:
        return 35115
    moment = read_moment(send_at)
    if moment is None:
        return 35114
    if not SOONEST < moment - sim.now() <= LATEST:
        return 35117
    return None if form.get("MessagingServiceSid") else 35118


def _stopped(sim: World, form: MultiDict[str, str]) -> int | None:
    """Refuse somebody who replied STOP, unless that shows only later."""
    if form.get("To") not in sim.phone.opted_out or form.get("ScheduleType"):
        return None
    return None if tells_stop_later(sim, form.get("MessagingServiceSid")) else 21610


def tells_stop_later(sim: World, service: str | None) -> bool:
    """Tell whether a stop shows by callback instead of at once."""
    when = sim.flags.word("twilio_stop")
    return when == "async" or (when == "auto" and service is not None)
