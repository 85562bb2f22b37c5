"""The application. Workers import parts of this package too, so the pages are loaded only by whoever serves them."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app(environ: Mapping[str, str] | None = None) -> "Flask":
    """Build the app from the environment (or from the given names, for tests)."""
    app: Flask = import_module("app.factory").build(environ)
    return app
