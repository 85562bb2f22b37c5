"""What load balancers and monitors ask: alive, ready, figures."""

import hmac
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.web import settings

HEAD = (Path(__file__).parents[2] / "migrations" / "HEAD").read_text().strip()
READY = text(
    "SELECT (SELECT version_num FROM alembic_version) = :head,"
    " to_regclass('bookings_' || to_char(now() + interval '1 month', 'YYYY_MM')) IS NOT NULL,"
    " to_regclass('analytics_events_' || to_char(now() + interval '1 week', 'IYYY') || '_w'"
    " || to_char(now() + interval '1 week', 'IW')) IS NOT NULL"
)

health = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Add the three addresses."""
    app.register_blueprint(health)


@health.get("/healthz")
def healthz() -> Response:
    """Say that the process is alive; no dependency can make this fail."""
    return jsonify(status="alive")


@health.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Say whether requests can be served: database, migrations and the next partitions are there."""
    try:
        migrated, month, week = db.session.execute(READY, {"head": HEAD}).one()
        checks = {
            "database": True,
            "migrations": bool(migrated),
            "bookings_partition": month,
            "events_partition": week,
        }
    except SQLAlchemyError:
        db.session.rollback()
        checks = {"database": False}
    ready = all(checks.values())
    return jsonify(status="ready" if ready else "not ready", checks=checks), 200 if ready else 503


@health.get("/metrics")
def metrics() -> Response:
    """Return this process's figures to whoever holds the token."""
    token = settings().metrics_token
    if not token or not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}"):
        abort(403)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
