"""Partners, their snippets, leads, operations and the audit log."""

import re
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models.staff import Role
from tests.pages import PageClient
from tests.staff.office import enter, follow, send, value


def test_a_new_partner_gets_a_key_and_a_snippet(client: PageClient, session: Session) -> None:
    enter(client, session)
    form = {
        "name": "Desert Homes",
        "origins": "https://Desert.example/\nhttps://www.desert.example:8443",
        "hue": "20",
        "active": "1",
    }
    page = follow(client, send(client, "/staff/partners", **form))
    row = session.execute(text("SELECT key, origins, hue FROM partners WHERE name = 'Desert Homes'")).one()
    assert row.origins == ["https://desert.example", "https://www.desert.example:8443"]
    assert row.hue == 20
    assert f"data-a1-partner=&#34;{row.key}&#34;" in page or f'data-a1-partner="{row.key}"' in page
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'partner_add'") == 1


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("origins", "https://desert.example/page", "scheme and host alone"),
        ("origins", "data:text/html,x", "scheme and host alone"),
        ("origins", "https://*.desert.example", "scheme and host alone"),
        ("origins", "https://user@desert.example", "scheme and host alone"),
        ("origins", "https://desert.example:99999", "is not a web address"),
        ("origins", "", "at least one is needed"),
        ("name", " ", "1 to 100 characters"),
        ("hue", "400", "0 to 359"),
        ("hue", "blue", "0 to 359"),
        ("phone", "call us", "is not a phone number"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_lost(
    client: PageClient, session: Session, field: str, typed: str, says: str
) -> None:
    enter(client, session)
    form = {"name": "Desert Homes", "origins": "https://desert.example", "phone": "602 555 0111"} | {
        field: typed
    }
    response = send(client, "/staff/partners", **form)
    assert response.status_code == 422
    assert says in response.text
    assert form["name"] in response.text
    assert value(session, "SELECT count(*) FROM partners") == 1


def test_a_partner_is_switched_off(client: PageClient, session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO partners (key, name, origins) VALUES ('pk_aaaaaaaaaaaaaaaa', 'Old', '{https://a.example}')"
        )
    )
    enter(client, session)
    assert "https://a.example" in client.get("/staff/partners/pk_aaaaaaaaaaaaaaaa").text
    send(client, "/staff/partners/pk_aaaaaaaaaaaaaaaa", name="New", origins="https://b.example")
    row = session.execute(text("SELECT name, origins, active FROM partners WHERE key LIKE 'pk_a%'")).one()
    assert tuple(row) == ("New", ["https://b.example"], False)


def test_our_own_pages_are_never_framed_nor_switched_off(client: PageClient, session: Session) -> None:
    enter(client, session)
    refused = send(client, "/staff/partners/direct", name="Ours", origins="https://evil.example", active="1")
    assert refused.status_code == 422
    assert send(client, "/staff/partners/direct", name="Ours").status_code == 422
    assert follow(client, send(client, "/staff/partners/direct", name="Ours", active="1"))
    assert client.get("/staff/partners/pk_unknown").status_code == 404


def test_snippets_wait_for_the_first_partner(client: PageClient, session: Session) -> None:
    enter(client, session, Role.VIEWER)
    assert "No partner yet" in client.get("/staff/embed").text


def add_lead(session: Session, **differs: object) -> uuid.UUID:
    """Add somebody who wants to be called."""
    values = {
        "kind": "callback",
        "zip_code": "85004",
        "first_name": "Ana",
        "phone": "+16025550123",
        "note": "<b>ring</b>",
    } | differs
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return value(session, f"INSERT INTO leads ({names}) VALUES ({marks}) RETURNING id", **values)


def test_a_lead_is_called_and_closed(client: PageClient, session: Session) -> None:
    lead = add_lead(session)
    enter(client, session, Role.DISPATCHER)
    page = client.get("/staff/leads").text
    assert "(602) 555-0123" in page
    assert "&lt;b&gt;ring" in page
    send(client, f"/staff/leads/{lead}", status="contacted")
    page = client.get("/staff/leads?status=contacted").text
    assert "Robin Dispatcher" in page
    assert "already or gone" in follow(client, send(client, f"/staff/leads/{lead}", status="contacted"))
    assert send(client, f"/staff/leads/{lead}", status="eaten").status_code == 422
    assert value(session, "SELECT count(*) FROM audit_log WHERE action = 'lead_contacted'") == 1


def test_demand_without_contact_is_counted_and_not_listed(client: PageClient, session: Session) -> None:
    add_lead(session, kind="out_of_area", zip_code="86001", phone=None, first_name=None)
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/leads").text
    assert "No leads here" in page
    assert "86001" in page


def test_operations_show_what_runs_and_what_does_not(client: PageClient, session: Session) -> None:
    session.execute(text("INSERT INTO heartbeat (beat_at) VALUES (now() - interval '5 minutes')"))
    session.execute(
        text(
            "INSERT INTO task_runs (name, started_at, finished_at, ok, figures) VALUES"
            " ('slots', now(), now(), true, '{\"windows\": 12}'), ('rollups', now(), now(), false, '{\"error\": \"X\"}')"
        )
    )
    enter(client, session, Role.VIEWER)
    page = client.get("/staff/operations").text
    assert "Last sign of life 30" in page or "Last sign of life 3" in page
    assert "Windows: 12" in page
    assert (
        page.count("Look at this") == 3
    )  # the silent dispatcher, the failed rollups, and no backup was ever made
    assert re.search(r"[Rr]oom for 4\d\d days of bookings and \d\d days of events ahead", page)


def test_the_audit_log_names_people_and_has_older_pages(client: PageClient, session: Session) -> None:
    enter(client, session)
    session.execute(
        text(
            "INSERT INTO audit_log (actor, action, object) SELECT 'cli', 'areas_add', 'x' FROM generate_series(1, 120)"
        )
    )
    page = client.get("/staff/audit").text
    assert "Operator" in page
    assert "Older lines" in page
