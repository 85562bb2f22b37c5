"""Where servers keep their files: `.local`, or a folder of the system's where an unprivileged user cannot reach it."""

import shutil
import tempfile
from pathlib import Path

from sandbox.account import Account

_PREFIX = "a1-garage-"


def server_home(local: Path, account: Account, *, lasting: bool = True) -> Path:
    """Give the folder for the servers' files; `<local>/data` points to it where it had to be put elsewhere."""
    pointer = local / "data"
    if pointer.is_file() and (known := Path(pointer.read_text(encoding="utf-8").strip())).is_dir():
        return known
    if not account.change:
        return local
    local.chmod(0o711)  # enough to pass through; the files inside keep their own modes
    if account.can("/bin/sh", "-c", 'cd "$0"', str(local)):
        return local
    elsewhere = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_lasting_folder() if lasting else None))
    account.own(elsewhere)
    pointer.write_text(f"{elsewhere}\n", encoding="utf-8")
    return elsewhere


def erase(local: Path, keep: frozenset[str]) -> None:
    """Remove everything a run left behind, the folder its pointer names included."""
    pointer = local / "data"
    if pointer.is_file():
        elsewhere = Path(pointer.read_text(encoding="utf-8").strip())
        if elsewhere.name.startswith(_PREFIX):
            shutil.rmtree(elsewhere, ignore_errors=True)
    for path in local.iterdir():
        if path.name in keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lasting_folder() -> str | None:
    """Name a folder that outlives a restart of the machine; None leaves the choice to Python."""
    return next((name for name in ("/var/lib", "/var/tmp") if Path(name).is_dir()), None)  # noqa: S108  a new private folder is made in it
