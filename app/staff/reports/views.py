"""The pages of all reports: index, one report, and its CSV file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import Flask, Response, abort, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff import partner_names
from app.staff.days import READY_MADE, USUAL, Span, read_span
from app.staff.formats import age
from app.staff.pages import page, staff
from app.staff.reports import BY_NAME, REPORTS, csv_file, drawing, replica
from app.staff.reports.base import Ask, Cell, Column, Fresh, Kind, Report, Row, totals
from app.staff.reports.spread import bounds, spread

AS_OF = text(
    "SELECT refreshed_at FROM (SELECT name, refreshed_at FROM report_state UNION ALL SELECT view, refreshed_at FROM report_views) known"
    " WHERE name = :fresh AND isfinite(refreshed_at)"
)
SEEN = spread("report_counts", "topic, item", "topic IN ('channel', 'partner', 'device', 'locale')")
OPTIONS = text(f"SELECT topic, array_agg(DISTINCT item) AS items FROM {SEEN} days GROUP BY topic")  # noqa: S608 - our own words
LONGEST_CHOICE = 100
YEAR = 365  # of a report that has a line a month


@dataclass(frozen=True)
class Contents:
    """What a page shows of a report, all of it read in one transaction."""

    rows: Sequence[Row]
    names: Mapping[str, str]
    options: Mapping[str, list[str]]
    as_of: datetime | None


def init_app(app: Flask) -> None:
    """Know the replica, which no other part of the product reads."""
    replica.init_app(app)


@staff.get("/reports/")
def list_reports() -> Response:
    """Show which reports there are."""
    return page("reports", reports=REPORTS)


@staff.get("/reports/<name>")
def show_report(name: str) -> Response:
    """Show a report as chart and table."""
    report, ask = find(name), read_ask(name)
    answer = replica.read(partial(read_contents, report=report, ask=ask))
    contents, shown = answer.value, report.of(ask)
    return page(
        "report",
        report=shown,
        reports=REPORTS,
        span=ask.span,
        choice=ask.choice,
        options=contents.options,
        rows=contents.rows,
        totals=totals(shown, contents.rows),
        chart=drawing.draw(shown, contents.rows, contents.names),
        code_words=partial(partner_names.words, names=contents.names),
        as_of=contents.as_of,
        source=answer,
        cell_words=partial(cell_words, contents.names),
        ready_made=READY_MADE,
        query={"from": ask.span.first.isoformat(), "to": ask.span.last.isoformat(), **ask.choice},
    )


@staff.get("/reports/<name>.csv")
def download_report(name: str) -> Response:
    """Send a report as a CSV file."""
    report, ask = find(name), read_ask(name)
    rows = replica.read(lambda session: report.rows(session, ask)).value
    body = csv_file.write(report.of(ask).columns, rows)
    response = Response(body, content_type="text/csv; charset=utf-8")
    file_name = f"{report.name}_{ask.span.first}_{ask.span.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def read_contents(session: Session, report: Report, ask: Ask) -> Contents:
    """Read everything a report's page shows."""
    return Contents(
        rows=report.rows(session, ask),
        names=partner_names.read(session),
        options=read_options(session, report, ask.span),
        as_of=session.execute(AS_OF, {"fresh": report.fresh}).scalar_one_or_none(),
    )


def find(name: str) -> Report:
    """Return a report, or answer 404."""
    return BY_NAME.get(name) or abort(404)


def read_ask(name: str) -> Ask:
    """Read days and filters of the address; a filter the report does not have is left out."""
    report = find(name)
    choice = {key: request.args[key][:LONGEST_CHOICE] for key in report.filters if request.args.get(key)}
    return Ask(read_span(request.args, YEAR if report.fresh is Fresh.MONTHS else USUAL), choice)


def read_options(session: Session, report: Report, span: Span) -> dict[str, list[str]]:
    """Return the values each filter of the report can take in these days."""
    if not report.filters:
        return {}
    found = {row.topic: row.items for row in session.execute(OPTIONS, bounds(span))}
    return {name: sorted(filter(None, found.get(name, ()))) for name in report.filters}


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
