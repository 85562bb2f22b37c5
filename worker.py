"""The processes that deliver: `worker.py dispatcher`, `worker.py worker QUEUE`, or all of them with `worker.py` alone.

Whoever supervises a worker starts it again when it was killed; `worker.py` alone does that for its own children. Nothing is
lost on the way: the rows of queue_jobs are the queue, Redis only wakes workers up.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time

from app import log
from app.config import SettingsError, load_settings
from app.jobs import dispatcher, entry, killpoint, queue_worker
from app.jobs.doorbell import Doorbell
from app.jobs.process import open_process
from app.log import log as logger
from app.outbox import QUEUES
from app.pooling import Client
from app.providers.ports import ProviderError

RESTART_AFTER = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Run the role named on the command line."""
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__)
    roles = parser.add_subparsers(dest="role")
    roles.add_parser("dispatcher", help="hand due jobs to the workers and run periodic tasks")
    worker = roles.add_parser("worker", help="do the jobs of one queue")
    worker.add_argument("queue", choices=QUEUES)
    parser.add_argument("--tied", action="store_true", help="end when standard input ends")
    chosen = parser.parse_args(arguments)
    log.configure()
    if chosen.tied:
        threading.Thread(target=end_with_parent, name="tied", daemon=True).start()
    if chosen.role is None:
        return run_all()
    try:
        return run_dispatcher() if chosen.role == "dispatcher" else run_worker(chosen.queue)
    except (SettingsError, ProviderError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run_dispatcher() -> int:
    """Dispatch until a signal comes."""
    process = open_process(load_settings(os.environ), Client.DISPATCHER)
    logger.info("dispatcher_started")
    doorbell = Doorbell(process.settings.redis_url, job_timeout(process.lease_seconds))
    dispatcher.run_for_ever(process, doorbell, stop_on_signals())
    return 0


def run_worker(queue: str) -> int:
    """Work on one queue until a signal comes."""
    settings = load_settings(os.environ)
    killpoint.arm(os.environ, is_production=settings.is_production)
    process = killpoint.watch(open_process(settings))
    entry.use(process)
    logger.info("worker_started", queue=queue)
    queue_worker.work(process.settings.redis_url, queue)
    return 0


def job_timeout(lease_seconds: int) -> int:
    """Return how long a job may run: two thirds of its lease, so that it ends before somebody else may begin."""
    return max(1, lease_seconds * 2 // 3)


def run_all() -> int:
    """Run one process for each role and start again what ends."""
    stop = stop_on_signals()
    roles = [["dispatcher"], *(["worker", queue] for queue in QUEUES)]
    children = [start(role) for role in roles]
    while not stop.wait(RESTART_AFTER):
        for number, child in enumerate(children):
            if child.poll() is not None:
                logger.warning("restart", role=" ".join(roles[number]), code=child.returncode)
                children[number] = start(roles[number])
    for child in children:
        child.terminate()
    deadline = time.monotonic() + 20
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    return 0


def start(role: list[str]) -> subprocess.Popen[bytes]:
    """Start this file again in one role, tied to this process: it ends even when this one is killed."""
    return subprocess.Popen([sys.executable, __file__, "--tied", *role], stdin=subprocess.PIPE)


def end_with_parent() -> None:
    """Wait until whoever started us is gone, then stop in order."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main())
