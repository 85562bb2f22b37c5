"""The homeowner before booking: seven steps that work in a partner's frame, without cookies and without JavaScript."""

from flask import Flask

from app.wizard import after, entry, leads, views


def init_app(app: Flask) -> None:
    """Add the wizard's pages."""
    for blueprint in (entry.entry, views.wizard, after.after, leads.leads_of_visits):
        app.register_blueprint(blueprint)
