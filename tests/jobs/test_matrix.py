"""What each of a provider's fourteen ways to end a call leads to, at a job's first, middle and last attempt.

The calls go over real connections to a server that does the decisive one wrong; each case names the exact next state.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Row

from app.jobs import runner
from app.jobs.process import Process
from app.outbox import RULES, JobType
from app.providers import build_adapters
from tests.jobs.booked import book, do, hurry, job_of, one, run_type
from tests.jobs.front import (
    Front,
    Talk,
    after_the_effect,
    drip,
    flood,
    front_of,
    reset,
    says,
    silence,
)
from tests.providers.simulated import JOBS, Simulator

HTML = "<html>Hello</html>"
KINDS = {"servicetitan": JobType.CREATE_JOB, "klaviyo": JobType.SEND_EMAIL, "twilio": JobType.SEND_SMS}
DECISIVE = {
    "servicetitan": f"/servicetitan/api{JOBS}",
    "klaviyo": "/klaviyo/api/events",
    "twilio": "/twilio/2010-04-01/Accounts/",
}
EFFECTS = {"servicetitan": "job", "klaviyo": "event", "twilio": "message"}
PROVIDERS = tuple(KINDS)
POSITIONS = ("first", "middle", "last")


class Next(StrEnum):
    """What becomes of the job."""

    DONE = "done"
    REFUSED = "refused for good"
    FREE = "again, at no cost"
    COUNTED = "again, and the attempt counts"


@dataclass(frozen=True)
class Case:
    """How the call ends, what follows for each provider, what the switch thinks of it, and the least wait where one is asked for."""

    wrong: Talk | None
    follows: Next
    unkeyed: Next | None = None
    opens: bool = False
    is_failure: bool = False
    least_wait: float = 0.0
    base: str = ""
    wrong_unkeyed: Talk | None = None

    def talk(self, provider: str) -> Talk | None:
        """Return what the server does."""
        return self.wrong_unkeyed if provider == "twilio" and self.wrong_unkeyed else self.wrong

    def of(self, provider: str) -> Next:
        """Return what follows. Twilio knows no key: what may have left is looked for before it is sent again."""
        return self.unkeyed if provider == "twilio" and self.unkeyed else self.follows


UNCLEAR = {"follows": Next.COUNTED, "unkeyed": Next.FREE, "is_failure": True}
CASES = {
    "ok": Case(None, Next.DONE),
    "malformed 2xx": Case(after_the_effect(says("200 OK", HTML)), **UNCLEAR),
    "409 for our own key": Case(
        after_the_effect(says("409 Conflict")), Next.DONE, Next.COUNTED, wrong_unkeyed=says("409 Conflict")
    ),
    "400": Case(says("400 Bad Request"), Next.REFUSED),
    "404": Case(says("404 Not Found"), Next.REFUSED),
    "422": Case(says("422 Unprocessable Content"), Next.REFUSED),
    "401": Case(says("401 Unauthorized"), Next.FREE, opens=True),
    "403": Case(says("403 Forbidden"), Next.FREE, opens=True),
    "408": Case(says("408 Request Timeout"), Next.FREE),
    "429": Case(says("429 Too Many Requests"), Next.FREE),
    "429 with a wish": Case(says("429 Too Many Requests", "{}", "Retry-After: 700"), Next.FREE, least_wait=690),
    "503": Case(says("503 Service Unavailable"), **UNCLEAR),
    "nobody listens": Case(None, Next.COUNTED, is_failure=True, base="http://127.0.0.1:1"),
    "no such host": Case(None, Next.COUNTED, is_failure=True, base="http://nobody.invalid"),
    "TLS fails before sending": Case(None, Next.COUNTED, is_failure=True, base="https"),
    "read timeout after sending": Case(after_the_effect(silence), **UNCLEAR),
    "reset after sending": Case(after_the_effect(reset), **UNCLEAR),
    "slow drip": Case(after_the_effect(drip), **UNCLEAR),
    "above a megabyte": Case(after_the_effect(flood), **UNCLEAR),
}  # fmt: skip


@pytest.fixture
def front(sim: Simulator) -> Iterator[Front]:
    """A server before the simulator."""
    with front_of(sim.url) as opened:
        yield opened


def through(process: Process, base: str) -> Process:
    """Let the providers live at another address; ServiceTitan's tokens come from the simulator as before."""
    settings = replace(
        process.settings,
        st_api_base=f"{base}/servicetitan/api",
        klaviyo_api_base=f"{base}/klaviyo",
        twilio_api_base=f"{base}/twilio",
    )
    return Process(settings, process.sessions, build_adapters(settings))


