"""What every page shares: rendering, headers, assets, errors, and one way to run a transaction."""

from typing import cast

from flask import current_app

from app.config import Settings


def settings() -> Settings:
    """Return the settings of the running app."""
    return cast(Settings, current_app.extensions["a1_settings"])
