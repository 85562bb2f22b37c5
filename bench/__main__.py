"""All measured promises one after the other; with `--data`, also those that need years of data."""

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.stack import ROOT

BENCHES = ("step", "submit", "walk", "one_slot", "swap", "worker", "start")
ON_DATA = ("scale", "reports", "upkeep")


def main() -> int:
    """Run each in a process of its own, and name those whose floor is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder that bench.generate filled")
    options = parser.parse_args()
    runs = [[name] for name in BENCHES]
    if options.data:
        runs += [[name, "--data", str(options.data.resolve())] for name in ON_DATA]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {processor()}\n", flush=True)
    missed = [name for name, *rest in runs if run(name, *rest) != 0]
    print(f"Floors missed: {', '.join(missed)}" if missed else "Every floor is kept.")
    return 1 if missed else 0


def run(name: str, *arguments: str) -> int:
    """Run one bench."""
    print(f"### {name}\n", flush=True)
    return subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments], cwd=ROOT, check=False
    ).returncode


def processor() -> str:
    """Return what this machine calls its processors."""
    found = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{len(found)} x {found[0]}" if found else "unknown processors"


if __name__ == "__main__":
    sys.exit(main())
