"""Signed callbacks of the providers come in here."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Add the callbacks."""
