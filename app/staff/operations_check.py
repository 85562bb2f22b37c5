"""One lamp of the operations page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was looked at, how it is, a sentence about it, and the page that tells more."""

    title: str
    ok: bool | None
    says: str
    endpoint: str = ""
