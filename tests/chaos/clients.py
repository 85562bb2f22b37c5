"""Homeowners over real HTTP who do not give up: they book, press twice, cancel and move while things break."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from app.booking.manage_links import token_of
from tests.chaos.product import Product

PATIENCE = 120.0  # seconds a person presses the same button again
HIDDEN = re.compile(r'name="(fs|submission_id)" value="([^"]+)"')
WINDOW = re.compile(r'name="slot_id"\s+value="([0-9a-f-]{36})"')
REFERENCE = re.compile(r'data-reference="(\w+)"')


class Answer(StrEnum):
    """How a submit ended for the person."""

    ACCEPTED = "accepted"
    TAKEN = "window taken"
    NO_WINDOW = "no window open"
    UNANSWERED = "no answer in time"
    ODD = "something else"


@dataclass
class Visit:
    """One person's walk. `slot_id` is the window they pressed the button for."""

    number: int
    answer: Answer = Answer.UNANSWERED
    reference: str | None = None
    slot_id: str | None = None
    other_references: set[str] = field(default_factory=set)
    presses: int = 0
    submit_seconds: float = 0.0
    odd: str | None = None


@dataclass(frozen=True)
class Habits:
    """What people are like, as shares of all: who changes their mind and how, wants texts, presses twice.

    `before_press` happens right before somebody presses the button that books.
    """

    change: float = 0.0
    changes: tuple[str, ...] = ("cancel", "move")
    hesitation: float = 2.0
    texts: float = 0.7
    twice: float = 0.0
    before_press: Callable[[], object] | None = None


LIVELY = Habits(change=0.2, twice=0.3)


class Crowd:
    """Many of them at once."""

    def __init__(self, product: Product, zips: list[str], seed: int, habits: Habits | None = None) -> None:
        self.product, self.zips, self.seed = product, zips, seed
        self.habits = habits or Habits()
        self.visits: list[Visit] = []
        self.statuses: Counter[int] = Counter()
        self.tracebacks = 0
        self.changes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(self, count: int, at_once: int = 1, *, over: float = 0.0) -> "Crowd":
        """Let `count` people arrive within `over` seconds, `at_once` of them there at a time."""
        began = time.monotonic()

        def arrive(number: int) -> Visit:
            time.sleep(max(0.0, began + over * number / count - time.monotonic()))
            return self._one(number)

        with ThreadPoolExecutor(at_once) as pool:
            self.visits += pool.map(arrive, range(count))
        return self

    def _one(self, number: int) -> Visit:
        rng, habits = random.Random(f"{self.seed}-{number}"), self.habits
        person = Person(self, number, rng)
        try:
            visit = person.book()
            if visit.answer is Answer.ACCEPTED and rng.random() < habits.change:
                time.sleep(rng.random() * habits.hesitation)
                did = person.change_mind(rng.choice(habits.changes))
                with self._lock:
                    self.changes[did] += 1
            return visit
        finally:
            person.web.close()

    @property
    def references(self) -> list[str]:
        """Return the references people were given, each once."""
        return sorted({visit.reference for visit in self.visits if visit.reference})

    def p95(self) -> float:
        """Return how many seconds a submit took for all but the slowest twentieth."""
        times = sorted(visit.submit_seconds for visit in self.visits)
        return times[int(len(times) * 0.95)] if times else 0.0

    def saw(self, response: httpx.Response) -> None:
        """Count an answer, and whether it shows what no visitor should see."""
        with self._lock:
            self.statuses[response.status_code] += 1
            self.tracebacks += "Traceback (most recent call last)" in response.text

    def count(self, answer: Answer) -> int:
        """Count how submits ended."""
        return sum(visit.answer is answer for visit in self.visits)


class GaveUp(Exception):
    """No answer within a person's patience."""


