"""The reports: each one on an empty database, on a told story, and as a file."""

import csv
import io
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.models.staff import Role
from app.staff import days
from app.staff.reports import REPORTS, csv_file, drawing, funnel
from app.staff.reports.base import Chart, ChartKind, Column, Kind, Report, totals
from tests.pages import PageClient
from tests.staff.office import book, enter, refresh_counts

NAMES = [report.name for report in REPORTS]


def read_csv(text_: str) -> list[list[str]]:
    """Read a file as a spreadsheet does."""
    return list(csv.reader(io.StringIO(text_)))


def add_funnel(
    session: Session, day: date, step: str, viewed: int, completed: int, **differs: object
) -> None:
    """Add a row of the rollup."""
    values = {
        "partner": "direct",
        "channel": "organic",
        "device": "mobile",
        "histogram": [0, 0, 0, completed, *[0] * 8],
    } | differs
    session.execute(
        text(
            "INSERT INTO funnel_daily (day, partner, channel, device, locale, step, viewed, completed, errors, ms_histogram)"
            " VALUES (:day, :partner, :channel, :device, 'en', :step, :viewed, :completed, 1, :histogram)"
        ),
        {"day": day, "step": step, "viewed": viewed, "completed": completed, **values},
    )
    session.execute(text("SELECT report_recount_day('funnel', :day, 'America/Phoenix')"), {"day": day})
    month = {"month": day.replace(day=1)}
    session.execute(
        text("SELECT report_recompute_month(:month), report_recount_month(report_topics('funnel'), :month)"),
        month,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_report_without_data_says_so(client: PageClient, session: Session, name: str) -> None:
    session.execute(text("SELECT report_refresh_views('0')"))
    enter(client, session, Role.VIEWER)
    response = client.get(f"/staff/reports/{name}")
    assert response.status_code == 200
    assert "Nothing to show" in response.text
    assert "<svg class" not in response.text
    file = client.get(f"/staff/reports/{name}.csv")
    assert file.mimetype == "text/csv"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert len(read_csv(file.text)[0]) == len(
        next(report for report in REPORTS if report.name == name).columns
    )


def test_the_index_names_every_report_once(client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    index = client.get("/staff/reports/").text
    assert len(set(NAMES)) == len(NAMES)
    assert all(f'href="/staff/reports/{name}"' in index for name in NAMES)
    assert client.get("/staff/reports/nothing").status_code == 404
    assert client.get("/staff/reports/nothing.csv").status_code == 404


def test_the_funnel_tells_where_visits_stop(client: PageClient, session: Session) -> None:
    for step, viewed, completed in (("zip", 100, 80), ("issue", 80, 60), ("done", 20, 0)):
        add_funnel(session, days.today(), step, viewed, completed)
    add_funnel(session, days.today(), "zip", 10, 0, channel="paid_search", device="desktop")
    enter(client, session, Role.VIEWER)
    rows = {row[0]: row for row in read_csv(client.get("/staff/reports/funnel.csv?days=7").text)}
    assert rows["zip"] == ["zip", "110", "80", "72.7", "30", "100.0", "2", "7.5"]
    assert rows["done"][1:6] == ["20", "", "", "", "18.2"]
    narrowed = {row[0]: row for row in read_csv(client.get("/staff/reports/funnel.csv?channel=organic").text)}
    assert narrowed["zip"][1] == "100"
    page = client.get("/staff/reports/funnel?channel=organic").text
    assert 'role="img"' in page
    assert "Visits that reach each step. Viewed: highest 100 at ZIP code." in page
    assert '<option value="organic" selected>' in page
    assert "channel=organic" in page[page.index("Download") - 300 : page.index("Download")]


def test_the_funnel_by_channel_ranks_what_brings_visits(client: PageClient, session: Session) -> None:
    add_funnel(session, days.today(), "zip", 10, 9, channel="organic")
    add_funnel(session, days.today(), "zip", 30, 9, channel="paid_search")
    add_funnel(session, days.today(), "done", 6, 0, channel="paid_search")
    enter(client, session, Role.VIEWER)
    rows = read_csv(client.get("/staff/reports/by-channel.csv").text)
    assert rows[1:] == [["paid_search", "30", "0", "0", "6", "20.0"], ["organic", "10", "0", "0", "0", "0.0"]]
    assert "Paid search" in client.get("/staff/reports/by-channel").text


def test_a_partner_appears_by_name(client: PageClient, session: Session) -> None:
    session.execute(text("INSERT INTO partners (key, name) VALUES ('pk_aaaaaaaaaaaaaaaa', 'Desert Homes')"))
    add_funnel(
        session,
        days.today(),
        "zip",
        10,
        9,
        partner="pk_aaaaaaaaaaaaaaaa",
        channel="partner:pk_aaaaaaaaaaaaaaaa",
    )
    enter(client, session, Role.VIEWER)
    assert "Desert Homes" in client.get("/staff/reports/by-partner").text
    assert "Desert Homes" in client.get("/staff/reports/by-channel").text


def test_bookings_count_on_the_day_they_were_made_where_the_reports_live(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    late = datetime.combine(
        days.today() - timedelta(days=1), datetime.min.time(), ZoneInfo("America/Phoenix")
    )
    session.execute(
        text(
            "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
            " address_line1, booking_source) SELECT uuid_v7(:at), customer_id, service_area_id, 'off_track', 1, 'owner', preferred_time,"
            " window_end, address_line1, 'direct' FROM bookings"
        ),
        {"at": late + timedelta(hours=23)},  # already the next day in London
    )
    session.execute(
        text(
            "INSERT INTO booking_status_history (booking_id, to_status, actor) SELECT id, 'pending', 'x' FROM bookings"
        )
    )
    refresh_counts(session)
    enter(client, session, Role.VIEWER)
    rows = {row[0]: row[1] for row in read_csv(client.get("/staff/reports/bookings.csv?days=7").text)}
    assert rows[str(days.today())] == "1"
    assert rows[str(days.today() - timedelta(days=1))] == "1"
    assert len(rows) == 8
    sources = read_csv(client.get("/staff/reports/sources.csv").text)
    assert sorted(row[0] for row in sources[1:]) == ["direct", "paid_search"]
    assert {row[-1] for row in sources[1:]} == {"50.0"}
    assert "Off track" in client.get("/staff/reports/issues").text


def test_deliveries_and_messages_are_counted_by_what_became_of_them(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings)
    session.execute(
        text(
            "UPDATE queue_jobs SET status = 'failed', outcome = 'permanent' WHERE job_type = 'twilio.send_sms'"
        )
    )
    refresh_counts(session)
    enter(client, session, Role.VIEWER)
    rows = {row[0]: row[1:] for row in read_csv(client.get("/staff/reports/deliveries.csv").text)}
    assert rows["servicetitan.create_job"][:4] == ["1", "0", "1", "0"]
    assert rows["twilio.send_sms"][:4] == ["1", "0", "0", "1"]
    messages = {row[0]: row[1:] for row in read_csv(client.get("/staff/reports/messages.csv").text)}
    assert messages["confirmation (email)"] == ["1", "0", "1", "0", "0", "0", "0", "0.0"]


def test_unmet_demand_is_counted_by_zip_code(client: PageClient, session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO leads (kind, session_id, zip_code) VALUES ('out_of_area', :a, '86001'), ('no_slot', :b, '86001')"
        ),
        {"a": uuid.uuid4(), "b": uuid.uuid4()},
    )
    refresh_counts(session)
    enter(client, session, Role.VIEWER)
    assert read_csv(client.get("/staff/reports/demand.csv").text)[1] == ["86001", "2", "1", "1", "0", "0"]


def test_days_are_chosen_by_length_or_by_dates(app: Flask) -> None:
    with (
        app.test_request_context(),
        time_machine.travel(datetime(2026, 11, 2, 5, 0, tzinfo=ZoneInfo("UTC")), tick=False),
    ):
        assert days.today() == date(2026, 11, 1)  # still Sunday in Phoenix
        assert days.read_span({}).days == 30
        assert days.read_span({"days": "7"}).first == date(2026, 10, 26)
        span = days.read_span({"from": "2026-10-01", "to": "2026-10-31", "days": "7"})
        assert (span.first, span.days) == (date(2026, 10, 1), 31)
        assert span.starts_at == datetime(2026, 10, 1, 7, tzinfo=ZoneInfo("UTC"))
        assert days.read_span({"from": "2026-12-01", "to": "2026-11-01"}).days == 1
        assert days.read_span({"from": "0001-01-01"}).days == days.LONGEST + 1
        assert days.read_span({"days": "9" * 30, "to": "x"}).days == 30


def test_a_day_of_a_changed_clock_has_its_own_length() -> None:
    zone = "America/Denver"
    assert days.midnight(date(2026, 11, 2), zone) - days.midnight(date(2026, 11, 1), zone) == timedelta(
        hours=25
    )


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_becomes_a_formula(start: str) -> None:
    columns = (Column("Name", Kind.TEXT), Column("Number"), Column("Share", Kind.SHARE))
    rows = read_csv(csv_file.write(columns, [(start, -5, 0.125)]))
    assert rows == [["Name", "Number", "Share %"], [f"'{start}", "-5", "12.5"]]


def test_the_median_lies_inside_its_bucket() -> None:
    assert funnel.median([0] * 12) is None
    assert funnel.median([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]) == 7.5
    assert funnel.median([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]) == 1
    assert funnel.median([0] * 11 + [1]) == 2700


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(1, (1, 1)), (4, (1, 4)), (5, (2, 6)), (23, (10, 30)), (840, (500, 1000)), (0.5, (1, 1))],
)
def test_the_scale_of_a_chart_is_round(highest: float, expected: tuple[float, float]) -> None:
    assert drawing.scale(highest) == expected


