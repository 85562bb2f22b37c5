"""A primary and a replica that follows it, to lose the one and go on with the other: the commands of docs/failover.md."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from sandbox import ports
from sandbox.account import server_account
from sandbox.home import erase, server_home
from sandbox.postgres import Cluster, open_cluster
from sandbox.supervisor import Supervisor
from tests.faults import power
from tests.faults.live import wait_for

STANDBY = "a1_replica"
SOON = 60.0


class Pair:
    """Two servers; `primary` is the one that takes writes now."""

    def __init__(self, top: Path) -> None:
        home = server_home(top, server_account(top / "first" / "data"), lasting=False)
        self.first = open_cluster(home / "first", port=ports.pick(), spare=home / "programs", careful=False)
        self.second = replace(self.first, home=home / "second", port=ports.pick())
        self.supervisor = Supervisor(top / "log")
        self.primary = self.first

    def start(self) -> None:
        """Start the first, clone it and let the second follow.

        Files are not synced to disk, because processes are killed here and not machines; commits are real ones.
        """
        self._run(self.first, "first")
        self.first.add_roles(for_tests=True)
        for database in ("a1", "postgres"):
            self.ask(self.first, f"ALTER DATABASE {database} SET synchronous_commit = on")
        self.second.home.mkdir()
        self.second.account.own(self.second.home)
        self.tool(
            "pg_basebackup", "--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--create-slot",
            f"--slot={STANDBY}", f"--dbname={self.conninfo(self.first, application_name=STANDBY)}",
            f"--pgdata={self.second.home / 'data'}",
        )  # fmt: skip
        self._run(self.second, "second")
        wait_for(lambda: self.followers(self.first), SOON, "the replica follows")

    def _run(self, cluster: Cluster, name: str) -> None:
        program = cluster.program()
        with_whole_pages = [*program.argv, "-c", "full_page_writes=on"]  # pg_rewind asks for it
        self.supervisor.start(replace(program, name=name, argv=with_whole_pages))

    def conninfo(self, cluster: Cluster, **more: str) -> str:
        """Write a server's address for the superuser."""
        return make_conninfo(cluster.libpq("postgres", "postgres"), connect_timeout=5, **more)

    def tool(self, name: str, *words: str) -> str:
        """Run one of PostgreSQL's programs as the servers' user."""
        done = subprocess.run(
            [str(self.first.bin / name), *words], cwd=self.first.home, capture_output=True, text=True, check=False, timeout=120,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.first.home)}, **self.first.account.popen(),
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout

    def ask(self, cluster: Cluster, sql: str, database: str = "postgres") -> list[Any]:
        """Ask one server, as its superuser."""
        with psycopg.connect(
            cluster.libpq("postgres", database), autocommit=True, connect_timeout=5
        ) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def followers(self, cluster: Cluster) -> list[tuple[str, str]]:
        """Return who follows, and whether commits wait for them."""
        return self.ask(
            cluster, "SELECT application_name, sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        )

    def wait_for_replica(self) -> None:
        """Let commits wait until the replica has them too."""
        self.ask(self.primary, f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({STANDBY})'")
        self.ask(self.primary, "SELECT pg_reload_conf()")
        wait_for(
            lambda: (STANDBY, "quorum") in self.followers(self.primary), SOON, "commits wait for the replica"
        )

    def stop_waiting(self) -> None:
        """Let commits go on without the replica."""
        self.ask(self.primary, "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.ask(self.primary, "SELECT pg_reload_conf()")

    def lose_primary(self) -> None:
        """End the first as a machine ends that lost its power."""
        power.cut(self.supervisor.pid("first"))
        self.supervisor.pause("first")

    def promote(self) -> None:
        """Make the second the primary."""
        self.tool("pg_ctl", "promote", "--wait", "--timeout=60", f"--pgdata={self.second.home / 'data'}")
        self.primary = self.second

    def bring_back(self) -> None:
        """Let the former primary follow the new one: what it alone had is undone."""
        self.ask(self.second, f"SELECT pg_create_physical_replication_slot('{STANDBY}')")
        self.ask(
            self.second, "CHECKPOINT"
        )  # before PostgreSQL 16, pg_rewind reads the new time line from there
        data = self.first.home / "data"
        self.tool("pg_rewind", f"--target-pgdata={data}", f"--source-server={self.conninfo(self.second)}")
        follow = self.conninfo(self.second, application_name=STANDBY)
        with (data / "postgresql.auto.conf").open("a") as configuration:
            configuration.write(f"primary_conninfo = '{follow}'\nprimary_slot_name = '{STANDBY}'\n")
            configuration.write("synchronous_standby_names = ''\n")
        (data / "standby.signal").touch()
        self.first.account.own(data / "standby.signal")
        self._run(self.first, "first again")
        wait_for(lambda: self.followers(self.second), SOON, "the former primary follows")

    def url(self, role: str) -> str:
        """Write an address that finds whichever of the two takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{cluster.port}" for cluster in (self.first, self.second))
        return f"postgresql+psycopg://{role}:{self.first.passwords[role]}@/a1?{hosts}&target_session_attrs=read-write"


@contextmanager
def running_pair(top: Path) -> Iterator[Pair]:
    """Run a pair and remove it afterwards."""
    top.mkdir(parents=True, exist_ok=True)
    pair = Pair(top)
    try:
        pair.start()
        yield pair
    finally:
        pair.supervisor.stop()
        erase(top, keep=frozenset({"log"}))
