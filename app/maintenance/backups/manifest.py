"""What a backup knows about itself: from where to where it reaches, and what must be in it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from app.maintenance.backups.store import BackupError, Store

FILE = "manifest.json"
BASE = "base.tar.zst.age"


@dataclass(frozen=True)
class TableSum:
    """How many rows a table has, and a sum over their ids that changes when one is another."""

    rows: int
    ids: str


@dataclass(frozen=True)
class Manifest:
    """One full backup. `point` is the named moment, after the copy was consistent, at which `tables` were counted."""

    name: str
    started_at: datetime
    consistent_at: datetime
    point: str
    point_at: datetime
    point_lsn: str
    start_lsn: str
    end_lsn: str
    timeline: int
    segment_bytes: int
    size: int
    contained: int
    sha256: str
    database: str
    server_version: str
    migration: str
    erasures: int
    tables: dict[str, TableSum]


def write(folder: Path, manifest: Manifest) -> None:
    """Store the manifest beside its backup."""
    (folder / FILE).write_text(json.dumps(asdict(manifest), indent=1, default=str))


def read(folder: Path) -> Manifest:
    """Read a backup's manifest."""
    try:
        data = json.loads((folder / FILE).read_text())
        for name in ("started_at", "consistent_at", "point_at"):
            data[name] = datetime.fromisoformat(data[name])
        data["tables"] = {table: TableSum(**found) for table, found in data["tables"].items()}
        return Manifest(**data)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"damaged: {folder.name}/{FILE} ({type(error).__name__})") from error


def every(store: Store) -> list[Manifest]:
    """Return all finished backups, oldest first."""
    folders = sorted(
        path for path in store.base.iterdir() if path.is_dir() and not path.name.endswith(".part")
    )
    return [read(folder) for folder in folders]


def newest(store: Store, before: datetime | None = None) -> Manifest:
    """Return the newest backup; with an instant to go to, the newest one that had ended by then."""
    found = [manifest for manifest in every(store) if before is None or manifest.consistent_at <= before]
    if not found:
        which = f" that ended before {before:%Y-%m-%d %H:%M:%S %Z}" if before else ""
        raise BackupError(f"there is no full backup{which} in {store.folder}")
    return found[-1]
