"""The mapping file: what it maps, and that every fault in it is named at once by table and key."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.booking.issues import BY_CODE
from app.providers import build_adapters
from app.providers.ports import Outcome, ProviderError, WebTouch
from app.providers.servicetitan_mapping import FieldMapping, IssueRule
from app.providers.servicetitan_mapping_file import load_mapping
from tests.providers.samples import a_customer, an_order, first_day
from tests.providers.simulated import Simulator

EXAMPLE = Path(__file__).parents[2] / "docs/how-to/servicetitan-mapping.example.toml"
DEFAULTS = FieldMapping(1, 2, 3, issues={"tune_up": IssueRule(2047), "new_door": IssueRule(9)})


def load(tmp_path: Path, text: str) -> FieldMapping:
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    return load_mapping(str(file), DEFAULTS, BY_CODE)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ProviderError) as caught:
        load(tmp_path, text)
    assert caught.value.outcome is Outcome.CONFIG
    return caught.value.reason.partition("mapping.toml: ")[2].split("; ")


def test_the_example_maps_areas_issues_and_campaigns() -> None:
    mapping = load_mapping(str(EXAMPLE), DEFAULTS, BY_CODE)
    assert [mapping.unit_of(code) for code in ("85201", "85701", "90210")] == [1011, 1012, 1]
    assert [mapping.job_type_of(code) for code in ("broken_spring", "new_door", "tune_up", "other")] == [
        2041,
        2046,
        2047,
        2,
    ]
    assert (mapping.minutes_of("broken_spring"), mapping.minutes_of("new_door")) == (90, None)
    assert (mapping.tags, mapping.custom_fields) == ((9001,), {"door_count": 31, "door_age": 32})


@pytest.mark.parametrize(
    ("source", "touch", "campaign"),
    [
        ("direct", None, 3),
        ("paid_search", WebTouch(utm_source="Google", utm_medium="CPC"), 501),
        ("paid_search", WebTouch(utm_source="google"), 3),
        ("paid_social", WebTouch(utm_source="facebook", utm_medium="cpm"), 502),
        ("paid_social", WebTouch(utm_source="google", utm_medium="cpc"), 501),
    ],
)
def test_the_first_campaign_whose_conditions_all_hold_counts(
    source: str, touch: WebTouch | None, campaign: int
) -> None:
    assert load_mapping(str(EXAMPLE), DEFAULTS, BY_CODE).campaign_of(source, touch) == campaign


def test_a_unit_has_the_time_zone_of_its_first_area_that_names_one(tmp_path: Path) -> None:
    mapping = load(
        tmp_path,
        '[[areas]]\nname="Denver"\nbusiness_unit=7\nzips=["802*"]\ntimezone="America/Denver"\n',
    )
    assert (str(mapping.zone_of(7)), str(mapping.zone_of(1))) == ("America/Denver", "America/Phoenix")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[job]\ntag = [1]", "job.tag: unknown, expected one of tags, minutes"),
        ("colour = 1", "colour: unknown, expected one of job, areas, issues, campaigns, custom_fields"),
        ('[job]\ntags = ["a"]', "job.tags: must be a list of tag ids"),
        ("[job]\nminutes = 0", "job.minutes: must be a whole number above zero"),
        ("areas = 5", "areas: must be a list of tables, each written [[areas]]"),
        ("issues = 5", "issues: must be a table, written [issues]"),
        ('[[areas]]\nname="A"\nzips=["85201"]', "areas[1].business_unit: is missing"),
        ('[[areas]]\nname="A"\nbusiness_unit=true\nzips=["85201"]', "areas[1].business_unit: must be a whole number above zero"),
        ('[[areas]]\nname="A"\nbusiness_unit=1\nzips=["85x"]', "areas[1].zips: '85x' is neither a ZIP code nor a beginning like 857*"),
        ('[[areas]]\nname="A"\nbusiness_unit=1', 'areas[1].zips: must be a list like ["85004", "857*"]'),
        ('[[areas]]\nname="85201"\nbusiness_unit=1\nzips=["85201"]',
         "areas[1].name: must be 1 to 40 letters, digits, spaces, dots or dashes, a letter first"),
        ('[[areas]]\nname="A"\nbusiness_unit=1\nzips=["85201","85201"]', "areas: 85201 is in two areas"),
        ('[[areas]]\nname="A"\nbusiness_unit=1\nzips=["85201"]\n[[areas]]\nname="a"\nbusiness_unit=1\nzips=["85202"]',
         "areas: two areas are called a"),
        ('[[areas]]\nname="A"\nbusiness_unit=1\nzips=["85201"]\ntimezone="Mars/Base"',
         "areas[1].timezone: Mars/Base is not a known time zone"),
        ("[issues]\ntune_up = 5", "issues.tune_up: must be a table with job_type"),
        ("[issues.tune_up]\nminutes = 30", "issues.tune_up.job_type: is missing"),
        ("[[campaigns]]\ncampaign = 5", "campaigns[1]: needs at least one of booking_source, utm_source, utm_medium"),
        ("[[campaigns]]\ncampaign = 5\nutm_source = 7", "campaigns[1].utm_source: must be text"),
        ("[custom_fields]\ndoor_count = -1", "custom_fields.door_count: must be a whole number above zero"),
    ],
)  # fmt: skip
def test_each_fault_names_its_table_and_key(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in faults(tmp_path, text)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, "[job]\ntags = 1\nminutes = 0\n[issues.rocket]\njob_type = 1\n")
    assert len(found) == 3
    assert any(fault.startswith("issues.rocket: unknown") for fault in found)


def test_broken_toml_names_its_line(tmp_path: Path) -> None:
    assert "line 2" in faults(tmp_path, "[job]\ntags = = 1")[0]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"nowhere\.toml: No such file") as caught:
        load_mapping(str(tmp_path / "nowhere.toml"), DEFAULTS, BY_CODE)
    assert caught.value.outcome is Outcome.CONFIG


def test_a_process_with_a_faulty_file_does_not_start(sim: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text("[job]\nminutes = 0")
    with pytest.raises(ProviderError, match=r"ST_MAPPING_FILE: .*job.minutes"):
        build_adapters(sim.settings(st_mapping_file=str(file)))


def test_a_job_gets_what_the_file_says(sim: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(
        '[[areas]]\nname="Mesa"\nbusiness_unit=1012\nzips=["852*"]\n[issues.broken_spring]\njob_type=2046\nminutes=90\n'
        '[[campaigns]]\ncampaign=501\nutm_source="google"\n'
    )
    adapters = sim.adapters(st_mapping_file=str(file))
    made = adapters.field_service.add_customer(a_customer())
    window = first_day(sim.adapters()).windows[0]
    order = an_order(window, slot_key=None, zip_code="85201", touch=WebTouch(utm_source="google"))
    adapters.field_service.create_job(order, made.customer_id, made.location_id or "")
    data = sim.effects("servicetitan", "job")[0]["data"]
    assert isinstance(data, dict)
    assert (data["business_unit_id"], data["job_type_id"], data["campaign_id"]) == (1012, 2046, 501)
    assert data["end"] == (window.starts_at + timedelta(minutes=90)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
