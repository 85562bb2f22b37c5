"""The embedded servers: up in seconds, closed to strangers, whole after kill -9."""

import os
import signal
import socket
import time
from pathlib import Path

import psycopg
import pytest
import redis

from sandbox import ports
from sandbox.account import server_account
from sandbox.home import erase, server_home
from sandbox.postgres import open_cluster, throwaway_cluster
from sandbox.supervisor import Supervisor
from sandbox.valkey import open_doorbell, throwaway_valkey


def revive(supervisor: Supervisor, name: str) -> None:
    """Kill a server and wait until the supervisor has it serving again."""
    first = supervisor.pid(name)
    os.kill(first, signal.SIGKILL)
    end = time.monotonic() + 20
    while supervisor.pid(name) == first and time.monotonic() < end:
        supervisor.tick()
        time.sleep(0.05)
    supervisor.wait_ready(name, within=20)


def test_each_role_gets_in_with_its_own_rights(tmp_path: Path) -> None:
    with throwaway_cluster(tmp_path / "a folder") as cluster:
        for role in ("a1_owner", "a1_app", "a1_report"):
            with psycopg.connect(cluster.libpq(role)) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role,)
        with (
            psycopg.connect(cluster.libpq("a1_app")) as app,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            app.execute("CREATE TABLE mine ()")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cluster.libpq("a1_app").replace(cluster.passwords["a1_app"], "guess"))


def test_nothing_is_left_of_a_throwaway_cluster(tmp_path: Path) -> None:
    with throwaway_cluster(tmp_path / "pg") as cluster:
        assert cluster.home.is_dir()
    assert not cluster.home.exists()
    assert ports.can_bind(cluster.port)


def test_committed_rows_outlive_kill_9(tmp_path: Path) -> None:
    home = server_home(tmp_path, server_account(tmp_path / "postgres" / "data"), lasting=False)
    cluster = open_cluster(home / "postgres", port=ports.pick(), spare=home / "programs")
    supervisor = Supervisor(tmp_path / "log")
    try:
        supervisor.start(cluster.program())
        cluster.add_roles()
        with psycopg.connect(cluster.libpq("a1_owner")) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 1 AS i")
        revive(supervisor, "postgres")
        cluster.add_roles()
        with psycopg.connect(cluster.libpq("a1_owner")) as owner:
            assert owner.execute("SELECT i FROM kept").fetchone() == (1,)
    finally:
        supervisor.stop()
        erase(tmp_path, keep=frozenset())


def test_strangers_do_not_reach_the_doorbell(tmp_path: Path) -> None:
    with throwaway_valkey(tmp_path / "a folder") as doorbell:
        with redis.from_url(doorbell.url) as client:
            assert client.ping()
        with socket.create_connection(("127.0.0.1", doorbell.port)) as stranger:
            stranger.sendall(b"KEYS *\r\n")
            assert stranger.recv(100).startswith(b"-NOAUTH")


def test_what_was_rung_outlives_kill_9(tmp_path: Path) -> None:
    home = server_home(tmp_path, server_account(tmp_path / "valkey" / "data"), lasting=False)
    doorbell = open_doorbell(home / "valkey", port=ports.pick(), spare=home / "programs")
    supervisor = Supervisor(tmp_path / "log")
    try:
        supervisor.start(doorbell.program())
        with redis.from_url(doorbell.url) as client:
            client.rpush("bell", "ding")
        revive(supervisor, "valkey")
        with redis.from_url(doorbell.url) as client:
            assert client.lrange("bell", 0, -1) == [b"ding"]
    finally:
        supervisor.stop()
        erase(tmp_path, keep=frozenset())
