"""How a range of days is read from the rollups: whole months from the monthly table, the days at both ends from the daily one."""

from collections.abc import Mapping
from datetime import date, timedelta

from app.staff.days import Span

MOST_DAYS = 92  # a chart has room for
ONE_DAY = timedelta(days=1)


def spread(table: str, columns: str, where: str = "true") -> str:
    """Return the FROM item of a rollup over the days that `bounds` describes, with `day` and these columns.

    `table` is a pair of tables, `<table>_daily` with a `day` and `<table>_monthly` with a `month`. A row of a month has
    the month's first day as its `day`.
    """
    daily = f"SELECT day, {columns} FROM {table}_daily WHERE ({where}) AND day"  # noqa: S608 - our own words
    monthly = f"SELECT month, {columns} FROM {table}_monthly WHERE ({where}) AND month"  # noqa: S608 - our own words
    return (
        f"({daily} BETWEEN :first AND :head_last UNION ALL {daily} BETWEEN :tail_first AND :last"
        f" UNION ALL {monthly} BETWEEN :first_month AND :last_month)"
    )


def bounds(span: Span) -> dict[str, object]:
    """Return the parameters of `spread`: which days and months together make up the span, each counted once."""
    after = span.last + ONE_DAY
    first_month = span.first if span.first.day == 1 else next_month(span.first)
    end_month = month_of(after)
    if end_month <= first_month:
        first_month, end_month = after, after
    return {
        "first": span.first,
        "head_last": first_month - ONE_DAY,
        "tail_first": end_month,
        "last": span.last,
        "first_month": first_month,
        "last_month": end_month - ONE_DAY,
    }


def is_long(span: Span) -> bool:
    """Say whether a span is shown by months."""
    return span.days > MOST_DAYS


def marks(span: Span) -> dict[str, object]:
    """Return the parameters that list every day of a span, or every month of a long one, quiet ones too."""
    if not is_long(span):
        return {"grain": "day", "marks": span.all_days}
    months = [month_of(span.first)]
    while next_month(months[-1]) <= span.last:
        months.append(next_month(months[-1]))
    return {"grain": "month", "marks": months}


def label(span: Span, mark: date) -> date | str:
    """Return how a mark reads in a table: the day itself, or «2026-11»."""
    return f"{mark:%Y-%m}" if is_long(span) else mark


def parameters(span: Span) -> Mapping[str, object]:
    """Return everything a statement by day or month needs."""
    return bounds(span) | marks(span)


def month_of(day: date) -> date:
    """Return the first day of a month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Return the first day of the month after."""
    return month_of(month_of(day) + timedelta(days=32))
