"""The chaos run at the size that fits between all other tests; `make chaos` runs the same at full size."""

from pathlib import Path

from tests.chaos import chapters, headline
from tests.chaos.headline import Size
from tests.chaos.verdict import Figure, table

LEASE = 3
NAMES = ("lost answers to COMMIT", "kill points", "callbacks", "changes of mind in mid-create", "links")


def missed(title: str, figures: list[Figure]) -> str:
    """Return the table when a figure was missed."""
    return "" if all(figure.good for figure in figures) else table(title, figures)


def test_a_hundred_people_book_while_everything_breaks(tmp_path: Path) -> None:
    size = Size(bookings=100, faults=50, seed=1, lease=LEASE, pace=0.8)
    assert not missed("a hundred people, fifty faults", headline.run(tmp_path, size))


def test_each_way_to_fail_by_itself(tmp_path: Path) -> None:
    parts = chapters.shared(tmp_path, list(NAMES), chapters.SMALL, lease=LEASE)
    assert not "".join(missed(name, figures) for name, figures in parts)
