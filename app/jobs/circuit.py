"""One switch per provider, shared by all workers: who does not answer is left alone for a while, and only then asked once."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.log import log
from app.providers.ports import Outcome

OPENS_AFTER = 5  # failures in a row
FIRST_PAUSE = 30
LONGEST_PAUSE = 300

NOTE_SUCCESS = text(
    "UPDATE provider_health SET state = 'closed', failures = 0, opened_at = NULL, next_probe_at = NULL"
    " WHERE provider = :provider AND (failures > 0 OR state <> 'closed')"
)
NOTE_FAILURE = text(
    "INSERT INTO provider_health AS h (provider, failures) VALUES (:provider, :weight)"
    " ON CONFLICT (provider) DO UPDATE SET failures = greatest(h.failures + 1, :weight) RETURNING failures, state"
)
OPEN = text(
    "UPDATE provider_health SET state = 'open', opened_at = coalesce(opened_at, clock_timestamp()),"
    " next_probe_at = clock_timestamp() + make_interval(secs => :pause * (0.8 + 0.4 * random())) WHERE provider = :provider"
)
PAUSE_LEFT = text(
    "SELECT extract(epoch FROM next_probe_at - clock_timestamp())::double precision FROM provider_health"
    " WHERE provider = :provider AND state = 'open' AND next_probe_at > clock_timestamp()"
)
GATES = text(
    "SELECT provider, next_probe_at <= clock_timestamp() AS may_probe FROM provider_health WHERE state <> 'closed'"
)
PROBE = text(
    "UPDATE provider_health SET state = 'half_open', next_probe_at = clock_timestamp() + make_interval(secs => :seconds)"
    " WHERE provider = :provider"
)


@dataclass(frozen=True)
class Gates:
    """Providers whose jobs wait, and those that get one job to see whether they answer again."""

    shut: frozenset[str]
    probe: frozenset[str]


def note(session: Session, provider: str, outcome: Outcome) -> None:
    """Count how a call ended. Wrong credentials open the circuit at once: every other job would fail alike."""
    if outcome in {Outcome.OK, Outcome.PERMANENT}:
        session.execute(NOTE_SUCCESS, {"provider": provider})
    elif outcome in {Outcome.TRANSIENT, Outcome.UNCERTAIN, Outcome.CONFIG}:
        weight = OPENS_AFTER if outcome is Outcome.CONFIG else 1
        row = session.execute(NOTE_FAILURE, {"provider": provider, "weight": weight}).one()
        if row.failures >= OPENS_AFTER:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.failures - OPENS_AFTER, 8))
            session.execute(OPEN, {"provider": provider, "pause": pause})
            log.error(
                "circuit_opened",
                provider=provider,
                outcome=outcome.value,
                failures=row.failures,
                pause_s=pause,
            )


def pause_left(session: Session, provider: str) -> float | None:
    """Return for how many seconds the provider is to be left alone, or None when it may be called."""
    left: float | None = session.execute(PAUSE_LEFT, {"provider": provider}).scalar_one_or_none()
    return left


def gates(session: Session) -> Gates:
    """Tell the dispatcher whose jobs to hold back."""
    rows = session.execute(GATES).all()
    return Gates(
        shut=frozenset(row.provider for row in rows if not row.may_probe),
        probe=frozenset(row.provider for row in rows if row.may_probe),
    )


def start_probe(session: Session, provider: str, seconds: float) -> None:
    """Let one job through; no second one for so many seconds, should the first never report."""
    session.execute(PROBE, {"provider": provider, "seconds": seconds})
