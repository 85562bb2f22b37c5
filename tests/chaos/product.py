"""The whole product with every path between its parts leading through proxies of ours, and handles to break it."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from sandbox import ports
from sandbox.home import erase
from sandbox.stack import Stack, wait_for_last_run
from sandbox.supervisor import StartFailed
from tests.chaos.proxy import Proxy

WORKERS = ("worker-critical", "worker-notify", "worker-sync")
RETRIED_FOR = 60.0


class ProxiedStack(Stack):
    """A stack whose processes reach PostgreSQL and the simulator only through proxies; `extra` goes to all of them."""

    extra: Mapping[str, str] = {}
    database_proxy: Proxy | None = None
    provider_proxy: Proxy | None = None

    def _environment(self) -> dict[str, str]:
        env = super()._environment()
        if self.database_proxy is None:
            self.database_proxy = Proxy(urlsplit(self.env["DATABASE_URL"]).port or 0)
            self.provider_proxy = Proxy(urlsplit(self.env["SIMULATOR_URL"]).port or 0)
        assert self.provider_proxy
        env["DATABASE_URL"] = _detour(env["DATABASE_URL"], self.database_proxy)
        for name in ("ST_AUTH_URL", "ST_API_BASE", "KLAVIYO_API_BASE", "TWILIO_API_BASE"):
            env[name] = _detour(env[name], self.provider_proxy)
        return env | dict(self.extra)

    def _prepare(self) -> None:
        """Fill the database and let it keep what it has committed: throw-away servers otherwise lose it when they crash."""
        super()._prepare()
        engine = create_engine(self.env["MIGRATION_DATABASE_URL"], isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER DATABASE a1 SET synchronous_commit = on"))
        engine.dispose()

    def process_environment(self) -> dict[str, str]:
        """Return what the product's own processes see."""
        return self._environment()


def _detour(url: str, proxy: Proxy) -> str:
    return url.replace(f"127.0.0.1:{proxy.target}", f"127.0.0.1:{proxy.port}")


class Product:
    """One running product under fire. `env` and `engine` lead past the proxies."""

    def __init__(self, stack: ProxiedStack) -> None:
        assert stack.database_proxy
        assert stack.provider_proxy
        self.stack, self.env = stack, stack.env
        self.database_proxy, self.provider_proxy = stack.database_proxy, stack.provider_proxy
        self.engine: Engine = create_engine(
            self.env["MIGRATION_DATABASE_URL"], pool_pre_ping=True, pool_size=4, max_overflow=20
        )
        self.simulator = httpx.Client(base_url=self.env["SIMULATOR_URL"], timeout=30)

    def close(self) -> None:
        """Close every connection."""
        self.simulator.close()
        self.engine.dispose()

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Read or change something directly; again while the database restarts."""
        ends = time.monotonic() + RETRIED_FOR
        while True:
            try:
                with self.engine.begin() as connection:
                    result = connection.execute(text(sql), values)
                    return list(result) if result.returns_rows else []
            except OperationalError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)

    def one(self, sql: str, **values: Any) -> Any:
        """Read one value."""
        found = self.rows(sql, **values)
        return found[0][0] if found else None

    def effects(self, provider: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """Return what really happened at the providers."""
        query = {name: value for name, value in (("provider", provider), ("kind", kind)) if value}
        effects: list[dict[str, Any]] = self.simulator.get("/__sim__/ledger", params=query).json()["effects"]
        return effects

    def order_fault(self, provider: str, mode: str, path: str = "*", **more: Any) -> None:
        """Let the next matching call of a provider go wrong."""
        match = {"path": path} | ({"method": more.pop("method")} if "method" in more else {})
        order = {"provider": provider, "match": match, "mode": mode, **more}
        self.simulator.post("/__sim__/faults", json=order).raise_for_status()

    def open_faults(self) -> list[dict[str, Any]]:
        """Return what is still ordered."""
        faults: list[dict[str, Any]] = self.simulator.get("/__sim__/faults").json()["faults"]
        return faults

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one of our own children; the supervisor starts again what ends."""
        with suppress(ProcessLookupError):
            os.kill(self.stack.supervisor.pid(name), number)

    def kill_web_worker(self, choice: int) -> None:
        """Kill one of the web server's own workers; the server starts another."""
        pid = self.stack.supervisor.pid("web")
        with suppress(OSError, ZeroDivisionError):  # it is just starting again
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            workers = [int(child) for child in children if b"web.py" in _command(child)]
            os.kill(workers[choice % len(workers)], signal.SIGKILL)

    def freeze(self, name: str, seconds: float) -> None:
        """Stop a process in the middle of whatever it does, and let it go on later."""
        pid = self.stack.supervisor.pid(name)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    def wipe_valkey(self) -> None:
        """Kill Valkey and let it come back empty."""
        with suppress(RedisError), Redis.from_url(self.env["REDIS_URL"], socket_timeout=5) as redis:
            folder = Path(str(redis.config_get("dir")["dir"]))
            self.kill("valkey")
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)

    def wait_back(self, name: str, within: float = 60.0) -> None:
        """Wait until a child that was killed serves again."""
        ends = time.monotonic() + within
        while True:
            try:
                return self.stack.supervisor.wait_ready(name, within)
            except StartFailed:  # not started again yet
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def wait(self, happened: Callable[[], object], within: float, every: float = 0.2) -> float | None:
        """Wait for something; return how long it took, or None when it did not happen."""
        began = time.monotonic()
        while not happened():
            if time.monotonic() - began > within:
                return None
            time.sleep(every)
        return time.monotonic() - began


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running_product(
    folder: Path, *, extra: Mapping[str, str] | None = None, **wishes: str
) -> Iterator[Product]:
    """Run a throw-away product in `folder`. The thread that enters must stay: children end with their parent thread."""
    folder.mkdir(parents=True, exist_ok=True)
    children = wait_for_last_run(folder)
    stack = ProxiedStack(
        folder,
        port=ports.pick(),
        wishes={"TRUSTED_PROXY_COUNT": "1"} | wishes,
        children=children,
        careful=False,
    )
    stack.extra = dict(extra or {})
    done = threading.Event()

    def look_after() -> None:
        while not done.wait(0.1):
            stack.supervisor.tick()

    watcher = threading.Thread(target=look_after, name="supervisor", daemon=True)
    product: Product | None = None
    try:
        stack.start()
        watcher.start()
        product = Product(stack)
        yield product
    finally:
        done.set()
        if watcher.is_alive():
            watcher.join()
        if product:
            product.close()
        stack.stop()
        for proxy in (stack.database_proxy, stack.provider_proxy):
            if proxy:
                proxy.close()
        children.close()
        erase(folder, keep=frozenset({"log"}))
