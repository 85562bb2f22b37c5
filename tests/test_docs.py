"""What the documents say is true: settings, links, commands, paths and names are checked against the code."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path

import click
import pytest
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from app.config import PROVIDER_SETTINGS, Settings

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"\bflask\b(?: --app wsgi)? ([a-z][^\n]*)")
SETTING_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
OUR_PATH = re.compile(r"(?:app|sandbox|migrations|tests|docs|e2e|bench)/[\w./-]+")
LONGEST_ADR = 40
LARGEST_PICTURE = 150 * 1024
EITHER = {"twilio_messaging_service_sid", "twilio_from"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def snippets(path: Path) -> list[str]:
    """Code of a document, line continuations joined."""
    found = CODE.findall(path.read_text())
    return [(block or span).replace("\\\n", " ") for block, span in found]


def anchors(path: Path) -> set[str]:
    """Names of a document's headings, as links write them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("document", DOCS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    dead = []
    for link in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, heading = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        if not target.exists() or (heading and heading not in anchors(target)):
            dead.append(link)
    assert dead == []


def documented_settings() -> dict[str, str]:
    text = (ROOT / "docs/settings.md").read_text().partition("## Names that only")[0]
    return {name: default for name, default, _meaning in SETTING_ROW.findall(text)}


def default_in_words(spec: Field[object]) -> str:
    """How the table shows the default of a setting."""
    if spec.name in PROVIDER_SETTINGS:
        return "production"
    if spec.name in EITHER:
        return "one of the two"
    if spec.default is MISSING and spec.default_factory is MISSING:
        return "required"
    if isinstance(spec.default, bool):
        return "`on`" if spec.default else "`off`"
    has_none = spec.default in {"", (), None, MISSING}
    return "empty" if has_none else f"`{spec.default}`"


def test_every_setting_is_documented_with_its_default() -> None:
    expected = {spec.name.upper(): default_in_words(spec) for spec in fields(Settings)}
    assert documented_settings() == expected


@pytest.fixture
def commands(app: Flask) -> Iterator[tuple[FlaskGroup, click.Context]]:
    """All commands of the shell, those of extensions included; looking one up enters the app's context."""
    group = FlaskGroup(create_app=lambda: app, set_debug_flag=False)
    with click.Context(group, obj=ScriptInfo(create_app=lambda: app, set_debug_flag=False)) as context:
        yield group, context


def faults_of(line: str, commands: tuple[FlaskGroup, click.Context]) -> str | None:
    """What is wrong with a documented command line, or nothing."""
    group, context = commands
    words = shlex.split(line, comments=True)
    command: click.Command | None = group
    while words and isinstance(command, click.Group):
        command, words = command.get_command(context, words[0]), words[1:]
        if command is None:
            return f"{line}: no such command"
    if command is None or isinstance(command, click.Group):
        return f"{line}: names no command"
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = [word for word in words if word.startswith("--") and word not in {*known, "--help"}]
    return f"{line}: no option {unknown}" if unknown else None


@pytest.mark.parametrize("document", DOCS, ids=name_of)
def test_documented_commands_exist(document: Path, commands: tuple[FlaskGroup, click.Context]) -> None:
    lines = [line for snippet in snippets(document) for line in COMMAND.findall(snippet)]
    assert [fault for line in lines if (fault := faults_of(line, commands))] == []


@pytest.mark.parametrize(
    "document", [path for path in DOCS if path.parent.name != "how-to"], ids=name_of
)  # how-to pages name files that the reader is about to write
def test_named_files_exist(document: Path) -> None:
    named = [found for snippet in snippets(document) for found in OUR_PATH.findall(snippet)]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_log_events_of_the_runbook_are_written_by_the_code() -> None:
    table = (ROOT / "docs/runbook.md").read_text().partition("| event | means |")[2].partition("\n\n")[0]
    events = re.findall(r"`([a-z_]+)`", table)
    source = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    assert len(events) > 5
    assert [event for event in events if f'"{event}"' not in source] == []


def test_indexes_are_named_as_in_the_schema() -> None:
    section = (ROOT / "docs/database.md").read_text().partition("## Indexes")[2].partition("\n## ")[0]
    schema = "\n".join(path.read_text() for path in (ROOT / "migrations/sql").rglob("*.sql"))
    documented = set(re.findall(r"`(idx_\w+)`", section))
    assert documented == set(re.findall(r"\bidx_\w+", schema))


def test_decisions_are_short_and_listed() -> None:
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    index = (ROOT / "docs/README.md").read_text()
    assert [path.name for path in records if f"adr/{path.name})" not in index] == []
    assert [path.name for path in records if len(path.read_text().splitlines()) > LONGEST_ADR] == []
    numbers = [path.name[:4] for path in records]
    assert numbers == [f"{n:04}" for n in range(1, len(records) + 1)]


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs/img").iterdir())
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > LARGEST_PICTURE] == []
