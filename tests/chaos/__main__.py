"""Run the chaos and print its figures as Markdown: `python -m tests.chaos --seed 1 --bookings 1000 --faults 200`."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import chapters, controls, headline, verdict
from tests.chaos.product import running_product
from tests.chaos.verdict import Figure

RESERVED = 420.0  # seconds kept for what runs after the scenarios
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
    parser.add_argument("--pace", type=float, default=1.5, help="seconds between two faults")
    parser.add_argument("--only", nargs="*", help=f"some of: {', '.join([*ALONE, *chapters.SCENARIOS])}")
    parser.add_argument("--minutes", type=float, default=40.0, help="no further part begins after that")
    parser.add_argument("--small", action="store_true", help="the sizes that ./test runs")
    return parser.parse_args()


def parts(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Figure]]]:
    """Run part by part."""
    ends = time.monotonic() + options.minutes * 60
    wanted = options.only or [*ALONE, *chapters.SCENARIOS]
    if "headline" in wanted:
        for seed in options.seed:
            size = headline.Size(options.bookings, options.faults, seed, pace=options.pace)
            with running_product(folder / f"seed-{seed}", JOB_LEASE_SECONDS=str(options.lease)) as product:
                figures = headline.run(product, size)
            yield f"{size.bookings} people, {size.faults} faults, seed {seed}", figures
    names = [name for name in chapters.SCENARIOS if name in wanted]
    if names:
        scale = chapters.SMALL if options.small else chapters.FULL
        yield from chapters.all_of(folder, names, scale, ends - RESERVED)
    if "hostile" in wanted:
        yield "hostile requests", [pytest_run("tests/chaos/test_hostile.py", CHAOS_REQUESTS="20000")]
    if "controls" in wanted:
        yield "negative controls", controls.run(folder / "controls")
    if "contract" in wanted:
        left = str(max(60, int(ends - time.monotonic())))
        sizes = {"CHAOS_EXAMPLES": "2000", "CHAOS_STEPS": "50", "CHAOS_SECONDS": left}
        yield "state machine", [pytest_run("tests/chaos/test_contract.py", **sizes)]


def pytest_run(path: str, **sizes: str) -> Figure:
    """Run a test at another size than usual, in a process of its own; one figure says how it went."""
    began = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "pytest",
        path,
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "--show-capture=no",
    ]
    done = subprocess.run(command, env=os.environ | sizes, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-8000:])
    counted = "".join(f", {found}" for found in re.findall(r"^histories: \d+", done.stdout, re.MULTILINE))
    words = " ".join(f"{name.lower().removeprefix('chaos_')} {value}" for name, value in sizes.items())
    return verdict.exactly(
        f"{words}{counted}, in {time.monotonic() - began:.0f} s",
        "passed" if done.returncode == 0 else "failed",
        "passed",
    )


if __name__ == "__main__":
    sys.exit(main())
