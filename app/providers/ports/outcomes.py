"""How a call to the outside world can end, which alone decides what happens next."""

from enum import StrEnum

CONFLICT = 409  # perhaps with our own earlier call


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

    @property
    def may_have_acted(self) -> bool:
        """Say whether the provider may have done what was asked in spite of this.

        A conflict may be with our own earlier call. A redirect may come from something in between, after the act.
        """
        if self.outcome is Outcome.TRANSIENT:
            return self.status is not None
        in_between = self.status is not None and (300 <= self.status < 400 or self.status == CONFLICT)
        return self.outcome is Outcome.UNCERTAIN or in_between

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"
