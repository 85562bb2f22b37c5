"""What a request tells of the visitor's browser: device, crawler, prefetch, privacy signal, address."""

import hashlib
import hmac
import ipaddress
import re

from flask import request

from app.web import settings

CRAWLERS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|facebookexternalhit|embedly|whatsapp|telegrambot|pinterest|bingpreview|lighthouse"
    r"|google-read-aloud|mediapartners|adsbot|ahrefs|semrush|bytespider|petalbot",
    re.IGNORECASE,
)


def is_bot() -> bool:
    """Say whether the browser says of itself that it crawls, or only prefetches. Speed and headlessness are no reason."""
    purpose = f"{request.headers.get('Purpose', '')} {request.headers.get('Sec-Purpose', '')}"
    return "prefetch" in purpose.lower() or bool(CRAWLERS.search(request.headers.get("User-Agent", "")))


def device_class() -> str:
    """Return mobile, tablet or desktop."""
    agent = request.headers.get("User-Agent", "")
    if re.search(r"iPad|Tablet|Android(?!.*Mobile)", agent):
        return "tablet"
    return "mobile" if re.search(r"Mobi|iPhone", agent) else "desktop"


def wants_privacy() -> bool:
    """Say whether the browser sends Global Privacy Control."""
    return request.headers.get("Sec-GPC") == "1"


def address_hash(key: str) -> bytes:
    """Return the keyed hash of the client's IPv4 address, or of its IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - a stand-in, nothing is bound
    except ValueError:
        parsed = ipaddress.ip_address("0.0.0.0")  # noqa: S104
    network = ipaddress.ip_network(f"{parsed}/{32 if parsed.version == 4 else 64}", strict=False)
    return hmac.new(key.encode(), f"address:{network}".encode(), hashlib.sha256).digest()


def is_cross_site() -> bool:
    """Say whether another site made this browser post to us."""
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site:
        return fetch_site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    own = {request.host_url.rstrip("/"), settings().public_base_url.rstrip("/")}
    return origin is not None and origin.rstrip("/") not in own
