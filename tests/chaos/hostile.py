"""Requests that nobody sends by accident, made from the list of the application's own addresses and fields."""

import random
import re
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from app.wizard.steps import STEPS

TEXTS = (
    "", " ", "0", "-1", "99999999999999999999", "1e400", "NaN", "true", "null", "[]", "{}", "\x00", "a\x00b", "\ud800", "\udfff",
    "\u202eevil", "Z\u0351\u036a\u0344" * 50, "\U0001f6aa" * 40, "\r\nSet-Cookie: x=1", "%00", "%0d%0aX: 1", "\u2028", "\u0085",
    "' OR 1=1 --", "'; DROP TABLE bookings; --", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}",
    "${7*7}", "{% raw %}", "../../etc/passwd", "//evil.example", "javascript:alert(1)", "=1+1", "0000-00-00", "9999-12-31",
    "2026-02-30", "24:61", "http://[", "http://a:b", "https://[::1", "²", "00000000-0000-0000-0000-000000000000", "not-a-uuid", "a" * 5000, "é" * 3000, "٣٤٥", "８５００４",
)  # fmt: skip
ENCODED = ("%ff%fe", "%c3%28", "%ed%a0%80", "%", "%zz", "+", "%25")
HEADERS: tuple[Mapping[str, str], ...] = (
    {}, {"HX-Request": "true"}, {"HX-Request": "true", "HX-History-Restore-Request": "true"}, {"HX-Current-URL": "\\\\evil"},
    {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Accept": "application/xml;q=x"}, {"Accept-Language": "x" * 3000},
    {"Accept-Encoding": "br;q=nan"}, {"X-Forwarded-For": "not an address"}, {"X-Forwarded-For": "1.2.3.4, ::1"},
    {"Cookie": "a1_staff=.eJw"}, {"Cookie": "x=" + "y" * 8000}, {"Authorization": "Bearer"}, {"Referer": "http://["},
    {"User-Agent": "\x7f"}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}, {"If-None-Match": "*"},
    {"Range": "bytes=9-1"}, {"Sec-GPC": "1"}, {"X-Twilio-Signature": "x"}, {"X-Http-Method-Override": "DELETE"},
)  # fmt: skip
FIELDS = sorted(
    {name for step in STEPS for name in step.form()._fields}
    | {"fs", "csrf_token", "submission_id", "slot_id", "reason", "clear", "note", "email", "password", "lang", "zip", "q", "from", "to",
       "status", "MessageSid", "MessageStatus", "Body", "From", "n", "utm_source", "gclid", "po", "embed", "mode", "ft", "days"}
)  # fmt: skip


class Attacker:
    """Makes up requests; `names` are values that lead further in, such as tokens, by the part of the address they fit."""

    def __init__(self, app: Flask, seed: int, names: Mapping[str, list[str]]) -> None:
        self.rng = random.Random(seed)
        self.names = names
        self.rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]

    def request(self) -> dict[str, Any]:
        """Return the arguments of one request."""
        rng = self.rng
        rule = rng.choice(self.rules)
        method = rng.choice([*sorted(rule.methods or {"GET"}), "POST", "POST"])
        path = self.path(rule)
        if rng.random() < 0.4:
            path += "?" + "&".join(
                f"{rng.choice(FIELDS)}={rng.choice(ENCODED)}" for _ in range(rng.randrange(1, 4))
            )
        wanted: dict[str, Any] = {"path": path, "method": method, "headers": dict(rng.choice(HEADERS))}
        if method in {"POST", "PUT", "PATCH"}:
            wanted["data"] = self.body()
        return wanted

    def path(self, rule: Rule) -> str:
        """Fill an address, half of the time with something that leads further in."""

        def fill(found: re.Match[str]) -> str:
            known = self.names.get(found[1].rpartition(":")[2])
            if known and self.rng.random() < 0.7:
                return self.rng.choice(known)
            junk = self.rng.choice(
                [*ENCODED, "x", "a" * 300, str(uuid.uuid4()), "..", "%2e%2e%2f", "-", "%00"]
            )
            return junk.replace("/", "")

        return re.sub(r"<([^>]+)>", fill, rule.rule)

    def body(self) -> Any:
        """Return fields with hostile values, or something that is no form at all."""
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice(
                [b"\xff\xfe\x00", b"{" * 1000, b"a=" + b"%ff" * 100, b"&" * 2000, b"=" * 500, b"x" * 70000]
            )
        chosen = rng.sample(FIELDS, rng.randrange(1, 9))
        fields: dict[str, Any] = {name: self.text() for name in chosen}
        for name in self.names.keys() & set(FIELDS):
            if rng.random() < 0.5:
                fields[name] = rng.choice(self.names[name])
        return fields

    def text(self) -> Any:
        """Return a value, now and then several of them."""
        text = self.rng.choice(TEXTS).encode("utf-8", "surrogatepass")
        return [text, text] if self.rng.random() < 0.1 else text
