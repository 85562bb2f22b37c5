"""How long the commands take that keep years of data in order: the look at the invariants, retention, the reports' sums.

`python -m bench.upkeep --data FOLDER` takes what `bench.generate` made, and changes nothing there but the reports' own tables.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.scratch import environment, scratch_cluster
from bench.table import show
from sandbox import settings
from sandbox.stack import ROOT

COMMANDS = (
    ("the nightly look at 90 days", "integrity check"),
    ("all years looked at", "integrity check --all"),
    ("what retention would delete", "retention run --dry-run"),
    ("reports, nothing new", "reports refresh"),
    ("reports, all counted again", "reports rebuild"),
)


def main() -> int:
    """Run each command once and print how long it took; fail when one fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.upkeep", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that bench.generate filled")
    parser.add_argument("--only", default="", help="commands that begin with these words")
    options = parser.parse_args()
    with scratch_cluster(options.data.resolve()) as cluster:
        environ = settings.without_settings(os.environ) | environment(cluster)
        done = [
            (purpose, command, *timed(command, environ))
            for purpose, command in COMMANDS
            if command.startswith(options.only)
        ]
    rows = [
        (f"`flask {command}`", purpose, f"{took:.1f}", "0" if ok else "**1**")
        for purpose, command, took, ok in done
    ]
    show(("command", "what it does", "seconds", "exit code"), rows)
    return 0 if all(ok for *_, ok in done) else 1


def timed(command: str, environ: Mapping[str, str]) -> tuple[float, bool]:
    """Run a command of the product; return its seconds and whether it was content. What it prints goes to errors."""
    print(f"flask {command}", file=sys.stderr, flush=True)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *command.split()],
        env=dict(environ),
        cwd=ROOT,
        stdout=sys.stderr,
        check=False,
    )
    return time.monotonic() - began, done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
