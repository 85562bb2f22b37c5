"""Compares every id we were configured with to what the tenant has: a wrong one would refuse each job, one at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.providers.servicetitan_api import ServiceTitanApi, read_id
from app.providers.servicetitan_mapping import FieldMapping

Rows = dict[int, dict[str, Any]]  # untyped JSON, see http.Reply


@dataclass(frozen=True)
class Use:
    """One id and where it is configured."""

    place: str
    number: int


@dataclass(frozen=True)
class Comparison:
    """What was looked up, and what is wrong with it: each fault names its place and what to do."""

    looked_up: int
    faults: tuple[str, ...]


def compare(api: ServiceTitanApi) -> Comparison:
    """Look every configured id up. Raise ProviderError where the tenant cannot be asked."""
    mapping = api.config.mapping
    units, job_types = list(units_of(mapping)), list(job_types_of(mapping))
    types = catalogue(api, "jpm/job-types")
    known_units = catalogue(api, "settings/business-units")
    faults = unknown(units, known_units, "business unit")
    faults += unknown(job_types, types, "job type")
    faults += misplaced(job_types, {use.number for use in units} & set(known_units), types)
    others = (
        (list(campaigns_of(mapping)), "marketing/campaigns", "campaign"),
        (
            [Use("ST_CANCEL_REASON_ID", api.config.cancel_reason_id)],
            "jpm/job-cancel-reasons",
            "cancel reason",
        ),
        ([Use("job.tags", tag) for tag in mapping.tags], "settings/tag-types", "tag"),
        (list(custom_fields_of(mapping)), "jpm/jobs/custom-fields", "custom field"),
        (list(provider_of(api)), "crm/booking-provider-tags", "booking provider"),
    )
    for uses, path, kind in others:
        faults += unknown(uses, catalogue(api, path), kind) if uses else []
    looked_up = {
        (kind, use.number) for uses, kind in ((units, "unit"), (job_types, "job type")) for use in uses
    }
    looked_up |= {(kind, use.number) for uses, _, kind in others for use in uses}
    return Comparison(len(looked_up), tuple(faults))


def catalogue(api: ServiceTitanApi, path: str) -> Rows:
    """Read a list of reference data, what is inactive too."""
    found = api.every("reference.list", path, active="Any")
    return {int(read_id(row, "reference.list")): row for row in found}


def unknown(uses: Iterable[Use], known: Rows, kind: str) -> list[str]:
    """Say which ids are not there, or not in use any more."""
    faults = []
    for use in uses:
        row = known.get(use.number)
        if row is None:
            faults.append(f"{use.place}: there is no {kind} {use.number}")
        elif row.get("active") is False:
            faults.append(
                f"{use.place}: {kind} {use.number} is inactive: activate it there or choose another"
            )
    return faults


def misplaced(job_types: Iterable[Use], units: set[int], types: Rows) -> list[str]:
    """Say which job types may not be used in a unit we book into."""
    return [
        f"{use.place}: job type {use.number} is not allowed in business unit {unit}"
        for use in job_types
        if (allowed := types.get(use.number, {}).get("businessUnitIds"))
        for unit in sorted(units - set(allowed))
    ]


def units_of(mapping: FieldMapping) -> Iterable[Use]:
    """List the business units we book into."""
    yield Use("ST_BUSINESS_UNIT_ID", mapping.business_unit_id)
    yield from (
        Use(f"areas[{n}].business_unit", area.business_unit_id) for n, area in enumerate(mapping.areas, 1)
    )


def job_types_of(mapping: FieldMapping) -> Iterable[Use]:
    """List the job types we book."""
    yield Use("ST_JOB_TYPE_ID", mapping.job_type_id)
    yield from (Use(f"job type of {code}", rule.job_type_id) for code, rule in mapping.issues.items())


def campaigns_of(mapping: FieldMapping) -> Iterable[Use]:
    """List the campaigns we book under."""
    yield Use("ST_CAMPAIGN_ID", mapping.campaign_id)
    yield from (
        Use(f"campaigns[{n}].campaign", rule.campaign_id) for n, rule in enumerate(mapping.campaigns, 1)
    )


def custom_fields_of(mapping: FieldMapping) -> Iterable[Use]:
    """List the custom fields we fill."""
    yield from (Use(f"custom_fields.{name}", number) for name, number in mapping.custom_fields.items())


def provider_of(api: ServiceTitanApi) -> Iterable[Use]:
    """List the booking provider, where requests go to one."""
    if api.config.booking_provider_id is not None:
        yield Use("ST_BOOKING_PROVIDER_ID", api.config.booking_provider_id)
