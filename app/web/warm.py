"""What every web process would otherwise make for itself at its first pages, made once before it is forked: they share it."""

from flask import Flask

from app import clock
from app.web import assets, formats, words
from app.web.locale import LOCALES
from app.web.render import phone_words

FOLDERS = ("wizard/", "layouts/", "macros/", "errors/", "manage/")
DAYS = {"EEE", "MMM", *formats.LONG_DAY.values()}


def up(app: Flask) -> None:
    """Compile the pages, build script and style, read the languages; nothing here asks the database."""
    settings = app.extensions["a1_settings"]
    for name in app.jinja_env.list_templates(extensions=["html"]):
        if name.startswith(FOLDERS):
            app.jinja_env.get_template(name)
    for name in ("app.js", "theme.css", "favicon.svg"):
        assets.build(name)
    assets.build("theme.css", settings.brand_hue)
    for language in LOCALES:
        words.catalogue(language)
        for pattern in DAYS:
            formats.day_words(clock.now().date(), pattern, language)
    formats.clock_time(clock.now(), settings.report_timezone)
    phone_words(settings.company_phone)
