"""Where a booking came from."""

import uuid

import pytest

from app.analytics.attribution import Touch, booking_source, read_first_touch, read_touch
from app.analytics.events import Event, EventType

AT = "2026-11-22T00:00:00+00:00"


def touch(**words: str) -> Touch:
    return read_touch(words, landing="/book", referrer=words.pop("referrer", None), at=AT)


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ({"utm_medium": "phone"}, "phone"),
        ({"gclid": "x"}, "paid_search"),
        ({"wbraid": "x"}, "paid_search"),
        ({"msclkid": "x"}, "paid_search"),
        ({"utm_source": "google", "utm_medium": "CPC"}, "paid_search"),
        ({"utm_medium": "paid_social"}, "paid_social"),
        ({"ttclid": "x"}, "paid_social"),
        ({"utm_source": "news", "utm_medium": "email"}, "email"),
        ({"utm_medium": "sms"}, "sms"),
        ({"utm_medium": "organic"}, "organic"),
        ({"referrer": "https://www.google.com/search?q=door"}, "organic"),
        ({"fbclid": "x"}, "referral"),
        ({"referrer": "https://blog.example/post"}, "referral"),
        ({}, "direct"),
    ],
)
def test_the_first_rule_that_fits_names_the_source(words: dict[str, str], source: str) -> None:
    assert booking_source(touch(**words), "direct") == source


def test_a_partner_is_the_source_when_no_campaign_is() -> None:
    assert booking_source(touch(), "pk_0123456789abcdef") == "partner:pk_0123456789abcdef"
    assert booking_source(touch(gclid="x"), "pk_0123456789abcdef") == "paid_search"
    assert booking_source(touch(fbclid="x"), "pk_0123456789abcdef") == "partner:pk_0123456789abcdef"


@pytest.mark.parametrize("value", ["ana@example.com", "call +16025550123", "(602) 555-0123", "602.555.0123"])
def test_personal_data_in_campaign_names_is_left_out(value: str) -> None:
    assert touch(utm_campaign=value).utm_campaign is None


def test_names_are_lower_case_and_click_ids_are_kept_as_they_are() -> None:
    seen = touch(utm_source=" Google ", gclid="AbC-123_x")
    assert (seen.utm_source, seen.gclid) == ("google", "AbC-123_x")
    assert touch(gclid="x" * 300).gclid is None
    assert touch(utm_campaign="x" * 300).utm_campaign == "x" * 255
    assert touch(utm_source="a\x00b").utm_source == "ab"


def test_a_referrer_is_kept_as_its_origin_only() -> None:
    assert (
        touch(referrer="https://user:pw@Blog.example/path?email=a@b.co").referrer_origin
        == "https://blog.example"
    )
    assert touch(referrer="javascript:alert(1)").referrer_origin is None


@pytest.mark.parametrize("raw", [None, "", "{", "[]", '"x"', '{"utm_source": 7}', "{" * 2000, '{"a":' * 200])
def test_a_broken_first_touch_falls_back_to_the_present_one(raw: str | None) -> None:
    now = touch(utm_source="google")
    assert read_first_touch(raw, now) == now


def test_a_remembered_first_touch_is_read() -> None:
    first = read_first_touch(
        '{"utm_source":"Radio","lp":"https://x.example/a","at":"2026-10-01T00:00:00Z"}', touch(gclid="x")
    )
    assert (first.utm_source, first.landing_path, first.gclid) == ("radio", "https://x.example/a", None)


def test_an_event_cuts_to_its_columns_and_refuses_unknown_keys() -> None:
    long = Touch(utm_source="s" * 150, gclid="g" * 201)
    row = Event(EventType.STEP_VIEWED, uuid.uuid4(), {"step": "zip"}, long).row()
    assert (len(row["utm_source"]), row["gclid"]) == (100, None)
    with pytest.raises(ValueError, match="email"):
        Event(EventType.STEP_VIEWED, uuid.uuid4(), {"email": "a@example.com"}).row()
