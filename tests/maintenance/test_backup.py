"""Backups brought back to life on real clusters: to any second, after a crash, and never when a file is not what it was."""

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app import clock
from app.maintenance.backups import full, keeper, proof, state, sums
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups.store import BackupError, new_key
from app.maintenance.backups.trial import SUPERUSER, Running
from app.maintenance.privacy import erasure_log
from sandbox.postgres import throwaway_cluster
from tests.maintenance.backed_up import Shop, ask, open_shop, sum_at, until


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A product on a cluster of its own."""
    with throwaway_cluster(tmp_path_factory.mktemp("backed_up")) as cluster:
        yield open_shop(cluster)


@pytest.fixture
def shop(opened: Shop, tmp_path: Path) -> Shop:
    """The product with an empty place for backups."""
    return opened.at(tmp_path)


def nothing(_copy: Running) -> list[proof.Finding]:
    return []


def failed(found: proof.Proof) -> dict[str, str]:
    """What a restore test did not like."""
    return {finding.name: finding.says for finding in found.findings if not finding.ok}


def count(copy: Running, table: str, row: object) -> int:
    found: int = ask(
        copy.url(SUPERUSER), f"SELECT count(*) FROM {table} WHERE id = CAST(:id AS uuid)", id=str(row)
    )
    return found


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_backup_taken_while_people_book_passes_the_restore_test(shop: Shop) -> None:
    shop.one("INSERT INTO erasure_log (email_hash, actor) VALUES ('hash', 'test') RETURNING 1")
    with shop.keeping(), shop.booking() as booked:
        ran = shop.command("backup", "run")
        assert ran.exit_code == 0, ran.output
    assert len(booked) > 5
    assert [entry.email_hash for entry in erasure_log.read_file(shop.store.folder)] == [b"hash"]
    made = manifests.newest(shop.store)
    assert made.tables["bookings"].rows > 5
    tested = shop.command("backup", "restore-test", "--json")
    assert tested.exit_code == 0, tested.output
    answer = json.loads(tested.stdout[tested.stdout.index("{\n") :])
    assert {finding["name"]: finding["ok"] for finding in answer["findings"]} == dict.fromkeys(
        ("wal", "contents", "orphans", "migration", "settled", "application", "structure", "checksums"), True
    )
    settled = next(finding["says"] for finding in answer["findings"] if finding["name"] == "settled")
    assert "1 erasures known" in settled
    assert shop.last_run("backup")[0] is True
    ok, figures = shop.last_run("restore_test")
    assert (ok, figures["backup"], figures["failed"]) == (True, made.name, {})
    listed = json.loads(shop.command("backup", "list", "--json").stdout)
    assert [row["name"] for row in listed] == [made.name]
    status = shop.command("backup", "status")
    assert "last full backup" in status.stdout


def test_the_counted_moment_is_in_the_middle_of_nobodys_transaction(shop: Shop) -> None:
    engine = sums.connect(shop.env["BACKUP_DATABASE_URL"])
    with sums.connect(shop.cluster.url("postgres")).connect() as other:
        other.execute(text("INSERT INTO leads (zip_code, kind) VALUES ('85004', 'callback')"))
        with (
            pytest.raises(BackupError, match="some transaction was writing at every moment"),
            sums.at_rest(engine, "busy", within=1.0),
        ):
            pass
        other.commit()
    with sums.at_rest(engine, "quiet") as point:
        assert sums.read_table(point.connection, "leads", ["id"]) == shop.sum_of("leads")


def test_nothing_of_a_backup_is_in_clear(shop: Shop) -> None:
    with shop.keeping(), shop.booking():
        full.run(shop.store)
    kept = files(shop.store.folder)
    assert any(path.name.endswith(".partial.zst.age") for path in kept)
    assert any(path.name == manifests.BASE for path in kept)
    for path in kept:
        content = path.read_bytes()
        assert b"Canary" not in content, path.name
        assert shop.env["BACKUP_KEY"].encode() not in content, path.name


def test_pitr_to_a_chosen_second(shop: Shop, tmp_path: Path) -> None:
    with shop.keeping():
        full.run(shop.store)
        before = shop.add_lead()
        ids = shop.sum_of("leads")
        time.sleep(0.05)
        instant = shop.now()
        time.sleep(0.05)
        after = shop.add_lead()
        shop.wait_streamed()
    with shop.brought_back(tmp_path / "copy", instant) as copy:
        assert (count(copy, "leads", before), count(copy, "leads", after)) == (1, 0)
        assert sum_at(copy.url(SUPERUSER), "leads") == ids
    assert shop.sum_of("leads") != ids
    tested = proof.run(shop.store, nothing, instant=instant)
    assert tested.ok, failed(tested)


def test_an_instant_that_no_wal_reaches_is_refused_in_words(shop: Shop, tmp_path: Path) -> None:
    with shop.keeping():
        full.run(shop.store)
    tested = proof.run(shop.store, nothing, instant=clock.now() + timedelta(days=1))
    assert "before configured recovery target was reached" in failed(tested)["restore"]
    early = clock.now() - timedelta(days=1)
    with pytest.raises(BackupError, match="there is no full backup that ended before"):
        proof.run(shop.store, nothing, instant=early)
    said = shop.command("backup", "restore-test", "--to", "2026-11-22T10:00:00")
    assert (said.exit_code, "has no zone" in said.output) == (2, True)


def test_a_killed_primary_loses_nothing_that_was_streamed(tmp_path: Path) -> None:
    with throwaway_cluster(tmp_path / "cluster", fsync=True) as cluster:
        shop = open_shop(cluster).at(tmp_path)
        with shop.keeping():
            full.run(shop.store)
            with shop.booking() as booked:
                streamed = list(booked)
                shop.wait_streamed()
                shop.kill()
            noted = keeper.read_note(shop.store, keeper.RECEIVED)
        assert noted is not None
        with shop.brought_back(tmp_path / "copy") as copy:
            there = set(ask(copy.url(SUPERUSER), "SELECT array_agg(id::text) FROM bookings"))
    assert len(streamed) > 5
    assert set(streamed) <= there
    lost = len(set(booked) - there)
    assert lost < len(booked)
    print(f"{len(booked)} bookings acknowledged, {lost} lost that had not been streamed at the kill")


def test_a_damaged_backup_is_named_and_refused(shop: Shop) -> None:
    full.run(shop.store)
    made = manifests.newest(shop.store)
    path = shop.store.base / made.name / manifests.BASE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    said = shop.command("backup", "restore-test")
    assert said.exit_code == 1
    assert f"damaged: {made.name}/{manifests.BASE}" in said.output
    assert shop.last_run("restore_test")[0] is False
    path.write_bytes(content[: len(content) // 3])
    assert f"damaged: {made.name}" in failed(proof.run(shop.store, nothing))["restore"]
    path.unlink()
    assert f"missing: {manifests.BASE}" in failed(proof.run(shop.store, nothing))["restore"]
    (path.parent / manifests.FILE).write_text("{")
    listed = shop.command("backup", "list")
    assert (listed.exit_code, listed.output.strip()) == (
        1,
        f"Error: damaged: {made.name}/{manifests.FILE} (JSONDecodeError)",
    )


def test_missing_and_damaged_wal_is_named(shop: Shop) -> None:
    with shop.keeping():
        full.run(shop.store)
        for _ in range(3):
            shop.add_lead()
            shop.one("SELECT pg_switch_wal()::text")
        until(lambda: not [path for path in shop.store.spool.iterdir() if path.suffix != ".partial"])
    segments = sorted(path for path in shop.store.wal.glob("*.age") if "partial" not in path.name)
    chosen = segments[-2]
    kept = chosen.read_bytes()
    chosen.write_bytes(kept[:-40] + b"\0" * 40)
    assert f"damaged: wal/{chosen.name}" in failed(proof.run(shop.store, nothing))["wal"]
    chosen.unlink()
    assert f"missing: wal/{chosen.name}" in failed(proof.run(shop.store, nothing))["wal"]
    found = state.read(shop.store, clock.now())
    assert found.missing == (chosen.name.removesuffix(".zst.age"),)
    status = shop.command("backup", "status")
    assert (status.exit_code, f"FAIL  missing: {found.missing[0]}" in status.output) == (1, True)


def test_another_key_is_one_clear_line(shop: Shop) -> None:
    full.run(shop.store)
    for words in (["list"], ["restore-test"], ["run"], ["status"], ["keep"]):
        said = shop.command("backup", *words, BACKUP_KEY=new_key())
        assert said.exit_code == 1
        assert said.output.startswith(
            "Error: BACKUP_KEY is not the key of these backups: they are sealed for age1"
        )
        assert said.output.count("\n") == 1
    said = shop.command("backup", "list", BACKUP_KEY="a word")
    assert said.output == "Error: BACKUP_KEY is no age key: make one with flask --app wsgi backup new-key\n"


def test_old_backups_go_with_the_wal_that_only_they_needed(shop: Shop) -> None:
    full.run(shop.store)
    first = manifests.newest(shop.store)
    until(lambda: clock.now() - first.started_at > timedelta(seconds=1.5))
    full.run(shop.store)
    segments = {path.name for path in shop.store.wal.glob("*.age")}
    assert full.forget_old(shop.store, first.started_at + timedelta(days=29)) == ()
    assert {path.name for path in shop.store.wal.glob("*.age")} == segments
    assert full.forget_old(shop.store, first.started_at + timedelta(days=31)) == (first.name,)
    assert {path.name for path in shop.store.wal.glob("*.age")} < segments
    tested = proof.run(shop.store, nothing)
    assert tested.ok, failed(tested)
    assert full.forget_old(shop.store, clock.now() + timedelta(days=400)) == ()


def test_a_backup_that_fails_leaves_nothing_and_says_why(shop: Shop) -> None:
    said = shop.command("backup", "run", POSTGRES_BINDIR="nowhere")
    assert (
        said.output.splitlines()[-1]
        == "Error: pg_basebackup is not installed here: name its folder in POSTGRES_BINDIR"
    )
    said = shop.command("backup", "run", BACKUP_DATABASE_URL=shop.env["DATABASE_URL"])
    assert said.exit_code == 1
    assert re.search(
        "permission denied|must be superuser or replication role", said.output.splitlines()[-1]
    ), "the server's own words, which changed with PostgreSQL 16"
    assert isinstance(said.exception, SystemExit)
    assert list(shop.store.base.iterdir()) == []
    assert shop.last_run("backup")[0] is False


def test_two_backups_at_once_are_refused(shop: Shop) -> None:
    with (
        full.alone(shop.store, "backup"),
        pytest.raises(BackupError, match="another process is at it already"),
    ):
        full.run(shop.store)


def test_what_is_not_set_is_named(shop: Shop, tmp_path: Path) -> None:
    said = shop.command("backup", "list", BACKUP_KEY="", BACKUP_DIR="")
    assert said.output == "Error: backups are not set up: BACKUP_DIR, BACKUP_KEY missing\n"
    inside = shop.command("backup", "list", BACKUP_SPOOL_DIR=str(tmp_path / "backups/spool"))
    assert "must not lie inside BACKUP_DIR" in inside.output
