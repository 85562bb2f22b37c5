"""Reads what callers send and collects what is wrong with it, by field, as the real validators do."""

from datetime import UTC, datetime
from typing import cast

Json = dict[str, object]


class Checker:
    """Collects errors of one request body; the caller refuses the request when there are any."""

    def __init__(self, body: object) -> None:
        self.body: Json = cast(Json, body) if isinstance(body, dict) else {}
        self.errors: dict[str, list[str]] = {}
        if not isinstance(body, dict):
            self.fail("body", "A JSON object is required.")

    def fail(self, name: str, words: str) -> None:
        """Note an error."""
        self.errors.setdefault(name, []).append(words)

    def text(self, name: str) -> str:
        """Read a required, non-empty string."""
        value = self.body.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self.fail(name, f"The {name} field is required.")
        return ""

    def number(self, name: str) -> int:
        """Read a required whole number."""
        value = self.body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.fail(name, f"The {name} field is required.")
        return 0

    def moment(self, name: str) -> datetime | None:
        """Read a required time."""
        moment = read_moment(self.body.get(name))
        if moment is None:
            self.fail(name, f"The {name} field must be a date and time.")
        return moment

    def items(self, name: str, *, required: bool = True) -> list[Json]:
        """Read a list of objects."""
        value = self.body.get(name)
        if value is None and not required:
            return []
        if (
            isinstance(value, list)
            and all(isinstance(row, dict) for row in value)
            and (value or not required)
        ):
            return cast(list[Json], value)
        self.fail(name, f"The {name} field must be a list.")
        return []

    def address(self, name: str = "address") -> Json:
        """Read a required address."""
        value = self.body.get(name)
        parts = cast(Json, value) if isinstance(value, dict) else {}
        for part in ("street", "city", "state", "zip", "country"):
            if not isinstance(parts.get(part), str) or not parts[part]:
                self.fail(f"{name}.{part}", f"The {part} field is required.")
        return parts


def read_moment(value: object) -> datetime | None:
    """Read an ISO time or date as aware UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def path(value: object, *names: str) -> object:
    """Walk into nested objects; a missing turn gives None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
