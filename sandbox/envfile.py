"""Settings in shell syntax, so that any tool can attach to running processes with `. .local/env`."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def render(settings: Mapping[str, str]) -> str:
    """Write one NAME='value' a line, sorted, quoted for a POSIX shell."""
    for name in settings:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an environment variable")
    return "".join(f"{name}={shlex.quote(settings[name])}\n" for name in sorted(settings))


def parse(text: str) -> dict[str, str]:
    """Read back what `render` wrote."""
    pairs = (word.split("=", 1) for word in shlex.split(text) if "=" in word)
    return dict((name, value) for name, value in pairs)  # noqa: C402  mypy needs the two names


def read(path: Path) -> dict[str, str]:
    """Read a file of settings; none gives none."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def write(path: Path, settings: Mapping[str, str]) -> None:
    """Replace the file in one step, readable by its owner alone."""
    write_private(path, render(settings))


def write_private(path: Path, text: str) -> None:
    """Replace a file that holds secrets: never half written, readable by the owner of its folder alone."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        if os.geteuid() == 0:  # root may be looking after a folder of someone else's
            os.fchown(file.fileno(), path.parent.stat().st_uid, path.parent.stat().st_gid)
    part.replace(path)
