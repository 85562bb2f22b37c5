"""Answers: a whole page, or for htmx only the part that changes."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from flask import Response, make_response, render_template, request

from app.web import locale, settings


def wants_fragment() -> bool:
    """Say whether htmx asked; a history restore wants the whole page."""
    return (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )


def layout() -> str:
    """Return the layout this answer needs: a whole page, or for htmx the step alone."""
    return "layouts/fragment.html" if wants_fragment() else "layouts/wizard.html"


def company(phone: str | None = None) -> dict[str, str]:
    """Return the company as pages show it, with a partner's own phone number where it has one."""
    number = phone or settings().company_phone
    return {
        "name": settings().company_name,
        "phone_display": phone_words(number),
        "phone_href": f"tel:{number}",
    }


@lru_cache(maxsize=256)
def phone_words(number: str) -> str:
    """Return a number as people here write it; remembered, because every page shows the company's."""
    parsed = phonenumbers.parse(number, "US")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def render_page(
    template: str, status: int = 200, **context: Any
) -> Response:  # Any: a template takes any value
    """Render a template to an uncached answer."""
    if "company" not in context:
        context["company"] = company()
    context.setdefault("hue", settings().brand_hue)
    context.setdefault("lang", locale.current())
    return make_response(render_template(template, **context), status)


def path_of(url: str) -> str:
    """Return path and query of an address of ours."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
