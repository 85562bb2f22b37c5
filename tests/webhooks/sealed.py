"""Callbacks as the providers sign them."""

from collections.abc import Sequence

from flask import Flask
from werkzeug.test import TestResponse

from app.providers.twilio_signature import signature
from tests.pages import PageClient

SECRET = "twilio-token-for-tests"
SID = "SM" + "0" * 31 + "1"
SHA256 = "key=default,algorithm=HMAC_SHA256"


def sid(number: int) -> str:
    """Return the id of a text."""
    return f"SM{number:032x}"


def call(
    client: PageClient,
    app: Flask,
    path: str,
    fields: dict[str, str | Sequence[str]],
    *,
    key: str = SECRET,
    headers: dict[str, str] | None = None,
    base: str | None = None,
) -> TestResponse:
    """Send a callback of Twilio's."""
    url = (base or app.extensions["a1_settings"].public_base_url) + path
    lists = {name: [value] if isinstance(value, str) else list(value) for name, value in fields.items()}
    algorithm = "sha256" if headers and "X-Twilio-Webhooks-Signature-Settings" in headers else "sha1"
    seal = signature(key, url, lists, algorithm)
    return client.post(path, data=lists, headers={"X-Twilio-Signature": seal, **(headers or {})})
