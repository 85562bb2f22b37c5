"""Whether a callback comes from Twilio: its signature over the address and every field, as Twilio's own validator counts it."""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
SHA256_SETTING = "algorithm=hmac_sha256"


@dataclass(frozen=True)
class Call:
    """A callback as it came: the address Twilio was given, the fields of a form, or the bytes of any other body."""

    url: str
    fields: Mapping[str, Sequence[str]]
    body: bytes = b""


def signature(secret: str, url: str, fields: Mapping[str, Sequence[str]], algorithm: str = "sha1") -> str:
    """Return the base64 HMAC of the address and of each distinct name and value, names and values sorted."""
    words = "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    return base64.b64encode(hmac.new(secret.encode(), (url + words).encode(), algorithm).digest()).decode()


def is_genuine(secret: str, call: Call, given: str, settings: str = "") -> bool:
    """Compare in constant time. `settings` is the header that names another algorithm than SHA-1."""
    wanted = settings.replace(" ", "").casefold().split(",")
    algorithm = "sha256" if SHA256_SETTING in wanted else "sha1"
    fits = [
        hmac.compare_digest(signature(secret, url, call.fields, algorithm).encode(), given.encode())
        for url in spellings(call.url)
    ]
    return any(fits) and is_body_whole(call)


def is_body_whole(call: Call) -> bool:
    """Check a body that is no form: the signed address carries its hash."""
    named = parse_qs(urlsplit(call.url).query).get("bodySHA256")
    if not named:
        return not call.body
    return hmac.compare_digest(hashlib.sha256(call.body).hexdigest(), named[0].casefold())


def spellings(url: str) -> Iterator[str]:
    """Yield an address as it is, and with or without its port: Twilio is not of one mind."""
    yield url
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.port is None:
        host += f":{DEFAULT_PORTS.get(parts.scheme, 443)}"
    user, at, _ = parts.netloc.rpartition("@")
    yield urlunsplit(parts._replace(netloc=user + at + host))
