"""PgBouncer on this machine, with the configuration that deployments use: what the tests pass through is what is shipped."""

import configparser
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from sandbox import envfile, ports
from sandbox.account import Account, server_account
from sandbox.binaries import ProgramMissing
from sandbox.child import Program
from sandbox.home import erase, server_home
from sandbox.postgres import Cluster
from sandbox.supervisor import Supervisor

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
INSTALL = "apt-get install -y pgbouncer"
_SWITCH = "A1_POOLER"
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # a server's folder is not on everybody's path


@dataclass(frozen=True)
class Pooler:
    """One PgBouncer in front of one cluster: its files in `home`, its port."""

    home: Path
    port: int
    cluster: Cluster
    server: Path
    account: Account

    def through(self, url: str) -> str:
        """Write the address of the cluster so that it leads through the pooler."""
        return url.replace(f"@127.0.0.1:{self.cluster.port}/", f"@127.0.0.1:{self.port}/", 1)

    def program(self, keep_fds: Sequence[int] = ()) -> Program:
        """Say how to run the pooler."""
        return Program(
            name="pgbouncer",
            argv=[str(self.server), "pgbouncer.ini"],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.home,
            ready=self.is_ready,
            account=self.account,
            stop_seconds=5.0,
            keep_fds=keep_fds,
        )

    def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True


def is_wanted() -> bool:
    """Say whether whoever started us wants a pooler in front of the database: A1_POOLER=1."""
    return os.environ.get(_SWITCH) == "1"


def find() -> Path:
    """Find the program, or the one that A1_PGBOUNCER names; raise ProgramMissing with what to type."""
    wanted = os.environ.get("A1_PGBOUNCER", "pgbouncer")
    found = shutil.which(wanted, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if found is None:
        raise ProgramMissing(f"PgBouncer is missing. Type:  {INSTALL}")
    return Path(found)


def open_pooler(home: Path, cluster: Cluster, *, port: int) -> Pooler:
    """Describe the pooler in `home` and write its configuration."""
    server = find()
    account = server_account(home / "pgbouncer.ini")
    home.mkdir(parents=True, exist_ok=True)
    account.own(home)
    pooler = Pooler(home, port, cluster, server, account)
    users = "".join(f'"{role}" "{password}"\n' for role, password in cluster.passwords.items())
    for name, words in (("pgbouncer.ini", _configuration(pooler)), ("userlist.txt", users)):
        envfile.write_private(home / name, words)
        account.own(home / name)
    return pooler


def set_limits(cluster: Cluster) -> None:
    """Give the roles the limits of time that processes cannot bring along through a pooler."""
    with psycopg.connect(cluster.libpq("postgres", "postgres"), autocommit=True) as admin:
        admin.execute((DEPLOY / "postgres" / "roles.sql").read_text(encoding="utf-8").encode())


@contextmanager
def throwaway_pooler(folder: Path, cluster: Cluster) -> Iterator[Pooler]:
    """Run a pooler of its own in `folder` and remove it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    home = server_home(folder, server_account(folder / "none"), lasting=False)
    set_limits(cluster)
    pooler = open_pooler(home / "pgbouncer", cluster, port=ports.pick())
    supervisor = Supervisor(folder / "log")
    try:
        supervisor.start(pooler.program())
        yield pooler
    finally:
        supervisor.stop()
        erase(folder, keep=frozenset({"log"}))


def _configuration(pooler: Pooler) -> str:
    """Take the deployed configuration and change where things are, and nothing else."""
    shipped = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=None)
    shipped.read(DEPLOY / "pgbouncer" / "pgbouncer.ini", encoding="utf-8")
    here = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(pooler.port),
        "auth_file": "userlist.txt",
        "logfile": "pgbouncer.log",
    }
    lines = ["[databases]", f"* = host=127.0.0.1 port={pooler.cluster.port}", "", "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in (dict(shipped["pgbouncer"]) | here).items()]
    return "\n".join(lines) + "\n"
