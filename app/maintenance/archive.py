"""Months of bookings as files: written without personal data, with a checksum beside them, and read back."""

import csv
import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

# Everything else of a booking stays out: who, which door, what was typed freely, click ids, the visit. A column that is
# added to the table has to be put into one of the two lists, or a test fails.
COLUMNS = (
    "id", "reference", "created_at", "status", "zip_code", "city", "state", "partner", "issue_type", "door_count",
    "homeowner_status", "owner_permission", "door_age", "preferred_time", "window_end", "booking_source", "locale",
    "fee_cents", "fee_text_version", "servicetitan_job_id", "visit_confirmed_at", "updated_at",
)  # fmt: skip
LEFT_OUT = frozenset({
    "customer_id", "service_area_id", "issue_note", "time_slot_id", "address_line1", "address_line2", "access_notes",
    "contact_first_name", "contact_last_name", "contact_email", "contact_phone", "contact_sms_opt_in", "attribution",
    "partner_id", "needs_attention", "version", "session_id", "upstream_slot_key", "upstream_since",
    "servicetitan_appointment_id", "upstream_status", "upstream_seen_at", "erased_at",
})  # fmt: skip
BLOCK = 1 << 20


class ArchiveFault(Exception):
    """A file is not what it should be; the message says why."""


@dataclass(frozen=True)
class Written:
    """A file that is complete and safe on the disk."""

    file: str
    rows: int
    sha256: str


def file_name(month: date) -> str:
    """Return the name of a month's file."""
    return f"bookings_{month:%Y_%m}.csv.gz"


def write(folder: Path, name: str, chunks: Iterable[bytes]) -> Written:
    """Write a month under its name at once or not at all, then its checksum; read it back before answering.

    The same rows make the same bytes, so that a run that was interrupted and begun again leaves nothing different.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def compress(path: Path) -> None:
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            for chunk in chunks:
                packed.write(chunk)

    put(folder / name, compress)
    sha256 = checksum(folder / name)
    put(checksum_file(folder / name), lambda path: path.write_text(f"{sha256}  {name}\n"))
    return Written(name, verify(folder / name), sha256)


def put(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file beside `path`, make it safe on the disk and give it its name."""
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    fill(draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def checksum_file(path: Path) -> Path:
    """Return where a file's checksum is, in the form that `sha256sum -c` reads."""
    return path.with_name(f"{path.name}.sha256")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path, expected: str | None = None) -> int:
    """Compare a file with its checksum and read it to the end; answer its rows. Raise ArchiveFault."""
    try:
        noted = checksum_file(path).read_text().split()[0]
        found = checksum(path)
    except (OSError, IndexError) as error:
        raise ArchiveFault(f"{path.name}: no file, or no checksum beside it") from error
    if found != noted or (expected is not None and found != expected):
        raise ArchiveFault(f"{path.name}: is not the file that was written (its checksum differs)")
    return sum(1 for _ in read(path))


def read(path: Path) -> Iterator[dict[str, str]]:
    """Yield a file's bookings, oldest first. Raise ArchiveFault for a file of another shape, or a broken one."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise ArchiveFault(f"{path.name}: does not begin with the columns of an archive")
            yield from rows
    except (OSError, EOFError, csv.Error, UnicodeDecodeError) as error:
        raise ArchiveFault(f"{path.name}: cannot be read: {type(error).__name__}") from error
