"""Serve the simulator on this machine: `python -m sandbox.providers --port 8100`."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from werkzeug.serving import make_server

from sandbox.providers.application import create_app
from sandbox.providers.config import load_config
from sandbox.providers.shelf import Shelf
from sandbox.providers.twilio_delivery import resume


def main() -> int:
    """Read the arguments and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.providers", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=8100, help="port on 127.0.0.1; 0 takes a free one (default 8100)"
    )
    port = parser.parse_args().port
    try:
        config = load_config(os.environ)
    except ValueError as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        app = create_app(config)
        server = make_server("127.0.0.1", port, app, threaded=True)
    except OSError as error:
        sys.stderr.write(f"simulator: port {port}: {error.strerror}\n")
        return 1
    signal.signal(signal.SIGTERM, _stop)
    shelf = Shelf(app.extensions["world"], Path(config.sim_state)) if config.sim_state else None
    if shelf is not None:
        shelf.load()
        shelf.keep_saving()
        resume(app.extensions["world"])
    sys.stdout.write(f"simulator: http://127.0.0.1:{server.port}/\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    if shelf is not None:
        shelf.save()
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
