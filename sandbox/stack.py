"""The whole product on one machine: database, doorbell, simulator, web, workers and a partner's page."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from sandbox import envfile, pgbouncer, ports, settings
from sandbox.account import server_account
from sandbox.child import Program, always
from sandbox.home import erase, server_home
from sandbox.lock import Lock
from sandbox.postgres import Cluster, open_cluster
from sandbox.readiness import answers
from sandbox.supervisor import Supervisor
from sandbox.valkey import Doorbell, open_doorbell

ROOT = Path(__file__).resolve().parents[1]
_QUEUES = ("critical", "notify", "sync")
_LAST_RUN_SECONDS = 20.0


class PreparationFailed(RuntimeError):
    """The database could not be brought up to date or filled."""


def _silent(_line: str) -> None:
    pass


class Stack:
    """One running product; `env` is what `.local/env` holds, `children` the lock that its servers inherit."""

    def __init__(
        self,
        local: Path,
        *,
        port: int,
        wishes: Mapping[str, str],
        children: Lock,
        careful: bool = True,
        say: Callable[[str], None] = _silent,
    ) -> None:
        self.local = local
        self.env: dict[str, str] = {}
        self.supervisor = Supervisor(local / "log")
        self._port = port
        self._wishes = wishes
        self._careful = careful
        self._say = say
        self._children = children
        self._figures = local / "metrics"

    def start(self) -> None:
        """Start everything in order and write `env`."""
        shutil.rmtree(self._figures, ignore_errors=True)
        self._figures.mkdir(parents=True)
        self._start_servers()
        self._prepare()
        envfile.write(self.local / "env", self.env)
        self._start_product()

    def stop(self) -> None:
        """Stop everything in reverse order."""
        self.supervisor.stop()

    def _start_servers(self) -> None:
        home = server_home(
            self.local, server_account(self.local / "postgres" / "data"), lasting=self._careful
        )
        last = envfile.read(self.local / "env")
        cluster = self._open_cluster(home, last) if "DATABASE_URL" not in self._wishes else None
        doorbell = self._open_doorbell(home, last) if "REDIS_URL" not in self._wishes else None
        pooler = _wanted_pooler(home, cluster)
        self.env = settings.build(
            settings.Addresses(
                local=self.local,
                port=self._port,
                simulator_port=ports.pick(_port_of(last.get("SIMULATOR_URL"))),
                host_page_port=ports.pick(_port_of(last.get("DEMO_PARTNER_URL"))),
                **_database_urls(cluster, self._wishes, pooler),
                redis_url=doorbell.url if doorbell else "",
                backup_url=cluster.backup_url if cluster else "",
                programs=str(cluster.bin) if cluster else "",
            ),
            settings.made_once(self.local),
            {"DB_POOLER": "pgbouncer", **self._wishes} if pooler else self._wishes,
        )
        self.env["A1_PYTHON"] = sys.executable
        fds = (self._children.fd,)
        servers = [part.program(fds) for part in (cluster, doorbell) if part]
        self.supervisor.start(*servers, *self._simulator())
        if cluster:
            cluster.add_roles(for_tests=not self._careful)
            self._say(f"PostgreSQL       127.0.0.1:{cluster.port}")
        if pooler:
            pgbouncer.set_limits(pooler.cluster)
            self.supervisor.start(pooler.program(fds))
            self._say(f"PgBouncer        127.0.0.1:{pooler.port}")
        if doorbell:
            self._say(f"Valkey           127.0.0.1:{doorbell.port}")
        if self.env["SIMULATOR_URL"]:
            self._say(f"Simulator        {self.env['SIMULATOR_URL']}")

    def _open_cluster(self, home: Path, last: Mapping[str, str]) -> Cluster:
        port = ports.pick(_port_of(last.get("DATABASE_URL")))
        cluster = open_cluster(home / "postgres", port=port, spare=home / "programs", careful=self._careful)
        cluster.forget_last_run()
        return cluster

    def _open_doorbell(self, home: Path, last: Mapping[str, str]) -> Doorbell:
        return open_doorbell(
            home / "valkey", port=ports.pick(_port_of(last.get("REDIS_URL"))), spare=home / "programs"
        )

    def _simulator(self) -> list[Program]:
        if settings.is_replaced(self._wishes):
            self.env["SIMULATOR_URL"] = ""
            return []
        port = str(_port_of(self.env["SIMULATOR_URL"]))
        ready = f"{self.env['SIMULATOR_URL']}/__sim__/clock"
        program = self._python(
            "simulator", "-m", "sandbox.providers", "--port", port, ready=lambda: answers(ready)
        )
        kept = {"SIM_STATE": str(self.local / "simulator")}  # bookings of the last run still have their jobs
        return [replace(program, env={**program.env, **kept})]

    def _prepare(self) -> None:
        """Bring the database up to date and fill it, in a process of its own: the supervisor stays small."""
        log = self.supervisor.log_of("prepare")
        with log.open("wb") as errors:
            done = subprocess.run(
                [sys.executable, "-m", "sandbox.prepare"],
                env=self._environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                check=False,
            )
        if done.returncode != 0:
            raise PreparationFailed(done.stdout.decode().strip() or self.supervisor.tail("prepare"))
        result = json.loads(done.stdout)
        self.env["DEMO_PARTNER_KEY"] = result["partner_key"]
        for note in result["notes"]:
            self._say(note)

    def _start_product(self) -> None:
        """Start web and host page, and the workers once those answer: six Pythons at once would make the page wait."""
        base = self.env["PUBLIC_BASE_URL"]
        local_base = f"http://127.0.0.1:{self._port}"
        host_page = self.env["DEMO_PARTNER_URL"]
        host_port = str(_port_of(host_page))
        self.supervisor.start(
            self._python(
                "web", "web.py", "--port", str(self._port), ready=lambda: answers(f"{local_base}/readyz")
            ),
            self._python(
                "host-page", "-m", "sandbox.host_page", "--port", host_port, ready=lambda: answers(host_page)
            ),
        )
        self._say(f"Web              {base}")
        self._say(f"Partner's page   {host_page}")
        self.supervisor.launch(
            self._python("dispatcher", "worker.py", "dispatcher", keep_lock=False),
            *(
                self._python(f"worker-{queue}", "worker.py", "worker", queue, keep_lock=False)
                for queue in _QUEUES
            ),
        )
        self._say(f"Dispatcher and workers ({', '.join(_QUEUES)})")
        if self._careful and self.env["BACKUP_DATABASE_URL"]:
            keep = ("-m", "flask", "--app", "wsgi", "backup", "keep")
            self.supervisor.launch(self._python("backup", *keep, keep_lock=False))
            self._say(f"Backups          {self.env['BACKUP_DIR']}")

    def _python(
        self, name: str, *arguments: str, ready: Callable[[], bool] = always, keep_lock: bool = True
    ) -> Program:
        """Describe a Python child. A worker gets no lock: a job that outlives its worker must not delay the next start."""
        return Program(
            name=name,
            argv=[sys.executable, *arguments],
            env=self._environment(),
            cwd=ROOT,
            ready=ready,
            keep_fds=(self._children.fd,) if keep_lock else (),
        )

    def _environment(self) -> dict[str, str]:
        return (
            settings.without_settings(os.environ)
            | self.env
            | {"PYTHONUNBUFFERED": "1", "PROMETHEUS_MULTIPROC_DIR": str(self._figures)}
        )


def wait_for_last_run(local: Path) -> Lock:
    """Take the lock that servers inherit: it is free once all of the last run's are gone, however that run ended."""
    children = Lock(local / "children.lock")
    children.take("", within=_LAST_RUN_SECONDS)
    return children


