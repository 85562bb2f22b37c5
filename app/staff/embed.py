"""The snippet a partner pastes into its page, ready to copy."""

from flask import Response, request

from app.booking import partners
from app.booking.partners import BUILT_IN
from app.extensions import db
from app.staff.pages import page, staff
from app.web import settings


@staff.get("/embed")
def embed() -> Response:
    """Show the snippets of one partner."""
    choices = [
        partner for partner in partners.list_all(db.session()) if partner.key != BUILT_IN and partner.active
    ]
    wanted = request.args.get("partner")
    chosen = next((partner for partner in choices if partner.key == wanted), choices[0] if choices else None)
    return page("embed", partners=choices, chosen=chosen, base=settings().public_base_url.rstrip("/"))
