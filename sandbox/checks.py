"""What `./test` runs: the checks side by side, then every test on throw-away servers; pytest has the last word."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox import browser, test_servers

_CODE = ("app", "sandbox", "tests", "e2e", "bench", "migrations", "worker.py", "wsgi.py")
_CHECKS = (
    ("mypy", "-m", "mypy"),
    ("ruff", "-m", "ruff", "check", *_CODE),
    ("ruff format", "-m", "ruff", "format", "--check", *_CODE),
    ("import-linter", "-c", "from importlinter.cli import lint_imports_command as lint; lint()"),
    ("djlint", "-m", "djlint", "app/templates", "--lint"),
    ("djlint format", "-m", "djlint", "app/templates", "--check"),
)


@dataclass(frozen=True)
class Outcome:
    """How one check went."""

    name: str
    passed: bool
    seconds: float
    output: str


def main(arguments: list[str]) -> int:
    """Run everything, or with arguments only the tests that they select."""
    try:
        if not arguments or any(word.startswith("e2e") for word in arguments):
            os.environ["E2E_BROWSER_PATH"] = str(browser.find_or_install().path)
    except browser.BrowserMissing as error:
        print(error, file=sys.stderr)
        return 2
    if arguments:
        return test_servers.run([sys.executable, "-m", "pytest", *arguments])
    passed = run_checks()
    side_by_side = ["-n", str(max(2, min(os.cpu_count() or 2, 4))), "--dist", "loadgroup"]
    tested = test_servers.run([sys.executable, "-m", "pytest", *side_by_side, "tests", "e2e"])
    return tested or (0 if passed else 1)


def run_checks() -> bool:
    """Run the checks two at a time and print one line for each, with the reasons where one failed."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = pool.map(_check, _CHECKS)
        return all([_tell(outcome) for outcome in outcomes])  # noqa: C419  each is told about, also after a failure


def _check(check: tuple[str, ...]) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *check[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Outcome(check[0], done.returncode == 0, time.monotonic() - began, done.stdout)


def _tell(outcome: Outcome) -> bool:
    word = "passed" if outcome.passed else "FAILED"
    print(f"{outcome.name:15} {word} {outcome.seconds:6.1f} s", flush=True)
    if not outcome.passed:
        print(outcome.output, flush=True)
    return outcome.passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
