"""How many of a job's calls a provider answered well, for the circuit: one failure after many answers is not an outage."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Answers:
    """An answer counts once another call follows it: only then was it understood."""

    understood: int = 0
    is_last_unread: bool = False

    def call_begins(self) -> None:
        """Count the answer before this call."""
        self.understood += self.is_last_unread
        self.is_last_unread = False


_counting: ContextVar[Answers | None] = ContextVar("answers", default=None)


@contextmanager
def counted() -> Iterator[Answers]:
    """Count what is answered meanwhile."""
    answers = Answers()
    token = _counting.set(answers)
    try:
        yield answers
    finally:
        _counting.reset(token)


def call_begins() -> None:
    """Note that a call begins, where somebody counts."""
    if answers := _counting.get():
        answers.call_begins()


def call_answered() -> None:
    """Note that a call was answered well, where somebody counts."""
    if answers := _counting.get():
        answers.is_last_unread = True
