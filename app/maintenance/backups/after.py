"""What a database that was brought back must forget before it serves anybody."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models.queue_job import JobOutcome
from app.outbox import JobType

WHY = "the database was restored from a backup: it may have left before"

LONG = text("SET LOCAL statement_timeout = 0")
JOBS = text(
    "UPDATE queue_jobs SET status = 'failed', outcome = :outcome, error_msg = :why, lease_token = NULL, lease_until = NULL,"
    " completed_at = clock_timestamp() WHERE job_type = :sms AND status IN ('pending', 'processing') RETURNING id"
)
MESSAGES = text(
    "UPDATE notifications SET status = 'failed', error_msg = :reason WHERE type = 'sms' AND status = 'pending' RETURNING id"
)


def never_resend(session: Session) -> int:
    """Give up every text that was waiting when the backup was taken: it may have left since, and nobody can tell.

    Twilio knows no idempotency key. All other jobs are repeated safely: their providers recognise them.
    """
    session.execute(LONG)
    values = {"outcome": JobOutcome.UNCERTAIN, "why": WHY, "sms": JobType.SEND_SMS}
    session.execute(JOBS, values)
    return len(session.execute(MESSAGES, {"reason": f"{JobOutcome.UNCERTAIN}: {WHY}"}).all())
