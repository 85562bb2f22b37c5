"""What a report is: data. Its page, CSV file, chart and tests all follow from one Report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy.orm import Session

from app.staff.days import Span

Cell = str | int | float | date | None
Row = tuple[Cell, ...]


class Kind(StrEnum):
    """How a column reads."""

    WORDS = "words"
    TEXT = "text"
    DAY = "day"
    COUNT = "count"
    SHARE = "share"
    SECONDS = "seconds"


class ChartKind(StrEnum):
    """How a report is drawn."""

    LINE = "line"
    BAR = "bar"
    FUNNEL = "funnel"


@dataclass(frozen=True)
class Column:
    """One column; `total` says whether its sum means something."""

    title: str
    kind: Kind = Kind.COUNT
    total: bool = False


@dataclass(frozen=True)
class Chart:
    """Which column names the marks, and which ones are drawn."""

    kind: ChartKind
    title: str
    label: int
    series: tuple[int, ...]


@dataclass(frozen=True)
class Ask:
    """What is asked of a report: days, and for each filter the one value to keep."""

    span: Span
    choice: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """One read-only page. `filters` are columns of funnel_daily that narrow it."""

    name: str
    title: str
    purpose: str
    columns: tuple[Column, ...]
    rows: Callable[[Session, Ask], Sequence[Row]]
    chart: Chart
    empty: str
    filters: tuple[str, ...] = ()
    from_rollup: bool = True


def totals(report: Report, rows: Sequence[Row]) -> Row | None:
    """Return the sums of the columns that have one, or nothing where none has."""
    if not rows or not any(column.total for column in report.columns):
        return None
    return tuple(
        sum(value for row in rows if isinstance(value := row[index], int | float)) if column.total else None
        for index, column in enumerate(report.columns)
    )


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole, or nothing where there is no whole."""
    return part / whole if whole else None
