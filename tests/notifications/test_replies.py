"""What homeowners write, and what it means."""

import pytest

from app.models.inbound_text import Meaning
from app.notifications import replies
from app.notifications.ledger import Method

KEYWORDS = (
    "STOP", "stop", " Stop. ", "STOP!!!", "StopAll", "stop all", "UNSUBSCRIBE", "End", "quit", "Cancel", "CANCEL.", "revoke",
    "optout", "Opt out", "opt-out", "remove me", "no more", "ＳＴＯＰ", "stop 🛑", "S\u200bTOP", "No más", "no mas", "ALTO",
    "cancelar", "Detener", "STOP PLEASE",
)  # fmt: skip
FREEFORM = (
    "please stop texting me", "Stop sending me messages", "don't text me again", "Don’t message me", "do not text this number",
    "DO NOT SEND ME ANY MORE TEXTS", "no more texts please", "quit texting", "cease all messages", "take me off your list",
    "Remove me from this list", "I want to unsubscribe from this", "wrong number", "You have the wrong number, sorry",
    "Sorry wrong person", "opt me out... I opted out already", "stop it please, stop", "leave me alone",
    "no me envíen más mensajes", "Por favor no más mensajes", "dejen de escribirme", "ya no quiero recibir mensajes",
    "número equivocado", "quiero darme de baja", "ALTO POR FAVOR", "stop bothering me",
)  # fmt: skip
UNSURE = (
    "who is this? spam?",
    "cancel it",
    "not interested",
    "can you cancel please",
    "I said quit",
    "basta ya por favor",
)
OTHERS = (
    "Can you come an hour earlier?", "I want to cancel my appointment", "please cancel the visit", "quiero cancelar mi cita",
    "Could you stop by at 9?", "We live next to the bus stop", "The door doesn't stop, it goes up again", "It won't stop beeping",
    "Gate code is 4711", "YES", "ok", "👍", "", "Dead end street, last house", "¿A qué hora llegan?",
)  # fmt: skip


@pytest.mark.parametrize("body", KEYWORDS)
def test_a_word_that_stops_is_heard_in_any_dress(body: str) -> None:
    reading = replies.read(body)
    assert (reading.meaning, reading.method, reading.needs_person) == (Meaning.STOP, Method.KEYWORD, False)


@pytest.mark.parametrize("body", [*FREEFORM, *UNSURE])
def test_a_withdrawal_in_own_words_counts_and_in_doubt_the_office_looks(body: str) -> None:
    reading = replies.read(body)
    assert (reading.meaning, reading.method, reading.needs_person) == (Meaning.STOP, Method.FREEFORM, True)


@pytest.mark.parametrize("body", OTHERS)
def test_what_is_about_the_visit_is_for_a_person(body: str) -> None:
    reading = replies.read(body)
    assert (reading.meaning, reading.needs_person) == (Meaning.OTHER, True)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ("START", Meaning.START), ("unstop", Meaning.START), ("HELP", Meaning.HELP), ("info", Meaning.HELP), ("Ayuda", Meaning.HELP),
        ("C", Meaning.CONFIRM), ("c.", Meaning.CONFIRM), ("Confirm", Meaning.CONFIRM), ("CONFIRMO", Meaning.CONFIRM),
        ("Sí, confirmo", Meaning.CONFIRM), ("c!", Meaning.CONFIRM),
    ],
)  # fmt: skip
def test_the_other_words_we_know(body: str, meaning: Meaning) -> None:
    assert replies.read(body).meaning is meaning


@pytest.mark.parametrize("kind", ["STOP", "START", "HELP"])
def test_what_the_provider_made_of_a_text_comes_first(kind: str) -> None:
    assert replies.read("whatever", kind).meaning is Meaning(kind.lower())
    assert replies.is_answered("whatever", kind)


def test_yes_may_answer_a_question() -> None:
    assert replies.read("Yes", "START").needs_person
    assert not replies.read("Start", "START").needs_person


@pytest.mark.parametrize(
    ("body", "answered"),
    [("stop", True), (" HELP ", True), ("stop please", False), ("ayuda", False), ("remove me", False)],
)
def test_only_single_words_are_answered_by_the_provider(body: str, answered: bool) -> None:
    assert replies.is_answered(body, "") is answered


def test_a_very_long_text_is_read_quickly() -> None:
    assert replies.read("please do not " * 110 + "x").meaning in Meaning
