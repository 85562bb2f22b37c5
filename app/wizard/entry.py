"""The ways in: our own address, and a partner's frame. Each starts a visit and leads to its first step."""

from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from sqlalchemy.orm import Session

from app import clock
from app.analytics.attribution import Touch, read_first_touch, read_touch
from app.booking.answers import Answers
from app.booking.issues import BY_CODE
from app.web import locale, settings, transaction
from app.web.headers import allow_frames
from app.web.limits import refuse_too_many
from app.wizard import embed, tokens, visitor
from app.wizard import visit as visits
from app.wizard.embed import Partner
from app.wizard.steps.zip import five_digits
from app.wizard.visit import Arrival

entry = Blueprint("wizard", __name__)
EMBED_MODES = ("inline", "popup", "float")


@entry.get("/book")
def book() -> Response:
    """Start a visit on our own page."""
    return start(embed.DIRECT)


@entry.get("/e/<partner_key>")
def framed(partner_key: str) -> Response:
    """Start a visit for a partner's page; unknown and inactive partners are 404 and framed by nobody."""
    if partner_key == embed.DIRECT:
        abort(404)
    return start(partner_key)


def start(partner_key: str) -> Response:
    """Store a new visit and go to its first step."""
    refuse_too_many("visit")

    def work(session: Session) -> Response:
        partner = embed.find(session, partner_key)
        if partner is None or not partner.active:
            abort(404)
        allow_frames(partner.origins)
        visit_id = visits.start(session, arrival(partner, clock.now()))
        token = tokens.make(settings(), visit_id, partner.key)
        return Response(status=303, headers={"Location": f"/w/{token}/zip"})

    return transaction.run(work)


def arrival(partner: Partner, now: datetime) -> Arrival:
    """Read from the request all that a visit keeps of its beginning."""
    args = request.args
    is_framed = partner.key != embed.DIRECT and args.get("embed") == "1"
    origin = (args.get("po") or "").rstrip("/").lower()
    last, first = touches(args.to_dict(), now)
    mode = args.get("mode", "inline")
    asked = args.get("lang") or args.get("locale")
    own_locale = asked if asked in locale.LOCALES else (partner.locale or locale.current())
    return Arrival(
        partner_id=partner.id,
        embed_mode=(mode if mode in EMBED_MODES else "inline") if is_framed else None,
        parent_origin=origin if origin in partner.origins else None,
        locale=own_locale,
        answers=prefilled(args.to_dict()),
        first_touch=first,
        last_touch=last,
        gpc=visitor.wants_privacy(),
        is_bot=visitor.is_bot(),
        device_class=visitor.device_class(),
        client_addr_hash=visitor.address_hash(settings().privacy_hash_key),
    )


def touches(args: dict[str, str], now: datetime) -> tuple[Touch, Touch]:
    """Return last and first touch. The host page tells its own landing page and referrer; ours count without one."""
    landing = args.get("lp") or request.path
    last = read_touch(args, landing=landing, referrer=args.get("rf", foreign_referrer()), at=now.isoformat())
    if visitor.wants_privacy():
        return last.without_click_ids(), last.without_click_ids()
    return last, read_first_touch(args.get("ft"), last)


def foreign_referrer() -> str | None:
    """Return the referrer when another site led here; one that is no address counts as none."""
    referrer = request.referrer
    try:
        return referrer if referrer and urlsplit(referrer).netloc != request.host else None
    except ValueError:
        return None


def prefilled(args: dict[str, str]) -> Answers:
    """Return what a partner's link already knows: shown in the inputs, answered by nobody yet."""
    zip_code = five_digits((args.get("zip") or "").strip()) or ""
    issue = args.get("issue") or ""
    return Answers(
        zip_code=zip_code if len(zip_code) == 5 and zip_code.isascii() and zip_code.isdigit() else None,
        issue_type=issue if issue in BY_CODE else None,
    )
