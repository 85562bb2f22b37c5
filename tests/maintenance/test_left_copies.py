"""A restore test that was killed leaves a server and a copy in clear: the next command ends and removes both, and nobody else's."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.maintenance.backups import copies, full
from app.maintenance.backups.store import Store
from sandbox.postgres import throwaway_cluster
from tests.maintenance.backed_up import ROOT, Shop, ask, open_shop, until

COPY, SOCKETS = "a1-restore-", "a1r-"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A product on a cluster of its own, with one full backup."""
    top = tmp_path_factory.mktemp("left")
    with throwaway_cluster(top / "cluster") as cluster:
        shop = open_shop(cluster).at(top)
        full.run(shop.store)
        yield shop


def noted(store: Store) -> list[Path]:
    """Where copies lie now, by the notes."""
    return [Path(json.loads(path.read_text())["folder"]) for path in copies.notes(store).glob("*.json")]


def serving(store: Store) -> list[tuple[int, Path]]:
    """Servers that run on copies: their process numbers and folders."""
    found = []
    for folder in noted(store):
        path = folder / copies.DATA / "postmaster.pid"
        if path.exists() and len(lines := path.read_text().splitlines()) > 7:
            found.append((int(lines[0]), folder))
    return found


def killed_in_the_middle(shop: Shop) -> tuple[int, Path]:
    """Kill a restore test once its copy serves; return the server and the folder that it leaves."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "backup", "restore-test"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | shop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as testing:
        until(lambda: bool(serving(shop.store)) or testing.poll() is not None)
        testing.send_signal(signal.SIGKILL)
    assert testing.returncode == -signal.SIGKILL
    (left,) = serving(shop.store)
    assert copies.works_on(left[0], left[1] / copies.DATA), "a killed command cannot take its server along"
    return left


@pytest.mark.parametrize("next_command", ["restore-test", "look", "run"])
def test_what_a_killed_restore_test_left_is_ended_and_removed_by_the_next_command(
    opened: Shop, next_command: str
) -> None:
    pid, folder = killed_in_the_middle(opened)
    every = noted(opened.store)
    assert {path.name[:4] for path in every} == {COPY[:4], SOCKETS[:4]}
    done = opened.command("backup", next_command)
    assert done.exit_code == 0, done.output
    assert not copies.works_on(pid, folder / copies.DATA)
    assert [path for path in every if path.exists()] == []
    assert list(copies.notes(opened.store).iterdir()) == []


def test_a_copy_whose_maker_lives_is_left_alone(opened: Shop, tmp_path: Path) -> None:
    with opened.brought_back(tmp_path / "copy") as copy:
        assert copies.clear(opened.store) == []
        assert ask(copy.url("postgres"), "SELECT 1") == 1
        assert len(noted(opened.store)) == 2
    assert noted(opened.store) == []


def leave(store: Store, folder: Path, *, machine: str) -> Path:
    """Leave a note as somebody does who was killed."""
    (folder / copies.DATA).mkdir(parents=True)
    copies.notes(store).mkdir(exist_ok=True)
    note = copies.notes(store) / f"{folder.name}.json"
    note.write_text(json.dumps({"machine": machine, "folder": str(folder)}))
    return note


def test_a_stranger_who_has_the_number_by_now_is_not_touched(opened: Shop, tmp_path: Path) -> None:
    note = leave(opened.store, tmp_path / "left", machine=socket.gethostname())
    data = tmp_path / "left" / copies.DATA
    with subprocess.Popen(["sleep", "600"], cwd=data) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        cleared, is_alive = copies.clear(opened.store), stranger.poll() is None
        stranger.kill()
    assert (cleared, is_alive) == ([tmp_path / "left"], True)
    assert not data.exists()
    assert not note.exists()


def test_another_machine_s_copy_is_its_own_affair(opened: Shop, tmp_path: Path) -> None:
    note = leave(opened.store, tmp_path / "left", machine="another")
    assert copies.clear(opened.store) == []
    assert (tmp_path / "left").exists()
    note.unlink()
