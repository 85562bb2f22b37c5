"""The run log of periodic tasks: what started, how it ended, and with which figures."""

import json
import uuid
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

START = text("INSERT INTO task_runs (name) VALUES (:name) RETURNING id")
END = text(
    "UPDATE task_runs SET finished_at = clock_timestamp(), ok = :ok, figures = CAST(:figures AS jsonb) WHERE id = CAST(:id AS uuid)"
)


def start(session: Session, name: str) -> uuid.UUID:
    """Write down that a task begins; answer the run's id."""
    run_id: uuid.UUID = session.execute(START, {"name": name}).scalar_one()
    return run_id


def end(session: Session, run_id: uuid.UUID | str | None, *, ok: bool, figures: Mapping[str, object]) -> None:
    """Write down how a run ended; a job that nobody's schedule asked for has no run."""
    if run_id is not None:
        session.execute(END, {"id": str(run_id), "ok": ok, "figures": json.dumps(dict(figures))})
