"""P22: from a fresh copy of the repository to the first page, packages cached and packages installed."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.table import Figure, report
from sandbox import ports
from sandbox.stack import ROOT

PATIENCE = 300.0


def main() -> int:
    """Copy what is committed, start it twice."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="a1-bench-") as folder:
        Path(folder).chmod(
            0o755
        )  # or the servers, which run as somebody else, keep their files where nobody removes them
        copy = Path(folder) / "copy"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(copy)], check=True)
        cached, installed = first_page(copy), first_page(copy)
    return report(
        Figure(
            "P22 ./run to first page, packages cached",
            45,
            20,
            cached.page,
            " s",
            more_is_better=False,
            note=f"packages {cached.packages:.1f} s",
        ),
        Figure(
            "P22 ./run to first page, packages installed", 8, 4, installed.page, " s", more_is_better=False
        ),
    )


@dataclass(frozen=True)
class Start:
    """Seconds until the packages were there, and until the first page came."""

    packages: float
    page: float


def first_page(copy: Path) -> Start:
    """Start the copy, return when its first page came, and stop it."""
    port = ports.pick()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("A1_")}
    began = time.monotonic()
    process = subprocess.Popen(
        ["./run", "--port", str(port)],
        cwd=copy,
        env=environ,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    packages = 0.0
    try:
        while not shows_a_page(f"http://127.0.0.1:{port}/book"):
            assert process.poll() is None, "./run ended"
            assert time.monotonic() < began + PATIENCE, "no page came"
            if not packages and (copy / ".venv" / "installed.lock").exists():
                packages = time.monotonic() - began
            time.sleep(0.05)
        return Start(packages, time.monotonic() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def shows_a_page(url: str) -> bool:
    """Say whether the wizard's first step comes."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own server
            return b'data-step="zip"' in answer.read()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
