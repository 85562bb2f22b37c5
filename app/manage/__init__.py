"""The homeowner after booking, by the link in the message: see, add to calendar, cancel."""

from flask import Flask

from app.manage import views


def init_app(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(views.manage)
