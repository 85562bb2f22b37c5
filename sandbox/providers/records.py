"""The small things that the files of all simulated providers are made of."""

from dataclasses import dataclass


@dataclass
class Counter:
    """Gives ids in order, the same ones in every fresh start."""

    following: int

    def take(self) -> int:
        """Return the next id."""
        self.following += 1
        return self.following - 1


@dataclass(frozen=True)
class External:
    """A caller's own data on a record, visible only to the same application."""

    guid: str
    key: str
    value: str
