"""A Chromium for the browser tests: the first one found, otherwise installed; never skipped in silence."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
_MAC_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_PLAYWRIGHT_BUILDS = (
    "chromium-*/chrome-*/chrome",
    "chromium-*/chrome-*/Chromium.app/Contents/MacOS/Chromium",
    "chromium_headless_shell-*/*/headless_shell",
    "chromium_headless_shell-*/*/chrome-headless-shell",
)
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
)


class BrowserMissing(RuntimeError):
    """No browser is here and none could be installed; the message is the one command to type."""


@dataclass(frozen=True)
class Browser:
    """A browser's program and the arguments to launch it with."""

    path: Path
    arguments: tuple[str, ...]


def find_or_install() -> Browser:
    """Give a browser that runs, installed if there is none."""
    path = _find() or _install_playwright_build() or _install_debian_package()
    if path is None:
        raise BrowserMissing(
            "The browser tests need Chromium. Type:  sudo apt-get install -y chromium   "
            "(or set E2E_BROWSER_PATH to a Chromium, Chrome or Edge)"
        )
    arguments = ("--no-sandbox", *_QUIET) if os.geteuid() == 0 else _QUIET  # its sandbox refuses root
    return Browser(path, arguments)


def _find() -> Path | None:
    return next((path for path in _candidates() if _runs(path)), None)


def _candidates() -> Iterator[Path]:
    """List the places to look, the caller's choice first."""
    if chosen := os.environ.get("E2E_BROWSER_PATH"):
        yield Path(chosen)
        return
    for pattern in _PLAYWRIGHT_BUILDS:
        yield from sorted(_playwright_folder().glob(pattern), reverse=True)
    yield from (Path(found) for name in _NAMES if (found := shutil.which(name)))
    yield from map(Path, _MAC_APPS)


def _playwright_folder() -> Path:
    if chosen := os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(chosen)
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / caches / "ms-playwright"


def _runs(path: Path) -> bool:
    """Tell whether the program starts: a build may lack libraries, and Ubuntu's package is a stub."""
    return path.is_file() and _succeeds(str(path), "--version")


def _install_playwright_build() -> Path | None:
    if os.environ.get("E2E_BROWSER_PATH"):
        return None
    print("Installing a browser for the tests", file=sys.stderr, flush=True)
    done = _succeeds(sys.executable, "-m", "playwright", "install", "--only-shell", "chromium", seconds=300)
    return _find() if done else None


def _install_debian_package() -> Path | None:
    if os.environ.get("E2E_BROWSER_PATH") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    if not _succeeds(*install, seconds=600):
        _succeeds("apt-get", "update", "-qq", seconds=300)
        _succeeds(*install, seconds=600)
    return _find()


def _succeeds(*command: str, seconds: float = 30) -> bool:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main() -> int:
    """Print the browser's path, or the one line that says what is missing and code 2."""
    try:
        print(find_or_install().path)
    except BrowserMissing as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
