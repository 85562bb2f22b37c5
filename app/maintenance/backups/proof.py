"""The restore test: the newest backup brought back to life, looked at from all sides, and removed again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.maintenance.backups import checks, copies, programs, restore, trial
from app.maintenance.backups.checks import Finding, look
from app.maintenance.backups.manifest import Manifest
from app.maintenance.backups.restore import Laid, Target
from app.maintenance.backups.store import BackupError, Store
from app.maintenance.backups.trial import Running

RESTORED = "a1-restore-"
Visit = Callable[[Running], list[Finding]]


@dataclass(frozen=True)
class Proof:
    """What a restore test found."""

    manifest: Manifest
    instant: datetime | None
    findings: tuple[Finding, ...]
    seconds: dict[str, float]

    @property
    def ok(self) -> bool:
        """Say whether the copy stood up to everything."""
        return bool(self.findings) and all(finding.ok for finding in self.findings)

    def figures(self) -> dict[str, object]:
        """Return what the run log keeps."""
        failed = {finding.name: finding.says[:300] for finding in self.findings if not finding.ok}
        return {"backup": self.manifest.name, "checks": len(self.findings), "failed": failed, **self.seconds}


def run(store: Store, visit: Visit, *, instant: datetime | None = None, scratch: Path | None = None) -> Proof:
    """Restore, start and check a copy: first at the moment that was counted, then at the instant or at the WAL's end.

    `visit` is what the caller wants to see of the running copy besides. Whatever happens, the copy is stopped and removed.
    """
    copies.clear(store)
    manifest = restore.newest_for(store, instant)
    findings: list[Finding] = []
    seconds: dict[str, float] = {}
    with copies.folder(store, RESTORED, scratch) as folder:
        began = time.monotonic()
        try:
            laid = restore.lay_out(store, manifest, folder)
            seconds["unpack_seconds"] = round(time.monotonic() - began, 2)
            findings += check(store, laid, visit, Target(instant), seconds)
        except (BackupError, SQLAlchemyError, OSError) as error:
            findings.append(Finding("restore", ok=False, says=programs.reason(error)))
    return Proof(manifest, instant, tuple(findings), seconds)


def check(store: Store, laid: Laid, visit: Visit, target: Target, seconds: dict[str, float]) -> list[Finding]:
    """Look at the copy from all sides."""
    findings = [chain(laid)]
    began = time.monotonic()
    point = Target(point=laid.manifest.point, pause=True)
    if target.instant is None or target.instant >= laid.manifest.point_at:
        with trial.running(store, laid, point) as copy, copy.engine().connect() as connection:
            seconds["counted_seconds"] = round(time.monotonic() - began, 2)
            findings.append(look("contents", lambda: checks.contents(connection, laid.manifest)))
    began = time.monotonic()
    with trial.running(store, laid, target) as copy:
        seconds["recover_seconds"] = round(time.monotonic() - began, 2)
        with copy.engine().connect() as connection:
            findings.append(look("orphans", lambda: checks.orphans(connection)))
            findings.append(look("migration", lambda: checks.migration(connection, laid.manifest.migration)))
        findings.append(look("structure", lambda: checks.structure(store, copy)))
        findings += visit(copy)
    findings.append(look("checksums", lambda: checks.checksums(store, laid.data)))
    return findings


def chain(laid: Laid) -> Finding:
    """Say whether the WAL is whole, from the backup's beginning to what came in last."""
    if laid.fault is None:
        return Finding("wal", ok=True, says=f"whole from {laid.manifest.start_lsn} on")
    return Finding("wal", ok=False, says=str(laid.fault))
