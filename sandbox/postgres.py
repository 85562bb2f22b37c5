"""PostgreSQL on this machine: made, started and stopped by ourselves, reachable over TCP with passwords only."""

import json
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox import envfile, ports
from sandbox.account import Account, server_account
from sandbox.binaries import postgres_bin
from sandbox.child import Program
from sandbox.home import erase, server_home
from sandbox.supervisor import Supervisor

DATABASE = "a1"
_SUPERUSER = "postgres"
_BACKUP = "a1_backup"
_ROLES = ("a1_owner", "a1_app", "a1_report", _BACKUP)
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",  # a socket's path may be no longer than 107 bytes, and TCP is enough
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %u ",
    "max_slot_wal_keep_size=2GB",  # a backup that nobody receives must not fill the disk
)
_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ClusterFailed(RuntimeError):
    """The cluster could not be made."""


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL server: its files in `home`, its port, its roles' passwords."""

    home: Path
    port: int
    passwords: Mapping[str, str]
    bin: Path
    account: Account
    careful: bool

    @property
    def owner_url(self) -> str:
        """For migrations: the role that owns the database."""
        return self.url("a1_owner")

    @property
    def app_url(self) -> str:
        """For web and workers: rows, no definitions."""
        return self.url("a1_app")

    @property
    def report_url(self) -> str:
        """For reports: reads only."""
        return self.url("a1_report")

    @property
    def backup_url(self) -> str:
        """For backups: replication, and reading everything."""
        return self.url(_BACKUP)

    def url(self, role: str, database: str = DATABASE) -> str:
        """Write the address of a database in SQLAlchemy's form."""
        return self.libpq(role, database).replace("postgresql://", "postgresql+psycopg://", 1)

    def libpq(self, role: str, database: str = DATABASE) -> str:
        """Write the address of a database in the form that psql and pg_dump take."""
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def program(self, keep_fds: Sequence[int] = ()) -> Program:
        """Say how to run the server."""
        settings = (*_SETTINGS, *(() if self.careful else _CARELESS), f"port={self.port}")
        options = [word for setting in settings for word in ("-c", setting)]
        return Program(
            name="postgres",
            argv=[str(self.bin / "postgres"), "-D", str(self.home / "data"), *options],
            env=_plain_environment(self.home),
            cwd=self.home,
            ready=self.is_ready,
            account=self.account,
            stop_signal=signal.SIGINT,  # its fast shutdown: does not wait for clients to leave
            stop_seconds=20.0,
            keep_fds=keep_fds,
        )

    def is_ready(self) -> bool:
        """Tell whether it answers a query."""
        try:
            psycopg.connect(self.libpq(_SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def add_roles(self, *, for_tests: bool = False) -> None:
        """Create the roles and the database where they are missing; tests' owner may create databases and send a pooler away."""
        with psycopg.connect(self.libpq(_SUPERUSER, "postgres"), autocommit=True) as admin:
            known = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
            for role in _ROLES:
                if role not in known:
                    create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                    admin.execute(create.format(sql.Identifier(role), self.passwords[role]))
            if for_tests:
                admin.execute("ALTER ROLE a1_owner CREATEDB")
                admin.execute("GRANT pg_signal_backend TO a1_owner")
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                admin.execute(sql.SQL("CREATE DATABASE {} OWNER a1_owner").format(sql.Identifier(DATABASE)))
            admin.execute("ALTER ROLE a1_backup REPLICATION")
            admin.execute("GRANT pg_read_all_data, pg_monitor TO a1_backup")
        with psycopg.connect(self.libpq(_SUPERUSER), autocommit=True) as admin:
            admin.execute(
                "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO a1_backup"
            )

    def forget_last_run(self) -> None:
        """Remove the pid file of a server that is known to be gone: its number may belong to someone else by now."""
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)


def open_cluster(home: Path, *, port: int, spare: Path, careful: bool = True) -> Cluster:
    """Describe the cluster in `home`, made first if there is none; `spare` takes a copy of the programs if need be."""
    account = server_account(home / "data")
    home.mkdir(parents=True, exist_ok=True)
    account.own(home)
    cluster = Cluster(home, port, _passwords(home), postgres_bin(account, spare), account, careful)
    if not (home / "data").is_dir():
        _initialise(cluster)
    return cluster


@contextmanager
def throwaway_cluster(folder: Path, *, fsync: bool = False) -> Iterator[Cluster]:
    """Run a cluster of its own in `folder`, with the empty database and the roles, and remove it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    home = server_home(folder, server_account(folder / "postgres" / "data"), lasting=False)
    cluster = open_cluster(home / "postgres", port=ports.pick(), spare=home / "programs", careful=fsync)
    supervisor = Supervisor(folder / "log")
    try:
        supervisor.start(cluster.program())
        cluster.add_roles(for_tests=True)
        yield cluster
    finally:
        supervisor.stop()
        erase(folder, keep=frozenset({"log"}))


def _passwords(home: Path) -> dict[str, str]:
    """Read the roles' passwords, made once and kept beside the data they open."""
    path = home / "passwords.json"
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    complete = {role: secrets.token_hex(16) for role in (_SUPERUSER, *_ROLES)} | known
    if complete != known:
        envfile.write_private(path, json.dumps(complete))
    return complete


def _initialise(cluster: Cluster) -> None:
    """Make the data folder aside and move it into place when whole, so that a kill leaves no half of one."""
    half = cluster.home / "data.part"
    if half.exists():
        shutil.rmtree(half)
    password = cluster.home / "password.part"
    envfile.write_private(password, cluster.passwords[_SUPERUSER])
    cluster.account.own(password)
    done = subprocess.run(
        [str(cluster.bin / "initdb"), "-D", str(half), *_initdb_options(cluster, password)],
        env=_plain_environment(cluster.home),
        cwd=cluster.home,
        capture_output=True,
        text=True,
        check=False,
        **cluster.account.popen(),
    )
    password.unlink()
    if done.returncode != 0:
        raise ClusterFailed(f"PostgreSQL's files could not be made in {cluster.home}:\n{done.stderr.strip()}")
    half.rename(cluster.home / "data")


def _initdb_options(cluster: Cluster, password: Path) -> list[str]:
    options = [f"--username={_SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
    options += ["--data-checksums"]
    options += ["--locale=en_US.UTF-8" if sys.platform == "darwin" else "--locale=C.UTF-8"]
    return options if cluster.careful else [*options, "--no-sync"]


def _plain_environment(home: Path) -> dict[str, str]:
    """Give servers nothing of the caller's: a PGPORT or PGDATA there would change what they do."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(home)}
