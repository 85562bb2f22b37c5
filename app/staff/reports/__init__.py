"""The reports, in the order of the index: a new one is one file and one line here."""

from app.staff.reports import bookings, deliveries, demand, funnel, lead_time, months, overview, sources
from app.staff.reports.base import Report

REPORTS: tuple[Report, ...] = (
    overview.REPORT,
    *funnel.REPORTS,
    sources.REPORT,
    *bookings.REPORTS,
    lead_time.REPORT,
    *deliveries.REPORTS,
    demand.REPORT,
    months.REPORT,
)
BY_NAME = {report.name: report for report in REPORTS}
