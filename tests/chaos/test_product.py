"""The chaos run at the size that fits between all other tests; `make chaos` runs the same at full size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import chapters, headline
from tests.chaos.headline import Size
from tests.chaos.product import Product, running_product
from tests.chaos.verdict import Figure, table

LEASE = "3"
NAMES = (
    "lost answers to COMMIT",
    "kill points",
    "frozen worker",
    "callbacks",
    "changes of mind in mid-create",
    "links",
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("chaos"), JOB_LEASE_SECONDS=LEASE) as running:
        yield running


def missed(title: str, figures: list[Figure]) -> str:
    """Return the table when a figure was missed."""
    return "" if all(figure.good for figure in figures) else table(title, figures)


def test_a_hundred_people_book_while_everything_breaks(product: Product) -> None:
    figures = headline.run(product, Size(bookings=100, faults=50, seed=1, pace=0.8))
    assert not missed("a hundred people, fifty faults", figures)


@pytest.mark.parametrize("name", NAMES)
def test_one_way_to_fail_by_itself(product: Product, tmp_path: Path, name: str) -> None:
    assert not missed(name, chapters.scenario(product, tmp_path, name, chapters.SMALL))
