"""Which language this answer is in: the visit's, or what the browser prefers."""

from flask import g, has_request_context, request

LOCALES = ("en", "es")


def current() -> str:
    """Return `en` or `es`."""
    if not has_request_context():
        return "en"
    chosen: str | None = g.get("locale")
    return chosen or request.accept_languages.best_match(LOCALES) or "en"


def choose(locale: str | None) -> None:
    """Answer this request in the given language, when we have it."""
    if locale in LOCALES:
        g.locale = locale
