"""Figures that live in the database, read when a monitor asks: the queue, the providers, the partitions, the clocks."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import current_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.extensions import db


@dataclass(frozen=True)
class Figure:
    """One gauge: its labels are the first columns of the query's rows, its value the last."""

    name: str
    help_text: str
    labels: tuple[str, ...]
    query: TextClause


FIGURES = (
    Figure(
        "a1_queue_jobs",
        "Queue jobs that are not finished, and those given up",
        ("queue", "status"),
        text("SELECT queue_name, status, count(*) FROM queue_jobs WHERE status <> 'completed' GROUP BY 1, 2"),
    ),
    Figure(
        "a1_queue_oldest_due_seconds",
        "How long the oldest due queue job has been waiting",
        ("queue",),
        text(
            "SELECT queue_name, extract(epoch FROM now() - min(scheduled_at)) FROM queue_jobs"
            " WHERE status = 'pending' AND scheduled_at <= now() GROUP BY 1"
        ),
    ),
    Figure(
        "a1_dead_jobs",
        "Queue jobs given up",
        ("type",),
        text("SELECT job_type, count(*) FROM queue_jobs WHERE status = 'failed' GROUP BY 1"),
    ),
    Figure(
        "a1_bookings_unsynced_oldest_seconds",
        "Age of the oldest live booking of a visit to come that ServiceTitan does not know",
        (),
        text(
            "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM bookings"
            " WHERE status = 'pending' AND servicetitan_job_id IS NULL AND window_end > now()"
        ),
    ),
    Figure(
        "a1_circuit_state",
        "Whether a provider is called: 0 yes, 1 on trial, 2 no",
        ("provider",),
        text(
            "SELECT provider, CASE state WHEN 'open' THEN 2 WHEN 'half_open' THEN 1 ELSE 0 END FROM provider_health"
        ),
    ),
    Figure(
        "a1_circuit_open_seconds",
        "How long a provider has been left alone",
        ("provider",),
        text(
            "SELECT provider, coalesce(extract(epoch FROM now() - opened_at), 0) FROM provider_health"
            " WHERE state <> 'closed'"
        ),
    ),
    Figure(
        "a1_notifications_pending_oldest_seconds",
        "How long the oldest message that should have left has been waiting",
        ("type",),
        text(
            "SELECT type, extract(epoch FROM now() - min(due_at)) FROM notifications"
            " WHERE status = 'pending' AND due_at <= now() GROUP BY 1"
        ),
    ),
    Figure(
        "a1_partition_horizon_days",
        "For how many days ahead there is a place for new rows, without a gap",
        ("table",),
        text(
            "SELECT parent, extract(epoch FROM covered_until - now()) / 86400 FROM partition_horizon() ORDER BY 1"
        ),
    ),
    Figure(
        "a1_rollup_age_seconds",
        "How old the reports' figures are",
        ("rollup",),
        text(
            "SELECT name, extract(epoch FROM now() - refreshed_at) FROM report_state WHERE isfinite(refreshed_at)"
        ),
    ),
    Figure(
        "a1_mv_age_seconds",
        "How long ago a materialized view was filled",
        ("view",),
        text("SELECT view, extract(epoch FROM now() - refreshed_at) FROM report_views"),
    ),
    Figure(
        "a1_dispatcher_beat_age_seconds",
        "How long ago the dispatcher showed a sign of life",
        (),
        text("SELECT extract(epoch FROM clock_timestamp() - beat_at) FROM heartbeat"),
    ),
    Figure(
        "a1_task_last_success_timestamp_seconds",
        "When each periodic task last ended well",
        ("task",),
        text(
            "SELECT name, extract(epoch FROM max(finished_at)) FROM task_runs"
            " WHERE ok AND started_at > now() - interval '40 days' GROUP BY 1"
        ),
    ),
    Figure(
        "a1_backup_last_success_timestamp",
        "When the last full backup was taken and verified; 0 when there is none",
        (),
        text(
            "SELECT coalesce(extract(epoch FROM max(finished_at)), 0) FROM task_runs WHERE name = 'backup' AND ok"
        ),
    ),
    Figure(
        "a1_restore_test_last_success_timestamp",
        "When a backup was last brought back to life and stood up to every check; 0 when never",
        (),
        text(
            "SELECT coalesce(extract(epoch FROM max(finished_at)), 0) FROM task_runs"
            " WHERE name = 'restore_test' AND ok"
        ),
    ),
    Figure(
        "a1_wal_received",
        "Whether somebody receives the WAL for the backups",
        (),
        text("SELECT active::integer FROM pg_replication_slots WHERE slot_name = 'a1_backup'"),
    ),
    Figure(
        "a1_invariant_violations",
        "How often each broken invariant was found broken by the last look",
        ("check", "severity"),
        text(
            "SELECT one ->> 'name', one ->> 'severity', one ->> 'number' FROM (SELECT figures FROM task_runs"
            " WHERE name = 'integrity' AND ok ORDER BY started_at DESC, id DESC LIMIT 1) run,"
            " jsonb_array_elements(run.figures -> 'broken') one"
        ),
    ),
)
VERSION: str = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["version"]
DATABASE_TIME = text("SELECT clock_timestamp()")


def clock_skew() -> float:
    """Return by how many seconds this machine's clock is ahead of the database's."""
    before = clock.now()
    database: datetime = db.session.execute(DATABASE_TIME).scalar_one()
    return ((before + (clock.now() - before) / 2) - database).total_seconds()


class DatabaseFigures(Collector):
    """Reads all figures in one transaction; without a database there is only `a1_database_up 0`."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each figure."""
        up = GaugeMetricFamily("a1_database_up", "Whether the database answered")
        try:
            yield from list(self._read())
            up.add_metric((), 1)
        except SQLAlchemyError:
            up.add_metric((), 0)
        finally:
            db.session.rollback()
        yield up
        yield build_info()

    def _read(self) -> Iterator[GaugeMetricFamily]:
        for figure in FIGURES:
            family = GaugeMetricFamily(figure.name, figure.help_text, labels=figure.labels)
            for row in db.session.execute(figure.query):
                *labels, value = row
                family.add_metric([str(label) for label in labels], float(value))
            yield family
        for more in current_app.extensions.get("a1_figures", ()):
            yield from more()
        skew = GaugeMetricFamily("a1_db_clock_skew_seconds", "How far this machine's clock is ahead")
        skew.add_metric((), clock_skew())
        yield skew
        pool = GaugeMetricFamily("a1_db_pool_in_use", "Connections this process works with at the moment")
        connections = db.engine.engine.pool
        pool.add_metric((), connections.checkedout() if isinstance(connections, QueuePool) else 0)
        yield pool


def build_info() -> GaugeMetricFamily:
    """Say which version runs."""
    family = GaugeMetricFamily("a1_build_info", "The version that runs", labels=("version",))
    family.add_metric((VERSION,), 1)
    return family
