"""What a text from a homeowner means. In doubt it is a withdrawal: a text too few is better than one too many."""

import re
import unicodedata
from dataclasses import dataclass

from app.models.inbound_text import Meaning
from app.notifications.ledger import Method

STOP_WORDS = frozenset(
    {
        "stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "revoke", "optout", "opt out", "remove me", "no more",
        "stop stop", "stop please", "please stop", "stop it", "stop now", "cease", "alto", "cancelar", "cancele", "detener",
        "detengan", "detenganse", "parar", "paren", "pare", "basta", "baja", "no mas", "cancelar suscripcion",
    }
)  # fmt: skip
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info", "ayuda", "help please", "ayuda por favor", "informacion"})
CONFIRM_WORDS = frozenset(
    {
        "c", "confirm", "confirmed", "i confirm", "yes confirm", "yes i confirm", "yes confirmed", "confirm yes",
        "confirmo", "si confirmo", "confirmar", "confirmado", "confirmada", "c please", "c thanks", "c thank you", "c gracias",
    }
)  # fmt: skip
# Single words that the provider answers itself, unless the account chose its own.
ANSWERED_BY_PROVIDER = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel", "start", "yes", "unstop", "help", "info"}
)  # fmt: skip

_MESSAGES = r"(text|texts|texting|texted|message|messages|messaging|msg|msgs|sms|contact|contacting|mensaje|mensajes|texto|textos)"
_REFUSAL = r"(stop|quit|cease|dont|do not|no more|no longer|not want|no mas|no me|no quiero|ya no|dejen? de|paren de)"
SURE = re.compile(
    rf"\b{_REFUSAL}\b.{{0,40}}\b{_MESSAGES}\b|\bremove me\b|\bremove my\b.*\bnumber\b|\btake me off\b|\bunsubscribe\b|\bopt(ed|ing)? ?out\b"
    r"|\bwrong (number|person)\b|\bnumero equivocado\b|\bpersona equivocada\b|\bleave me alone\b|\b(lose|delete) (my|this) number\b"
    r"|\bstop (bothering|harassing|spamming|calling)\b|\bplease stop\b|^stop\b(?! (by|at|in|sign))"
    r"|\bdejen? de (mandar|enviar|escribir|molestar)|\bno me (mande|envie|escriba|moleste|manden|envien|escriban|molesten)\b"
    r"|\b(dar|denme|darme|quiero la) (de )?baja\b|\b(quitenme|borrenme|saquenme)\b|^(alto|basta|detener)\b"
)
UNSURE = re.compile(
    r"\b(stop|stopping|quit|cease|unsubscribed?|revoke|cancel|cancelar|detener|detengan|basta|parar|paren|no mas|spam"
    r"|harass(ing|ment)?|not interested|no me interesa|do not contact|dont contact)\b"
)
# Said of the visit or the door, not of our texts: a person reads these.
ABOUT_THE_VISIT = re.compile(
    r"\b(stop (by|at|in|over|sign)|bus stop|(wont|will not|doesnt|does not|didnt|did not|isnt|cant|cannot) (ever )?(stop|quit)"
    r"|(cancel|cancelar|cancele|cancelen)\b.*\b(appointment|appt|visit|booking|service|technician|repair|job|cita|visita|reserva"
    r"|servicio|reparacion|tecnico))\b|\bno puede parar\b"
)


@dataclass(frozen=True)
class Reading:
    """What a text means. `method` says how a withdrawal was put; `needs_person` asks the office to look."""

    meaning: Meaning
    method: Method = Method.KEYWORD
    needs_person: bool = False


def read(body: str, opt_out_type: str = "") -> Reading:
    """Read a text; what the provider made of it comes first."""
    words = plain(body)
    told = {"STOP": Meaning.STOP, "START": Meaning.START, "HELP": Meaning.HELP}.get(
        opt_out_type.strip().upper()
    )
    if told:  # YES starts texts again there, but it may as well answer a question
        return Reading(told, needs_person=told is Meaning.START and words not in START_WORDS)
    for meaning, known in (
        (Meaning.STOP, STOP_WORDS), (Meaning.START, START_WORDS), (Meaning.HELP, HELP_WORDS), (Meaning.CONFIRM, CONFIRM_WORDS),
    ):  # fmt: skip
        if words in known:
            return Reading(meaning)
    if SURE.search(words):
        return Reading(Meaning.STOP, Method.FREEFORM, needs_person=True)
    if UNSURE.search(words) and not ABOUT_THE_VISIT.search(words):
        return Reading(Meaning.STOP, Method.FREEFORM, needs_person=True)
    return Reading(Meaning.OTHER, needs_person=True)


def is_answered(body: str, opt_out_type: str) -> bool:
    """Say whether the provider has replied already: to what it called a keyword, and to its own single words."""
    return bool(opt_out_type.strip()) or body.strip().casefold() in ANSWERED_BY_PROVIDER


def plain(body: str) -> str:
    """Return words only: one form for every width, case, accent, emoji and apostrophe."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", body).casefold())
    kept = "".join(
        letter
        for letter in folded
        if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )
    return " ".join(re.sub(r"[^\w\s]|_", " ", re.sub(r"['’`´]", "", kept)).split())
