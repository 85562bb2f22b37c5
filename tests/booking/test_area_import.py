"""The list of ZIP codes we serve: from a file, from the reference table, from nothing."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import area_import
from app.booking.area_import import Area, AreasRefused
from tests.factories import add_area, add_zip

HEAD = "zip_code,city,state,timezone,active\n"


def zips(session: Session) -> list[tuple[str, str, bool]]:
    """What is served."""
    rows = session.execute(text("SELECT zip_code, city, active FROM service_areas ORDER BY zip_code"))
    return [tuple(row) for row in rows]


def test_a_file_adds_and_changes_areas(session: Session) -> None:
    add_area(session, "85004")
    content = (
        "\ufeff"
        + HEAD
        + "85004,Phoenix,az,America/Phoenix,no\r\n89101, Las Vegas ,NV,America/Los_Angeles,\r\n"
    )
    areas = area_import.read_csv(content)
    assert areas[1] == Area("89101", "Las Vegas", "NV", "America/Los_Angeles")
    assert area_import.save(session, areas) == 2
    assert zips(session) == [("85004", "Phoenix", False), ("89101", "Las Vegas", True)]
    assert area_import.save(session, areas) == 0


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("8500,Phoenix,AZ,America/Phoenix,true", "row 2, zip_code: «8500» is not a five-digit ZIP code"),
        ("85004,,AZ,America/Phoenix,true", "row 2, city: must have 1 to 100 characters"),
        ("85004,Phoenix,Ariz,America/Phoenix,true", "row 2, state: «Ariz» is not a two-letter state"),
        ("85004,Phoenix,AZ,Phoenix,true", "row 2, timezone: «Phoenix» is not a known time zone"),
        ("85004,Phoenix,AZ,America/Phoenix,perhaps", "row 2, active: «perhaps» is neither true nor false"),
        ("85004,Phoenix,AZ", "row 2, timezone: «» is not a known time zone"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(row: str, fault: str) -> None:
    with pytest.raises(AreasRefused) as caught:
        area_import.read_csv(f"{HEAD}{row}\n")
    assert caught.value.faults == [fault]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(AreasRefused) as caught:
        area_import.read_csv(
            HEAD + "1,Phoenix,AZ,America/Phoenix,\n85004,P,AZ,America/Phoenix,\n85004,P,AZ,Mars,\n"
        )
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "row 2, zip_code",
        "row 4, timezone",
        "row 4, zip_code",
    ]
    with pytest.raises(AreasRefused, match="row 1, timezone: this column is missing"):
        area_import.read_csv("zip_code,city,state\n85004,P,AZ\n")
    with pytest.raises(AreasRefused, match="no rows"):
        area_import.read_csv(HEAD)


def test_a_zip_code_is_added_with_what_the_reference_knows(session: Session) -> None:
    add_zip(session, "85004")
    assert area_import.add(session, ["85004"]) == [Area("85004", "Phoenix", "AZ", "America/Phoenix")]
    session.execute(text("UPDATE service_areas SET active = false"))
    area_import.add(session, ["85004"])
    assert zips(session) == [("85004", "Phoenix", True)]


def test_a_zip_code_nobody_can_visit_is_refused(session: Session) -> None:
    add_zip(session, "85004")
    add_zip(session, "85001", kind="PO BOX")
    with pytest.raises(AreasRefused) as caught:
        area_import.add(session, ["85004", "85001", "00000"])
    assert caught.value.faults == [
        "85001: has only PO boxes, nobody can be visited there",
        "00000: no such ZIP code",
    ]
    assert zips(session) == []


def test_the_reference_is_filled_and_the_metro_served_once(session: Session) -> None:
    assert area_import.fill_reference(session) > 41_000
    assert area_import.is_reference_filled(session)
    zones = set(session.execute(text("SELECT DISTINCT timezone FROM zip_codes")).scalars())
    assert zones <= area_import.available_timezones() | {None}
    assert area_import.seed_metro(session) > 130
    assert ("85004", "Phoenix", True) in zips(session)
    assert all(code.startswith("85") for code, _, _ in zips(session))
    assert area_import.seed_metro(session) == 0
    kinds = "SELECT DISTINCT type FROM zip_codes z JOIN service_areas a USING (zip_code)"
    assert session.execute(text(kinds)).scalars().all() == ["STANDARD"]
