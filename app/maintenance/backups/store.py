"""Where backups lie, who may make them, and the key that opens them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyrage import IdentityError, x25519

from app.config import Settings

NEEDED = ("backup_dir", "backup_spool_dir", "backup_key", "backup_database_url")


class BackupError(Exception):
    """What went wrong, in one line for the operator."""


class DamagedError(BackupError):
    """Files of the backup are missing or not what was written; the message names them."""


@dataclass(frozen=True)
class Store:
    """One place of backups. `spool` holds the WAL that is being received, in clear, and must lie somewhere else."""

    folder: Path
    spool: Path
    key: str
    database_url: str
    programs: str = ""
    keep_days: int = 30

    @property
    def base(self) -> Path:
        """Return the folder of full backups."""
        return self.folder / "base"

    @property
    def wal(self) -> Path:
        """Return the folder of sealed WAL."""
        return self.folder / "wal"


def open_store(settings: Settings) -> Store:
    """Return the place that the settings name, with its folders made; refuse what would not be safe."""
    missing = [name.upper() for name in NEEDED if not getattr(settings, name)]
    if missing:
        raise BackupError(f"backups are not set up: {', '.join(missing)} missing")
    store = Store(
        Path(settings.backup_dir).absolute(),
        Path(settings.backup_spool_dir).absolute(),
        settings.backup_key,
        settings.backup_database_url,
        settings.postgres_bindir,
        settings.backup_keep_days,
    )
    if store.spool.is_relative_to(store.folder):
        raise BackupError("BACKUP_SPOOL_DIR holds WAL in clear: it must not lie inside BACKUP_DIR")
    for folder in (store.base, store.wal, store.spool):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_key(store)
    return store


def identity(key: str) -> x25519.Identity:
    """Return the key that opens backups."""
    try:
        return x25519.Identity.from_str(key)
    except IdentityError as error:
        raise BackupError(
            "BACKUP_KEY is no age key: make one with flask --app wsgi backup new-key"
        ) from error


def new_key() -> str:
    """Make a key."""
    return str(x25519.Identity.generate())


def check_key(store: Store) -> None:
    """Compare the key with the public half that the first backup left beside it. Raise BackupError when it is another."""
    path, public = store.folder / "recipient", str(identity(store.key).to_public())
    if not path.exists():
        path.write_text(f"{public}\n")
    if path.read_text().strip() != public:
        raise BackupError(
            f"BACKUP_KEY is not the key of these backups: they are sealed for {path.read_text().strip()}"
        )


@contextmanager
def alone(store: Store, what: str, *, wait: bool = False) -> Iterator[None]:
    """Let nobody else do the same work on this place meanwhile: refuse while somebody is at it, or wait for them."""
    with (store.folder / f"{what}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BackupError(f"another process is at it already ({what})") from error
        yield


def safe_on_disk(path: Path) -> None:
    """Wait until the name of a file, too, has reached the disk."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
