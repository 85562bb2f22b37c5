"""Moves a simulated SMS from queued to delivered and tells the sender by signed callbacks, in the background."""

import base64
import hashlib
import hmac
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode, urlsplit

from sandbox.providers.records import Text
from sandbox.providers.state import World

STEP_SECONDS = 0.3
FAILING_ENDINGS = {"9003": 30003, "9007": 30007, "9034": 30034}


def start_delivery(sim: World, text: Text) -> None:
    """Let the message travel without holding up its sender."""
    threading.Thread(target=_deliver, args=(sim, text), daemon=True).start()


def _deliver(sim: World, text: Text) -> None:
    error = FAILING_ENDINGS.get(text.to[-4:])
    for status in ("sent", "undelivered" if error else "delivered"):
        time.sleep(STEP_SECONDS)
        with sim.lock:
            text.status = status
            sim.changes += 1
            text.error_code = error if status == "undelivered" else None
        _call_back(sim, text)


def _call_back(sim: World, text: Text) -> None:
    if text.callback is None or urlsplit(text.callback).scheme not in {"http", "https"}:
        return
    fields = {
        "MessageSid": text.sid, "SmsSid": text.sid, "MessageStatus": text.status, "SmsStatus": text.status,
        "AccountSid": sim.config.twilio_account_sid, "From": text.sender or "", "To": text.to, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    if text.service:
        fields["MessagingServiceSid"] = text.service
    if text.error_code:
        fields["ErrorCode"] = str(text.error_code)
    post_signed(sim.config.twilio_auth_token, text.callback, fields)


def post_signed(secret: str, url: str, fields: dict[str, str]) -> int | None:
    """Post a form with Twilio's signature and return the status; nobody listening is not our problem."""
    call = urllib.request.Request(url, urlencode(fields).encode(), method="POST")  # noqa: S310 checked by the caller
    call.add_header("X-Twilio-Signature", signature(secret, url, fields))
    try:
        with urllib.request.urlopen(call, timeout=5) as answer:  # noqa: S310 as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def signature(secret: str, url: str, fields: dict[str, str]) -> str:
    """Sign a callback: the address, then every field's name and value in the order of the names."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
