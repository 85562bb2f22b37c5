"""One request of one visit: load it, collect what happened, show a step, write the events last."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import structlog
from flask import Response, abort, render_template, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.analytics import events
from app.analytics.events import Event, EventType
from app.web import locale, request_log, settings, transaction
from app.web.headers import allow_frames
from app.web.render import company, layout, render_page, wants_fragment
from app.wizard import embed, flow, tokens, visitor
from app.wizard import visit as visits
from app.wizard.embed import Partner
from app.wizard.flow import Nav
from app.wizard.steps import Step
from app.wizard.steps.base import Desk
from app.wizard.summary import summary
from app.wizard.tokens import Handle
from app.wizard.visit import Visit

EVENTS_REST_SECONDS = 30.0

log = structlog.get_logger()


class EventsFailed(Exception):
    """Writing events failed; the step itself is fine and runs again without them."""


class EventsRest:
    """After a failure this process writes no events for a while: a visitor never waits for analytics."""

    until: float = 0.0


@dataclass
class Page:
    """The work at hand: what a step needs, whose page it is, and the events to write before the commit."""

    desk: Desk
    partner: Partner
    pending: list[Event] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """Return the open transaction."""
        return self.desk.session

    @property
    def visit(self) -> Visit:
        """Return the visit as it stands now."""
        return self.desk.visit

    def update(self, visit: Visit) -> None:
        """Go on with a changed visit."""
        self.desk = replace(self.desk, visit=visit)

    def url(self, step_name: str) -> str:
        """Return the address of one of this visit's pages."""
        return f"/w/{self.visit.token}/{step_name}"

    def note(self, event_type: EventType, step_name: str, **data: Any) -> Event:  # Any: JSON scalars
        """Remember an event of this visit."""
        visit = self.visit
        common = {
            "step": step_name, "idx": flow.position(step_name), "total": flow.TOTAL, "partner": visit.partner_key,
            "embed": visit.embed_mode is not None, "device": visit.device_class, "locale": visit.locale, "channel": visit.source,
        }  # fmt: skip
        event = Event(event_type, visit.id, common | data, visit.last_touch, visit.booking_id, visit.is_bot)
        self.pending.append(event)
        return event

    def note_view(self, step_name: str, nav: Nav) -> None:
        """Remember that a page was looked at: the only place that does."""
        self.note(EventType.STEP_VIEWED, step_name, nav=nav)

    def flush(self) -> None:
        """Write the events: the last statement before the commit."""
        if not self.pending:
            return
        if time.monotonic() < EventsRest.until:
            log.info("events_dropped", count=len(self.pending), reason="rest")
            return
        try:
            events.record(self.session, *self.pending)
            request_log.note(events=len(self.pending))
        except DBAPIError as error:
            if events.is_lost_connection(error):
                raise
            raise EventsFailed from error

    def flush_beside(self) -> None:
        """Write the events in a savepoint of their own: a booking stands whatever becomes of them."""
        pending, self.pending = self.pending, []
        if events.record_beside(self.session, *pending):
            request_log.note(events=len(pending))


def run_visit(token: str, work: Callable[[Page], Response], *, lock: bool = False) -> Response:
    """Run one request of a visit as one transaction; junk tokens are 404, ended visits 410."""
    handle = tokens.read(settings(), token)
    if handle is None:
        abort(404)
    allow_frames(embed.remembered_origins(handle.partner_key))

    def whole(session: Session) -> Response:
        page = open_page(session, handle, lock=lock)
        if isinstance(page, Response):
            return page
        response = work(page)
        page.flush()
        return response

    try:
        return transaction.run(whole)
    except EventsFailed:
        EventsRest.until = time.monotonic() + EVENTS_REST_SECONDS
        log.warning("events_rest", seconds=EVENTS_REST_SECONDS)
        return transaction.run(whole)


