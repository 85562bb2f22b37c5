"""What a report is: data. Its page, CSV file, chart and tests all follow from one Report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from sqlalchemy.orm import Session

from app.staff.days import Span
from app.staff.reports.spread import is_long

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


class Fresh(StrEnum):
    """Which refresh a report's figures come from; its moment is the page's «data as of»."""

    EVENTS = "events"
    COUNTS = "counts"
    MONTHS = "report_months"


@dataclass(frozen=True)
class Column:
    """One column; `total` says whether its sum means something."""

    title: str
    kind: Kind = Kind.COUNT
    total: bool = False


DAY, MONTH = Column("Day", Kind.DAY), Column("Month", Kind.DAY)


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
    fresh: Fresh = Fresh.EVENTS

    def of(self, ask: Ask) -> "Report":
        """Return the report as it reads for these days: a long range has a row for each month where a short one has days."""
        if not is_long(ask.span):
            return self
        return replace(self, columns=tuple(MONTH if column == DAY else column for column in self.columns))


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
