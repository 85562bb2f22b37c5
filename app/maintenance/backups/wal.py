"""The chain of WAL: sealed as it comes in, checked for holes, laid out again for a restore."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.maintenance.backups.sealed import SUFFIX, seal, unseal
from app.maintenance.backups.store import DamagedError, Store

SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
PARTIAL = ".partial"
SPACE = 1 << 32


@dataclass(frozen=True, order=True)
class Segment:
    """One stretch of WAL: its place in the chain, its timeline, and whether it is still being written."""

    number: int
    timeline: int
    partial: bool = False

    def name(self, size: int) -> str:
        """Return the file's name as PostgreSQL writes it."""
        high, low = divmod(self.number, SPACE // size)
        return f"{self.timeline:08X}{high:08X}{low:08X}{PARTIAL if self.partial else ''}"


def segment_of(name: str, size: int) -> Segment | None:
    """Read a file's name; nothing when it is none of a segment."""
    found = SEGMENT.fullmatch(name)
    if found is None:
        return None
    number = int(found[2], 16) * (SPACE // size) + int(found[3], 16)
    return Segment(number, int(found[1], 16), bool(found[4]))


def place(lsn: str) -> int:
    """Return a position in the WAL as a number."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def position(number: int) -> str:
    """Return a number as a position in the WAL."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def kept(store: Store, size: int) -> list[Segment]:
    """Return all segments that are sealed away, in order."""
    names = (path.name.removesuffix(SUFFIX) for path in store.wal.glob(f"*{SUFFIX}"))
    return sorted(found for name in names if (found := segment_of(name, size)))


def missing(segments: Iterable[Segment], first: Segment, last: int, size: int) -> list[str]:
    """Name the segments that are not there between the first and the number of the last one."""
    there = {segment.number: segment.timeline for segment in segments}
    names, timeline = [], first.timeline
    for number in range(first.number, last + 1):
        timeline = there.get(number, timeline)
        if number not in there:
            names.append(Segment(number, timeline).name(size))
    return names


def put_away(store: Store) -> int:
    """Seal every segment that was received whole, and forget the clear one; answer how many."""
    done = 0
    for path in sorted(store.spool.iterdir()):
        if not (HISTORY.fullmatch(path.name) or SEGMENT.fullmatch(path.name)) or path.suffix == PARTIAL:
            continue
        with path.open("rb") as source:
            seal(source, store.wal / f"{path.name}{SUFFIX}", store.key)
        (store.wal / f"{path.name}{PARTIAL}{SUFFIX}").unlink(missing_ok=True)
        path.unlink()
        done += 1
    return done


def put_away_partial(store: Store, since: float) -> float:
    """Seal what is there of the segment that is being written, if it changed since; answer when it last changed."""
    changed = since
    for path in store.spool.glob(f"*{PARTIAL}"):
        try:
            written = path.stat().st_mtime
            if written <= since:
                continue
            with path.open("rb") as source:
                seal(source, store.wal / f"{path.name}{SUFFIX}", store.key)
        except FileNotFoundError:
            continue  # it was completed just now, and is sealed whole next
        changed = max(changed, written)
    return changed


def lay_out(store: Store, first: Segment, into: Path, size: int) -> DamagedError | None:
    """Unseal the chain from its first segment into a folder, up to the first hole or damaged file; answer what that is.

    The last segment is mostly unfinished: it goes under the name that recovery asks for.
    """
    into.mkdir(mode=0o700)
    for path in sorted(store.wal.glob(f"*.history{SUFFIX}")):
        write_out(store, path, into / path.name.removesuffix(SUFFIX))
    chain = [segment for segment in kept(store, size) if segment.number >= first.number]
    whole = {(segment.number, segment.timeline) for segment in chain if not segment.partial}
    expected = first.number
    for segment in chain:
        if segment.partial and (segment.number, segment.timeline) in whole:
            continue
        if segment.number > expected:
            break
        name = segment.name(size)
        try:
            write_out(store, store.wal / f"{name}{SUFFIX}", into / name.removesuffix(PARTIAL))
        except DamagedError as error:
            (into / name.removesuffix(PARTIAL)).unlink(missing_ok=True)
            return error
        expected = segment.number + 1
    holes = missing(chain, first, max((segment.number for segment in chain), default=first.number), size)
    return (
        DamagedError(f"missing: {', '.join(f'wal/{name}{SUFFIX}' for name in holes[:5])}") if holes else None
    )


def write_out(store: Store, sealed: Path, target: Path) -> None:
    """Unseal one file."""
    with target.open("wb") as file:
        unseal(sealed, file, store.key)


def forget_before(store: Store, number: int, size: int) -> int:
    """Delete segments that no backup needs any more; answer how many."""
    old = [segment for segment in kept(store, size) if segment.number < number]
    for segment in old:
        (store.wal / f"{segment.name(size)}{SUFFIX}").unlink()
    return len(old)
