"""Whom we erased, by keyed hash: in the database, and in a file beside the backups, so that a restore forgets them again."""

import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.maintenance.privacy.erasing import Erased, erase_with_visits, suppress
from app.maintenance.privacy.person import Person, Tools

FILE = "erasures.jsonl"
BATCH = 10_000

ADD = text(
    "INSERT INTO erasure_log (email_hash, phone_hashes, actor) VALUES (:email_hash, CAST(:phone_hashes AS bytea[]), :actor)"
    " RETURNING id, at"
)
PUT_BACK = text(
    "INSERT INTO erasure_log (id, email_hash, phone_hashes, at, actor)"
    " VALUES (:id, :email_hash, CAST(:phone_hashes AS bytea[]), :at, :actor) ON CONFLICT (id) DO NOTHING"
)
READ = text("SELECT id, email_hash, phone_hashes, at, actor FROM erasure_log ORDER BY at, id")
LAST = text("SELECT max(at) FROM erasure_log WHERE email_hash = :hash")
LONG = text("SET LOCAL statement_timeout = '300s'")
# Every address and number in the database that an erasure could be about. A booking's address is its customer's.
EMAILS = text(
    "SELECT email FROM customers WHERE erased_at IS NULL"
    " UNION ALL SELECT lower(btrim(email)) FROM leads WHERE email IS NOT NULL"
    " UNION ALL SELECT lower(btrim(answers ->> 'email')) FROM wizard_sessions WHERE answers ? 'email'"
)
PHONES = text(
    "SELECT phone FROM leads WHERE email IS NULL AND phone IS NOT NULL"
    " UNION ALL SELECT answers ->> 'phone' FROM wizard_sessions WHERE answers ? 'phone' AND NOT answers ? 'email'"
)


@dataclass(frozen=True)
class Entry:
    """One erasure. Hashes only: the log must not be a list of the people it forgot."""

    id: uuid.UUID
    email_hash: bytes
    phone_hashes: tuple[bytes, ...]
    at: datetime
    actor: str

    def to_line(self) -> str:
        """Return the entry as a line of the file."""
        return json.dumps(
            {
                "id": str(self.id),
                "email_hash": self.email_hash.hex(),
                "phone_hashes": [hashed.hex() for hashed in self.phone_hashes],
                "at": self.at.isoformat(),
                "actor": self.actor,
            }
        )


def entry_of(line: str) -> Entry:
    """Read a line of the file."""
    data = json.loads(line)
    return Entry(
        uuid.UUID(data["id"]),
        bytes.fromhex(data["email_hash"]),
        tuple(bytes.fromhex(hashed) for hashed in data["phone_hashes"]),
        datetime.fromisoformat(data["at"]),
        str(data["actor"]),
    )


def add(session: Session, erased: Erased, actor: str) -> Entry | None:
    """Write an erasure down; one that found nothing leaves no line."""
    if erased.email_hash is None or erased.is_nothing:
        return None
    values = {"email_hash": erased.email_hash, "phone_hashes": list(erased.phone_hashes), "actor": actor}
    row = session.execute(ADD, values).one()
    return Entry(row.id, erased.email_hash, erased.phone_hashes, row.at, actor)


def last(session: Session, email_hash: bytes) -> datetime | None:
    """Return when this address was erased last."""
    at: datetime | None = session.execute(LAST, {"hash": email_hash}).scalar_one()
    return at


def read(session: Session) -> list[Entry]:
    """Return all erasures that the database knows of."""
    return [
        Entry(row.id, bytes(row.email_hash), tuple(map(bytes, row.phone_hashes)), row.at, row.actor)
        for row in session.execute(READ)
    ]


def read_file(folder: Path) -> list[Entry]:
    """Return all erasures of the file; a last line that a crash cut off was never committed."""
    path = folder / FILE
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    return [entry_of(line) for line in lines[:-1] if line]


def append(folder: Path, entries: Iterable[Entry]) -> int:
    """Write entries that the file lacks, each safe on the disk before this returns; answer how many.

    Called before the commit: a line too many forgets somebody who asked for it, a line too few would remember them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {entry.id for entry in read_file(folder)}
    lines = [entry.to_line() + "\n" for entry in entries if entry.id not in known]
    if lines:
        with (folder / FILE).open("r+" if (folder / FILE).exists() else "w+") as file:
            cut_broken_end(file.fileno())
            file.seek(0, os.SEEK_END)
            file.write("".join(lines))
            file.flush()
            os.fsync(file.fileno())
    return len(lines)


def cut_broken_end(file: int) -> None:
    """Remove the part of a line that a crash left at the end."""
    size = os.fstat(file).st_size
    content = os.pread(file, size, 0)
    os.ftruncate(file, content.rfind(b"\n") + 1)


def reapply(session: Session, entries: Sequence[Entry], tools: Tools) -> Mapping[str, int]:
    """Erase again, in a database restored from before, everybody whom the log names; answer rows by table.

    Only what was written before each erasure goes: whoever came back later stays. May run any number of times.
    """
    rows: dict[str, int] = {}
    latest = {entry.email_hash: entry for entry in sorted(entries, key=lambda entry: entry.at)}
    phones = {hashed: entry for entry in latest.values() for hashed in entry.phone_hashes}
    known = [
        Person(email, until=entry.at) for email, entry in matches(session, EMAILS, tools.email_hash, latest)
    ]
    known += [
        Person(None, frozenset({phone}), entry.at)
        for phone, entry in matches(session, PHONES, tools.phone_hash, phones)
    ]
    for person in known:
        for table, changed in erase_with_visits(session, person, tools).rows.items():
            rows[table] = rows.get(table, 0) + changed
    for entry in entries:
        session.execute(PUT_BACK, vars(entry) | {"phone_hashes": list(entry.phone_hashes)})
        suppress(session, entry.email_hash, entry.phone_hashes, tools.actor)
    return rows


def matches(
    session: Session, query: TextClause, hash_of: Callable[[str], bytes], wanted: Mapping[bytes, Entry]
) -> list[tuple[str, Entry]]:
    """Return each value of a query whose hash is wanted; read in batches, for there may be millions."""
    if not wanted:
        return []
    session.execute(LONG)
    values = session.execute(query, execution_options={"yield_per": BATCH}).scalars()
    hashed = ((value, hash_of(value)) for value in values if value)
    return list({value: wanted[found] for value, found in hashed if found in wanted}.items())
