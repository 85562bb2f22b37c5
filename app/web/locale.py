"""Which language this answer is in: the visit's, or what the browser prefers."""

from contextvars import ContextVar

from flask import Flask, has_request_context, request

LOCALES = ("en", "es")
_chosen: ContextVar[str | None] = ContextVar("locale", default=None)  # a page asks for it at every word


def init_app(app: Flask) -> None:
    """Begin and end each request without a choice."""
    app.before_request(forget)
    app.teardown_request(forget)


def forget(_error: BaseException | None = None) -> None:
    """Take the choice back."""
    _chosen.set(None)


def current() -> str:
    """Return `en` or `es`."""
    chosen = _chosen.get()
    if chosen:
        return chosen
    if not has_request_context():
        return "en"
    return request.accept_languages.best_match(LOCALES) or "en"


def choose(locale: str | None) -> None:
    """Answer this request in the given language, when we have it."""
    if locale in LOCALES:
        _chosen.set(locale)
