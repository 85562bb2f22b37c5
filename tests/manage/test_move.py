"""Moving a visit by the link in the message: the old window is kept until the new one is had."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.booking import manage_links
from app.config import Settings
from app.models.staff import Role
from app.web.limits import RULES
from tests.factories import add_area, add_slot, add_week
from tests.pages import HTMX, PageClient, Walk
from tests.staff.office import enter

SLOTS = re.compile(r'name="slot_id"\s+value="([0-9a-f-]{36})"')
FRAME = re.compile(r"\s*(BEGIN|SAVEPOINT|RELEASE|ROLLBACK|SET LOCAL)", re.IGNORECASE)
MOST_STATEMENTS = 9


@pytest.fixture
def link(client: PageClient, session: Session, settings: Settings) -> str:
    """The manage path of a fresh booking, which took the earliest window of the week."""
    add_week(session)
    Walk(client).start().to("done")
    booking_id = session.execute(text("SELECT id FROM bookings")).scalar_one()
    return manage_links.url_for_booking(session, booking_id, key=settings.privacy_hash_key, base_url="")


def one(session: Session, sql: str, **values: object) -> Any:
    return session.execute(text(sql), values).scalar_one()


def own_slot(session: Session) -> str:
    return str(one(session, "SELECT id FROM time_slots WHERE booking_id = (SELECT id FROM bookings)"))


def another(client: PageClient, session: Session, link: str) -> str:
    """A window that the page offers and that is not the booking's own."""
    offered = SLOTS.findall(client.get(f"{link}/move").text)
    return next(slot for slot in offered[3:] if slot != own_slot(session))


def move(client: PageClient, link: str, slot: str, *, htmx: bool = False, **extra: str) -> TestResponse:
    seal = re.search(r'name="fs" value="([^"]+)"', client.get(f"{link}/move").text)
    data = {"fs": seal[1] if seal else "", "slot_id": slot} | extra
    return client.post(f"{link}/move", data=data, headers=HTMX if htmx else {})


def moves(session: Session) -> int:
    return int(one(session, "SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.move_job'"))


def test_the_page_offers_what_is_open_and_marks_what_is_theirs(
    client: PageClient, session: Session, link: str
) -> None:
    page = client.get(f"{link}/move").text
    offered = SLOTS.findall(page)
    assert len(offered) == len(set(offered)) == 24
    assert "Phoenix time (MST)" in page
    mine = re.search(rf'value="{own_slot(session)}"[^>]*>\s*[^<]*<small>([^<]*)', page)
    assert mine
    assert mine[1] == "Yours now"
    assert "checked" not in re.findall(rf'<input[^>]*value="{own_slot(session)}"[^>]*>', page)[0]


def test_the_page_offers_nothing_of_another_area_and_nothing_somebody_holds(
    client: PageClient, session: Session, link: str
) -> None:
    elsewhere = add_slot(session, add_area(session, "85006"))
    held = another(client, session, link)
    hold = (
        "UPDATE time_slots SET held_by = uuid_v7(), held_until = now() + interval '5 minutes' WHERE id = :id"
    )
    session.execute(text(hold), {"id": held})
    offered = SLOTS.findall(client.get(f"{link}/move").text)
    assert str(elsewhere.id) not in offered
    assert held not in offered
    assert move(client, link, held).status_code == 409


@pytest.mark.parametrize("htmx", [False, True])
def test_a_move_takes_the_new_window_frees_the_old_and_tells_everyone_once(
    client: PageClient, session: Session, link: str, htmx: bool
) -> None:
    old, new = own_slot(session), another(client, session, link)
    answer = move(client, link, new, htmx=htmx)
    if htmx:
        assert answer.status_code == 200
        assert answer.headers["HX-Push-Url"] == link
        page = answer.text
        assert "<html" not in page
    else:
        assert answer.status_code == 303
        page = client.get(answer.headers["Location"]).text
    assert "Done: your visit was moved" in page
    assert "telling the office" in page
    assert 'data-status="received"' in page
    assert own_slot(session) == new
    assert one(session, "SELECT available FROM time_slots WHERE id = :id", id=old)
    assert one(session, "SELECT sum(taken) FROM slot_capacity") == 1
    booking = session.execute(
        text(
            "SELECT version, status, time_slot_id::text, preferred_time = starts_at AND window_end = ends_at AS fits"
            " FROM bookings JOIN time_slots s ON s.id = time_slot_id"
        )
    ).one()
    assert tuple(booking) == (2, "pending", new, True)
    key = f"servicetitan.move_job:{one(session, 'SELECT id FROM bookings')}:2"
    assert one(session, "SELECT status FROM queue_jobs WHERE dedupe_key = :key", key=key) == "pending"
    sent = session.execute(
        text("SELECT type, dedupe_key FROM notifications WHERE template = 'moved' ORDER BY type")
    ).all()
    assert [row.type for row in sent] == ["email", "sms"]
    assert all(row.dedupe_key.endswith(":2") for row in sent)
    assert one(session, "SELECT count(*) FROM analytics_events WHERE event_type = 'booking_moved'") == 1


