"""Partners: who may show the wizard in their pages, and the snippet they paste."""

from flask import Response, abort, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.booking import partners as domain
from app.booking.partners import PartnerData, PartnerRefused
from app.extensions import db
from app.models import Partner
from app.models.staff import Role
from app.staff import audit_trail
from app.staff.pages import back_to, doer, needs, page, staff
from app.web import transaction


@staff.get("/partners")
def list_partners() -> Response:
    """Show all partners and the form for a new one."""
    return page("partners", partners=domain.list_all(db.session()), typed={}, fault=None)


@staff.post("/partners")
@needs(Role.ADMIN)
def add_partner() -> AnyResponse:
    """Add a partner."""

    def work(session: Session) -> str:
        partner = domain.add(session, read_form())
        audit_trail.record(session, doer(), "partner_add", f"partner:{partner.key}")
        return partner.key

    try:
        key = transaction.run(work)
    except PartnerRefused as error:
        return page("partners", 422, partners=domain.list_all(db.session()), typed=request.form, fault=error)
    return back_to(
        url_for("staff.embed", partner=key), "The partner is added. This is what goes into its pages."
    )


@staff.get("/partners/<key>")
def show_partner(key: str) -> Response:
    """Show one partner."""
    partner = find(key)
    return page("partner", partner=partner, typed=typed_of(partner), fault=None)


@staff.post("/partners/<key>")
@needs(Role.ADMIN)
def change_partner(key: str) -> AnyResponse:
    """Change one partner."""
    find(key)

    def work(session: Session) -> None:
        domain.change(session, key, read_form())
        audit_trail.record(session, doer(), "partner_change", f"partner:{key}")

    try:
        transaction.run(work)
    except PartnerRefused as error:
        return page("partner", 422, partner=find(key), typed=request.form, fault=error)
    return back_to(
        url_for("staff.list_partners"), "Saved. Pages that are open already follow within a minute."
    )


def find(key: str) -> Partner:
    """Return the partner of an address, or answer 404."""
    try:
        return domain.get(db.session(), key)
    except PartnerRefused:
        abort(404)


def read_form() -> PartnerData:
    """Read the form. Raise PartnerRefused for a hue that is no number."""
    form = request.form
    hue = form.get("hue", "").strip()
    if hue and not hue.isdecimal():
        raise PartnerRefused("hue", "must be a number from 0 to 359")
    return PartnerData(
        name=form.get("name", ""),
        origins=tuple(form.get("origins", "").split()),
        hue=int(hue[:6]) if hue else None,
        phone=form.get("phone") or None,
        locale=form.get("locale") or None,
        active=form.get("active") == "1",
    )


def typed_of(partner: Partner) -> dict[str, str]:
    """Return a partner as its form shows it."""
    return {
        "name": partner.name,
        "origins": "\n".join(partner.origins),
        "hue": "" if partner.hue is None else str(partner.hue),
        "phone": partner.phone or "",
        "locale": partner.locale or "",
        "active": "1" if partner.active else "",
    }
