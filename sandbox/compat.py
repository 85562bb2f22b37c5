"""What `make compat` runs: every test again where other people's servers differ from the embedded one.

Once through PgBouncer in transaction mode, once on PostgreSQL 15. What is missing is named before anything runs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox import pgbouncer
from sandbox.binaries import ProgramMissing

_OLDEST = 15
_PLACES = (
    f"/usr/lib/postgresql/{_OLDEST}/bin",
    f"/usr/pgsql-{_OLDEST}/bin",
    f"/opt/homebrew/opt/postgresql@{_OLDEST}/bin",
)
_TESTS = ("tests", "--ignore=tests/chaos")
# Only these need a pooler; all others must not notice it.
_POOLED = ("tests/through_pgbouncer.py", "tests/faults/pooled_failover.py")
_LIMIT = 3600


@dataclass(frozen=True)
class Ground:
    """One kind of server to test on."""

    name: str
    environ: dict[str, str]
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How the tests went on it."""

    ground: Ground
    code: int
    seconds: float
    summary: str


def main(arguments: list[str]) -> int:
    """Run the tests on each ground in turn and print one table; 2 when a package is missing."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.compat", description=__doc__)
    parser.add_argument("--only", choices=("pooler", "oldest"))
    parser.add_argument("--processes", type=int, default=2, help="how many tests run side by side")
    chosen, selected = parser.parse_known_args(arguments)
    missing, grounds = look_around(chosen.only)
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 2
    outcomes = [run(ground, selected, chosen.processes) for ground in grounds]
    print("\n| on | result | seconds |\n|---|---|---|")
    for outcome in outcomes:
        word = "passed" if outcome.code == 0 else "FAILED"
        print(f"| {outcome.ground.name} | {word}: {outcome.summary} | {outcome.seconds:.0f} |")
    return max(outcome.code != 0 for outcome in outcomes)


def look_around(only: str | None) -> tuple[list[str], list[Ground]]:
    """Find the servers that are wanted; name those that are not installed, each with the command that installs it."""
    missing, grounds = [], []
    for name, find in (("pooler", pooler), ("oldest", oldest)):
        if only in {None, name}:
            try:
                grounds.append(find())
            except ProgramMissing as error:
                missing.append(str(error))
    return missing, grounds


def pooler() -> Ground:
    """The embedded server behind PgBouncer."""
    done = subprocess.run([pgbouncer.find(), "--version"], capture_output=True, text=True, check=True)
    version = done.stdout.splitlines()[0]
    return Ground(f"{version}, transaction mode, embedded PostgreSQL", {"A1_POOLER": "1"}, _POOLED)


def oldest() -> Ground:
    """The oldest server that is supported."""
    named = os.environ.get("A1_OLDEST_BINDIR")
    places = (named,) if named else _PLACES
    found = next((place for place in places if (Path(place) / "postgres").exists()), None)
    if found is None:
        raise ProgramMissing(
            f"PostgreSQL {_OLDEST} is missing. Type:  apt-get install -y postgresql-{_OLDEST}  (or name its programs' "
            "folder in A1_OLDEST_BINDIR)"
        )
    done = subprocess.run([f"{found}/postgres", "--version"], capture_output=True, text=True, check=True)
    return Ground(done.stdout.strip(), {"A1_POSTGRES_BINDIR": found})


def run(ground: Ground, selected: list[str], processes: int) -> Outcome:
    """Run pytest on servers of that kind, its output shown as it comes."""
    print(f"\n== {ground.name}", flush=True)
    spread = ["-n", str(processes), "--dist", "loadgroup"] if processes > 1 else []
    command = [
        sys.executable,
        "-m",
        "sandbox.test_servers",
        "--",
        "pytest",
        *spread,
        *(selected or (*_TESTS, *ground.extra)),
    ]
    began, summary = time.monotonic(), "no summary"
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", **ground.environ}
    timed = [shutil.which("timeout") or "timeout", "--kill-after=30", str(_LIMIT), *command]
    with subprocess.Popen(timed, env=environ, stdout=subprocess.PIPE, text=True) as tests:
        for line in tests.stdout or ():
            print(line, end="", flush=True)
            if " passed" in line or " failed" in line or " error" in line:
                summary = line.strip(" =\n")
    return Outcome(ground, tests.returncode, time.monotonic() - began, summary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
