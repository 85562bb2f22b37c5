"""Signed callbacks of the providers: verified, stored, answered at once."""

from flask import Flask

from app.webhooks import klaviyo, servicetitan, twilio


def init_app(app: Flask) -> None:
    """Add the callbacks."""
    for blueprint in (klaviyo.klaviyo, servicetitan.servicetitan, twilio.twilio):
        app.register_blueprint(blueprint)
