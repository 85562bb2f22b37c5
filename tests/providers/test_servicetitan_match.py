"""The same address written differently is the same place, and another one is not."""

from datetime import UTC, datetime, timedelta

import pytest

from app.providers.ports import FieldAddress, OpenWindow
from app.providers.servicetitan_jobs import job_summary
from app.providers.servicetitan_match import address_key, digits_of, has_last_name, location_reference
from tests.providers.samples import a_customer, an_order

START = datetime(2026, 12, 3, 15, tzinfo=UTC)
WINDOW = OpenWindow("ac1:1011:44:20261203T150000Z:20261203T170000Z", START, START + timedelta(hours=2), 1)


def at(street: str, unit: str | None = None, zip_code: str = "85201") -> str:
    return address_key(FieldAddress(street, "Mesa", "AZ", zip_code, unit))


@pytest.mark.parametrize(
    ("street", "unit"),
    [
        ("12 Oak St", "2"),
        ("12 oak street", "Apt 2"),
        ("12  Oak St.", "#2"),
        ("12 OAK STREET,", "unit 2"),
        ("12 Óak St", "Apt. 2"),
    ],
)
def test_ways_to_write_one_address(street: str, unit: str) -> None:
    assert at(street, unit) == at("12 Oak Street", "Apt 2")


@pytest.mark.parametrize(
    ("street", "unit", "zip_code"),
    [("12 Oak Ave", "2", "85201"), ("13 Oak St", "2", "85201"), ("12 Oak St", "3", "85201"), ("12 Oak St", None, "85201"),
     ("12 Oak St", "2", "85202"), ("12 N Oak St", "2", "85201")],
)  # fmt: skip
def test_different_addresses_stay_different(street: str, unit: str | None, zip_code: str) -> None:
    assert at(street, unit, zip_code) != at("12 Oak St", "2")


def test_a_zip_plus_four_is_the_same_place() -> None:
    assert at("12 Oak St", "2", "85201-1234") == at("12 Oak St", "2")


def test_the_reference_of_a_location_is_stable_and_each_customers_own() -> None:
    customer = a_customer()
    assert location_reference(customer) == location_reference(customer)
    assert location_reference(customer) != location_reference(a_customer())


@pytest.mark.parametrize(
    ("stored", "last_name", "same"),
    [("Pat Jones", "JONES", True), ("Pat de la Cruz", "de la Cruz", True), ("Pat Núñez", "Nunez", True),
     ("Jones Pat", "Jones", False), ("Pat Joneson", "Jones", False), ("Pat Jones", "", False)],
)  # fmt: skip
def test_last_names(stored: str, last_name: str, same: bool) -> None:
    assert has_last_name({"name": stored}, last_name) is same


def test_phones_lose_all_but_ten_digits() -> None:
    assert digits_of("+1 (602) 555-0123") == "6025550123"


def test_the_summary_tells_what_is_known_and_escapes_what_was_typed() -> None:
    order = an_order(
        WINDOW, door_age=None, owner_permission="yes", access_notes="<script>", homeowner_status="renter"
    )
    assert job_summary(order) == (
        "Broken spring; 2 doors; door age unknown; renter; owner agrees: yes<br>Note: loud &lt;bang&gt;<br>"
        "Access: &lt;script&gt;<br>Online booking A1TEST42"
    )
