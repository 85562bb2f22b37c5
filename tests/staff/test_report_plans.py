"""What the reports' statements read: the small tables alone, months as months, and the same sums however long the range is."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.staff.days import Span
from app.staff.reports import BY_NAME, REPORTS
from app.staff.reports.base import Ask, Report
from app.staff.reports.spread import bounds, is_long, label, marks
from app.staff.reports.views import read_contents

ZONE = "America/Phoenix"
SMALL = {
    "report_state", "report_views", "funnel_daily", "funnel_monthly", "report_counts_daily", "report_counts_monthly",
    "report_months", "partners", "zip_codes", "unnest",
}  # fmt: skip
RANGES = {
    "a day": Span(date(2026, 11, 22), date(2026, 11, 22), ZONE),
    "three months": Span(date(2026, 8, 23), date(2026, 11, 22), ZONE),
    "seven years": Span(date(2019, 11, 23), date(2026, 11, 22), ZONE),
}


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """Collect what a session sends."""
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        sent.append((statement, values))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", remember)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", remember)


@pytest.mark.parametrize("length", RANGES)
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_reads_the_rollups_alone(session: Session, report: Report, length: str) -> None:
    with statements(session) as sent:
        read_contents(session, report=report, ask=Ask(RANGES[length], dict.fromkeys(report.filters, "x")))
        read_contents(session, report=report, ask=Ask(RANGES[length], {}))
    assert len(sent) >= 4
    for statement, values in sent:
        plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", values).scalars()
        tables = {
            found
            for line in plan
            for found in re.findall(r"(?<!Subquery )Scan(?: using \w+)? on (\w+)", line)
        }
        assert {name for name in tables if not name.endswith(("_pkey", "_key"))} <= SMALL, statement


def test_days_and_months_together_are_the_range_and_nothing_twice() -> None:
    first = date(2019, 11, 20)
    for start in (0, 1, 10, 11, 12, 30, 40, 41, 102):
        for length in (1, 2, 27, 28, 29, 30, 31, 32, 45, 60, 61, 62, 92, 93, 400, 2557):
            span = Span(first + timedelta(days=start), first + timedelta(days=start + length - 1), ZONE)
            values = bounds(span)
            days = spell(values["first"], values["head_last"]) + spell(values["tail_first"], values["last"])
            months = [day for day in spell(values["first_month"], values["last_month"]) if day.day == 1]
            for month in months:
                days += [day for day in spell(month, month + timedelta(days=31)) if day.month == month.month]
            assert sorted(days) == span.all_days
            assert len(days) - sum(31 for _ in months) <= 62


def spell(first: object, last: object) -> list[date]:
    """Return every day from the first to the last; none where the last is before."""
    assert isinstance(first, date)
    assert isinstance(last, date)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.fixture
def years(session: Session) -> Session:
    """Three years in which every day has one more of everything than the day before."""
    session.execute(
        text(
            "INSERT INTO funnel_daily (day, partner, channel, device, locale, step, viewed, completed, errors, ms_histogram)"
            " SELECT d::date, 'direct', 'organic', 'mobile', 'en', step, n, n, 0,"
            " (SELECT array_agg(CASE bucket WHEN n % 12 THEN n ELSE 0 END ORDER BY bucket) FROM generate_series(0, 11) bucket)"
            " FROM generate_series(date '2023-11-23', '2026-11-22', interval '1 day') WITH ORDINALITY AS days (d, n),"
            " unnest(ARRAY['zip', 'done']) step"
        )
    )
    session.execute(
        text("SELECT report_recount_day('funnel', day, 'UTC') FROM (SELECT DISTINCT day FROM funnel_daily) d")
    )
    session.execute(
        text(
            "INSERT INTO report_counts_daily SELECT topic, d::date, item, outcome, n"
            " FROM generate_series(date '2023-11-23', '2026-11-22', interval '1 day') WITH ORDINALITY AS days (d, n),"
            " (VALUES ('booking', '', 'all'), ('source', 'direct', 'pending'), ('demand', '85004', 'no_slot'), ('delivery', 'x', 'all'),"
            " ('wait', '03', 'completed'), ('campaign', '[\"google\", \"cpc\", \"=spring\"]', 'visits')) topics (topic, item, outcome)"
        )
    )
    session.execute(
        text(
            "SELECT report_recompute_month(month), report_recount_month((SELECT array_agg(DISTINCT topic::text) FROM report_counts_daily), month)"
            " FROM (SELECT DISTINCT date_trunc('month', day)::date AS month FROM funnel_daily) m"
        )
    )
    return session


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("overview", 1),
        ("bookings", 1),
        ("sources", 1),
        ("demand", 1),
        ("deliveries", 1),
        ("lead-time", 1),
        ("by-channel", 1),
    ],
)
def test_a_long_range_has_the_same_sum_as_its_days(years: Session, name: str, column: int) -> None:
    for first, last in ((0, 1095), (0, 400), (17, 700), (100, 130), (8, 98), (1095, 1095)):
        span = Span(
            date(2023, 11, 23) + timedelta(days=first), date(2023, 11, 23) + timedelta(days=last), ZONE
        )
        rows = BY_NAME[name].rows(years, Ask(span, {}))
        assert sum(row[column] for row in rows) == sum(range(first + 1, last + 2)), (first, last)


def test_a_filtered_funnel_over_years_is_the_unfiltered_one_where_all_visits_are_alike(
    years: Session,
) -> None:
    for name in ("funnel", "by-partner", "by-device"):
        ask = Ask(RANGES["seven years"], {})
        narrowed = Ask(ask.span, {"channel": "organic"})
        rows = BY_NAME[name].rows(years, ask)
        assert rows
        assert rows == BY_NAME[name].rows(years, narrowed)
        assert not any(row[1] for row in BY_NAME[name].rows(years, Ask(ask.span, {"channel": "email"})))


def test_a_long_range_is_shown_by_months(years: Session) -> None:
    ask = Ask(RANGES["seven years"], {})
    rows = BY_NAME["overview"].rows(years, ask)
    assert (rows[0][0], rows[-1][0], len(rows)) == ("2019-11", "2026-11", 85)
    assert BY_NAME["overview"].of(ask).columns[0].title == "Month"
    short = Ask(RANGES["three months"], {})
    assert BY_NAME["overview"].of(short).columns[0].title == "Day"
    assert not is_long(short.span)
    assert label(short.span, date(2026, 11, 1)) == date(2026, 11, 1)
    assert len(marks(short.span)["marks"]) == 92  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["campaigns", "demand"])
def test_names_survive_the_way_through_the_counts(years: Session, name: str) -> None:
    read: Callable[[Session, Ask], Any] = BY_NAME[name].rows
    row = read(years, Ask(RANGES["a day"], {}))[0]
    assert row[:3] == ("google", "cpc", "=spring") if name == "campaigns" else row[0].startswith("85004")
