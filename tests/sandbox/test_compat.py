"""What `make compat` needs and does not find, it names: nothing is left out unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOWHERE = {"A1_PGBOUNCER": "/nowhere/pgbouncer", "A1_OLDEST_BINDIR": "/nowhere"}


def compat(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox.compat", *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("only", "package"), [("pooler", "PgBouncer is missing. Type:  apt-get install -y pgbouncer"),
                          ("oldest", "PostgreSQL 15 is missing. Type:  apt-get install -y postgresql-15")],
)  # fmt: skip
def test_a_missing_package_is_named_with_its_command_and_nothing_runs(only: str, package: str) -> None:
    done = compat("--only", only, **NOWHERE)
    assert done.returncode == 2
    assert done.stderr.startswith(package)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_everything_missing_is_named_at_once() -> None:
    done = compat(**NOWHERE)
    assert done.returncode == 2
    assert [line.split(" is missing")[0] for line in done.stderr.splitlines()] == [
        "PgBouncer",
        "PostgreSQL 15",
    ]
