"""Simulated ServiceTitan reference data: everything that an order names by id."""

from flask import Response, jsonify

from sandbox.providers.checks import Json
from sandbox.providers.servicetitan import TENANT, bp
from sandbox.providers.servicetitan_lists import page_of_rows
from sandbox.providers.state import world
from sandbox.providers.territory import (
    ARRIVAL_WINDOW_IDS,
    BUSINESS_UNITS,
    CAMPAIGNS,
    CANCEL_REASONS,
    CUSTOM_FIELDS,
    HOLD_REASONS,
    JOB_TYPES,
    SKILLED,
    TAG_TYPES,
    ZONES,
)

SINCE = "2024-01-02T08:00:00.000Z"
MINUTES = {2042: 90, 2046: 240, 2047: 60, 2048: 45}
STAMPS: Json = {"active": True, "createdOn": SINCE, "modifiedOn": SINCE}


def _named(names: dict[int, str], **more: object) -> list[Json]:
    return [{"id": number, "name": name} | STAMPS | more for number, name in names.items()]


@bp.get(f"/api/settings/{TENANT}/business-units")
def list_business_units() -> Response:
    """List the business units."""
    config = world().config
    tenant = {"id": int(config.st_tenant_id), "name": "A1 Garage"}
    return page_of_rows(
        _named(
            BUSINESS_UNITS, officialName=None, trade="Garage Doors", division="Service", email=None,
            phoneNumber="6025550142", tenant=tenant, tagTypeIds=[], externalData=[],
            address={"street": "1 Main St", "unit": None, "city": "Phoenix", "state": "AZ", "zip": "85003", "country": "USA"},
        )
    )  # fmt: skip


@bp.get(f"/api/settings/{TENANT}/tag-types")
def list_tag_types() -> Response:
    """List the tags."""
    return page_of_rows(_named(TAG_TYPES))


@bp.get(f"/api/jpm/{TENANT}/job-types")
def list_job_types() -> Response:
    """List the job types; the unit of their duration is nothing to rely on."""
    unit = 60 if world().flags.on("st_job_type_seconds") else 1
    return page_of_rows(
        [
            {
                "id": number, "name": name, "businessUnitIds": list(BUSINESS_UNITS),
                "skills": ["Installation"] if number in SKILLED else [], "tagTypeIds": [], "priority": "Normal",
                "duration": MINUTES.get(number, 120) * unit, "soldThreshold": 0, "class": "", "summary": "", "noCharge": False,
                "isSmartDispatched": False, "invoiceSignaturesRequired": False, "externalData": [],
            }
            | STAMPS
            for number, name in JOB_TYPES.items()
        ]
    )  # fmt: skip


@bp.get(f"/api/jpm/{TENANT}/job-cancel-reasons")
def list_cancel_reasons() -> Response:
    """List the reasons a job can be cancelled for."""
    return page_of_rows(_named(CANCEL_REASONS))


@bp.get(f"/api/jpm/{TENANT}/job-hold-reasons")
def list_hold_reasons() -> Response:
    """List the reasons a job can be put on hold for."""
    return page_of_rows(_named(HOLD_REASONS))


@bp.get(f"/api/jpm/{TENANT}/jobs/custom-fields")
def list_custom_fields() -> Response:
    """List the fields of this company's own on its jobs."""
    return page_of_rows(_named(CUSTOM_FIELDS, dataType="Text", dataTypeOptions=[]))


@bp.get(f"/api/marketing/{TENANT}/campaigns")
def list_campaigns() -> Response:
    """List the campaigns."""
    rows = _named(CAMPAIGNS, source=None, medium=None, businessUnit=None, campaignPhoneNumbers=[])
    category = {"id": 510, "name": "Web", "active": True}
    return page_of_rows([row | {"isDefaultCampaign": row["id"] == 500, "category": category} for row in rows])


@bp.get(f"/api/dispatch/{TENANT}/zones")
def list_zones() -> Response:
    """List zones with their ZIP codes."""
    return page_of_rows(
        [
            {
                "id": zone.id, "name": zone.name, "zips": list(zone.zips), "cities": list(zone.cities),
                "territoryNumbers": [], "locnNumbers": [], "businessUnits": [zone.business_unit_id],
                "technicians": [t.id for t in zone.crew], "serviceDaysEnabled": False, "serviceDays": [],
            }
            | STAMPS
            for zone in ZONES
        ]
    )  # fmt: skip


@bp.get(f"/api/dispatch/{TENANT}/arrival-windows")
def list_arrival_windows() -> Response:
    """List the arrival windows; their duration is a length, if that is what we assume."""
    is_length = world().flags.on("st_window_length")
    return page_of_rows(
        [
            {
                "id": number, "start": f"{start:02}:00:00",
                "duration": f"{end - start if is_length else end:02}:00:00",
                "businessUnitIds": list(BUSINESS_UNITS), "active": True,
            }
            for (start, end), number in ARRIVAL_WINDOW_IDS.items()
        ]
    )  # fmt: skip


@bp.get(f"/api/dispatch/{TENANT}/arrival-windows/configuration")
def show_window_configuration() -> Response:
    """Tell where in its window a job begins."""
    return jsonify(configuration=world().flags.word("st_window_configuration"))


@bp.get(f"/api/dispatch/{TENANT}/business-hours")
def show_business_hours() -> Response:
    """Tell when the company is open."""
    hours = [{"fromHour": 8, "toHour": 18}]
    return jsonify(weekdays=hours, saturday=hours, sunday=hours)


@bp.get(f"/api/crm/{TENANT}/booking-provider-tags")
def list_booking_providers() -> Response:
    """List who may send bookings."""
    number = int(world().config.st_booking_provider_id)
    tag = {
        "id": number, "tagName": "A1 Online Booking", "description": "Website", "type": "V2Api",
    }  # fmt: skip
    return page_of_rows([tag | STAMPS])
