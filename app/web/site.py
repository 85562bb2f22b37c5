"""The pages around the wizard: legal texts, robots, well-known files, and a place for browsers' policy reports."""

import structlog
from flask import Blueprint, Flask, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.booking import consent
from app.web import settings
from app.web.locale import LOCALES, choose
from app.web.render import render_page

site = Blueprint("site", __name__)
log = structlog.get_logger()


def init_app(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(site)


@site.get("/")
def home() -> AnyResponse:
    """Send everyone to the wizard."""
    return redirect(f"/book?{request.query_string.decode()}" if request.query_string else "/book", 302)


@site.get("/privacy")
@site.get("/terms")
@site.get("/sms-terms")
def legal() -> Response:
    """Show a legal text."""
    choose(request.args.get("lang"))
    return render_page(f"legal{request.path.replace('-', '_')}.html", agreed=wordings())


def wordings() -> list[tuple[str, str]]:
    """Return what stands beside the box for texts, by language, exactly as it stands there."""
    company = settings().company_name
    return [(lang, consent.sms_text(company, lang)) for lang in LOCALES]


@site.get("/robots.txt")
def robots() -> Response:
    """Keep crawlers off visits and staff pages."""
    return Response(
        "User-agent: *\nDisallow: /w/\nDisallow: /e/\nDisallow: /manage/\nDisallow: /staff/\n",
        mimetype="text/plain",
    )


@site.get("/.well-known/gpc.json")
def global_privacy_control() -> Response:
    """State that we honour Global Privacy Control."""
    return jsonify(gpc=True, lastUpdate="2026-11-22")


@site.get("/.well-known/security.txt")
def security() -> Response:
    """Tell researchers where to write."""
    base = settings().public_base_url
    return Response(
        f"Contact: {base}/privacy\nExpires: 2027-11-22T00:00:00Z\nCanonical: {base}/.well-known/security.txt\n",
        mimetype="text/plain",
    )


@site.post("/csp-report")
def policy_report() -> tuple[str, int, dict[str, str]]:
    """Count a browser's report; its content is not kept."""
    log.info("csp_report", size=min(request.content_length or 0, 8192))
    return "", 204, {"Cross-Origin-Resource-Policy": "cross-origin"}  # a refused frame reports from elsewhere
