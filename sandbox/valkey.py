"""Valkey on this machine: the doorbell between dispatcher and workers, with a password and an append-only file."""

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import envfile, ports
from sandbox.account import Account, server_account
from sandbox.binaries import valkey_server
from sandbox.child import Program
from sandbox.home import erase, server_home
from sandbox.supervisor import Supervisor


@dataclass(frozen=True)
class Doorbell:
    """One Valkey server: its files in `home`, its port and password."""

    home: Path
    port: int
    password: str
    server: Path
    account: Account

    @property
    def url(self) -> str:
        """The address as Redis clients write it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def program(self, keep_fds: Sequence[int] = ()) -> Program:
        """Say how to run the server."""
        return Program(
            name="valkey",
            argv=[str(self.server), "valkey.conf"],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.home,
            ready=self.is_ready,
            account=self.account,
            keep_fds=keep_fds,
        )

    def is_ready(self) -> bool:
        """Tell whether it answers a ping, which it does not while it reads its file."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = connection.makefile("rb").read()
        except OSError:
            return False
        return answer.startswith(b"+OK\r\n+PONG\r\n")


def open_doorbell(home: Path, *, port: int, spare: Path) -> Doorbell:
    """Describe the server in `home` and write its configuration; `spare` takes a copy of the program if need be."""
    data = home / "data"
    account = server_account(data)
    data.mkdir(parents=True, exist_ok=True)
    account.own(home)
    account.own(data)
    password = home / "password"
    if not password.exists():
        envfile.write_private(password, secrets.token_hex(16))
    doorbell = Doorbell(
        home, port, password.read_text(encoding="utf-8"), valkey_server(account, spare), account
    )
    configuration = home / "valkey.conf"
    envfile.write_private(configuration, _configuration(doorbell))
    account.own(configuration)
    return doorbell


@contextmanager
def throwaway_valkey(folder: Path) -> Iterator[Doorbell]:
    """Run a server of its own in `folder` and remove it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    home = server_home(folder, server_account(folder / "valkey" / "data"), lasting=False)
    doorbell = open_doorbell(home / "valkey", port=ports.pick(), spare=home / "programs")
    supervisor = Supervisor(folder / "log")
    try:
        supervisor.start(doorbell.program())
        yield doorbell
    finally:
        supervisor.stop()
        erase(folder, keep=frozenset({"log"}))


def _configuration(doorbell: Doorbell) -> str:
    lines = (
        "bind 127.0.0.1",
        f"port {doorbell.port}",
        f"requirepass {doorbell.password}",
        "dir data",
        "appendonly yes",
        'save ""',
    )
    return "\n".join(lines) + "\n"
