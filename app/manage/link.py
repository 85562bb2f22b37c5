"""One request of a manage link: find its booking, speak its language, prove that a form is ours."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, abort, request
from sqlalchemy.orm import Session

from app import clock
from app.booking import manage_links
from app.booking import promise as promises
from app.booking.promise import Promise
from app.web import locale, settings, transaction


@dataclass(frozen=True)
class Found:
    """A verified link and its booking."""

    session: Session
    token: str
    promise: Promise

    @property
    def url(self) -> str:
        """Return where the booking's page is."""
        return f"/manage/{self.token}"

    @property
    def can_change(self) -> bool:
        """Say whether the visit is still ahead, so that it may be moved or cancelled."""
        return self.promise.is_open and self.promise.starts_at > clock.now()


def run_link(token: str, work: Callable[[Found], Response]) -> Response:
    """Run one request of a manage link as one transaction; a link that has ended answers 410."""

    def whole(session: Session) -> Response:
        link = manage_links.find(session, token)
        if link is None:
            abort(404)
        if link.is_over:
            abort(410)
        promise = promises.get(session, link.booking_id)
        asked = request.args.get("lang")
        locale.choose(asked if asked in locale.LOCALES else promise.locale)
        return work(Found(session, token, promise))

    return transaction.run(whole)


def seal_of(token: str) -> str:
    """Return the hidden proof that a form came from this link's own page."""
    proof = hmac.new(settings().secret_key.encode(), f"manage|{token}".encode(), hashlib.sha256)
    return proof.hexdigest()[:32]


def is_ours(token: str) -> bool:
    """Say whether the POST came from our own page of this link."""
    same_site = request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    return same_site and hmac.compare_digest(request.form.get("fs", "").encode(), seal_of(token).encode())
