"""PostgreSQL's own programs: found, run without anybody else's settings, and as a user the server accepts."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from sqlalchemy.engine import make_url

from app.maintenance.backups.store import BackupError, Store

SERVER_USERS = ("postgres", "nobody")
OWN_NAME = re.compile(r"^pg_\w+: error: ")


class AsUser(TypedDict, total=False):
    """The arguments of Popen that change the user."""

    user: int
    group: int
    extra_groups: list[int]


def find(store: Store, name: str) -> str:
    """Return the path of a program."""
    found = shutil.which(name, path=store.programs or None)
    if found is None:
        raise BackupError(f"{name} is not installed here: name its folder in POSTGRES_BINDIR")
    return found


def environment(url: str | None = None) -> dict[str, str]:
    """Return what a program gets: the database's address and password here, because everybody can read arguments."""
    names = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
    if url is None:
        return names
    place = make_url(url)
    parts = {
        "PGHOST": place.host or str(place.query.get("host", "")),
        "PGPORT": str(place.port or place.query.get("port", 5432)),
        "PGUSER": place.username,
        "PGPASSWORD": place.password,
        "PGDATABASE": place.database,
        "PGSSLMODE": str(place.query.get("sslmode", "")),
        "PGAPPNAME": "a1-backup",
    }
    return names | {name: value for name, value in parts.items() if value}


def run(
    store: Store, name: str, *arguments: str, url: str | None = None, user: AsUser | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Raise BackupError with its own last words when it fails."""
    done = subprocess.run(
        [find(store, name), *arguments],
        env=environment(url),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **(user or {}),
    )
    if done.returncode != 0:
        raise BackupError(f"{name}: {last_words(done.stderr or done.stdout)}")
    return done


def last_words(output: str, lines: int = 3) -> str:
    """Return the end of what a program said, on one line."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in said if "error" in line.lower() or "fatal" in line.lower()]
    return "; ".join(OWN_NAME.sub("", line) for line in (wrong or said)[-lines:]) or "said nothing"


def reason(error: Exception) -> str:
    """Return what a failure says, on one line."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def server_user() -> AsUser:
    """Return who a server of ours runs as: ourselves, or, because it refuses root, the first user made for such work."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in SERVER_USERS:
        if name in known:
            return {"user": known[name].pw_uid, "group": known[name].pw_gid, "extra_groups": []}
    raise BackupError("PostgreSQL refuses to run as root, and there is no user postgres or nobody here")


def hand_over(paths: Sequence[Path], user: Mapping[str, object]) -> None:
    """Give files to the server's user."""
    if user:
        for top in paths:
            for path in (top, *top.rglob("*")):
                os.chown(path, int(str(user["user"])), int(str(user["group"])), follow_symlinks=False)