def test_a_chart_stays_inside_its_frame() -> None:
    report = Report(
        "x", "X", "", (Column("Day", Kind.DAY), Column("A", total=True), Column("B")), lambda _session, _ask: [],
        Chart(ChartKind.LINE, "A and B", 0, (1, 2)), "",
    )  # fmt: skip
    rows = [(date(2026, 11, day), day * 7, 3) for day in range(1, 31)]
    picture = drawing.draw(report, rows, {})
    assert picture is not None
    assert all(0 <= x <= 100 and 0 <= y <= 100 for line in picture.lines for x, y in line.dots)
    assert len(picture.labels) <= drawing.MOST_LABELS
    assert picture.labels[-1].words == "Nov 30"
    assert "highest 210 at Nov 30" in picture.summary
    assert totals(report, rows) == (None, 3255, None)
    assert drawing.draw(report, [(date(2026, 11, 1), 0, 0)], {}) is None


def test_months_and_years_stand_side_by_side(client: PageClient, session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO report_counts_monthly VALUES ('step', '2019-12-01', 'zip', 'viewed', 200), ('booking', '2019-12-01', '', 'all', 50),"
            " ('booking', '2026-11-01', '', 'cancelled', 3)"
        )
    )
    session.execute(text("SELECT report_refresh_views('0')"))
    enter(client, session, Role.VIEWER)
    rows = read_csv(client.get("/staff/reports/months.csv?from=2019-12-15&to=2026-11-22").text)
    assert rows[1:] == [
        ["2019-12", "200", "50", "25.0", "0", "0", "0", "0"],
        ["2026-11", "0", "0", "", "0", "3", "0", "0"],
    ]
    page = client.get("/staff/reports/months?from=2019-12-15&to=2026-11-22").text
    assert "Dec 2019" in page
    assert "Data as of" in page


def test_lead_time_is_the_time_from_booking_to_visit(
    client: PageClient, session: Session, settings: Settings
) -> None:
    book(session, settings, day=4)
    refresh_counts(session)
    enter(client, session, Role.VIEWER)
    rows = {row[0]: row[1:] for row in read_csv(client.get("/staff/reports/lead-time.csv").text)}
    assert rows["3 to 5 days"] == ["1", "100.0", "0", "0", "0.0"]
    assert rows["Up to 4 hours"][0] == "0"


def test_a_long_range_has_a_row_for_each_month(client: PageClient, session: Session) -> None:
    add_funnel(session, days.today(), "zip", 30, 9)
    enter(client, session, Role.VIEWER)
    rows = read_csv(client.get("/staff/reports/overview.csv?days=400").text)
    assert rows[0][0] == "Month"
    assert rows[-1][:2] == [f"{days.today():%Y-%m}", "30"]
    assert 13 <= len(rows) - 1 <= 15
    assert f"{days.today():%b %Y}" in client.get("/staff/reports/overview?days=400").text
