"""Where a visit came from: touches read from the landing address, and the one word reports group by."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlsplit

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid")
LONGEST = 255
LONGEST_FIRST_TOUCH = 900
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[a-z]{2,}", re.IGNORECASE)
PHONE = re.compile(r"(\+\d{10,14}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
SEARCH_ENGINES = re.compile(r"(^|\.)(google|bing|duckduckgo|yahoo|ecosia|brave|baidu|yandex)\.")
PAID_SEARCH_MEDIA = {"cpc", "ppc", "paidsearch"}
PAID_SOCIAL_MEDIA = {"paid_social", "paidsocial", "paid-social", "cpm", "paid"}


@dataclass(frozen=True)
class Touch:
    """One arrival: campaign names in lower case, click ids as they came, landing path and referrer origin."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    utm_id: str | None = None
    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    fbclid: str | None = None
    msclkid: str | None = None
    ttclid: str | None = None
    landing_path: str | None = None
    referrer_origin: str | None = None
    at: str | None = None

    @property
    def is_direct(self) -> bool:
        """Say whether nothing tells where the visitor came from."""
        return not any(getattr(self, name) for name in (*UTM, *CLICK_IDS, "referrer_origin"))

    def to_json(self) -> dict[str, str]:
        """Return what is known, for a JSON column."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def without_click_ids(self) -> "Touch":
        """Return what stays when the visitor's browser sends Global Privacy Control."""
        return replace(self, **dict.fromkeys(CLICK_IDS))


KNOWN = frozenset(spec.name for spec in fields(Touch))


def touch_from_json(data: Mapping[str, Any]) -> Touch:
    """Rebuild a touch that we stored; unknown keys are left out."""
    return Touch(**{name: value for name, value in data.items() if name in KNOWN and isinstance(value, str)})


def read_touch(args: Mapping[str, str], *, landing: str | None, referrer: str | None, at: str) -> Touch:
    """Read a touch from query parameters; nothing that looks like an e-mail address or a phone number gets in."""
    values: dict[str, str | None] = {name: campaign_word(args.get(name)) for name in UTM}
    values |= {name: click_id(args.get(name)) for name in CLICK_IDS}
    return Touch(**values, landing_path=cut(landing), referrer_origin=origin_of(referrer), at=at)


def read_first_touch(raw: str | None, current: Touch) -> Touch:
    """Read the first touch a host page remembered; fall back to the present one when it is absent or broken."""
    if not raw or len(raw) > LONGEST_FIRST_TOUCH:
        return current
    try:
        data = json.loads(raw)
    except ValueError:
        return current
    if not isinstance(data, dict):
        return current
    words = {name: value for name, value in data.items() if isinstance(value, str)}
    landing = words.get("lp") or words.get("landing_path")
    referrer = words.get("rf") or words.get("referrer_origin")
    touch = read_touch(words, landing=landing, referrer=referrer, at=cut(words.get("at")) or current.at or "")
    return current if touch.is_direct and not touch.landing_path else touch


def campaign_word(value: str | None) -> str | None:
    """Return a campaign name in lower case, or nothing when it carries personal data."""
    text = cut(value)
    if text is None or EMAIL.search(text) or PHONE.search(text):
        return None
    return text.lower()


def click_id(value: str | None) -> str | None:
    """Return a click id unchanged, or nothing when it is too long to be whole or not one word."""
    if not value or len(value) > LONGEST or not re.fullmatch(r"[\x21-\x7e]+", value) or EMAIL.search(value):
        return None
    return value


def cut(value: str | None) -> str | None:
    """Trim, drop control characters and cut to the longest we keep."""
    text = CONTROL.sub("", value or "").strip()[:LONGEST]
    return text or None


def origin_of(address: str | None) -> str | None:
    """Return scheme and host of a web address, never its path or query."""
    try:
        parts = urlsplit(cut(address) or "")
    except ValueError:
        return None
    return (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
        if parts.scheme in {"http", "https"} and parts.netloc
        else None
    )


def booking_source(touch: Touch, partner_key: str) -> str:
    """Return the one source of a booking: the first that fits, from paid search down to direct."""
    medium = touch.utm_medium or ""
    rules = (
        ("phone", medium == "phone"),
        (
            "paid_search",
            touch.gclid or touch.gbraid or touch.wbraid or touch.msclkid or medium in PAID_SEARCH_MEDIA,
        ),
        ("paid_social", medium in PAID_SOCIAL_MEDIA or touch.ttclid),
        ("email", medium == "email" or touch.utm_source == "email"),
        ("sms", medium == "sms" or touch.utm_source == "sms"),
        (
            "organic",
            medium == "organic"
            or (not touch.utm_source and SEARCH_ENGINES.search(touch.referrer_origin or "")),
        ),
        (f"partner:{partner_key}", partner_key != "direct"),
        ("referral", not touch.is_direct),
    )
    return next((source for source, fits in rules if fits), "direct")
