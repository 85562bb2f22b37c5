"""A restored copy running for a while: reachable through a socket in a private folder and by nothing else."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import OperationalError

from app.maintenance.backups import copies, programs, restore, sums
from app.maintenance.backups.restore import Laid, Target
from app.maintenance.backups.store import BackupError, Store

PORT = 5432  # part of the socket's name only: nothing listens on a network
SUPERUSER = "postgres"
LONGEST_RECOVERY = 6 * 3600.0
STOP_SECONDS = 120.0

# What a standby may not have less of than its primary; the copy has them in its control file.
LIKE_PRIMARY = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}
# Nothing of the primary's ways may go on in the copy: no archive, no replicas, no preloaded libraries, no network.
ALONE = {
    "listen_addresses": "",
    "archive_mode": "off",
    "synchronous_standby_names": "",
    "primary_conninfo": "",
    "shared_preload_libraries": "",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "fsync": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
IN_RECOVERY = text("SELECT pg_is_in_recovery()")
PAUSED = text("SELECT pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'paused'")


@dataclass(frozen=True)
class Running:
    """A copy that answers."""

    process: subprocess.Popen[bytes]
    sockets: Path
    log: Path
    database: str

    def url(self, role: str) -> str:
        """Return the copy's address for a role; whoever reaches the socket is believed."""
        return f"postgresql+psycopg://{role}@/{self.database}?host={self.sockets}&port={PORT}"

    def engine(self) -> Engine:
        """Return an engine of the superuser's."""
        return sums.connect(self.url(SUPERUSER))


@contextmanager
def running(store: Store, laid: Laid, target: Target) -> Iterator[Running]:
    """Start the copy, wait until it has recovered to its target, and stop it in order afterwards."""
    with copies.folder(store, "a1r-", None) as sockets:  # a socket's path may be no longer than 107 bytes
        copy = start(store, laid, target, sockets)
        try:
            wait(copy, PAUSED if target.pause else IN_RECOVERY, wanted=target.pause)
            yield copy
        finally:
            stop(copy)


def start(store: Store, laid: Laid, target: Target, sockets: Path) -> Running:
    """Start a server on the copy, whatever its own configuration says."""
    config, access = laid.data.parent / "postgresql.conf", laid.data.parent / "pg_hba.conf"
    config.write_text("# everything is on the command line\n")
    access.write_text("local all all trust\n")
    user = programs.server_user()
    programs.hand_over([config, access], user)
    settings = {
        **ALONE,
        **like_primary(store, laid.data),
        **restore.recovery_settings(laid, target),
        "hba_file": str(access),
        "unix_socket_directories": str(sockets),
        "port": str(PORT),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = laid.data.parent / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [programs.find(store, "postgres"), "-D", str(laid.data), f"--config-file={config}", *options],
            env=programs.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **user,
        )
    return Running(process, sockets, log, laid.manifest.database)


def like_primary(store: Store, data: Path) -> dict[str, str]:
    """Read from the copy how many connections and locks its primary had."""
    said = programs.run(store, "pg_controldata", str(data)).stdout
    found = dict(re.findall(r"^(\w+) setting: +(\d+)$", said, re.MULTILINE))
    return {setting: found[name] for name, setting in LIKE_PRIMARY.items() if name in found}


def wait(copy: Running, question: TextClause, *, wanted: bool) -> None:
    """Wait until the copy has recovered. Raise BackupError with its own words when it gives up."""
    engine, end = copy.engine(), time.monotonic() + LONGEST_RECOVERY
    while time.monotonic() < end:
        if copy.process.poll() is not None:
            raise BackupError(f"the copy did not recover: {programs.last_words(copy.log.read_text(), 2)}")
        try:
            with engine.connect() as connection:
                if connection.execute(question).scalar_one() is wanted:
                    return
        except OperationalError:
            pass
        time.sleep(0.1)
    raise BackupError(f"the copy has not recovered after {LONGEST_RECOVERY / 3600:.0f} hours")


def stop(copy: Running) -> None:
    """Stop the server in order, and by force when it takes too long."""
    copy.process.send_signal(2)  # its fast shutdown: does not wait for clients to leave
    try:
        copy.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        copy.process.kill()
        copy.process.wait()
