"""How a call to the outside world can end, which alone decides what happens next."""

from enum import StrEnum


class Outcome(StrEnum):
    """How an external call ended, which alone decides what happens next."""

    OK = "ok"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    CONFIG = "config"
    UNCERTAIN = "uncertain"


class ProviderError(Exception):
    """A call that did not end well; `reason` names fields and codes, never a person's data.

    `retry_after` is in seconds, `code` is the provider's own error code where it gave one.
    """

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(outcome, reason)
        self.outcome = outcome
        self.reason = reason
        self.retry_after = retry_after
        self.status = status
        self.code = code

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"
