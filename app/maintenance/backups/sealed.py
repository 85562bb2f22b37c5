"""Files that only the key opens: compressed with Zstandard, then sealed with age, in one pass and never in clear on the disk.

age seals in pieces of 64 KB, each proven before it is given out, and knows its last one: what was changed, swapped or cut
off is noticed. The `age` and `zstd` programs open the same files.
"""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyrage

from app.maintenance.backups.store import DamagedError, identity, safe_on_disk

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".zst.age"
BLOCK = 1 << 20
QUICK = 1  # Zstandard's level: more costs more time than the disk does


class Source(Protocol):
    """What can be read."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, none at the end."""


class Target(Protocol):
    """What can be written to."""

    def write(self, piece: bytes, /) -> object:
        """Take some bytes."""


@dataclass(frozen=True)
class Seal:
    """What a sealed file must look like: its size, its SHA-256, and how much was in it."""

    size: int
    sha256: str
    contained: int


class Packing:
    """Reads a stream and gives it out compressed."""

    def __init__(self, source: Source) -> None:
        self.contained = 0
        self._source = source
        self._zip = zstd.ZstdCompressor(level=QUICK)
        self._ready = bytearray()
        self._over = False

    def read(self, size: int) -> bytes:
        """Return up to so many compressed bytes."""
        while not self._ready and not self._over:
            piece = self._source.read(BLOCK)
            self.contained += len(piece)
            self._over = not piece
            self._ready += self._zip.compress(piece) if piece else self._zip.flush()
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given


class Unpacking:
    """Takes a compressed stream and hands it on in clear."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._zip = zstd.ZstdDecompressor()

    def write(self, piece: bytes) -> int:
        """Hand on what the piece holds."""
        self._target.write(self._zip.decompress(piece))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: all was handed on."""

    @property
    def is_whole(self) -> bool:
        """Say whether the end was reached."""
        return bool(self._zip.eof)


class Counting:
    """Passes bytes through and takes their sum."""

    def __init__(self, inner: Source | Target) -> None:
        self.size = 0
        self.sum = hashlib.sha256()
        self._inner = inner

    def read(self, size: int) -> bytes:
        """Read and count."""
        piece: bytes = self._inner.read(size)  # type: ignore[union-attr]  # made with a Source by whoever reads
        self._count(piece)
        return piece

    def write(self, piece: bytes) -> int:
        """Count and write."""
        self._count(piece)
        self._inner.write(piece)  # type: ignore[union-attr]  # made with a Target by whoever writes
        return len(piece)

    def flush(self) -> None:
        """Do nothing: the file is flushed by its owner."""

    def _count(self, piece: bytes) -> None:
        self.size += len(piece)
        self.sum.update(piece)


def seal(source: Source, target: Path, key: str) -> Seal:
    """Write a stream into a sealed file; the file appears under its name when it is whole and safe on the disk."""
    part = target.with_name(f"{target.name}.part")
    packing = Packing(source)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        counting = Counting(file)
        pyrage.encrypt_io(packing, counting, [identity(key).to_public()])
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    safe_on_disk(target)
    return Seal(counting.size, counting.sum.hexdigest(), packing.contained)


def unseal(path: Path, target: Target, key: str, *, sha256: str | None = None) -> None:
    """Hand a sealed file's content to `target`. Raise DamagedError, which names the file, when it is not what was written."""
    unpacking = Unpacking(target)
    try:
        with path.open("rb") as file:
            counting = Counting(file)
            pyrage.decrypt_io(counting, unpacking, [identity(key)])
    except FileNotFoundError as error:
        raise DamagedError(f"missing: {path.name}") from error
    except (pyrage.DecryptError, zstd.ZstdError, OSError) as error:
        raise DamagedError(f"damaged: {path.parent.name}/{path.name} ({error})") from error
    if not unpacking.is_whole or (sha256 and counting.sum.hexdigest() != sha256):
        raise DamagedError(f"damaged: {path.parent.name}/{path.name} (not what was written)")
