"""ServiceTitan's export feeds: what the office changed, page by page from where we stopped reading."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from app import clock
from app.log import log
from app.providers.ports import JobChanges, Outcome, ProviderError, VisitChanges
from app.providers.servicetitan_api import rows, wire_time
from app.providers.servicetitan_jobs import job_ref
from app.providers.servicetitan_part import Part
from app.providers.servicetitan_visits import visit_of

FIRST_LOOK = timedelta(days=1)
T = TypeVar("T")


class Feeds(Part):
    """What changed there."""

    def job_changes(self, continue_from: str | None) -> JobChanges:
        """Read the next page of changed jobs; None starts a day back."""
        found, token, has_more = self._page("jobs", continue_from)
        return JobChanges(readable("jobs", found, job_ref), token, has_more)

    def visit_changes(self, continue_from: str | None) -> VisitChanges:
        """Read the next page of changed appointments; None starts a day back."""
        found, token, has_more = self._page("appointments", continue_from)
        return VisitChanges(readable("appointments", found, visit_of), token, has_more)

    def _page(
        self, resource: str, continue_from: str | None
    ) -> tuple[list[dict[str, Any]], str, bool]:  # untyped JSON, see http.Reply
        """Read one page, recent changes too: they may come twice, which is cheaper than fifteen minutes late."""
        operation, origin = f"{resource}.export", continue_from or wire_time(clock.now() - FIRST_LOOK)
        query = {
            "from": origin,
            "includeRecentChanges": "true",
            "externalDataApplicationGuid": self._config.application_guid,
        }
        data = self._api.get(operation, f"jpm/export/{resource}", **query)
        token = data.get("continueFrom")
        if not isinstance(token, str) or not token:
            raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer does not say where to go on")
        return rows(data, operation), token, data.get("hasMore") is True and token != origin


def readable(
    resource: str, found: list[dict[str, Any]], read: Callable[[dict[str, Any]], T]
) -> tuple[T, ...]:  # untyped JSON, see http.Reply
    """Read the rows we can; one we cannot would otherwise stop the feed for good."""
    known: list[T] = []
    for row in found:
        try:
            known.append(read(row))
        except ProviderError as error:
            log.warning("feed_row_ignored", feed=resource, reason=error.reason)
    return tuple(known)
