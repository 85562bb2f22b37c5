"""Reads what callers send and collects what is wrong with it, by field, as the real validators do."""

from collections.abc import Collection
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

    def take(self, part: "Checker", prefix: str) -> None:
        """Take over the errors of a part."""
        for name, words in part.errors.items():
            for line in words:
                self.fail(f"{prefix}.{name}", line)

    def text(self, name: str) -> str:
        """Read a required, non-empty string."""
        value = self.body.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self.fail(name, f"The {name} field is required.")
        return ""

    def optional_text(self, name: str) -> str | None:
        """Read a string that may be missing."""
        value = self.body.get(name)
        if value is None or isinstance(value, str):
            return value
        self.fail(name, f"The {name} field must be a string.")
        return None

    def number(self, name: str) -> int:
        """Read a required whole number."""
        value = self.body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.fail(name, f"The {name} field is required.")
        return 0

    def optional_number(self, name: str) -> int | None:
        """Read a whole number that may be missing."""
        return None if self.body.get(name) is None else self.number(name)

    def numbers(self, name: str) -> list[int]:
        """Read a list of ids that may be missing."""
        value = self.body.get(name)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value):
            return cast(list[int], value)
        self.fail(name, "A list of ids is required.")
        return []

    def words(self, name: str, known: Collection[str]) -> list[str]:
        """Read a list of known words that may be missing."""
        value = self.body.get(name)
        if value is None:
            return []
        if isinstance(value, list) and all(word in known for word in value):
            return cast(list[str], value)
        self.fail(name, f"Each must be one of {', '.join(sorted(known))}.")
        return []

    def flag(self, name: str, *, required: bool = False) -> bool:
        """Read yes or no."""
        value = self.body.get(name)
        if isinstance(value, bool):
            return value
        if value is not None or required:
            self.fail(name, f"The {name} field must be true or false.")
        return False

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