@contextmanager
def running_stack(folder: Path, **wishes: str) -> Iterator[Stack]:
    """Run a throw-away product in `folder` with settings of the test's own, and remove its data afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    children = wait_for_last_run(folder)
    stack = Stack(folder, port=ports.pick(), wishes=wishes, children=children, careful=False)
    done = threading.Event()

    def look_after() -> None:
        while not done.wait(0.1):
            stack.supervisor.tick()

    watcher = threading.Thread(target=look_after, name="supervisor", daemon=True)
    try:
        stack.start()
        watcher.start()
        yield stack
    finally:
        done.set()
        stack.stop()
        if watcher.is_alive():
            watcher.join()
        children.close()
        erase(folder, keep=frozenset({"log"}))


def _wanted_pooler(home: Path, cluster: Cluster | None) -> pgbouncer.Pooler | None:
    """Prepare a pooler in front of a cluster of ours, for whoever tests with one."""
    if cluster is None or not pgbouncer.is_wanted():
        return None
    return pgbouncer.open_pooler(home / "pgbouncer", cluster, port=ports.pick())


def _database_urls(
    cluster: Cluster | None, wishes: Mapping[str, str], pooler: pgbouncer.Pooler | None = None
) -> dict[str, str]:
    """Name the database for each role; a database of the caller's own serves every role that has no address yet."""
    if cluster:
        through = pooler.through if pooler else str
        urls = (through(cluster.app_url), cluster.owner_url, through(cluster.report_url))
    else:
        urls = (wishes["DATABASE_URL"],) * 3
    return dict(zip(("database_url", "owner_url", "report_url"), urls, strict=True))


def _port_of(url: str | None) -> int | None:
    return urlsplit(url).port if url else None
