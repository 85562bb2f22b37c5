"""The order of the steps: what comes next, what came before, and how far a visitor may go. Pure functions."""

from enum import StrEnum

from app.booking.answers import Answers
from app.wizard.steps import STEPS, Step

TOTAL = len(STEPS)
BY_NAME = {step.name: step for step in STEPS}
DONE_IDX = TOTAL + 1


class Nav(StrEnum):
    """How a visitor came to a step."""

    NEXT = "next"
    BACK = "back"
    CHANGE = "change"
    REFRESH = "refresh"
    RESTORE = "restore"
    DIRECT = "direct"


def position(name: str | None) -> int:
    """Return a step's number from 1; `done` comes after the last, anything else is 0."""
    if name == "done":
        return DONE_IDX
    return STEPS.index(BY_NAME[name]) + 1 if name in BY_NAME else 0


def first_open(answers: Answers) -> Step:
    """Return the first step without an answer; review when all others have one."""
    return next((step for step in STEPS if not step.is_answered(answers)), STEPS[-1])


def is_reachable(step: Step, answers: Answers) -> bool:
    """Say whether everything before this step is answered."""
    return position(step.name) <= position(first_open(answers).name)


def following(step: Step, answers: Answers, *, changing: bool) -> Step:
    """Return where Continue leads: the next step, or after a single change the first that is still open."""
    if changing:
        return first_open(answers)
    after = STEPS[min(position(step.name), TOTAL - 1)]
    return after if is_reachable(after, answers) else first_open(answers)


def before(step: Step) -> Step | None:
    """Return the step that Back leads to."""
    return STEPS[position(step.name) - 2] if position(step.name) > 1 else None


def arrived_by(step_name: str, last_step: str | None, *, restored: bool, changing: bool) -> Nav:
    """Tell how a GET came about."""
    if restored:
        return Nav.RESTORE
    if changing:
        return Nav.CHANGE
    here, there = position(step_name), position(last_step)
    if not there and here > 1:
        return Nav.DIRECT
    if here == there:
        return Nav.REFRESH
    return Nav.BACK if here < there else Nav.NEXT