class Person:
    """One homeowner with a browser without JavaScript."""

    def __init__(self, crowd: Crowd, number: int, rng: random.Random) -> None:
        self.crowd, self.rng, self.visit = crowd, rng, Visit(number)
        address = f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        self.web = httpx.Client(
            base_url=crowd.product.env["PUBLIC_BASE_URL"], timeout=20, headers={"X-Forwarded-For": address}
        )

    def ask(self, method: str, url: str, data: dict[str, str] | None = None) -> httpx.Response:
        """Send a request, and the very same again while it meets a closed door. Raise GaveUp."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            try:
                response = self.web.request(method, url, data=data)
            except httpx.TransportError:
                time.sleep(0.3)
                continue
            self.crowd.saw(response)
            if response.status_code != 503:
                return response
            time.sleep(0.5)
        raise GaveUp

    def follow(self, response: httpx.Response) -> httpx.Response:
        """Go where the answer leads."""
        while response.status_code in {302, 303}:
            response = self.ask("GET", response.headers["Location"])
        return response

    def book(self) -> Visit:
        """Walk through the wizard and press the button."""
        try:
            return self._book()
        except GaveUp:
            return self.visit

    def _book(self) -> Visit:
        visit = self.visit
        page = self.follow(self.ask("GET", "/book?utm_source=chaos"))
        base = str(page.url.path).rpartition("/")[0]
        for step, reply in self.replies().items():
            answer = reply
            if step == "slot":
                windows = WINDOW.findall(page.text)
                if not windows:
                    visit.answer = Answer.NO_WINDOW
                    return visit
                answer = {"slot_id": self.rng.choice(windows)}
            page = self.follow(self.ask("POST", f"{base}/{step}", dict(HIDDEN.findall(page.text)) | answer))
            if step == "slot":
                page = self._choose_again(base, page, answer)
            if page.status_code != 200:
                visit.answer, visit.odd = Answer.ODD, f"{step}: {page.status_code}"
                return visit
        visit.slot_id = self.chosen
        return self._submit(f"{base}/review", dict(HIDDEN.findall(page.text)))

    def _choose_again(self, base: str, page: httpx.Response, answer: dict[str, str]) -> httpx.Response:
        self.chosen = answer["slot_id"]
        for _ in range(20):
            if page.status_code != 409 or not (windows := WINDOW.findall(page.text)):
                break
            self.chosen = self.rng.choice(windows)
            data = dict(HIDDEN.findall(page.text)) | {"slot_id": self.chosen}
            page = self.follow(self.ask("POST", f"{base}/slot", data))
        return page

    def replies(self) -> dict[str, dict[str, str]]:
        """Return what this person answers; e-mail and phone are their own."""
        n = self.visit.number
        phone = f"+1602{200 + n // 7000 % 700:03d}{2000 + n % 7000:04d}"
        return {
            "zip": {"zip_code": self.rng.choice(self.crowd.zips)},
            "issue": {"issue_type": "broken_spring"},
            "doors": {"door_count": "1", "door_age": "7"},
            "ownership": {"homeowner_status": "owner"},
            "slot": {},
            "contact": {
                "first_name": "Ana", "last_name": f"Ruiz {n}", "email": f"c{self.crowd.seed}-{n}@example.com",
                "phone": phone, "address_line1": f"{n + 1} Oak Street",
                "sms_opt_in": "1" if self.rng.random() < self.crowd.habits.texts else "",
            },
        }  # fmt: skip

    def _submit(self, url: str, data: dict[str, str]) -> Visit:
        """Press the button; some press twice at the same moment, and some of them once more later."""
        visit, habits = self.visit, self.crowd.habits
        twice = self.rng.random() < habits.twice
        if habits.before_press:
            habits.before_press()
        began = time.monotonic()
        with ThreadPoolExecutor(2) as fingers:
            presses = [fingers.submit(self._press, url, data) for _ in range(2 if twice else 1)]
            pages = [press.result() for press in presses]
        visit.submit_seconds = time.monotonic() - began
        if self.rng.random() < habits.twice:
            pages.append(self._press(url, data))
        visit.presses = len(pages)
        references = {found[1] for page in pages if page and (found := REFERENCE.search(page.text))}
        if references:
            visit.answer, visit.reference = Answer.ACCEPTED, references.pop()
            visit.other_references = references
        elif seen := [page for page in pages if page]:
            # 409, or after a lost reply the step that a lost window leads back to
            gone = any(page.status_code == 409 or 'data-step="slot"' in page.text for page in seen)
            visit.answer = Answer.TAKEN if gone else Answer.ODD
            visit.odd = None if gone else f"review: {[page.status_code for page in seen]}"
        return visit

    def _press(self, url: str, data: dict[str, str]) -> httpx.Response | None:
        try:
            return self.follow(self.ask("POST", url, data))
        except GaveUp:
            return None

    def change_mind(self, what: str) -> str:
        """Cancel or move by the link in the message."""
        product = self.crowd.product
        nonce = product.one(
            "SELECT nonce FROM manage_links l JOIN bookings b ON b.id = l.booking_id WHERE b.reference = :r"
            " ORDER BY l.created_at DESC LIMIT 1",
            r=self.visit.reference,
        )
        path = f"/manage/{token_of(bytes(nonce), product.env['PRIVACY_HASH_KEY'])}"
        try:
            page = self.ask("GET", path)
            seal = dict(HIDDEN.findall(page.text))
            if what == "move":
                return self._move(path, seal)
            return f"cancel: {self.ask('POST', f'{path}/cancel', seal | {'reason': 'fixed'}).status_code}"
        except GaveUp:
            return f"{what}: no answer"

    def _move(self, path: str, seal: dict[str, str]) -> str:
        product = self.crowd.product
        free = product.rows(
            "SELECT s.id FROM time_slots s JOIN bookings b ON b.service_area_id = s.service_area_id"
            " WHERE b.reference = :r AND s.available AND s.held_by IS NULL AND s.starts_at > now() + interval '3 hours'",
            r=self.visit.reference,
        )
        if not free:
            return "move: no window"
        data = seal | {"slot_id": str(self.rng.choice(free)[0])}
        return f"move: {self.ask('POST', f'{path}/move', data).status_code}"
