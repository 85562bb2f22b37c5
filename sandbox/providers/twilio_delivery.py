"""Moves a simulated SMS from queued to delivered and tells the sender by signed callbacks, in the background."""

import base64
import hashlib
import hmac
import uuid
from urllib.parse import urlencode

from sandbox.providers.callbacks import Answer, Callback, is_reachable, send
from sandbox.providers.faults import Mode
from sandbox.providers.state import World
from sandbox.providers.twilio_records import Text
from sandbox.providers.twilio_rules import tells_stop_later

STEP_SECONDS = 0.3
REPEAT_SECONDS = 15.0
LATE_SECONDS = 60.0
FAILING_ENDINGS = {"9003": 30003, "9007": 30007, "9034": 30034}
FINAL = {"delivered", "undelivered", "failed", "canceled"}
EARLY = {"queued", "sending"}


def start_delivery(sim: World, text: Text) -> None:
    """Let the message travel without holding up its sender."""
    if text.status == "scheduled" and text.send_at:
        sim.clockwork.at(text.send_at, lambda: _release(sim, text))
    else:
        sim.clockwork.after(STEP_SECONDS, lambda: _step(sim, text))


def resume(sim: World) -> None:
    """Take up the messages that were on their way when the simulator stopped."""
    with sim.lock:
        waiting = [text for text in sim.phone.texts if text.status not in FINAL]
    for text in waiting:
        start_delivery(sim, text)


def _release(sim: World, text: Text) -> None:
    """Send a scheduled message whose time has come; a STOP since then does not hold it back."""
    with sim.lock:
        if text.status != "scheduled":
            return
        text.status = "accepted"
    _step(sim, text)


def _step(sim: World, text: Text) -> None:
    """Move a message on by one status, tell that, and come back for the next."""
    with sim.lock:
        following = _following(sim, text) if sim.phone.by_sid.get(text.sid) is text else None
        if following is None:
            return
        text.status, text.updated_at = following, sim.now()
        sim.changes += 1
        if following == "sent":
            text.sent_at = sim.now()
            text.sender = text.sender or sim.config.twilio_from or "+15005550006"
        if following in {"undelivered", "failed"}:
            text.error_code = 21610 if following == "failed" else FAILING_ENDINGS[text.to[-4:]]
        is_told = following not in EARLY or sim.flags.on("twilio_early_callbacks")
    if is_told:
        tell(sim, text, following)
    wait = 0.0 if following in EARLY else STEP_SECONDS
    sim.clockwork.after(wait, lambda: _step(sim, text))


def _following(sim: World, text: Text) -> str | None:
    if text.status == "sending":
        stopped = text.to in sim.phone.opted_out and tells_stop_later(sim, text.service)
        return "failed" if stopped and text.send_at is None else "sent"
    if text.status == "sent":
        return "undelivered" if text.to[-4:] in FAILING_ENDINGS else "delivered"
    return {"accepted": "queued", "queued": "sending"}.get(text.status)


def fields_of(sim: World, text: Text, status: str) -> dict[str, str]:
    """Write what a status callback says."""
    fields = {
        "MessageSid": text.sid, "SmsSid": text.sid, "MessageStatus": status, "SmsStatus": status,
        "AccountSid": sim.config.twilio_account_sid, "From": text.sender or "", "To": text.to, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    if text.service:
        fields["MessagingServiceSid"] = text.service
    if status in {"undelivered", "failed"}:
        fields["ErrorCode"] = str(text.error_code or 30008)
    if status in FINAL and sim.flags.on("twilio_raw_dlr_date"):
        fields["RawDlrDoneDate"] = f"{sim.now():%y%m%d%H%M}"
    return fields


def tell(sim: World, text: Text, status: str) -> None:
    """Tell the sender, in the way that the open orders for callbacks want."""
    if not is_reachable(sim, text.callback):
        return
    with sim.lock:
        mode = sim.faults.take_callback("twilio")
        token = str(uuid.uuid4())
        text.told.append((status, token))
        held, text.held = text.held, []
        if mode is Mode.REORDER_WEBHOOKS and status not in FINAL:
            text.held, held = [*held, status], []
    if text.held:
        return
    if mode is Mode.LATE_WEBHOOK:
        sim.clockwork.after(LATE_SECONDS, lambda: post_status(sim, text, status, token, "late"))
    else:
        if mode is Mode.FORGED_WEBHOOK:
            post_status(sim, text, "failed", token, "forged")
        _post_until_taken(sim, text, status, token)
    if mode is Mode.DUPLICATE_WEBHOOK:
        post_status(sim, text, status, token, "duplicate")
    for earlier in held:
        post_status(sim, text, earlier, _token_of(text, earlier), "reordered")


def _token_of(text: Text, status: str) -> str:
    return next((token for known, token in text.told if known == status), str(uuid.uuid4()))


def _post_until_taken(sim: World, text: Text, status: str, token: str, tries: int = 0) -> None:
    """Post a callback, and again later with the same token while nobody is there to take or refuse it."""
    answer = post_status(sim, text, status, token, "repeated" if tries else "")
    is_lost = answer.status is None or answer.status >= 500
    if is_lost and tries < sim.flags.number("twilio_callback_retries"):
        sim.clockwork.after(REPEAT_SECONDS, lambda: _post_until_taken(sim, text, status, token, tries + 1))


def post_status(sim: World, text: Text, status: str, token: str, note: str = "") -> Answer:
    """Post one status callback; a forged one carries a signature of somebody else's."""
    fields = fields_of(sim, text, status)
    secret = "forged" if note == "forged" else sim.config.twilio_auth_token
    return post_signed(sim, str(text.callback), fields, secret=secret, token=token, note=note)


def post_signed(
    sim: World, url: str, fields: dict[str, str], *, secret: str, token: str, note: str = ""
) -> Answer:
    """Post a form with Twilio's signature; nobody listening is not our problem."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": signature(secret, url, fields), "I-Twilio-Idempotency-Token": token,
    }  # fmt: skip
    subject = f"{fields.get('MessageStatus') or fields.get('SmsStatus')} {fields['MessageSid']}"
    return send(sim, Callback("twilio", url, urlencode(fields).encode(), headers, subject, note))


def signature(secret: str, url: str, fields: dict[str, str], digest: str = "sha1") -> str:
    """Sign a callback: the address, then every field's name and value in the order of the names."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()


def body_hash(body: bytes) -> str:
    """Hash a JSON body the way `bodySHA256` of a callback's address carries it."""
    return hashlib.sha256(body).hexdigest()
