"""What ended unclear is looked up again, and what is found settles it; nothing is sent twice and nothing stays open."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.jobs import reconcile
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import Outcome, ProviderError
from tests.jobs.booked import Wish, book, booking, cancel, do, job_of, one, rows, run_type
from tests.providers.simulated import Simulator

CREATE, SMS, EMAIL = JobType.CREATE_JOB, JobType.SEND_SMS, JobType.SEND_EMAIL


def lose_the_answer(process: Process, adapter: object, method: str) -> None:
    """Let the call have its effect and its answer never arrive."""
    real: Callable[..., Any] = getattr(adapter, method)

    def lost(*arguments: Any) -> Any:
        real(*arguments)
        raise ProviderError(Outcome.UNCERTAIN, "no complete answer (ReadTimeout)")

    setattr(adapter, method, lost)


def bury(process: Process, job_type: JobType) -> None:
    """Let the next failure be the last."""
    do(process, "UPDATE queue_jobs SET attempts = max_attempts - 1 WHERE job_type = :type", type=job_type)


def unclear_create(process: Process) -> Any:
    """A booking whose job was made, and nobody here knows."""
    booking_id = book(process)
    lose_the_answer(process, process.adapters.field_service, "create_job")
    bury(process, CREATE)
    assert run_type(process, booking_id, CREATE).outcome == "exhausted"
    assert booking(process, booking_id).needs_attention
    return booking_id


def unclear_sms(process: Process) -> Any:
    """A booking whose SMS left, and nobody here knows."""
    booking_id = book(process)
    lose_the_answer(process, process.adapters.sms, "send")
    run_type(process, booking_id, SMS)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'uncertain', completed_at = now() WHERE job_type = :type",
        type=SMS,
    )
    do(process, "UPDATE notifications SET status = 'failed' WHERE type = 'sms'")
    return booking_id


def test_a_visit_that_was_made_after_all_confirms_the_booking(process: Process, sim: Simulator) -> None:
    booking_id = unclear_create(process)
    with capture_logs() as lines:
        assert reconcile.reconcile(process) == {"settled": 1}
    found = booking(process, booking_id)
    assert (found.status, found.needs_attention) == ("confirmed", None)
    assert found.servicetitan_job_id == str(sim.effects("servicetitan", "job")[0]["id"])
    job = job_of(process, booking_id, CREATE)
    assert (job.status, job.outcome) == ("completed", "ok")
    assert "job_reconciled" in {line["event"] for line in lines}
    assert reconcile.reconcile(process) == {"settled": 0}


def test_a_visit_that_was_made_for_a_cancelled_booking_is_cancelled_there(
    process: Process, sim: Simulator
) -> None:
    booking_id = unclear_create(process)
    cancel(process, booking_id)
    do(process, "DELETE FROM queue_jobs WHERE job_type = :type", type=JobType.CANCEL_JOB)
    assert reconcile.reconcile(process) == {"settled": 1}
    assert job_of(process, booking_id, JobType.CANCEL_JOB).status == "pending"
    assert run_type(process, booking_id, JobType.CANCEL_JOB).outcome == "ok"


def test_what_is_not_found_stays_where_people_see_it(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_before", "POST", "/jobs", times=0)
    bury(process, CREATE)
    run_type(process, booking_id, CREATE)
    assert reconcile.reconcile(process) == {"settled": 0}
    assert job_of(process, booking_id, CREATE).status == "failed"


def test_a_text_that_left_after_all_counts_as_sent(process: Process, sim: Simulator) -> None:
    booking_id = unclear_sms(process)
    assert reconcile.reconcile(process) == {"settled": 1}
    sent = one(process, "SELECT status, external_id FROM notifications WHERE type = 'sms'")
    assert (sent.status, sent.external_id) == ("sent", sim.effects("twilio", "message")[0]["id"])
    assert job_of(process, booking_id, SMS).outcome == "ok"
    assert len(sim.effects("twilio", "message")) == 1


def test_a_text_with_other_words_is_no_proof(process: Process) -> None:
    unclear_sms(process)
    do(
        process,
        """UPDATE queue_jobs SET provider_ref = provider_ref || '{"body": "other"}' WHERE job_type = :type""",
        type=SMS,
    )
    assert reconcile.reconcile(process) == {"settled": 0}


@pytest.mark.parametrize(
    "differs",
    [
        "completed_at = now() - interval '4 days'",
        "provider_ref = '{}'",
        "status = 'pending'",
    ],
)
def test_only_what_may_have_happened_is_looked_up(process: Process, sim: Simulator, differs: str) -> None:
    unclear_create(process)
    do(process, f"UPDATE queue_jobs SET {differs} WHERE job_type = :type", type=CREATE)
    before = len(sim.calls("/jobs"))
    assert reconcile.reconcile(process) == {"settled": 0}
    assert len(sim.calls("/jobs")) == before


def test_a_dead_letter_that_is_tried_again_meanwhile_is_left_alone(process: Process) -> None:
    booking_id = unclear_create(process)
    service = process.adapters.field_service
    real = service.find_job

    def find(*arguments: Any) -> Any:
        do(
            process,
            "UPDATE queue_jobs SET status = 'pending', outcome = NULL WHERE job_type = :type",
            type=CREATE,
        )
        return real(*arguments)

    service.find_job = find
    assert reconcile.reconcile(process) == {"settled": 0}
    assert booking(process, booking_id).status == "pending"


def test_a_provider_that_is_down_is_left_alone_and_the_other_is_asked(
    process: Process, sim: Simulator
) -> None:
    unclear_create(process)
    do(process, "DELETE FROM queue_jobs WHERE job_type = :type", type=SMS)
    unclear_sms_for(process)
    sim.fault("servicetitan", "error", "GET", "/jobs", status=503, times=0)
    assert reconcile.reconcile(process) == {"settled": 1}
    do(process, "INSERT INTO provider_health (provider) VALUES ('servicetitan') ON CONFLICT DO NOTHING")
    do(process, "UPDATE provider_health SET state = 'open', next_probe_at = now() + interval '1 hour'")
    before = len(sim.calls("/jobs"))
    assert reconcile.reconcile(process) == {"settled": 0}
    assert len(sim.calls("/jobs")) == before


def unclear_sms_for(process: Process) -> None:
    """A second booking, of which the SMS alone is unclear."""
    booking_id = book(process, Wish(hour=12, email="other@example.com"))
    lose_the_answer(process, process.adapters.sms, "send")
    run_type(process, booking_id, SMS)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'uncertain', completed_at = now() WHERE job_type = :type",
        type=SMS,
    )


def test_a_message_that_no_job_will_send_is_closed_after_its_deadline_and_counted(process: Process) -> None:
    book(process)
    do(process, "DELETE FROM queue_jobs WHERE job_type IN (:sms, :email)", sms=SMS, email=EMAIL)
    assert reconcile.close_overdue(process) == {"closed": 0}
    do(process, "UPDATE notifications SET due_at = now() - interval '5 hours'")
    assert reconcile.close_overdue(process) == {"closed": 1}
    do(process, "UPDATE notifications SET due_at = now() - interval '25 hours'")
    with capture_logs() as lines:
        assert reconcile.close_overdue(process) == {"closed": 1}
    assert [(line["event"], line["count"]) for line in lines] == [("messages_overdue", 1)]
    assert {row.status for row in rows(process, "SELECT status FROM notifications")} == {"failed"}


def test_a_message_whose_job_is_still_open_is_the_sweeps_business(process: Process) -> None:
    book(process)
    do(process, "UPDATE notifications SET due_at = now() - interval '2 days'")
    assert reconcile.close_overdue(process) == {"closed": 0}
