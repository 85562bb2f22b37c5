"""The tables that benches print, and how a figure compares with its floor and its goal."""

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("promise", "floor", "goal", "seen", "floor kept", "goal met", "of it")


@dataclass(frozen=True)
class Figure:
    """One promise and what was seen. `more_is_better` says on which side of the floor the good ones are."""

    promise: str
    floor: float
    goal: float
    seen: float
    unit: str = ""
    more_is_better: bool = True
    note: str = ""

    @property
    def keeps_floor(self) -> bool:
        """Say whether the floor is kept."""
        return self._reaches(self.floor)

    @property
    def meets_goal(self) -> bool:
        """Say whether the goal is met."""
        return self._reaches(self.goal)

    def _reaches(self, mark: float) -> bool:
        return self.seen >= mark if self.more_is_better else self.seen <= mark

    def cells(self) -> tuple[str, ...]:
        """Return the figure as a row of the table."""
        sign = "≥" if self.more_is_better else "≤"
        words = {True: "yes", False: "no"}
        return (
            self.promise,
            f"{sign} {self.floor:g}{self.unit}",
            f"{sign} {self.goal:g}{self.unit}",
            f"{self.seen:.3g}{self.unit}" if self.seen < 100 else f"{self.seen:.0f}{self.unit}",
            words[self.keeps_floor],
            words[self.meets_goal],
            self.note,
        )


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def report(*figures: Figure) -> int:
    """Print figures and return the exit code: 0 when every floor is kept."""
    show(HEAD, [figure.cells() for figure in figures])
    return 0 if all(figure.keeps_floor for figure in figures) else 1
