"""A month in a file: nothing about a person in it, nothing missing, and no file that is broken passes for whole."""

import gzip
import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import sessionmaker

from app.maintenance import archive, months
from app.maintenance.archive import ArchiveFault
from app.maintenance.months import Leaving
from app.models import Booking
from tests.maintenance.copies import Copy


@pytest.fixture
def written(years: Copy, tmp_path: Path) -> Path:
    """The fullest old month as a file."""
    with sessionmaker(years.app)() as session:
        due = months.due(session, "7 years")
        month = max(due, key=lambda month: months.count(session, month))
    leaving = Leaving(month, "7 years", tmp_path / "archive", 100)
    months.ensure_archived(sessionmaker(years.app), leaving)
    return leaving.folder / archive.file_name(month)


def test_each_column_of_a_booking_is_archived_or_left_out_on_purpose() -> None:
    own = {column.name for column in Booking.__table__.columns}
    joined = {"zip_code", "city", "state", "partner"}
    assert set(archive.COLUMNS) - joined | archive.LEFT_OUT == own
    assert not set(archive.COLUMNS) & archive.LEFT_OUT


def test_a_file_holds_the_month_and_nobody(years: Copy, written: Path) -> None:
    content = gzip.decompress(written.read_bytes()).decode()
    for word in ("canary", "602555", "gclid"):
        assert word not in content.lower()
    month = written.name.removeprefix("bookings_").removesuffix(".csv.gz").replace("_", "-")
    with years.owner.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT b.id::text, reference, servicetitan_job_id, zip_code FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
                " WHERE to_char(b.created_at AT TIME ZONE 'UTC', 'YYYY-MM') = :month ORDER BY b.id"
            ),
            {"month": month},
        ).all()
    read = [
        (row["id"], row["reference"], row["servicetitan_job_id"], row["zip_code"])
        for row in archive.read(written)
    ]
    assert read == [tuple(row) for row in rows]
    assert len(read) > 5


def test_the_ids_of_people_and_visits_are_not_in_it(years: Copy, written: Path) -> None:
    content = gzip.decompress(written.read_bytes()).decode()
    with years.owner.connect() as connection:
        ids = connection.execute(
            text("SELECT customer_id::text FROM bookings UNION SELECT session_id::text FROM bookings")
        ).scalars()
        assert not [found for found in ids if found in content]


def test_the_same_rows_make_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = archive.write(tmp_path / "again", written.name, [gzip.decompress(written.read_bytes())])
    assert (tmp_path / "again" / written.name).read_bytes() == written.read_bytes()
    assert again.sha256 == archive.checksum(written)


def test_the_checksum_is_one_that_other_tools_read(written: Path) -> None:
    assert archive.checksum_file(written).read_text() == f"{archive.checksum(written)}  {written.name}\n"


def break_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    sign_again(path)


def write_another_shape(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    sign_again(path)


def sign_again(path: Path) -> None:
    archive.checksum_file(path).write_text(f"{archive.checksum(path)}  {path.name}\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (break_one_byte, "checksum differs"),
        (cut_off, "cannot be read"),
        (write_another_shape, "does not begin with the columns"),
        (lambda path: archive.checksum_file(path).unlink(), "no checksum beside it"),
        (lambda path: archive.checksum_file(path).write_text(""), "no checksum beside it"),
    ],
)
def test_a_file_that_is_not_whole_is_found_out(written: Path, damage: object, words: str) -> None:
    assert archive.verify(written) > 0
    damage(written)  # type: ignore[operator]
    with pytest.raises(ArchiveFault, match=words):
        archive.verify(written)


def test_a_file_that_was_exchanged_with_its_checksum_is_not_the_one_that_was_written(written: Path) -> None:
    before = archive.checksum(written)
    rows = gzip.decompress(written.read_bytes()).splitlines(keepends=True)
    written.write_bytes(gzip.compress(b"".join(rows[:-1])))
    sign_again(written)
    assert archive.verify(written) == len(rows) - 2
    with pytest.raises(ArchiveFault, match="checksum differs"):
        archive.verify(written, before)


def test_the_commands_list_read_and_verify(app: Flask, database: Engine, written: Path) -> None:
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO booking_archives (month, file, rows, sha256, digest)"
                " VALUES ('2019-08-01', :file, :rows, :sha256, '0')"
            ),
            {
                "file": written.name,
                "rows": sum(1 for _ in archive.read(written)),
                "sha256": archive.checksum(written),
            },
        )
    runner = app.test_cli_runner()
    assert written.name in runner.invoke(args=["archive", "list"]).output
    verified = runner.invoke(args=["archive", "verify", str(written)])
    assert (verified.exit_code, "as they were written" in verified.output) == (0, True)
    lines = runner.invoke(args=["archive", "read", str(written)]).output.splitlines()
    assert json.loads(lines[0])["issue_type"] == "broken_spring"
    rows = gzip.decompress(written.read_bytes()).splitlines(keepends=True)
    written.write_bytes(gzip.compress(b"".join(rows[:-1])))
    sign_again(written)
    assert runner.invoke(args=["archive", "verify", str(written)]).exit_code == 1
    write_another_shape(written)
    refused = runner.invoke(args=["archive", "read", str(written)])
    assert (refused.exit_code, "does not begin" in refused.output) == (1, True)
