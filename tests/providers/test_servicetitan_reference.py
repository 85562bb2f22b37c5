"""Every id we were configured with is looked up at ServiceTitan, and a fault says where it stands and what to do."""

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from app.providers import build_servicetitan
from app.providers.ports import ProviderError
from app.providers.servicetitan_reference import Comparison, compare
from tests.providers.simulated import Simulator

EXAMPLE = Path(__file__).parents[2] / "docs/how-to/servicetitan-mapping.example.toml"
UNIT, TYPES = "/api/settings/v2/tenant/9001/business-units", "/api/jpm/v2/tenant/9001/job-types"


def compared(sim: Simulator, **changes: object) -> Comparison:
    return compare(build_servicetitan(sim.settings(**changes)))


def with_file(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    return str(file)


def test_the_settings_of_the_demonstration_are_known_there(sim: Simulator) -> None:
    assert compared(sim, st_booking_provider_id=701) == Comparison(6, ())


def test_the_example_file_is_known_there(sim: Simulator) -> None:
    assert compared(sim, st_mapping_file=str(EXAMPLE)).faults == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"st_business_unit_id": 9}, "ST_BUSINESS_UNIT_ID: there is no business unit 9"),
        ({"st_job_type_id": 9}, "ST_JOB_TYPE_ID: there is no job type 9"),
        ({"st_job_types": {"tune_up": 9}}, "job type of tune_up: there is no job type 9"),
        ({"st_campaign_id": 9}, "ST_CAMPAIGN_ID: there is no campaign 9"),
        ({"st_cancel_reason_id": 9}, "ST_CANCEL_REASON_ID: there is no cancel reason 9"),
        ({"st_booking_provider_id": 9}, "ST_BOOKING_PROVIDER_ID: there is no booking provider 9"),
    ],
)
def test_a_wrong_setting_is_named(sim: Simulator, changes: dict[str, object], fault: str) -> None:
    assert compared(sim, **changes).faults == (fault,)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[[areas]]\nname="A"\nbusiness_unit=9\nzips=["852*"]',
            "areas[1].business_unit: there is no business unit 9",
        ),
        ("[job]\ntags=[9]", "job.tags: there is no tag 9"),
        ('[[campaigns]]\ncampaign=9\nutm_source="x"', "campaigns[1].campaign: there is no campaign 9"),
        ("[custom_fields]\ndoor_count=9", "custom_fields.door_count: there is no custom field 9"),
        ("[issues.new_door]\njob_type=9", "job type of new_door: there is no job type 9"),
    ],
)
def test_a_wrong_id_in_the_file_is_named(sim: Simulator, tmp_path: Path, text: str, fault: str) -> None:
    assert fault in compared(sim, st_mapping_file=with_file(tmp_path, text)).faults


def test_what_is_inactive_or_in_the_wrong_unit_is_named(
    sim: Simulator, httpserver: HTTPServer, tmp_path: Path
) -> None:
    units = [{"id": 1011, "active": False}, {"id": 1012, "active": True}]
    types = [{"id": 2050, "active": True, "businessUnitIds": [1011]}, {"id": 2041, "businessUnitIds": []}]
    for path, rows in ((UNIT, units), (TYPES, types)):
        httpserver.expect_request(path).respond_with_json({"data": rows, "hasMore": False})
    for path, number in (
        ("/marketing/v2/tenant/9001/campaigns", 500),
        ("/jpm/v2/tenant/9001/job-cancel-reasons", 801),
    ):
        httpserver.expect_request(f"/api{path}").respond_with_json(
            {"data": [{"id": number}], "hasMore": False}
        )
    mapping = with_file(tmp_path, '[[areas]]\nname="A"\nbusiness_unit=1012\nzips=["852*"]')
    assert compared(sim, st_api_base=httpserver.url_for("/api"), st_mapping_file=mapping).faults == (
        "ST_BUSINESS_UNIT_ID: business unit 1011 is inactive: activate it there or choose another",
        "ST_JOB_TYPE_ID: job type 2050 is not allowed in business unit 1012",
    )


def test_a_tenant_that_cannot_be_asked_is_no_fault_of_the_ids(sim: Simulator) -> None:
    sim.fault("servicetitan", "error", path="/job-types", status=503)
    with pytest.raises(ProviderError):
        compared(sim)
