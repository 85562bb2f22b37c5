"""Each guard taken out of a copy of the product: at least one test must notice, or the guard guards nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.postgres import throwaway_cluster
from sandbox.stack import ROOT
from sandbox.valkey import throwaway_valkey
from tests.chaos import verdict
from tests.chaos.verdict import Figure

COPIED = ("app", "migrations", "sandbox", "tests")
FILES = ("conftest.py", "pyproject.toml", "wsgi.py", "worker.py")
RED = 1  # pytest's word for «tests ran and failed»; anything else is a fault of ours


@dataclass(frozen=True)
class Guard:
    """A guard: where it stands, what is left without it, and which tests of which file must then fail."""

    name: str
    path: str
    cuts: tuple[tuple[str, str], ...]
    tests: str
    only: str


GUARDS = (
    Guard(
        "slot guard",
        "migrations/sql/0001/60_slots.sql",
        (
            ("AND s.service_area_id = p_area AND s.available AND", "AND s.service_area_id = p_area AND"),
            ("IF room IS NULL OR room <= 0 THEN", "IF false THEN"),
        ),
        "tests/wizard/test_race.py",
        "sold_once",
    ),
    Guard(
        "submission key",
        "app/wizard/views.py",
        (("    if page.visit.booking_id is not None:\n        return after.show_done_again(page)\n    if not flow", "    if not flow"),),
        "tests/wizard/test_submit.py",
        "lost_reply or booked_visit",
    ),
    Guard(
        "lease token",
        "app/jobs/lease.py",
        (("FROM queue_jobs WHERE id = :id AND lease_token = :token FOR UPDATE", "FROM queue_jobs WHERE id = :id FOR UPDATE"),),
        "tests/jobs/test_lease.py",
        "fenced or lost_its_lease",
    ),
    Guard(
        "look before create",
        "app/jobs/create_job.py",
        (("service.find_job(", "(lambda _booking: None)("),),
        "tests/jobs/test_create_job.py",
        "lost or unclear",
    ),
    Guard(
        "seal of a form",
        "app/wizard/tokens.py",
        (("return Seal(int(number)) if genuine else None", "return Seal(int(number))"),),
        "tests/wizard/test_submit.py",
        "not_ours",
    ),
    Guard(
        "autoescape",
        "app/factory.py",
        (('    app.extensions["a1_settings"] = settings\n', '    app.extensions["a1_settings"] = settings\n    app.jinja_env.autoescape = False\n'),),
        "tests/wizard/test_answers.py",
        "hostile_text",
    ),
)  # fmt: skip


def run(folder: Path) -> list[Figure]:
    """Take out one guard after the other, on servers that all these runs share."""
    folder.mkdir(parents=True)
    with throwaway_cluster(folder / "postgres") as cluster, throwaway_valkey(folder / "valkey") as doorbell:
        servers = {
            "TEST_DATABASE_URL": cluster.owner_url,
            "TEST_APP_DATABASE_URL": cluster.app_url,
            "TEST_REPORT_DATABASE_URL": cluster.report_url,
            "TEST_REDIS_URL": doorbell.url,
        }
        figures = [intact(folder / "intact", servers)]
        figures += [without(folder / guard.name.replace(" ", "-"), guard, servers) for guard in GUARDS]
    noticed = sum(figure.good for figure in figures[1:])
    return [*figures, verdict.exactly("guards whose absence a test notices", noticed, len(GUARDS))]


def intact(folder: Path, servers: Mapping[str, str]) -> Figure:
    """Run the same tests on a copy with every guard in place: they must be green."""
    copy(folder)
    files = sorted({guard.tests for guard in GUARDS})
    words = " or ".join(guard.only for guard in GUARDS)
    code = run_tests(folder, [*files, "-k", words], servers)
    return verdict.exactly("with every guard", {0: "green"}.get(code, f"exit code {code}"), "green")


def without(folder: Path, guard: Guard, servers: Mapping[str, str]) -> Figure:
    """Run a guard's tests on a copy without it: one of them must be red."""
    copy(folder)
    target = folder / guard.path
    source = target.read_text()
    for old, new in guard.cuts:
        if old not in source:
            return verdict.exactly(f"without the {guard.name}", f"no longer found in {guard.path}", "red")
        source = source.replace(old, new)
    target.write_text(source)
    code = run_tests(folder, [guard.tests, "-k", guard.only], servers)
    return verdict.exactly(
        f"without the {guard.name}", {0: "green", RED: "red"}.get(code, f"exit code {code}"), "red"
    )


def copy(folder: Path) -> None:
    """Copy what the tests need."""
    folder.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "chaos"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)


def run_tests(folder: Path, tests: list[str], servers: Mapping[str, str]) -> int:
    """Run tests inside the copy and return pytest's exit code."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        *tests,
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-x",
    ]
    env = os.environ | servers | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in {0, RED}:
        sys.stderr.write(done.stdout[-3000:])
    return done.returncode
