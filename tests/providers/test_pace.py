"""The shared pace: a limit is kept by all processes together, and never stands in the way for long."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer

from app.config import Settings
from app.providers import build_servicetitan, pace
from app.providers.http import HttpClient, Limits, Request
from app.providers.pace import SharedPace
from sandbox.valkey import throwaway_valkey

FOR_EVER = 60.0


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with throwaway_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, none of which passed."""
    seconds: list[float] = []
    monkeypatch.setattr(pace.time, "sleep", seconds.append)
    now = time.monotonic()
    monkeypatch.setattr(pace.time, "monotonic", lambda: now + sum(seconds))
    return seconds


def test_two_processes_keep_one_pace(redis_url: str) -> None:
    ours, theirs = SharedPace(redis_url, "both", 10), SharedPace(redis_url, "both", 10)
    began = time.monotonic()
    for _ in range(11):
        ours.wait(FOR_EVER)
        theirs.wait(FOR_EVER)
    assert time.monotonic() - began > 1.5, "22 calls at ten a second begin in three different seconds"


def test_providers_do_not_wait_for_each_other(redis_url: str, slept: list[float]) -> None:
    for provider in ("one", "another"):
        SharedPace(redis_url, provider, 1).wait(FOR_EVER)
    assert slept == []


def test_nobody_waits_longer_than_asked_to(redis_url: str, slept: list[float]) -> None:
    slow = SharedPace(redis_url, "slow", 1)
    slow.wait(FOR_EVER)
    slow.wait(0.2)
    assert 0.2 <= sum(slept) <= 0.2 + pace.LOOK_AGAIN


@pytest.mark.parametrize("is_frozen", [False, True])
def test_without_redis_everybody_goes_at_once_and_does_not_ask_again_soon(
    slept: list[float], *, is_frozen: bool
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    alone = SharedPace(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "any", 1)
    if not is_frozen:
        silent.close()
    alone.wait(FOR_EVER)
    alone._limiter = None  # type: ignore[assignment]  # asking once more would fail
    alone.wait(FOR_EVER)
    silent.close()
    assert slept == []


def test_every_call_waits_for_its_turn_and_at_most_a_quarter_of_a_calls_time(httpserver: HTTPServer) -> None:
    class Turns(list[float]):
        wait = list.append

    httpserver.expect_request("/").respond_with_data("")
    turns = Turns()
    client = HttpClient("test", Limits(total=4.0), turns)
    for _ in range(2):
        client.send(Request("test.call", "GET", httpserver.url_for("/"), {}))
    assert turns == [1.0, 1.0]


def test_servicetitan_is_called_at_the_pace_of_the_settings(
    redis_url: str, settings: Settings, slept: list[float]
) -> None:
    ids = dict.fromkeys(("st_business_unit_id", "st_job_type_id", "st_campaign_id", "st_cancel_reason_id"), 1)
    api = build_servicetitan(replace(settings, redis_url=redis_url, st_calls_per_second=3, **ids))
    for _ in range(3):
        api.config.pace.wait(FOR_EVER)
    assert slept == []
    api.config.pace.wait(pace.LOOK_AGAIN)
    assert slept == [pace.LOOK_AGAIN]
