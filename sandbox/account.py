"""The user that database servers run as: ourselves, or an unprivileged one when we are root (they refuse root)."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class AccountMissing(RuntimeError):
    """There is no user the servers could run as."""


class PopenUser(TypedDict, total=False):
    """The arguments of Popen that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user to run a server as; `change` is false when that is who we are already."""

    uid: int
    gid: int
    change: bool

    def popen(self) -> PopenUser:
        """Give the arguments of Popen that make a child run as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.change else {}

    def own(self, path: Path) -> None:
        """Hand a file or folder of ours over to this user."""
        if self.change:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, top: Path) -> None:
        """Hand a whole folder over to this user."""
        for path in (top, *top.rglob("*")):
            self.own(path)

    def can(self, *command: str) -> bool:
        """Tell whether this user can run the command: the only answer that knows of every kind of permission."""
        try:
            done = subprocess.run(command, cwd="/", capture_output=True, check=False, **self.popen())
        except OSError:
            return False
        return done.returncode == 0


def server_account(data: Path) -> Account:
    """Choose the user for servers whose files are in `data`: its owner when root finds it made by someone else."""
    uid = os.geteuid()
    if uid != 0:
        return _ourselves(uid)
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid, change=True)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise AccountMissing(
            "PostgreSQL refuses to run as root, and there is no user 'nobody' here."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, change=True)


def _ourselves(uid: int) -> Account:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise AccountMissing(
            f"The user id {uid} has no entry in /etc/passwd, which PostgreSQL needs. "
            "Run as a listed user, or set DATABASE_URL to a server of your own."
        ) from None
    return Account(uid, os.getegid(), change=False)
