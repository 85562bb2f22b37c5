"""The application. Workers import parts of this package too, so the pages are loaded only by whoever serves them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app(environ: Mapping[str, str] | None = None) -> "Flask":
    """Build the app from the environment (or from the given names, for tests)."""
    from app.factory import build  # noqa: PLC0415 - see above

    return build(environ)
