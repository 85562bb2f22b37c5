"""Everything that can break in one run: each fault by its name, done to a running product."""

import random
import signal
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from tests.chaos.product import WORKERS, Product
from tests.chaos.proxy import Mode


class Fault(StrEnum):
    """What goes wrong."""

    WORKER_KILLED = "worker kill -9"
    DISPATCHER_KILLED = "dispatcher kill -9"
    WEB_WORKER_KILLED = "web worker kill -9"
    WEB_KILLED = "web server kill -9"
    VALKEY_WIPED = "Valkey wiped"
    WORKER_FROZEN = "worker frozen 2-5 s"
    DISPATCHER_FROZEN = "dispatcher frozen 2-5 s"
    VALKEY_FROZEN = "Valkey frozen 2-5 s"
    POSTGRES_FAST = "PostgreSQL restart (fast)"
    POSTGRES_IMMEDIATE = "PostgreSQL restart (immediate)"
    DATABASE_CUT = "database connections cut"
    DATABASE_SLOW = "database slow 1 s"
    COMMIT_REPLY_LOST = "COMMIT answered into the void"
    PROVIDERS_CUT = "provider connections cut"
    PROVIDERS_SILENT = "providers silent 2 s"
    PROVIDERS_GONE = "providers refuse 2 s"


# How often each comes up in a schedule: what costs everyone a second is rarer than what hits one process.
WEIGHTS = {
    Fault.WORKER_KILLED: 24, Fault.DISPATCHER_KILLED: 8, Fault.WEB_WORKER_KILLED: 10, Fault.WEB_KILLED: 2,
    Fault.VALKEY_WIPED: 8, Fault.WORKER_FROZEN: 8, Fault.DISPATCHER_FROZEN: 3, Fault.VALKEY_FROZEN: 3,
    Fault.POSTGRES_FAST: 4, Fault.POSTGRES_IMMEDIATE: 4, Fault.DATABASE_CUT: 6, Fault.DATABASE_SLOW: 3,
    Fault.COMMIT_REPLY_LOST: 9, Fault.PROVIDERS_CUT: 5, Fault.PROVIDERS_SILENT: 3, Fault.PROVIDERS_GONE: 3,
}  # fmt: skip


def inflict(product: Product, fault: Fault, rng: random.Random) -> None:
    """Do it; what lasts runs in a thread of its own."""
    pause = rng.uniform(2, 5)
    database, providers = product.database_proxy, product.provider_proxy
    acts: dict[Fault, Callable[[], object]] = {
        Fault.WORKER_KILLED: lambda: product.kill(rng.choice(WORKERS)),
        Fault.DISPATCHER_KILLED: lambda: product.kill("dispatcher"),
        Fault.WEB_WORKER_KILLED: lambda: product.kill_web_worker(rng.randrange(9)),
        Fault.WEB_KILLED: lambda: product.kill("web"),
        Fault.VALKEY_WIPED: product.wipe_valkey,
        Fault.WORKER_FROZEN: lambda: beside(product.freeze, rng.choice(WORKERS[:2]), pause),
        Fault.DISPATCHER_FROZEN: lambda: beside(product.freeze, "dispatcher", pause),
        Fault.VALKEY_FROZEN: lambda: beside(product.freeze, "valkey", pause),
        Fault.POSTGRES_FAST: lambda: product.kill("postgres", signal.SIGINT),
        Fault.POSTGRES_IMMEDIATE: lambda: product.kill("postgres", signal.SIGQUIT),
        Fault.DATABASE_CUT: database.cut,
        Fault.DATABASE_SLOW: lambda: beside(for_a_while, product, "database", Mode.DELAY, 1.0),
        Fault.COMMIT_REPLY_LOST: lambda: database.drop_commit_reply(rng.randrange(1, 4)),
        Fault.PROVIDERS_CUT: providers.cut,
        Fault.PROVIDERS_SILENT: lambda: beside(for_a_while, product, "providers", Mode.BLACKHOLE, 2.0),
        Fault.PROVIDERS_GONE: lambda: beside(for_a_while, product, "providers", Mode.REFUSE, 2.0),
    }
    acts[fault]()


def beside(act: Callable[..., object], *arguments: object) -> None:
    """Run it in a thread."""
    threading.Thread(target=act, args=arguments, daemon=True).start()


def for_a_while(product: Product, where: str, mode: Mode, seconds: float) -> None:
    """Put a proxy into a mode and back."""
    proxy = product.database_proxy if where == "database" else product.provider_proxy
    proxy.set(mode)
    time.sleep(seconds)
    proxy.set(Mode.PASS)
