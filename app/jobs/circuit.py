"""One switch per provider, shared by all workers: who does not answer is left alone for a while, and only then asked once.

A provider that answers costs next to nothing: its row is written when something changes, and otherwise every few seconds.
A `closed` switch with a `next_probe_at` ahead is a provider that answers but asked for a pause.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.log import log
from app.providers.ports import CONFLICT, Outcome, ProviderError

OPENS_AFTER = 5  # failures in a row
MEMORY = 20  # calls looked back upon
TOO_MANY = MEMORY // 2  # failures among them
TROUBLED = 3  # failures among them: it is not this one job's fault
FIRST_PAUSE = 2
LONGEST_PAUSE = 300
LEAST_REST, LONGEST_REST = 1.0, 30.0  # seconds that a provider which asks for a pause gets
FRESH = 10  # seconds for which «it answered» needs no new note
REFUSED = {401, 403}
FAILURES = {Outcome.TRANSIENT, Outcome.UNCERTAIN, Outcome.CONFIG}

# A success closes the switch only from `half_open`: an answer to a call of before it opened is not the probe.
NOTE_SUCCESS = text(
    "WITH before AS (SELECT state FROM provider_health WHERE provider = :provider),"
    " noted AS (UPDATE provider_health SET failures = CASE state WHEN 'open' THEN failures ELSE 0 END,"
    " recent = CASE state WHEN 'half_open' THEN 0 ELSE (recent << 1) & 1048575 END,"
    " calls = CASE state WHEN 'half_open' THEN 1 ELSE least(calls + 1, 20) END,"
    " opened_at = CASE state WHEN 'half_open' THEN NULL ELSE opened_at END,"
    " next_probe_at = CASE state WHEN 'half_open' THEN NULL ELSE next_probe_at END,"
    " state = CASE state WHEN 'half_open' THEN 'closed' ELSE state END, last_ok_at = clock_timestamp()"
    " WHERE provider = :provider AND (state <> 'closed' OR failures > 0 OR recent <> 0 OR calls < 20"
    " OR last_ok_at IS NULL OR last_ok_at < clock_timestamp() - make_interval(secs => :fresh)) RETURNING 1),"
    " first AS (INSERT INTO provider_health (provider, calls, last_ok_at) SELECT :provider, 1, clock_timestamp()"
    " WHERE NOT EXISTS (SELECT 1 FROM before) ON CONFLICT (provider) DO NOTHING)"
    " SELECT state = 'half_open' FROM before"
)
# A failure of a call that began before the switch opened says nothing new: it neither counts nor makes the pause longer.
# Calls that were answered before the one that failed are as good as calls of others: a probe that got that far closes it.
NOTE_FAILURE = text(
    "INSERT INTO provider_health AS h (provider, failures, recent, calls, last_failure_at, last_outcome, last_reason)"
    " VALUES (:provider, 1, 1, least(:answered + 1, 20), clock_timestamp(), :outcome, :reason)"
    " ON CONFLICT (provider) DO UPDATE SET failures = CASE WHEN h.state = 'open' THEN h.failures"
    " WHEN :answered > 0 THEN 1 ELSE h.failures + 1 END,"
    " recent = ((h.recent << least(:answered + 1, 20)) & 1048575) | 1, calls = least(h.calls + :answered + 1, 20),"
    " state = CASE WHEN h.state = 'half_open' AND :answered > 0 THEN 'closed' ELSE h.state END,"
    " opened_at = CASE WHEN h.state = 'half_open' AND :answered > 0 THEN NULL ELSE h.opened_at END,"
    " next_probe_at = CASE WHEN h.state = 'half_open' AND :answered > 0 THEN NULL ELSE h.next_probe_at END,"
    " last_failure_at = clock_timestamp(), last_outcome = excluded.last_outcome, last_reason = excluded.last_reason"
    " RETURNING state, failures, recent, calls"
)
OPEN = text(
    "UPDATE provider_health SET state = 'open', failures = :failures, opened_at = coalesce(opened_at, clock_timestamp()),"
    " next_probe_at = clock_timestamp() + make_interval(secs => :pause * (0.8 + 0.4 * random())) WHERE provider = :provider"
)
# A probe that was told to wait is an answer, but not yet a sign that the others would get through.
REST = text(
    "INSERT INTO provider_health AS h (provider, next_probe_at)"
    " VALUES (:provider, clock_timestamp() + make_interval(secs => :rest))"
    " ON CONFLICT (provider) DO UPDATE SET state = CASE h.state WHEN 'half_open' THEN 'open' ELSE h.state END,"
    " next_probe_at = CASE h.state WHEN 'half_open' THEN excluded.next_probe_at"
    " ELSE greatest(h.next_probe_at, excluded.next_probe_at) END"
)
MAY_CALL = text(
    "SELECT state, coalesce(next_probe_at <= clock_timestamp(), true) AS is_over FROM provider_health"
    " WHERE provider = :provider AND (state <> 'closed' OR next_probe_at > clock_timestamp())"
)
PROBE = text(
    "UPDATE provider_health SET state = 'half_open', next_probe_at = clock_timestamp() + make_interval(secs => :seconds)"
    " WHERE provider = :provider AND state <> 'closed' AND coalesce(next_probe_at <= clock_timestamp(), true) RETURNING 1"
)
GATES = text(
    "SELECT provider, coalesce(next_probe_at <= clock_timestamp(), true) AS may_probe FROM provider_health"
    " WHERE state <> 'closed' OR next_probe_at > clock_timestamp()"
)


class Way(StrEnum):
    """What stands between a job and its provider: nothing, a switch that one job may try, or a closed door."""

    FREE = "free"
    PROBE = "probe"
    SHUT = "shut"


@dataclass(frozen=True)
class Gates:
    """Providers whose jobs wait, and those that get one job to see whether they answer again."""

    shut: frozenset[str]
    probe: frozenset[str]


@dataclass(frozen=True)
class Memory:
    """What a provider's last calls came to."""

    state: str
    failures: int
    recent: int
    calls: int

    def opens(self, *, is_refused: bool) -> bool:
        """Say whether the switch opens now: a failed probe, wrong credentials, five in a row, or half of the last twenty."""
        if self.state == "open":
            return False
        is_bad = self.failures >= OPENS_AFTER or (
            self.calls >= MEMORY and self.recent.bit_count() >= TOO_MANY
        )
        return is_bad or self.state == "half_open" or is_refused

    @property
    def is_troubled(self) -> bool:
        """Say whether several of the last calls failed."""
        return self.state != "closed" or self.recent.bit_count() >= TROUBLED


