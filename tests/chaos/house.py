"""What the contract's machine works on: the application, its database, a worker's process and the simulator, all in one."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import Engine, text

from app.config import Settings
from app.jobs.process import Process
from tests.providers.simulated import Simulator


@dataclass(frozen=True)
class House:
    """What the machine works on: the real application, a real database, a worker's process, the simulator."""

    app: Flask
    settings: Settings
    database: Engine
    owner: Engine
    process: Process
    sim: Simulator


class Database:
    """Just enough of a product for the verdict's questions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Read or change something."""
        with self.engine.begin() as connection:
            result = connection.execute(text(sql), values)
            return list(result) if result.returns_rows else []

    def one(self, sql: str, **values: Any) -> Any:
        """Read one value."""
        found = self.rows(sql, **values)
        return found[0][0] if found else None
