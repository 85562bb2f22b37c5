"""The pages of all reports: index, one report, and its CSV file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from flask import Response, abort, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import db
from app.staff import partner_names
from app.staff.days import READY_MADE, Span, read_span
from app.staff.formats import age
from app.staff.pages import page, staff
from app.staff.reports import BY_NAME, REPORTS, csv_file, drawing
from app.staff.reports.base import Ask, Cell, Column, Kind, Report, totals

AS_OF = text("SELECT refreshed_at FROM report_state WHERE name = 'events' AND refreshed_at > '-infinity'")
OPTIONS = text(
    "SELECT array_agg(DISTINCT channel), array_agg(DISTINCT partner), array_agg(DISTINCT device), array_agg(DISTINCT locale)"
    " FROM funnel_daily WHERE day BETWEEN :first AND :last"
)
OPTION_NAMES = ("channel", "partner", "device", "locale")
LONGEST_CHOICE = 100


@staff.get("/reports/")
def list_reports() -> Response:
    """Show which reports there are."""
    return page("reports", reports=REPORTS)


@staff.get("/reports/<name>")
def show_report(name: str) -> Response:
    """Show a report as chart and table."""
    report, ask, session = find(name), read_ask(name), db.session()
    rows, names = report.rows(session, ask), partner_names.read(session)
    query = {"from": ask.span.first.isoformat(), "to": ask.span.last.isoformat(), **ask.choice}
    return page(
        "report",
        report=report,
        reports=REPORTS,
        span=ask.span,
        choice=ask.choice,
        options=read_options(session, report, ask.span),
        rows=rows,
        totals=totals(report, rows),
        chart=drawing.draw(report, rows, names),
        code_words=partial(partner_names.words, names=names),
        as_of=read_as_of(session, report),
        cell_words=partial(cell_words, names),
        ready_made=READY_MADE,
        query=query,
    )


@staff.get("/reports/<name>.csv")
def download_report(name: str) -> Response:
    """Send a report as a CSV file."""
    report, ask = find(name), read_ask(name)
    body = csv_file.write(report.columns, report.rows(db.session(), ask))
    response = Response(body, content_type="text/csv; charset=utf-8")
    file_name = f"{report.name}_{ask.span.first}_{ask.span.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def find(name: str) -> Report:
    """Return a report, or answer 404."""
    return BY_NAME.get(name) or abort(404)


def read_ask(name: str) -> Ask:
    """Read days and filters of the address; a filter the report does not have is left out."""
    choice = {key: request.args[key][:LONGEST_CHOICE] for key in find(name).filters if request.args.get(key)}
    return Ask(read_span(request.args), choice)


def read_options(session: Session, report: Report, span: Span) -> dict[str, list[str]]:
    """Return the values each filter of the report can take in these days."""
    if not report.filters:
        return {}
    row = session.execute(OPTIONS, {"first": span.first, "last": span.last}).one()
    found = {name: sorted(filter(None, values or ())) for name, values in zip(OPTION_NAMES, row, strict=True)}
    return {name: found[name] for name in report.filters}


def read_as_of(session: Session, report: Report) -> datetime | None:
    """Return the moment up to which the report is complete; one that reads the bookings themselves is up to now."""
    if not report.from_rollup:
        return clock.now()
    found: Sequence[datetime] = session.scalars(AS_OF).all()
    return found[0] if found else None


def cell_words(names: Mapping[str, str], column: Column, cell: Cell) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return "–"
    if column.kind is Kind.DAY:
        return drawing.day_words(cell)
    if isinstance(cell, str):
        return partner_names.words(cell, names) if column.kind is Kind.WORDS else cell
    if column.kind is Kind.SHARE:
        return f"{100 * drawing.number(cell):.1f} %"
    if column.kind is Kind.SECONDS:
        return age(drawing.number(cell))
    return f"{drawing.number(cell):,.0f}"
