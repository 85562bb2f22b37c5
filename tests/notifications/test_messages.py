"""Every message fits, reads well in both languages, and carries what it must."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.notification import Channel
from app.notifications import messages
from app.notifications.messages import GSM7, GSM7_TWICE, LOCALES, MESSAGES, METRICS, Facts, Wording
from app.notifications.queue import JOB_TYPES, MessageKind

LONG_LINK = "https://booking.a1garagedoorservice.example.com/manage/" + "A" * 43
FACTS = Facts(
    company="A1 Garage",
    company_phone="+16025550142",
    first_name="Zoë",
    reference="7K2M9QXA",
    starts_at=datetime(2026, 12, 3, 15, tzinfo=UTC),
    ends_at=datetime(2026, 12, 3, 17, tzinfo=UTC),
    timezone="America/Phoenix",
    locale="en",
    manage_url=LONG_LINK,
)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("wording", list(Wording))
def test_a_text_says_who_when_which_and_how_to_stop(locale: str, wording: Wording) -> None:
    words = messages.sms_text(wording, replace(FACTS, locale=locale))
    assert words.startswith("A1 Garage: ")
    assert "7K2M9QXA" in words
    assert "8 AM - 10 AM" in words
    assert "Phoenix" in words
    assert (LONG_LINK in words) is (wording is not Wording.CANCELLED)
    assert words.endswith(
        {"en": "Reply STOP to opt out.", "es": "Responda STOP para no recibir mas mensajes."}[locale]
    )


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("wording", list(Wording))
def test_a_text_fits_into_two_parts_even_with_a_long_name_and_link(locale: str, wording: Wording) -> None:
    facts = replace(
        FACTS,
        locale=locale,
        company="Garage Door Service of Greater Phoenix, Arizona",
        starts_at=datetime(2026, 9, 30, 17, 30, tzinfo=UTC),
        ends_at=datetime(2026, 9, 30, 19, 30, tzinfo=UTC),
        timezone="America/Los_Angeles",
    )
    words = messages.sms_text(wording, facts)
    assert set(words) <= GSM7 | GSM7_TWICE
    assert messages.segments(words) <= messages.MAX_SEGMENTS


@given(st.text(max_size=60))
def test_any_words_become_gsm7(words: str) -> None:
    assert set(messages.to_gsm7(words)) <= GSM7 | GSM7_TWICE


def test_letters_that_phones_can_show_stay() -> None:
    assert messages.to_gsm7("señor é ü ¿qué? – “ok” á €") == 'señor é ü ¿qué? - "ok" a €'


@pytest.mark.parametrize(("length", "parts"), [(1, 1), (160, 1), (161, 2), (306, 2), (307, 3)])
def test_parts_are_counted_as_carriers_do(length: int, parts: int) -> None:
    assert messages.segments("x" * length) == parts


def test_letters_of_the_second_table_count_twice() -> None:
    assert messages.segments("€" * 80) == 1
    assert messages.segments("€" * 81) == 2


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("wording", list(Wording))
def test_an_email_has_a_subject_and_every_fact(locale: str, wording: Wording) -> None:
    email = messages.email_text(wording, replace(FACTS, locale=locale))
    assert email.subject
    assert "\n" not in email.subject
    for fact in ("Zoë", "7K2M9QXA", "(602) 555-0142", "A1 Garage"):
        assert fact in email.body
    assert "{" not in email.body


def test_the_languages_differ_and_an_unknown_one_is_english() -> None:
    english, spanish = (messages.sms_text(Wording.CONFIRMED, replace(FACTS, locale=name)) for name in LOCALES)
    assert english != spanish
    assert messages.sms_text(Wording.CONFIRMED, replace(FACTS, locale="fr")) == english


def test_the_window_is_in_the_areas_zone_in_words() -> None:
    assert messages.window_words(FACTS) == "Thu, Dec 3, 8 AM - 10 AM (Phoenix time)"
    assert (
        messages.window_words(replace(FACTS, locale="es")) == "jue 3 de dic, 8 AM - 10 AM (hora de Phoenix)"
    )


def test_every_kind_and_channel_is_in_the_table_of_contents() -> None:
    assert {message.kind for message in MESSAGES} == set(MessageKind)
    assert set(METRICS) == set(Wording)
    assert set(JOB_TYPES) == set(Channel)


@pytest.mark.parametrize("number", ["+442071234567", "+16025550142"])
def test_a_number_is_written_as_people_do(number: str) -> None:
    assert messages.spoken_phone(number) == {"+16025550142": "(602) 555-0142"}.get(number, number)
