"""Scheduling Pro's reports, read from the simulator and from answers with fields missing."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pytest_httpserver import HTTPServer

from app.providers import build_servicetitan
from app.providers.ports import Outcome, ProviderError
from app.providers.scheduling_pro import MILESTONES, SchedulingPro
from tests.providers.simulated import Simulator

PRO = "/api/schedulingpro/v2/tenant/9001/schedulers"
DAY = timedelta(days=1)


def reports(sim: Simulator, **changes: object) -> SchedulingPro:
    return SchedulingPro(build_servicetitan(sim.settings(**changes)))


def now() -> datetime:
    return datetime.now(UTC)


def visit(sim: Simulator, **session: object) -> None:
    httpx.post(f"{sim.url}/__sim__/st/sessions", json=session).raise_for_status()


def test_sessions_tell_how_far_visitors_came(sim: Simulator) -> None:
    visit(sim)
    visit(sim, jobId=91001, sessionOutcome="job", lastStep="booked")
    visit(sim, createdOn=(now() - 9 * DAY).isoformat())
    source = reports(sim)
    (scheduler,) = source.schedulers()
    assert (scheduler.name, scheduler.is_default) == ("Website", True)
    found = source.sessions(scheduler.id, now() - DAY, now() + DAY)
    assert sorted((s.last_step, s.is_abandoned, s.job_id) for s in found) == [
        ("booked", False, "91001"),
        ("schedule", True, None),
    ]
    assert (found[0].utm_source, found[0].zip_code) == ("google", "85281")


def test_nothing_of_a_visitor_is_kept(sim: Simulator) -> None:
    visit(sim)
    source = reports(sim)
    words = repr(source.sessions(source.schedulers()[0].id, now() - DAY, now() + DAY))
    assert not any(part in words for part in ("Sam", "Rivera", "sam@example.com", "6025550155", "9 Elm"))


def test_the_funnel_counts_every_milestone(sim: Simulator) -> None:
    visit(sim)
    visit(sim, jobId=91001, sessionOutcome="job", lastStep="booked")
    source = reports(sim)
    figures = source.performance(source.schedulers()[0].id, now() - DAY, now() + DAY)
    assert (figures.sessions, figures.jobs) == (2, 1)
    assert set(figures.milestones) == set(MILESTONES)
    assert figures.milestones["opened"] == 2


def test_missing_and_strange_fields_are_no_trouble(sim: Simulator, httpserver: HTTPServer) -> None:
    row = {
        "id": "s1",
        "createdOn": "2026-11-02T10:00:00Z",
        "customer": None,
        "lastStep": "x" * 99,
        "jobId": 0,
        "new": 1,
    }
    httpserver.expect_request(f"{PRO}/s%2F1/sessions").respond_with_json({"data": [row], "hasMore": False})
    httpserver.expect_request(f"{PRO}/s/1/sessions").respond_with_json({"data": [row], "hasMore": False})
    httpserver.expect_request(f"{PRO}/p/performance").respond_with_json({"totalSessions": None})
    source = reports(sim, st_api_base=httpserver.url_for("/api"))
    (session,) = source.sessions("s/1", now(), now())
    assert (session.last_step, session.zip_code, session.is_abandoned) == ("", "", True)
    assert source.performance("p", now(), now()).sessions == 0


@pytest.mark.parametrize("rows", [[{"name": "x"}], [{"id": 5}]])
def test_a_scheduler_without_an_id_is_not_believed(
    sim: Simulator, httpserver: HTTPServer, rows: list[object]
) -> None:
    httpserver.expect_request(PRO).respond_with_json({"data": rows, "hasMore": False})
    with pytest.raises(ProviderError) as caught:
        reports(sim, st_api_base=httpserver.url_for("/api")).schedulers()
    assert caught.value.outcome is Outcome.UNCERTAIN
