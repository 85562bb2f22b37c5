"""The house rules that a machine can check; the shortest form of docs/architecture.md."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from app.jobs.handlers import HANDLERS
from app.models import BookingStatus, Channel, JobOutcome, JobStatus, NotificationStatus, Role
from app.outbox import JobType
from app.wizard.steps import STEPS

ROOT = Path(__file__).parents[1]
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, also those not yet committed."""
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in found.stdout.splitlines() if (ROOT / name).is_file()]


CODE = [
    path
    for path in tracked("*.py")
    if path.relative_to(ROOT).parts[0] in {"app", "sandbox", "web.py", "worker.py", "wsgi.py"}
]
TEXT = [
    path
    for path in tracked()
    if path.suffix in {".py", ".md", ".html", ".js", ".css", ".sh", ".toml", ".sql", ".po", ""}
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_file_is_one_idea_with_a_sentence_that_says_which(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= LONGEST_FILE, "split it"
    assert ast.get_docstring(ast.parse(source)), "a sentence on what it is for"
    for node in functions(path):
        assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is long"
        assert len(node.args.posonlyargs + node.args.args) <= 6, f"{node.name} takes many arguments"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_imports_stand_at_the_top(path: Path) -> None:
    inside = [
        node.lineno
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inside, f"lines {inside} of {name(path)}"


def test_only_the_clock_reads_the_clock() -> None:
    readers = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|time\.time\(")
    found = [
        name(path) for path in CODE if name(path).startswith("app/") and readers.search(path.read_text())
    ]
    assert found == ["app/clock.py"]


def test_only_entrances_commit() -> None:
    inner = (
        "app/booking/",
        "app/analytics/",
        "app/notifications/",
        "app/models/",
        "app/outbox.py",
        "app/providers/",
    )
    assert not [
        name(path) for path in CODE if name(path).startswith(inner) and ".commit(" in path.read_text()
    ]


def test_nothing_is_left_for_later() -> None:
    words = re.compile(
        "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", r"pytest\.(skip|xfail)", r"mark\.(skip|xfail)"))
    )
    found = [
        f"{name(path)}:{n}"
        for path in TEXT
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not found


def test_no_machine_and_no_registry_is_named() -> None:
    own = re.compile(
        r"(^|[\s\"'(=])/(work|root|home)/|\.\./shared|https?://\S*(/simple\b|/packages/|\bregistry\.)"
    )
    found = [
        f"{name(path)}:{n}"
        for path in TEXT
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if own.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", tracked("app/templates/*.html"), ids=name)
def test_templates_hold_no_script_and_no_style(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:|<style|hx-on|hx-vals", source)
    assert not re.search(r"<script(?![^>]*\bsrc=)", source)


def test_every_step_has_its_page_and_every_job_its_handler() -> None:
    assert all((ROOT / f"app/templates/wizard/{step.name}.html").is_file() for step in STEPS)
    assert set(HANDLERS) == set(JobType)


@pytest.mark.parametrize(
    ("constraint", "members"),
    [
        ("bookings_status", BookingStatus),
        ("notifications_status", NotificationStatus),
        ("notifications_type", Channel),
        ("queue_jobs_status", JobStatus),
        ("queue_jobs_outcome", JobOutcome),
        ("staff_role", Role),
    ],
)
def test_a_closed_set_is_the_same_in_code_and_database(constraint: str, members: type) -> None:
    schema = "\n".join(path.read_text() for path in sorted((ROOT / "migrations/sql").rglob("*.sql")))
    listed = re.search(rf"CONSTRAINT {constraint} CHECK \(\w+ IN \(([^)]*)\)\)", schema)
    assert listed
    assert set(re.findall(r"'(\w+)'", listed[1])) == {str(member) for member in members}
