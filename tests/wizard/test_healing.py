"""What breaks around a booking does not break the booking."""

from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.wizard.page import EventsRest
from tests.factories import add_area, add_slot, add_week
from tests.pages import Walk
from tests.wizard.ready import ready_visits


def test_a_missing_month_is_made_and_the_booking_stands(
    app: Flask, database: Engine, owner: Engine, settings: Settings
) -> None:
    with Session(database) as session:
        area = add_area(session)
        visit = ready_visits(session, settings, area, add_slot(session, area), 1)[0]
        session.commit()
    with owner.begin() as connection:
        name = connection.execute(text("SELECT 'bookings_' || to_char(now(), 'YYYY_MM')")).scalar_one()
        connection.execute(text(f"ALTER TABLE bookings DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))
    assert visit.submit(app).status_code == 200
    with Session(database) as session:
        assert session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == 1


def test_without_a_place_for_events_steps_and_booking_go_on(
    app: Flask, database: Engine, owner: Engine
) -> None:
    with Session(database) as session:
        add_week(session)
        session.commit()
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE analytics_events RENAME TO events_away"))
        connection.execute(text("CREATE VIEW analytics_events AS SELECT * FROM events_away WHERE false"))
        connection.execute(
            text("CREATE RULE refuse AS ON INSERT TO analytics_events DO INSTEAD (SELECT 1/0)")
        )
        connection.execute(text("GRANT ALL ON analytics_events TO a1_app"))
    try:
        walk = Walk(app.test_client()).start().to("review")
        EventsRest.until = 0.0
        assert walk.submit().status_code == 200
    finally:
        with owner.begin() as connection:
            connection.execute(text("DROP VIEW analytics_events"))
            connection.execute(text("ALTER TABLE events_away RENAME TO analytics_events"))
    with Session(database) as session:
        assert session.execute(text("SELECT count(*) FROM bookings")).scalar_one() == 1
