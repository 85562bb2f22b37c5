"""A backup laid out again: unpacked, with its chain of WAL beside it, told where to stop."""

import os
import shlex
import tarfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.maintenance.backups import copies, programs, wal
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups.manifest import BASE, Manifest
from app.maintenance.backups.sealed import unseal
from app.maintenance.backups.store import BackupError, DamagedError, Store

OURS = ("recovery_target", "restore_command")


@dataclass(frozen=True)
class Target:
    """Where recovery stops: at an instant, at a named point, or where the WAL ends."""

    instant: datetime | None = None
    point: str | None = None
    pause: bool = False

    def options(self) -> dict[str, str]:
        """Return it as PostgreSQL's settings."""
        found = {"recovery_target_timeline": "latest"}
        if self.instant is not None:
            found["recovery_target_time"] = f"{self.instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}"
        if self.point is not None:
            found["recovery_target_name"] = self.point
        if self.instant is not None or self.point is not None:
            found["recovery_target_action"] = "pause" if self.pause else "promote"
        return found


@dataclass(frozen=True)
class Laid:
    """A copy ready to recover; `fault` is where its chain of WAL ends too early, if it does."""

    data: Path
    wal: Path
    manifest: Manifest
    fault: DamagedError | None


def lay_out(store: Store, manifest: Manifest, into: Path) -> Laid:
    """Unpack a backup and its WAL into an empty folder."""
    data, chain = into / copies.DATA, into / "wal"
    size = manifest.segment_bytes
    unpack(store, store.base / manifest.name / BASE, data, sha256=manifest.sha256)
    first = wal.Segment(wal.place(manifest.start_lsn) // size, manifest.timeline)
    fault = wal.lay_out(store, first, chain, size)
    (data / "recovery.signal").touch(mode=0o600)
    forget_settings(data)
    programs.hand_over([data, chain], programs.server_user())
    return Laid(data, chain, manifest, fault)


def newest_for(store: Store, instant: datetime | None) -> Manifest:
    """Return the backup to begin with."""
    return manifests.newest(store, instant)


def recovery_settings(laid: Laid, target: Target) -> dict[str, str]:
    """Return the settings that make a server recover the copy from the WAL beside it."""
    source = shlex.quote(str(laid.wal)).replace("%", "%%")
    return {"restore_command": f'cp {source}/"%f" "%p"', **target.options()}


def forget_settings(data: Path) -> None:
    """Remove what an earlier restore of the same database left in its settings: two targets would contradict each other."""
    path = data / "postgresql.auto.conf"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(OURS)))


def write_settings(laid: Laid, target: Target) -> None:
    """Leave the settings where the server reads them last."""
    with (laid.data / "postgresql.auto.conf").open("a") as file:
        for name, value in recovery_settings(laid, target).items():
            quoted = value.replace("'", "''")
            file.write(f"{name} = '{quoted}'\n")


def unpack(store: Store, base: Path, into: Path, *, sha256: str) -> None:
    """Unseal and unpack a full backup at once. Raise DamagedError, which names the file."""
    into.mkdir(mode=0o700, parents=True)
    read_end, write_end = os.pipe()
    faults: list[Exception] = []

    def feed() -> None:
        try:
            with os.fdopen(write_end, "wb") as pipe:
                unseal(base, pipe, store.key, sha256=sha256)
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            faults.append(error)

    feeder = threading.Thread(target=feed, name="unseal")
    feeder.start()
    try:
        with os.fdopen(read_end, "rb") as pipe, tarfile.open(fileobj=pipe, mode="r|") as archive:
            archive.extractall(into, filter="tar")
            while pipe.read(1 << 20):
                pass
    except tarfile.TarError as error:
        faults.append(error)
    except OSError as error:
        raise BackupError(f"cannot unpack into {into}: {error.strerror}") from error
    finally:
        feeder.join()
    if faults:
        known = next((fault for fault in faults if isinstance(fault, BackupError)), None)
        raise known or DamagedError(f"damaged: {base.parent.name}/{base.name} ({faults[0]})")
