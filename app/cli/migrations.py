"""`flask --app wsgi db …`: the migrations. Only this module loads Alembic."""

from flask import Flask
from flask_migrate import Migrate

from app.extensions import db

migrate = Migrate()


def init_app(app: Flask) -> None:
    """Offer them."""
    migrate.init_app(app, db, directory="migrations")
