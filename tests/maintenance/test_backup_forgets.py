"""Somebody who was erased comes back with an older backup, and is forgotten again by the commands an operator types."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from app.config import load_settings
from app.maintenance.backups import programs
from app.maintenance.privacy import erasure_log
from sandbox import ports
from sandbox.postgres import Cluster, throwaway_cluster
from tests.maintenance.backed_up import Shop, open_shop
from tests.maintenance.canary import CANARY, OTHER, book, hits, leave_traces


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A product on a cluster of its own."""
    with throwaway_cluster(tmp_path / "cluster") as cluster:
        yield open_shop(cluster).at(tmp_path)


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """A folder that a server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="a1-new-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "restored"


def known(cluster: Cluster) -> tuple[list[object], list[object]]:
    """Where the words of the two people are."""
    with Session(create_engine(cluster.url("postgres"), poolclass=NullPool)) as session:
        return list(hits(session, CANARY)), list(hits(session, OTHER))


def sell(shop: Shop) -> None:
    """Two people's bookings, with their words wherever the product could have put them."""
    settings = load_settings(shop.env)
    with Session(create_engine(shop.cluster.url("postgres"), poolclass=NullPool)) as session:
        for who, hour in ((CANARY, 8), (OTHER, 10)):
            leave_traces(session, settings, who, book(session, settings, who, hour=hour))
        session.commit()


@contextmanager
def served(cluster: Cluster, folder: Path) -> Iterator[Cluster]:
    """Start a server on a folder as docs/backup.md says, and stop it."""
    copy = replace(cluster, home=folder, port=ports.pick())
    settings = f"-c listen_addresses=127.0.0.1 -c port={copy.port} -c unix_socket_directories= -c max_connections=200"
    command = [str(copy.bin / "pg_ctl"), "-D", str(folder / "data"), "-w", "-t", "600"]
    where = {"cwd": folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
    who = programs.server_user()
    subprocess.run(
        [*command, "-l", str(folder / "data" / "server.log"), "-o", settings, "start"],
        check=True, stdout=subprocess.DEVNULL, **where, **who,
    )  # fmt: skip
    try:
        yield copy
    finally:
        subprocess.run([*command, "-m", "fast", "stop"], check=True, capture_output=True, **where, **who)


def test_an_erased_person_who_comes_back_with_a_backup_is_forgotten_again(
    shop: Shop, new_folder: Path
) -> None:
    sell(shop)
    with shop.keeping():
        assert shop.command("backup", "run").exit_code == 0
        instant = shop.now()
        erased = shop.command("privacy", "erase", "--email", CANARY.email, "--cancel-open")
        assert erased.exit_code == 0, erased.output
        shop.wait_streamed()
    nobody, other = known(shop.cluster)
    assert nobody == []
    assert len(erasure_log.read_file(shop.store.folder)) == 1
    restored = shop.command("backup", "restore", str(new_folder), "--to", instant.isoformat())
    assert restored.exit_code == 0, restored.output
    with served(shop.cluster, new_folder) as copy:
        back, still = known(copy)
        assert len(back) > 10, "the backup is older than the erasure"
        assert still == other
        there = {"DATABASE_URL": copy.app_url, "MIGRATION_DATABASE_URL": copy.owner_url}
        settled = shop.command("backup", "after-restore", **there)
        assert settled.exit_code == 0, settled.output
        assert "1 erasures known" in settled.output
        assert known(copy)[0] == []
        assert {table for table, *_ in known(copy)[1]} == {table for table, *_ in still}, "the other stays"
        again = shop.command("backup", "after-restore", **there)
        assert "0 rows erased again" in again.output
        for words in (("backup", "look"), ("integrity", "check", "--all")):
            done = shop.command(*words, **there)
            assert done.exit_code == 0, done.output


def test_the_restore_test_forgets_them_in_its_copy_too(shop: Shop) -> None:
    sell(shop)
    with shop.keeping():
        assert shop.command("backup", "run").exit_code == 0
        instant = shop.now()
        assert shop.command("privacy", "erase", "--email", CANARY.email, "--cancel-open").exit_code == 0
        shop.wait_streamed()
    tested = shop.command("backup", "restore-test", "--to", instant.isoformat())
    assert tested.exit_code == 0, tested.output
    (line,) = [line for line in tested.output.splitlines() if line.startswith("ok    settled")]
    assert "1 erasures known" in line
    assert ", 0 rows" not in line