def open_page(session: Session, handle: Handle, *, lock: bool) -> Page | Response:
    """Load the visit, or answer 410 when it is gone or over."""
    visit = visits.load(session, handle, lock=lock)
    partner = embed.find(session, handle.partner_key) or embed.find(session, embed.DIRECT)
    if partner is None:
        abort(404)
    allow_frames(partner.origins)
    locale.choose(visit.locale if visit else None)
    if visit is None or (visit.is_expired and visit.booking_id is None):
        return expired(partner, visit)
    chosen = request.args.get("lang")
    if request.method == "GET" and chosen in locale.LOCALES:
        locale.choose(chosen)
        visit = replace(visit, locale=chosen)
    address = visitor.address_hash(settings().privacy_hash_key)
    return Page(Desk(session, visit, settings(), address, clock.now()), partner)


def expired(partner: Partner, visit: Visit | None) -> Response:
    """Offer a fresh start that keeps where the visitor came from."""
    words = visit.last_touch.to_json() if visit else {}
    query = {
        name: value for name, value in words.items() if name not in {"landing_path", "referrer_origin", "at"}
    }
    if visit and visit.embed_mode:
        query |= {"embed": "1", "po": visit.parent_origin or ""}
    path = "/book" if partner.key == embed.DIRECT else f"/e/{partner.key}"
    return render_page(
        "wizard/expired.html",
        410,
        **frame_of(partner, visit),
        layout=layout(),
        step="expired",
        fresh_url=f"{path}?{urlencode(query)}",
    )


def frame_of(partner: Partner, visit: Visit | None) -> dict[str, Any]:
    """Return what surrounds every page of a visit: company, colour, language, frame."""
    return {
        "company": company(partner.phone),
        "hue": settings().brand_hue if partner.hue is None else partner.hue,
        "lang": locale.current(),
        "other_lang_url": f"?lang={'en' if locale.current() == 'es' else 'es'}",
        "embed": bool(visit and visit.embed_mode),
        "parent_origin": visit.parent_origin if visit else None,
        "partner_key": partner.key,
    }


@dataclass(frozen=True)
class Showing:
    """How a step is shown: what was typed, what is wrong, what just happened."""

    nav: Nav = Nav.NEXT
    status: int = 200
    values: Mapping[str, str] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    notice: str | None = None
    completed: str | None = None
    reveal: bool = False
    changing: bool = False
    is_view: bool = True


def show(page: Page, step: Step, showing: Showing) -> Response:
    """Render a step, and record that it was viewed."""
    context = step.context(page.desk, reveal=showing.reveal)
    if showing.is_view:
        page.note_view(step.name, showing.nav)
        if step.name == "slot" and not context["days"]:
            page.note(EventType.NO_AVAILABILITY, step.name)
    values = step.values(page.desk) | dict(showing.values or {})
    return render_step(page, f"wizard/{step.name}.html", step.name, showing, context | {"values": values})


def render_step(
    page: Page, template: str, name: str, showing: Showing, context: Mapping[str, Any]
) -> Response:
    """Render one page of a visit with everything around it."""
    changing = "?change=1" if showing.changing or request.args.get("change") else ""
    previous = flow.before(flow.BY_NAME[name]) if name in flow.BY_NAME else None
    response = render_page(
        template,
        showing.status,
        **frame_of(page.partner, page.visit),
        **{
            "layout": layout(),
            "step": name,
            "idx": flow.position(name),
            "total": flow.TOTAL,
            "back_url": page.url(previous.name) if previous else None,
            "action": page.url(name) + changing,
            "fs": tokens.seal(settings(), page.visit.id, name, page.visit.version),
            "call_url": page.url("call"),
            "notice": showing.notice,
            "errors": dict(showing.errors),
            "completed_step": showing.completed,
            "summary": summary(page.visit.answers) if page.visit.booking_id is None else [],
            **context,
        },
    )
    if wants_fragment() and showing.status in {200, 409}:
        response.headers["HX-Push-Url"] = page.url(name) + (changing if request.method == "GET" else "")
    return response


def bare(template: str, status: int = 200, **context: Any) -> Response:
    """Render a fragment that stands alone."""
    return Response(render_template(template, **context), status, mimetype="text/html")
