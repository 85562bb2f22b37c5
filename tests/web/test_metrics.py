"""What is logged is counted, what is stored is measured, and neither tells about a person."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import metrics
from tests.factories import add_week
from tests.pages import PageClient, Walk

TOKEN = {"Authorization": "Bearer metrics-token-for-tests"}
ROOT = Path(__file__).parents[2]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def figures(client: PageClient) -> str:
    answer = client.get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    return answer.text


def test_only_the_holder_of_the_token_sees_figures(client: PageClient) -> None:
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403


def test_a_request_is_counted_by_its_route_and_never_by_its_address(client: PageClient) -> None:
    before = value("a1_http_requests_total", route="/manage/<token>", method="GET", status="404")
    client.get("/manage/a-secret-token")
    assert value("a1_http_requests_total", route="/manage/<token>", method="GET", status="404") == before + 1
    assert "a-secret-token" not in figures(client)


def test_the_database_tells_what_waits_and_for_how_long(client: PageClient, session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO queue_jobs (queue_name, job_type, scheduled_at) VALUES ('critical', 'x', now() - interval '700 s')"
        )
    )
    session.execute(
        text("INSERT INTO provider_health (provider, state, opened_at) VALUES ('twilio', 'open', now())")
    )
    shown = figures(client)
    assert float(re.findall(r'a1_queue_oldest_due_seconds\{queue="critical"\} (\S+)', shown)[0]) >= 700
    assert 'a1_queue_jobs{queue="critical",status="pending"} 1.0' in shown
    assert 'a1_circuit_state{provider="twilio"} 2.0' in shown
    for table in ("bookings", "analytics_events"):
        days = re.findall(rf'a1_partition_horizon_days{{table="{table}"}} (\S+)', shown)
        assert float(days[0]) > 30
    assert "a1_database_up 1.0" in shown
    assert re.search(r'a1_build_info\{version="\d+\.\d+\.\d+"\} 1.0', shown)


@pytest.mark.parametrize("counted", metrics.COUNTED, ids=lambda counted: counted.metric._name)
def test_every_counted_event_is_logged_somewhere(counted: metrics.Counted) -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py") if path.name != "metrics.py")
    for event in counted.events:
        assert re.search(rf'\(\s*"{event}"', code), event


def test_an_event_without_a_counter_passes_untouched() -> None:
    fields = {"event": "something_else", "count": 3}
    assert metrics.count(None, "info", fields) is fields


def test_a_booking_is_counted_once_as_accepted(client: PageClient, session: Session) -> None:
    add_week(session)
    before = {result: value("a1_bookings_total", result=result) for result in ("accepted", "replayed")}
    walk = Walk(client).start().to("review")
    answer = walk.reply("review") | {"fs": walk.hidden("fs")}
    for _ in range(2):
        assert walk.post("review", answer, fs=answer["fs"]).status_code == 200
    assert value("a1_bookings_total", result="accepted") == before["accepted"] + 1
    assert value("a1_bookings_total", result="replayed") == before["replayed"] + 1