def note(session: Session, provider: str, error: ProviderError | None = None, answered: int = 0) -> bool:
    """Remember how a job's calls ended and say whether the provider fails others too.

    `answered` calls went well before the last one; without an error that one did too. A refusal is an answer.
    """
    if error is None or error.outcome is Outcome.PERMANENT or error.status == CONFLICT:
        note_answer(session, provider)
    elif error.outcome is Outcome.THROTTLED:
        rest = min(max(error.retry_after or 0.0, LEAST_REST), LONGEST_REST)
        session.execute(REST, {"provider": provider, "rest": rest})
        log.info("provider_rests", provider=provider, seconds=rest)
    elif error.outcome in FAILURES:
        return note_failure(session, provider, error, answered)
    return False


def note_answer(session: Session, provider: str) -> None:
    """Remember that the provider answered."""
    was_probe = session.execute(NOTE_SUCCESS, {"provider": provider, "fresh": FRESH}).scalar_one_or_none()
    if was_probe:
        log.info("circuit_closed", provider=provider)


def note_failure(session: Session, provider: str, error: ProviderError, answered: int) -> bool:
    """Remember a failure, open the switch when there were too many, and say whether there were several."""
    values = {"outcome": error.outcome, "reason": error.reason[:200], "answered": min(answered, MEMORY)}
    memory = Memory(*session.execute(NOTE_FAILURE, values | {"provider": provider}).one())
    is_refused = error.outcome is Outcome.CONFIG and (answered == 0 or error.status in REFUSED)
    if memory.opens(is_refused=is_refused):
        failures = max(memory.failures, OPENS_AFTER)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - OPENS_AFTER, 8))
        session.execute(OPEN, {"provider": provider, "failures": failures, "pause": pause})
        log.error(
            "circuit_opened", provider=provider, outcome=error.outcome.value, failures=failures, pause_s=pause
        )
    return memory.is_troubled


def way(session: Session, provider: str) -> Way:
    """Say whether a job of this provider may call it now."""
    row = session.execute(MAY_CALL, {"provider": provider}).one_or_none()
    if row is None:
        return Way.FREE
    return Way.PROBE if row.state != "closed" and row.is_over else Way.SHUT


def take_probe(session: Session, provider: str, seconds: float) -> bool:
    """Be the one job that asks; no second one for so many seconds, should the first never report."""
    taken = session.execute(PROBE, {"provider": provider, "seconds": seconds}).one_or_none() is not None
    if taken:
        log.info("circuit_probe", provider=provider)
    return taken


def gates(session: Session) -> Gates:
    """Tell the dispatcher whose jobs to hold back."""
    rows = session.execute(GATES).all()
    return Gates(
        shut=frozenset(row.provider for row in rows if not row.may_probe),
        probe=frozenset(row.provider for row in rows if row.may_probe),
    )
