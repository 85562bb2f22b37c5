"""Run the chaos and print its figures as Markdown: `python -m tests.chaos --seed 1 --bookings 1000 --faults 200`."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import chapters, controls, headline, verdict
from tests.chaos.verdict import Figure

ALONE = ("headline", "contract", "hostile", "controls")


def main() -> int:
    """Run what was asked for; the exit code says whether every figure was met."""
    options = parse()
    good = True
    with tempfile.TemporaryDirectory(prefix="a1-chaos-") as folder:
        began = time.monotonic()
        for title, figures in parts(options, Path(folder)):
            good = good and all(figure.good for figure in figures)
            print(verdict.table(f"{title} ({time.monotonic() - began:.0f} s)", figures), flush=True)
            began = time.monotonic()
    return 0 if good else 1


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="*", default=[1, 2, 3], help="seeds of the headline run")
    parser.add_argument("--bookings", type=int, default=1000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--lease", type=int, default=24, help="JOB_LEASE_SECONDS of the headline run")
    parser.add_argument("--pace", type=float, default=1.2, help="seconds between two faults")
    parser.add_argument("--only", nargs="*", help=f"some of: {', '.join([*ALONE, *chapters.SCENARIOS])}")
    parser.add_argument("--small", action="store_true", help="the sizes that ./test runs")
    return parser.parse_args()


def parts(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Figure]]]:
    """Run part by part."""
    wanted = options.only or [*ALONE, *chapters.SCENARIOS]
    if "headline" in wanted:
        for seed in options.seed:
            size = headline.Size(
                options.bookings, options.faults, seed, lease=options.lease, pace=options.pace
            )
            yield (
                f"{size.bookings} people, {size.faults} faults, seed {seed}",
                headline.run(folder / f"seed-{seed}", size),
            )
    names = [name for name in chapters.SCENARIOS if name in wanted]
    if names:
        yield from chapters.shared(folder, names, chapters.SMALL if options.small else chapters.FULL)
    if "contract" in wanted:
        yield (
            "state machine",
            [pytest_run("tests/chaos/test_contract.py", CHAOS_EXAMPLES="2000", CHAOS_STEPS="50")],
        )
    if "hostile" in wanted:
        yield "hostile requests", [pytest_run("tests/chaos/test_hostile.py", CHAOS_REQUESTS="20000")]
    if "controls" in wanted:
        yield "negative controls", controls.run(folder / "controls")


def pytest_run(path: str, **sizes: str) -> Figure:
    """Run a test at another size than usual, in a process of its own; one figure says how it went."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", path, "-q", "-p", "no:cacheprovider", "--show-capture=no"]
    done = subprocess.run(command, env=os.environ | sizes, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-8000:])
    words = " ".join(f"{name.lower().removeprefix('chaos_')} {value}" for name, value in sizes.items())
    return verdict.exactly(
        f"{words}, in {time.monotonic() - began:.0f} s",
        "passed" if done.returncode == 0 else "failed",
        "passed",
    )


if __name__ == "__main__":
    sys.exit(main())
