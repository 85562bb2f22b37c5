"""Words of pages in the visitor's language, each looked up once a process: a page asks for dozens of them."""

from collections.abc import MutableMapping
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.support import Translations
from flask import Flask
from flask.templating import Environment
from jinja2.nodes import EvalContext
from jinja2.utils import pass_eval_context
from markupsafe import Markup

from app.web.locale import current

CATALOGUES = Path(__file__).parents[1] / "translations"


class PageEnvironment(Environment):
    """Jinja as Flask sets it up, but templates look for their global names in one dictionary: a page does at every import."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the names of all templates, unless one has its own."""
        return super().make_globals(d) if d else self.globals


def init_app(app: Flask) -> None:
    """Give templates these instead of the general ones, which ask for the request and its language at every word."""
    app.jinja_env.globals.update({"_": one_form, "gettext": one_form, "ngettext": many_forms})


def gettext(message: str, **values: Any) -> str:  # Any: whatever a message shows
    """Return a message in the visitor's language."""
    found = in_words(current(), message, safe=False)
    return found % values if values else found


def ngettext(one: str, many: str, num: int) -> str:
    """Return the form of a message that goes with a number, which it may show as `num`."""
    return catalogue(current()).ngettext(one, many, num) % {"num": num}


@pass_eval_context
def one_form(context: EvalContext, message: str, /, **values: Any) -> str:  # Any: whatever a template shows
    """Return a message in the visitor's language; values are escaped where the template escapes."""
    found = in_words(current(), message, safe=context.autoescape)
    return found % values if "%" in message else found


@pass_eval_context
def many_forms(context: EvalContext, one: str, many: str, num: int, /, **values: Any) -> str:  # Any: as above
    """Return the form of a message that goes with a number, which it may show as `num`."""
    found = catalogue(current()).ngettext(one, many, num)
    return (Markup(found) if context.autoescape else found) % ({"num": num} | values)  # noqa: S704 - our own words


@cache
def in_words(language: str, message: str, *, safe: bool) -> str:
    """Return a message as the catalogue has it."""
    found = catalogue(language).gettext(message)
    return Markup(found) if safe else found  # noqa: S704 - our own words


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the words of a language; English has none, because messages are named by it."""
    return Translations.load(CATALOGUES, [language])
