"""What a step costs: statements and bytes, counted."""

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS
from sqlalchemy import TextClause, event
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.analytics import events
from app.booking import booking_rows, slots
from app.wizard import visit as visits
from tests.factories import add_week
from tests.pages import PageClient, Walk

FREE = re.compile(r"\s*(BEGIN|SAVEPOINT|RELEASE|ROLLBACK|SET LOCAL)", re.IGNORECASE)
BUDGET = {"slot": 9, "review": 4}
STEPS = ["zip", "issue", "doors", "ownership", "slot", "contact", "review"]


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that was sent, without those that only frame a transaction."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not FREE.match(statement):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def test_each_step_keeps_to_its_statements(
    client: PageClient, session: Session, statements: list[str]
) -> None:
    add_week(session)
    walk = Walk(client).start()
    for step in STEPS:
        statements.clear()
        walk.get(step)
        assert len(statements) <= 6, (step, statements)
        statements.clear()
        assert walk.post(step, walk.reply(step)).status_code == 200
        assert len(statements) <= BUDGET.get(step, 6), (step, statements)
    assert walk.step == "done"


def test_each_fragment_is_at_most_3_kb_compressed(client: PageClient, session: Session) -> None:
    add_week(session, days=13)
    walk = Walk(client).start()
    for step in STEPS:
        body = walk.post(step, walk.reply(step)).data
        assert len(gzip.compress(body, 6)) <= 3 * 1024, step


def test_a_refused_form_is_compressed_too(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start().to("contact")
    answer = walk.post("contact", {}, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 422
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) <= 3 * 1024


def test_the_first_page_is_at_most_30_kb_in_4_requests(client: PageClient, session: Session) -> None:
    add_week(session)
    walk = Walk(client).start()
    accept = {"Accept-Encoding": "gzip"}
    page = client.get(f"{walk.base}/zip", headers=accept)
    html = (
        gzip.decompress(page.data).decode() if page.headers.get("Content-Encoding") == "gzip" else page.text
    )
    addresses = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', html))
    sizes = {address: len(client.get(address, headers=accept).data) for address in addresses}
    assert len(addresses) <= 3
    assert len(page.data) + sum(sizes.values()) <= 30 * 1024, sizes


@pytest.mark.parametrize("statement", [booking_rows.ADD, slots.CLAIM, visits.LOAD_LOCKED, events.INSERT])
def test_a_hot_statement_is_taken_apart_once_and_not_at_every_request(statement: TextClause) -> None:
    """Psycopg forgets how it read a statement that is longer, or that has more parameters."""
    compiled = statement.compile(dialect=dialect())
    assert len(str(compiled)) <= MAX_CACHED_STATEMENT_LENGTH
    assert len(compiled.params) <= MAX_CACHED_STATEMENT_PARAMS
