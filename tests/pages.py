"""A browser for tests: it reads forms as a person would, and refuses every page that is not sound HTML."""

import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

HTMX = {"HX-Request": "true"}


class PageClient(FlaskClient):
    """Checks each HTML answer it gets."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        with self.application.app_context():  # a session of the request's own, not the test's
            response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and response.data and "Content-Encoding" not in response.headers:
            check_html(response.text, whole=response.text.lstrip().lower().startswith("<!doctype"))
        return response


def parse(html: str, *, whole: bool) -> Element:
    """Parse strictly; a fault in the markup fails the test."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(html) if whole else parser.parseFragment(html, container="body")


def check_html(html: str, *, whole: bool) -> None:
    """Assert what every page must have: valid HTML5, one h1, a title, labels, unique ids, actions on forms."""
    tree = parse(html if whole else re.sub(r"^\s*<title>.*?</title>", "", html, flags=re.DOTALL), whole=whole)
    ids = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(ids) == len(set(ids)), f"ids twice: {sorted({i for i in ids if ids.count(i) > 1})}"
    if whole:
        assert tree.findtext(".//title"), "no title"
    if whole or 'id="wizard"' in html:
        assert len(list(tree.iter("h1"))) == 1, "a page has one h1"
    assert all(form.get("action") for form in tree.iter("form")), "a form without action"
    labelled = {label.get("for") for label in tree.iter("label")}
    inside = {id(field) for label in tree.iter("label") for field in label.iter()}
    for tag in ("input", "select", "textarea"):
        for node in tree.iter(tag):
            named = (
                node.get("type") in {"hidden", "submit"}
                or node.get("aria-label")
                or node.get("id") in labelled
            )
            assert named or id(node) in inside, f"no label: {node.attrib}"
    assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:", re.sub(r"<script.*?</script>", "", html)), (
        "inline script or style"
    )


@dataclass
class Walk:
    """One visitor going through the wizard, by htmx or with plain forms."""

    client: FlaskClient
    htmx: bool = True
    address: str = "203.0.113.7"
    base: str = ""
    html: str = ""

    @property
    def token(self) -> str:
        """The visit's token."""
        return self.base.removeprefix("/w/")

    @property
    def step(self) -> str:
        """The step the visitor looks at."""
        return re.search(r'data-step="([^"]+)"', self.html)[1]

    @property
    def headers(self) -> dict[str, str]:
        """What this visitor's browser sends."""
        return (HTMX if self.htmx else {}) | {"X-Forwarded-For": self.address}

    def start(self, query: str = "", path: str = "/book") -> "Walk":
        """Arrive, and look at the first step."""
        location = self.client.get(f"{path}?{query}", headers={"X-Forwarded-For": self.address}).headers[
            "Location"
        ]
        self.base = location.rpartition("/")[0]
        self.get("zip")
        return self

    def get(self, step: str, **headers: str) -> TestResponse:
        """Look at a page of the visit."""
        response = self.client.get(f"{self.base}/{step}", headers={"X-Forwarded-For": self.address} | headers)
        if response.mimetype == "text/html" and response.data:
            self.html = response.text
        return response

    def hidden(self, name: str) -> str:
        """A hidden field of the page."""
        return re.search(rf'name="{name}" value="([^"]*)"', self.html)[1]

    def windows(self) -> list[str]:
        """Ids of the windows on the page."""
        return re.findall(r'name="slot_id" value="([0-9a-f-]{36})"', self.html)

    def post(self, step: str, data: dict[str, Any] | None = None, **overrides: Any) -> TestResponse:
        """Send a step's form as it stands on the page; follow a redirect as a browser does."""
        fields = {"fs": overrides.pop("fs", None) or self.hidden("fs"), **(data or {})}
        headers = self.headers | overrides.pop("headers", {})
        response = self.client.post(f"{self.base}/{step}", data=fields, headers=headers)
        if response.status_code == 303:
            self.get(response.headers["Location"].removeprefix(self.base + "/"))
        elif response.mimetype == "text/html" and "Content-Encoding" not in response.headers:
            self.html = response.text
        return response

    def to(self, step: str, **answers: Any) -> "Walk":
        """Answer believably until the visitor stands on this step."""
        while self.step != step:
            response = self.post(self.step, self.reply(self.step) | answers.get(self.step, {}))
            assert response.status_code in {200, 303}, f"{self.step}: {response.status_code}"
        return self

    def reply(self, step: str) -> dict[str, Any]:
        """A believable answer to a step."""
        if step == "slot":
            return {"slot_id": self.windows()[0]}
        if step == "review":
            return {"submission_id": self.hidden("submission_id")}
        return REPLIES[step]

    def submit(self) -> TestResponse:
        """Press the button that books."""
        return self.post("review", self.reply("review"))


REPLIES: dict[str, dict[str, str]] = {
    "zip": {"zip_code": "85004"},
    "issue": {"issue_type": "broken_spring", "issue_note": "It went bang"},
    "doors": {"door_count": "2", "door_age": "12"},
    "ownership": {"homeowner_status": "owner"},
    "contact": {
        "first_name": "Ana",
        "last_name": "Ruiz",
        "email": "ana@example.com",
        "phone": "(602) 555-0123",
        "address_line1": "12 Oak Street",
        "access_notes": "Gate 4711",
        "sms_opt_in": "1",
    },
}
