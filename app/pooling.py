"""How each kind of process connects to PostgreSQL: its name, its time limits, and what a pooler in between forbids."""

from dataclasses import dataclass
from enum import StrEnum

from app.config import Settings

PGBOUNCER = "pgbouncer"


class Client(StrEnum):
    """Who is connected, as `pg_stat_activity.application_name` shows it."""

    WEB = "a1-web"
    WORKER = "a1-worker"
    DISPATCHER = "a1-dispatcher"
    REPORT = "a1-report"
    MIGRATE = "a1-migrate"


@dataclass(frozen=True)
class Limits:
    """How many seconds one statement may run, wait for a lock, and leave its transaction idle. Nought: no limit."""

    statement: int
    lock: int
    idle: int

    def as_settings(self) -> dict[str, str]:
        """Return them as PostgreSQL names them, with the time zone that every session of ours has."""
        return {
            "statement_timeout": f"{self.statement}s",
            "lock_timeout": f"{self.lock}s",
            "idle_in_transaction_session_timeout": f"{self.idle}s",
            "timezone": "UTC",
        }


LIMITS = {
    Client.WEB: Limits(statement=5, lock=2, idle=10),
    Client.WORKER: Limits(statement=15, lock=2, idle=10),
    Client.DISPATCHER: Limits(statement=15, lock=2, idle=10),
    Client.REPORT: Limits(statement=10, lock=2, idle=10),
    Client.MIGRATE: Limits(statement=0, lock=2, idle=0),
}


def connect_args(settings: Settings, client: Client) -> dict[str, object]:
    """Return what psycopg gets besides the address.

    Directly connected, each process brings its limits along. A pooler in transaction mode refuses them, because its
    connections belong to nobody, and so they are set on the database's roles there; it cannot keep prepared statements
    apart either.
    """
    args: dict[str, object] = {"connect_timeout": 2, "application_name": str(client)}
    if settings.db_pooler == PGBOUNCER:
        return args | {"prepare_threshold": None}
    return args | {"options": startup_options(client)}


def startup_options(client: Client) -> str:
    """Write a client's limits as the options that PostgreSQL reads when a connection begins."""
    return " ".join(f"-c {name}={value}" for name, value in LIMITS[client].as_settings().items())