def test_a_move_is_written_into_the_history_in_the_areas_own_time(
    client: PageClient, session: Session, link: str
) -> None:
    move(client, link, another(client, session, link))
    row = session.execute(
        text(
            "SELECT from_status, to_status, actor, reason FROM booking_status_history ORDER BY at DESC, id DESC LIMIT 1"
        )
    ).one()
    assert (row.from_status, row.to_status, row.actor) == ("pending", "pending", "visitor")
    assert re.fullmatch(r"from \w{3} \w{3} \d+, 10:00 AM to \w{3} \w{3} \d+, \d+:00 [AP]M", row.reason)


def test_the_office_reads_it_in_the_story_of_the_booking(
    client: PageClient, session: Session, link: str
) -> None:
    move(client, link, another(client, session, link))
    enter(client, session, Role.VIEWER)
    page = client.get(f"/staff/bookings/{one(session, 'SELECT reference FROM bookings')}").text
    assert re.search(r"<b>Moved</b> .+ by .+<small>from \w{3} .+ 10:00 AM to ", page)
    assert "ServiceTitan move" in page


def test_pressing_twice_moves_once(client: PageClient, session: Session, link: str) -> None:
    new = another(client, session, link)
    assert move(client, link, new).status_code == 303
    again = move(client, link, new)
    assert again.status_code == 303
    assert "Nothing was changed" in client.get(again.headers["Location"]).text
    assert moves(session) == 1
    assert one(session, "SELECT version FROM bookings") == 2
    assert one(session, "SELECT count(*) FROM notifications WHERE template = 'moved'") == 2


def test_its_own_window_changes_nothing_and_says_so(client: PageClient, session: Session, link: str) -> None:
    answer = move(client, link, own_slot(session), htmx=True)
    assert answer.status_code == 200
    assert "That is the window you have already" in answer.text
    assert (moves(session), one(session, "SELECT version FROM bookings")) == (0, 1)


def test_a_second_move_is_a_second_job_and_back_is_a_move_too(
    client: PageClient, session: Session, link: str
) -> None:
    first = own_slot(session)
    move(client, link, another(client, session, link))
    assert move(client, link, first).status_code == 303
    assert moves(session) == 2
    assert own_slot(session) == first
    assert one(session, "SELECT version FROM bookings") == 3


@pytest.mark.parametrize("htmx", [False, True])
def test_a_window_that_is_gone_is_409_and_the_old_one_is_kept(
    client: PageClient, session: Session, link: str, htmx: bool
) -> None:
    old, new = own_slot(session), another(client, session, link)
    session.execute(text("UPDATE time_slots SET available = false WHERE id = :id"), {"id": new})
    answer = move(client, link, new, htmx=htmx)
    assert answer.status_code == 409
    assert "You keep your old one" in answer.text
    assert len(SLOTS.findall(answer.text)) == 23
    assert own_slot(session) == old
    assert one(session, "SELECT sum(taken) FROM slot_capacity") == 1
    assert (moves(session), one(session, "SELECT version FROM bookings")) == (0, 1)
    assert move(client, link, str(uuid.uuid4())).status_code == 409


@pytest.mark.parametrize("posted", ["", "x", "00000000"])
def test_no_window_is_422_with_the_field_named(
    client: PageClient, session: Session, link: str, posted: str
) -> None:
    answer = move(client, link, posted)
    assert answer.status_code == 422
    assert 'href="#slot_id"' in answer.text
    assert 'id="slot_id"' in answer.text
    assert moves(session) == 0


def test_a_window_of_another_area_is_422(client: PageClient, session: Session, link: str) -> None:
    foreign = add_slot(session, add_area(session, "85006"))
    answer = move(client, link, str(foreign.id))
    assert answer.status_code == 422
    assert "belongs to another area" in answer.text
    assert one(session, "SELECT booking_id FROM time_slots WHERE id = :id", id=foreign.id) is None
    assert moves(session) == 0


