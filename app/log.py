"""JSON lines on standard output: one name and ids an event, never a name, phone, e-mail, address or token."""

import logging
import os
import sys

import structlog


def configure(level: int = logging.INFO) -> None:
    """Send events as JSON with UTC time, libraries' warnings beside them.

    Servers write to standard output; a command's standard output belongs to its answer, so there it is standard error.
    """
    stream = sys.stderr if os.environ.get("FLASK_RUN_FROM_CLI") == "true" else sys.stdout
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(levelname)s %(name)s %(message)s")


log: structlog.stdlib.BoundLogger = structlog.get_logger()
