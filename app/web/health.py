"""What load balancers and monitors ask: alive, ready, figures."""

import hmac
import os
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.maintenance import partitions
from app.web import settings
from app.web.figures import DatabaseFigures, clock_skew

HEAD = (Path(__file__).parents[2] / "migrations" / "HEAD").read_text().strip()
READY = text(
    "SELECT (SELECT version_num FROM alembic_version) = :head,"
    " bool_and(covered_until > date_trunc('month', now(), 'UTC') + interval '1 month') FILTER (WHERE parent = 'bookings'),"
    " bool_and(covered_until > date_trunc('week', now(), 'UTC') + interval '1 week') FILTER (WHERE parent = 'analytics_events')"
    " FROM partition_horizon()"
)
BEAT_AGE = text("SELECT extract(epoch FROM clock_timestamp() - beat_at) FROM heartbeat")
CIRCUITS = text("SELECT provider, state FROM provider_health")
LATE_BEAT = 30.0
MAX_SKEW = 5.0

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
    """Say whether requests can be served: database, migrations and the next partitions are there.

    What else is away is told beside it and never makes this fail: bookings are taken without it.
    """
    beside: dict[str, object] = {}
    try:
        migrated, month, week = db.session.execute(READY, {"head": HEAD}).one()
        checks = {
            "database": True,
            "migrations": bool(migrated),
            "bookings_partition": month,
            "events_partition": week,
        }
        beside = look_beside()
    except SQLAlchemyError:
        db.session.rollback()
        checks = {"database": False}
    ready = all(checks.values())
    status = "ready" if ready else "not ready"
    return jsonify(status=status, checks=checks, beside=beside), 200 if ready else 503


def look_beside() -> dict[str, object]:
    """Return the state of what a booking can be taken without."""
    skew = clock_skew()
    beat = db.session.execute(BEAT_AGE).scalar_one_or_none()
    providers = {row.provider: row.state for row in db.session.execute(CIRCUITS)}
    return {
        "redis": "ok" if redis_answers() else "degraded",
        "dispatcher": "ok" if beat is not None and beat < LATE_BEAT else "silent",
        "clock": "ok" if abs(skew) <= MAX_SKEW else "skewed",
        "providers": providers,
        "partition_days": {table: int(days) for table, days in partitions.horizon(db.session()).items()},
    }


def redis_answers() -> bool:
    """Ask Redis for a sign of life, for half a second at most."""
    wait = 0.25
    connection = Redis.from_url(
        settings().redis_url,
        socket_timeout=wait,
        socket_connect_timeout=wait,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(connection.ping())
    except RedisError:
        return False
    finally:
        connection.close()


@health.get("/metrics")
def metrics() -> Response:
    """Return the figures to whoever holds the token: this process's, or the whole machine's where all share a folder."""
    token = settings().metrics_token
    if not token or not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}"):
        abort(403)
    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    stored = CollectorRegistry()
    stored.register(DatabaseFigures())
    return Response(generate_latest(counted) + generate_latest(stored), content_type=CONTENT_TYPE_LATEST)
