"""Signed callbacks of the providers: verified, stored, answered at once."""

from flask import Flask

from app.webhooks import twilio


def init_app(app: Flask) -> None:
    """Add the callbacks."""
    app.register_blueprint(twilio.twilio)
