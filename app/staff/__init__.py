"""Pages for the office: what was booked, what has not reached ServiceTitan and why, and what the figures say."""

from flask import Flask

from app.staff import (
    attention,
    audit,
    auth,
    bookings,
    embed,
    formats,
    integrity,
    jobs,
    leads,
    messages,
    operations,
    overview,
    partners,
    slots,
    texts,
)
from app.staff.pages import staff
from app.staff.reports import views as report_views

VIEWS = (
    overview,
    bookings,
    attention,
    jobs,
    slots,
    leads,
    texts,
    report_views,
    partners,
    embed,
    messages,
    operations,
    integrity,
    audit,
)


def init_app(app: Flask) -> None:
    """Add the pages, the login and the words templates need."""
    auth.init_app(app)
    formats.init_app(app)
    report_views.init_app(app)
    app.register_blueprint(staff)