def address(case: Case, front: Front) -> str:
    """Return where the providers are in this case."""
    return front.url.replace("http:", "https:") if case.base == "https" else case.base or front.url


def attempts_before(provider: str, position: str) -> int:
    """Return how many attempts a job has behind it."""
    return {"first": 0, "middle": 3, "last": RULES[KINDS[provider]].max_attempts - 1}[position]


def health(process: Process, provider: str) -> Row[Any]:
    return one(
        process, "SELECT state, failures FROM provider_health WHERE provider = :provider", provider=provider
    )


def start(process: Process, provider: str, attempts: int) -> Any:
    """Book, and let the job have so many attempts behind it."""
    booking_id = book(process)
    do(
        process,
        "UPDATE queue_jobs SET attempts = :attempts WHERE job_type = :type",
        attempts=attempts,
        type=KINDS[provider],
    )
    hurry(process)
    return booking_id


def expected(case: Case, provider: str, position: str, before: int) -> tuple[object, ...]:
    """Return status, outcome, attempts and deferrals after the call."""
    follows = case.of(provider)
    if follows is Next.DONE:
        return ("completed", "ok", before + 1, 0)
    if follows is Next.REFUSED:
        return ("failed", "permanent", before + 1, 0)
    if follows is Next.FREE:
        return ("pending", None, before, 1)
    return ("failed", "exhausted", before + 1, 0) if position == "last" else ("pending", None, before + 1, 0)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", CASES)
def test_the_next_state(process: Process, front: Front, name: str, provider: str, position: str) -> None:
    case, before = CASES[name], attempts_before(provider, position)
    wrong = case.talk(provider)
    if wrong is not None:
        front.spoil("POST", DECISIVE[provider], wrong)
    booking_id = start(process, provider, before)
    runner.run(through(process, address(case, front)), job_of(process, booking_id, KINDS[provider]).id)
    job = job_of(process, booking_id, KINDS[provider])
    assert (job.status, job.outcome, job.attempts, job.defer_count) == expected(
        case, provider, position, before
    )
    assert (job.lease_token, job.dispatched_at) == (None, None)
    known = health(process, provider)
    assert known.state == ("open" if case.opens else "closed")
    assert known.failures == (5 if case.opens else int(case.is_failure))
    if job.status == "pending":
        wait = one(
            process,
            "SELECT extract(epoch FROM scheduled_at - now()) AS s FROM queue_jobs WHERE id = :id",
            id=job.id,
        ).s
        assert max(case.least_wait, -5) - 5 < wait <= max(case.least_wait, 320) + 11
    assert (front.met >= 1) == (wrong is not None)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.follows is not Next.REFUSED])
def test_once_the_provider_is_well_again_it_has_happened_once(
    process: Process, front: Front, sim: Simulator, name: str, provider: str
) -> None:
    case = CASES[name]
    wrong = case.talk(provider)
    if wrong is not None:
        front.spoil("POST", DECISIVE[provider], wrong)
    booking_id = start(process, provider, 0)
    runner.run(through(process, address(case, front)), job_of(process, booking_id, KINDS[provider]).id)
    front.heal()
    healthy = through(process, front.url)
    for _ in range(4):
        run_type(healthy, booking_id, KINDS[provider])
    assert job_of(process, booking_id, KINDS[provider]).outcome == "ok"
    assert [effect["count"] for effect in sim.effects(provider, EFFECTS[provider])] == [1]
    assert health(process, provider).state == "closed"
