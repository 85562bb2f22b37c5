"""The control does the same work as the product: the same statements, and pages of the same size."""

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.config import Settings
from bench import bare
from bench.ready import Ready, ready_visits
from bench.script import SCRIPT
from tests.pages import HTMX, PageClient


@pytest.fixture
def control(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """A browser on the control, on the database of the test."""
    monkeypatch.setenv("DATABASE_URL", environ["DATABASE_URL"])
    yield bare.app.test_client()
    if hasattr(bare.local, "connection"):
        bare.local.connection.close()
        del bare.local.connection


@pytest.fixture
def visits(database: Engine, owner: Engine, settings: Settings) -> list[Ready]:
    """Visits on the review step, committed."""
    with owner.begin() as connection:
        return ready_visits(connection, settings, 3)


def same(ours: bytes, theirs: bytes) -> bool:
    return 0.85 < len(theirs) / len(ours) < 1.15


def product(client: PageClient, visit: Ready, step: str, form: dict[str, str]) -> bytes:
    answer = client.post(f"/w/{visit.token}/{step}", data={"fs": visit.seals[step], **form}, headers=HTMX)
    assert answer.status_code == 200
    return answer.data


def test_a_step_of_the_control_is_a_page_of_the_same_size(
    app: object, visits: list[Ready], control: FlaskClient
) -> None:
    client = app.test_client()  # type: ignore[attr-defined]
    visit = visits[0]
    windows = product(client, visit, "ownership", {"homeowner_status": "owner"})
    doors = product(client, visit, "issue", {"issue_type": "broken_spring"})
    assert same(windows, control.post(f"/step/{visit.visit_id}?list", data={"answer": "owner"}).data)
    assert same(doors, control.post(f"/step/{visit.visit_id}", data={"answer": "owner"}).data)


def test_the_control_books_as_the_product_does(
    app: object, visits: list[Ready], control: FlaskClient, owner: Engine
) -> None:
    client = app.test_client()  # type: ignore[attr-defined]
    ours = product(client, visits[0], "review", {"submission_id": str(visits[0].submission_id)})
    assert same(ours, control.post(f"/submit/{visits[1].visit_id}").data)
    assert same(ours, control.post(f"/submit/{visits[2].visit_id}?tables").data)
    left = text(
        "SELECT (SELECT count(*) FROM queue_jobs q WHERE q.booking_id = b.id), (SELECT count(*) FROM notifications n WHERE n.booking_id = b.id),"
        " (SELECT count(*) FROM analytics_events e WHERE e.session_id = b.session_id::text), (SELECT count(*) FROM consents c WHERE c.booking_id = b.id),"
        " (SELECT count(*) FROM manage_links m WHERE m.booking_id = b.id), (SELECT count(*) FROM booking_status_history h WHERE h.booking_id = b.id)"
        " FROM bookings b"
    )
    with Session(owner) as session:
        rows = session.execute(left).all()
    assert len(rows) == 3
    assert rows[0] == rows[1] == rows[2]


def test_the_script_fills_everything_in_that_is_not_its_own() -> None:
    known = (
        "visit_id",
        "slot_id",
        "area_id",
        "email",
        "submission_id",
        "partner_id",
        "booking_id",
        "customer_id",
        "starts_at",
        "ends_at",
    )
    words = SCRIPT
    for name in known:
        words = words.replace(f":{name}", "")
    assert ":" not in words.replace("::", "").replace("job:", "").replace("create_job:", "").replace(
        "|| ':' ||", ""
    )
    assert json.dumps(SCRIPT).count("INSERT INTO") >= 10
