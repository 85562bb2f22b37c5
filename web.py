"""The web server: `web.py`, or `web.py --port 8001`. Whatever granian's command line knows may follow, and wins.

The application is loaded once and then forked: its processes share that memory, and a new one starts at once.
"""

import gc
import sys
from importlib import import_module

from granian.cli import cli

from app.web import warm

PRODUCT = "wsgi:app"
OPTIONS = (
    "--interface wsgi --host 127.0.0.1 --port 8000 --workers 2 --blocking-threads 4 --no-ws --respawn-failed-workers"
    " --workers-kill-timeout 5"
)


def main(arguments: list[str]) -> None:
    """Serve the product, or the application named first, until told to stop."""
    named = arguments[:1] if ":" in "".join(arguments[:1]) else []
    (target,) = named or [PRODUCT]
    module, _, name = target.partition(":")
    app = getattr(import_module(module), name)
    if target == PRODUCT:
        warm.up(app)
    gc.collect()
    gc.freeze()  # a collection that looked at these objects would copy their pages in every process
    cli.main([*OPTIONS.split(), *arguments[len(named) :], target], auto_envvar_prefix="GRANIAN")


if __name__ == "__main__":
    main(sys.argv[1:])