def test_a_press_that_is_not_ours_is_403_and_keeps_the_choice(
    client: PageClient, session: Session, link: str
) -> None:
    new = another(client, session, link)
    answer = move(client, link, new, fs="forged")
    assert answer.status_code == 403
    assert re.search(rf'<input[^>]*value="{new}"[^>]*checked', answer.text)
    seal = re.search(r'name="fs" value="([^"]+)"', answer.text)
    assert seal
    data = {"fs": seal[1], "slot_id": new}
    cross = client.post(f"{link}/move", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    assert moves(session) == 0
    assert client.post(f"{link}/move", data=data).status_code == 303


BEGUN = (
    "UPDATE bookings SET preferred_time = now() - interval '1 minute', window_end = now() + interval '1 hour'"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (BEGUN, "has started"),
        ("UPDATE bookings SET status = 'cancelled'", "was cancelled"),
        ("UPDATE bookings SET status = 'completed'", "has started"),
    ],
)
def test_what_cannot_be_moved_says_why_and_offers_no_way(
    client: PageClient, session: Session, link: str, change: str, words: str
) -> None:
    new = another(client, session, link)
    fs = re.search(r'name="fs" value="([^"]+)"', client.get(f"{link}/move").text)
    session.execute(text(change))
    assert fs
    for answer in (
        client.get(f"{link}/move"),
        client.post(f"{link}/move", data={"fs": fs[1], "slot_id": new}),
    ):
        assert answer.status_code == 409
        assert words in answer.text
        assert "Pick another time" not in answer.text
    assert moves(session) == 0


def test_looking_a_hundred_times_changes_no_row(client: PageClient, session: Session, link: str) -> None:
    everything = text(
        "SELECT (SELECT md5(string_agg(b::text, '')) FROM bookings b), (SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM time_slots s),"
        " (SELECT md5(string_agg(c::text, '' ORDER BY external_slot_id)) FROM slot_capacity c),"
        " (SELECT count(*) FROM analytics_events), (SELECT count(*) FROM queue_jobs), (SELECT count(*) FROM notifications),"
        " (SELECT count(*) FROM booking_status_history)"
    )
    slot = another(client, session, link)
    before = session.execute(everything).one()
    for query in ("", "?days=14", "?lang=es", f"?slot_id={slot}", "?done=moved") * 20:
        assert client.get(f"{link}/move{query}").status_code == 200
    assert client.get(f"{link}?done=moved").status_code == 200
    assert session.execute(everything).one() == before


def test_a_made_up_address_cannot_claim_a_move(client: PageClient, link: str) -> None:
    assert "was moved" not in client.get(f"{link}?done=moved").text


def test_the_calendar_file_follows_with_a_higher_sequence(
    client: PageClient, session: Session, link: str
) -> None:
    before = client.get(f"{link}/visit.ics").text
    move(client, link, another(client, session, link))
    after = client.get(f"{link}/visit.ics").text
    starts = one(
        session,
        "SELECT to_char(preferred_time AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') FROM bookings",
    )
    assert "SEQUENCE:1" in before
    assert "SEQUENCE:2" in after
    assert f"DTSTART:{starts}" in after
    uid = re.compile(r"UID:(\S+)")
    assert uid.findall(before) == uid.findall(after)


def test_spanish_words_from_the_picker_to_the_answer(client: PageClient, session: Session, link: str) -> None:
    session.execute(text("UPDATE bookings SET locale = 'es'"))
    page = client.get(f"{link}/move").text
    assert "¿Qué nuevo horario le conviene?" in page
    assert "Suyo ahora" in page
    answer = move(client, link, another(client, session, link), htmx=True)
    assert "Listo: su visita se cambió" in answer.text


def test_a_move_keeps_to_its_statements(client: PageClient, session: Session, link: str) -> None:
    new = another(client, session, link)
    seal = re.search(r'name="fs" value="([^"]+)"', client.get(f"{link}/move").text)
    assert seal
    with counted() as sent:
        answer = client.post(f"{link}/move", data={"fs": seal[1], "slot_id": new}, headers=HTMX)
    assert answer.status_code == 200
    assert len(sent) <= MOST_STATEMENTS, sent


class counted:  # noqa: N801 - reads as a word in a with statement
    """Count the statements of a block, without those that only frame a transaction."""

    def __enter__(self) -> list[str]:
        self.sent: list[str] = []
        event.listen(Engine, "before_cursor_execute", self.note)
        return self.sent

    def note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not FRAME.match(statement):
            self.sent.append(statement)

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self.note)


def test_too_many_moves_from_one_address_are_429(client: PageClient, link: str, settings: Settings) -> None:
    most = min(rule.amount for rule in RULES["move"])
    object.__setattr__(settings, "abuse_limits", True)
    try:
        codes = [client.post(f"{link}/move", data={}).status_code for _ in range(most + 1)]
    finally:
        object.__setattr__(settings, "abuse_limits", False)
    assert codes == [403] * most + [429]
