"""Every message fits, reads well in both languages, and carries what it must."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, meta

from app.models.notification import Channel
from app.notifications import messages
from app.notifications.messages import GSM7, GSM7_TWICE, LOCALES, MESSAGES, METRICS, Facts, Wording
from app.notifications.queue import JOB_TYPES, MessageKind
from tests.notifications.links import links_of

TEMPLATES = Path(messages.__file__).parents[1] / "templates" / "messages"

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


ENDS = {"en": "Reply STOP to opt out.", "es": "Responda STOP para no recibir mas."}
OWN_LINKS = {Wording.CANCELLED: [], Wording.WINDOW_LOST: [f"{LONG_LINK}/move"]}
WITH_REFERENCE = set(Wording) - {Wording.WINDOW_LOST}
EVERY = [(wording, locale) for wording in Wording for locale in LOCALES]
LONGEST = replace(
    FACTS,
    company="Garage Door Service of Greater Phoenix, Arizona",
    starts_at=datetime(2026, 9, 30, 14, 30, tzinfo=UTC),
    ends_at=datetime(2026, 9, 30, 16, 30, tzinfo=UTC),
    timezone="America/Indiana/Indianapolis",
    alternatives=tuple(
        (datetime(2026, 9, day, 14, 30, tzinfo=UTC), datetime(2026, 9, day, 16, 30, tzinfo=UTC))
        for day in (23, 24, 25)
    ),
)
US_ZONES = ("America/New_York", "America/Los_Angeles", "America/Indiana/Indianapolis", "America/North_Dakota/New_Salem",
            "America/Kentucky/Monticello", "Pacific/Honolulu")  # fmt: skip


@pytest.mark.parametrize(("wording", "locale"), EVERY)
def test_a_text_says_who_when_which_and_how_to_stop(wording: Wording, locale: str) -> None:
    words = messages.sms_text(wording, replace(FACTS, locale=locale))
    assert words.startswith("A1 Garage: ")
    assert ("7K2M9QXA" in words) is (wording in WITH_REFERENCE)
    assert "8 AM - 10 AM" in words
    assert "Phoenix" in words
    assert (LONG_LINK in words) is (wording is not Wording.CANCELLED)
    assert words.endswith(ENDS[locale])


@pytest.mark.parametrize("link", [LONG_LINK, "https://book.a1garage.com/manage/" + "A" * 43])
@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize(("wording", "locale"), EVERY)
def test_a_text_fits_into_two_parts_even_with_the_longest_values(
    wording: Wording, locale: str, is_first: bool, link: str
) -> None:
    for zone in US_ZONES:
        facts = replace(LONGEST, locale=locale, is_first_text=is_first, manage_url=link, timezone=zone)
        words = messages.sms_text(wording, facts)
        assert set(words) <= GSM7 | GSM7_TWICE
        assert messages.segments(words) <= messages.MAX_SEGMENTS, words
        assert "? " not in words.replace("Questions? ", "").replace("¿Preguntas? ", "")


@pytest.mark.parametrize("facts", [FACTS, LONGEST], ids=["usual", "longest"])
@pytest.mark.parametrize("wording", list(Wording))
def test_the_first_text_says_how_many_follow_what_they_cost_and_how_to_get_help(
    wording: Wording, facts: Facts
) -> None:
    english = messages.sms_text(wording, replace(facts, is_first_text=True))
    for words in ("Up to 6 msgs", "Msg&data rates may apply", "HELP", "STOP"):
        assert words in english
    spanish = messages.sms_text(wording, replace(facts, is_first_text=True, locale="es"))
    for words in ("Hasta 6 msj", "tarifas", "HELP", "STOP"):
        assert words in spanish
    assert "rates" not in messages.sms_text(wording, facts)


@pytest.mark.parametrize("facts", [FACTS, replace(LONGEST, is_first_text=True)], ids=["usual", "longest"])
@pytest.mark.parametrize("wording", [Wording.REMINDER_DAY, Wording.REMINDER_SOON])
def test_a_reminder_offers_the_answer_c_until_it_was_given(wording: Wording, facts: Facts) -> None:
    assert "Reply C to confirm." in messages.sms_text(wording, facts)
    assert "Responda C" in messages.sms_text(wording, replace(facts, locale="es"))
    assert "Reply C" not in messages.sms_text(wording, replace(facts, may_confirm=False))


@pytest.mark.parametrize(("wording", "locale"), EVERY)
def test_no_text_asks_for_an_answer_that_would_end_all_texts(wording: Wording, locale: str) -> None:
    words = messages.sms_text(wording, replace(FACTS, locale=locale, is_first_text=True)).upper()
    asked = re.findall(r"(?:REPLY|RESPONDA|TEXT|ENVIE)\s+\W?(\w+)", words)
    assert set(asked) <= {"STOP", "HELP", "C"}


@pytest.mark.parametrize(("wording", "locale"), EVERY)
def test_every_link_leads_to_our_own_pages(wording: Wording, locale: str) -> None:
    facts = replace(LONGEST, locale=locale, first_name="www.evil.example", is_first_text=True)
    email = messages.email_text(wording, facts)
    for words in (messages.sms_text(wording, facts), email.body):
        assert links_of(words) == OWN_LINKS.get(wording, [LONG_LINK])


@pytest.mark.parametrize(("wording", "locale"), EVERY)
def test_a_subject_is_one_line_and_repeats_nothing_that_a_visitor_typed(
    wording: Wording, locale: str
) -> None:
    typed = replace(FACTS, locale=locale, first_name="Free pills\n\nBcc: all@example.com")
    assert messages.email_text(wording, typed).subject == (
        messages.email_text(wording, replace(FACTS, locale=locale)).subject
    )


@pytest.mark.parametrize(("locale", "fitting"), [("en", 3), ("es", 2)])
def test_an_apology_names_windows_as_long_as_they_fit(locale: str, fitting: int) -> None:
    near = replace(
        LONGEST, locale=locale, company="A1 Garage", manage_url="https://a1.example/manage/" + "A" * 43
    )
    usual = replace(
        near, timezone="America/Phoenix",
        alternatives=tuple((datetime(2026, 12, day, 15, tzinfo=UTC), datetime(2026, 12, day, 17, tzinfo=UTC)) for day in (4, 5, 6, 7)),
    )  # fmt: skip
    wording = Wording.WINDOW_LOST
    assert messages.sms_text(wording, usual).count("8 AM - 10 AM") == fitting
    assert 0 < messages.sms_text(wording, near).count("10:30 AM - 12:30 PM") - 1 < messages.MOST_OFFERED
    body = messages.email_text(wording, usual).body
    assert body.count("\n- ") == messages.MOST_OFFERED
    empty = messages.email_text(wording, replace(usual, alternatives=())).body
    assert "\n- " not in empty
    assert "\n\n\n" not in body + empty


def test_both_languages_have_the_same_messages_for_every_channel() -> None:
    folders = {locale: {path.name for path in (TEMPLATES / locale).iterdir()} for locale in LOCALES}
    expected = {f"{wording}.{channel}.txt" for wording in Wording for channel in Channel} | {"end.sms.txt"}
    assert folders == dict.fromkeys(LOCALES, expected)


def test_both_languages_use_the_same_facts() -> None:
    def used(path: Path) -> set[str]:
        return meta.find_undeclared_variables(Environment().parse(path.read_text()))  # noqa: S701 - only parsed

    for path in (TEMPLATES / "en").iterdir():
        assert used(path) - {"is_short"} == used(TEMPLATES / "es" / path.name) - {"is_short"}, path.name


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


@pytest.mark.parametrize("name", ["Zoë", "J.R.", "Mary Ann", "O’Neil", "José  María", "Dr. Ana"])
def test_people_are_greeted_by_their_name(name: str) -> None:
    body = messages.email_text(Wording.CONFIRMED, replace(FACTS, first_name=name)).body
    assert body.startswith(f"Hello {' '.join(name.split())},\n")


@pytest.mark.parametrize(
    "name",
    ["", "www.evil.example", "evil.example", "http://x", "a@b.c", "WIN $100", "Call 6025550100", "x" * 41],
)
def test_what_is_no_name_is_not_repeated(name: str) -> None:
    body = messages.email_text(Wording.CONFIRMED, replace(FACTS, first_name=name)).body
    assert body.startswith("Hello,\n")


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
