"""Who may frame the wizard, and what a partner's page tells it."""

import re

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import add_week
from tests.pages import PageClient, Walk

KEY = "pk_0123456789abcdef"
ORIGIN = "https://desert.example"


def add_partner(session: Session, *, active: bool = True) -> None:
    session.execute(
        text(
            "INSERT INTO partners (key, name, origins, hue, active) VALUES (:key, 'Desert', ARRAY[:origin], 120, :active)"
        ),
        {"key": KEY, "origin": ORIGIN, "active": active},
    )


def ancestors(policy: str) -> str:
    found = re.search(r"frame-ancestors ([^;]*)", policy)
    assert found
    return found[1].strip()


def test_only_the_partners_origins_may_frame_its_visits(client: PageClient, session: Session) -> None:
    add_week(session)
    add_partner(session)
    walk = Walk(client).start(f"embed=1&po={ORIGIN}&utm_source=radio&gclid=G-1", path=f"/e/{KEY}")
    page = walk.get("zip")
    assert ancestors(page.headers["Content-Security-Policy"]) == f"'self' {ORIGIN}"
    assert "X-Frame-Options" not in page.headers
    assert f'name="a1-parent" content="{ORIGIN}"' in page.text
    assert "data-embed" in page.text
    assert "theme-120-" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "Set-Cookie" not in page.headers
    row = session.execute(
        text("SELECT parent_origin, embed_mode, last_touch ->> 'gclid' FROM wizard_sessions")
    ).one()
    assert tuple(row) == (ORIGIN, "inline", "G-1")


def test_an_unlisted_parent_is_not_believed(client: PageClient, session: Session) -> None:
    add_partner(session)
    walk = Walk(client).start("embed=1&po=https://evil.example", path=f"/e/{KEY}")
    assert "a1-parent" not in walk.get("zip").text


def test_unknown_and_inactive_partners_are_404_and_framed_by_nobody(
    client: PageClient, session: Session
) -> None:
    add_partner(session, active=False)
    for path in (f"/e/{KEY}", "/e/pk_unknown", "/e/direct"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert ancestors(answer.headers["Content-Security-Policy"]) == "'none'"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_everything_else_is_framed_by_nobody(client: PageClient, session: Session) -> None:
    for path in ("/privacy", "/staff/login", "/manage/" + "x" * 43, "/nothing-here", "/healthz"):
        assert ancestors(client.get(path).headers["Content-Security-Policy"]) == "'none'", path


def test_privacy_signal_drops_click_ids_and_keeps_campaign_names(
    client: PageClient, session: Session
) -> None:
    add_week(session)
    client.get("/book?utm_source=google&utm_medium=cpc&gclid=G-1&fbclid=F-1", headers={"Sec-GPC": "1"})
    visit = session.execute(text("SELECT gpc, last_touch, first_touch FROM wizard_sessions")).one()
    assert visit.gpc
    assert visit.last_touch["utm_source"] == "google"
    assert not {"gclid", "fbclid"} & {*visit.last_touch, *visit.first_touch}


def test_crawlers_and_prefetches_are_flagged_and_headless_browsers_are_not(
    client: PageClient, session: Session
) -> None:
    agents = {
        "Mozilla/5.0 (compatible; Googlebot/2.1)": True,
        "Mozilla/5.0 HeadlessChrome/156.0": False,
        "Mozilla/5.0 (iPhone) Mobile Safari": False,
    }
    for agent in agents:
        client.get("/book", headers={"User-Agent": agent})
    client.get("/book", headers={"User-Agent": "Mozilla/5.0 Chrome", "Sec-Purpose": "prefetch"})
    flags = session.execute(text("SELECT is_bot FROM wizard_sessions ORDER BY id")).scalars().all()
    assert flags == [*agents.values(), True]
