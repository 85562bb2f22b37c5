"""What the parts of the ServiceTitan field service share: our own keys, written on what we make and looked up again."""

from typing import Any

from app.providers.ports import Outcome, ProviderError
from app.providers.servicetitan_api import ServiceTitanApi, ServiceTitanConfig
from app.providers.servicetitan_match import has_external

BOOKING_KEY = "a1_booking_id"
CUSTOMER_KEY = "a1_customer_id"
LOCATION_KEY = "a1_location"


class Part:
    """One chapter of the field service, over the access that all of them share."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api
        self._config: ServiceTitanConfig = api.config

    def _find(
        self, operation: str, path: str, key: str, *values: str, **params: str
    ) -> list[dict[str, Any]]:  # untyped JSON, see http.Reply
        """List what carries our key; rows without it mean that the filter did not work, so nothing is known."""
        found = self._api.every(
            operation,
            path,
            externalDataApplicationGuid=self._config.application_guid,
            externalDataKey=key,
            externalDataValues=",".join(values),
            **params,
        )
        ours = [row for row in found if any(has_external(row, key, value) for value in values)]
        if found and not ours:
            raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer ignores the filter")
        return ours

    def _external(self, key: str, value: str) -> dict[str, object]:
        return {
            "applicationGuid": self._config.application_guid,
            "externalData": [{"key": key, "value": value}],
        }
