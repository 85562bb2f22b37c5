"""Settings, extensions, blueprints, commands and errors put together: here and nowhere else."""

import os
from collections.abc import Mapping

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import cli, log, manage, staff, webhooks, wizard
from app.config import Settings, load_settings
from app.extensions import babel, compress, db, htmx, login
from app.pooling import Client, connect_args
from app.web import assets, errors, formats, headers, health, locale, request_log, site, words


def build(environ: Mapping[str, str] | None = None) -> Flask:
    """Build the app from the environment, or from the given names."""
    settings = load_settings(os.environ if environ is None else environ)
    log.configure()
    app = Flask("app", static_folder=None)
    app.jinja_environment = words.PageEnvironment
    app.extensions["a1_settings"] = settings
    app.config.from_mapping(flask_config(settings))
    if settings.trusted_proxy_count:
        count = settings.trusted_proxy_count
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    htmx.init_app(app)
    db.init_app(app)
    babel.init_app(app, locale_selector=locale.current, default_translation_directories="translations")
    login.init_app(app, add_context_processor=False)
    compress.init_app(app)
    for part in (
        locale,
        assets,
        formats,
        words,
        request_log,
        headers,
        errors,
        health,
        site,
        wizard,
        manage,
        staff,
        webhooks,
        cli,
    ):
        part.init_app(app)
    return app


def flask_config(settings: Settings) -> dict[str, object]:
    """Return Flask's own configuration for these settings."""
    https = settings.public_base_url.startswith("https://")
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        "SESSION_COOKIE_NAME": "__Host-a1_staff" if https else "a1_staff",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "MAX_FORM_MEMORY_SIZE": 64 * 1024,
        "MAX_FORM_PARTS": 200,
        "COMPRESS_MIMETYPES": ["text/html", "text/calendar", "text/csv", "text/plain", "application/json"],
        "COMPRESS_BR_LEVEL": 4,
        "COMPRESS_MIN_SIZE": 400,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.db_pool_size,
            "max_overflow": settings.db_pool_overflow,
            "pool_timeout": 5,
            "pool_recycle": 1800,
            "pool_pre_ping": True,
            "hide_parameters": True,
            "connect_args": connect_args(settings, Client.WEB),
        },
    }
