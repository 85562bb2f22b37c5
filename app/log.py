"""JSON lines on standard output: one name and ids an event, never a name, phone, e-mail, address or token."""

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from app import metrics

PLACES = 12


def configure(level: int = logging.INFO) -> None:
    """Send events as JSON with UTC time, libraries' warnings among them.

    Servers write to standard output; a command's standard output belongs to its answer, so there it is standard error.
    """
    stream = sys.stderr if os.environ.get("FLASK_RUN_FROM_CLI") == "true" else sys.stdout
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def name_error(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and where it happened: its message may repeat what somebody typed."""
    found = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        fields.update(error=type(error).__name__, places=places(error.__traceback__))
    return fields


def places(stack: TracebackType | None) -> list[str]:
    """Return the innermost places of a traceback as file:line."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(stack)][-PLACES:]


SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    name_error,
]
# One list for the life of the process: loggers keep hold of it, and whoever listens in on them exchanges what is in it.
PROCESSORS: list[structlog.typing.Processor] = [
    *SHARED,
    metrics.count,
    structlog.processors.JSONRenderer(),
]
log: structlog.stdlib.BoundLogger = structlog.get_logger()
