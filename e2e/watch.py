"""What went over the wire and into the console of one browser, so that every journey can say it was clean."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request


@dataclass
class Watch:
    """Collects requests, console errors and uncaught exceptions of a context from its first page on."""

    requests: list[Request] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> "Watch":
        """Begin to listen."""
        context.on("request", self._see)
        context.on("console", self._hear)
        context.on("weberror", lambda event: self.troubles.append(f"uncaught: {event.error}"))
        return self

    def expect(self, pattern: str) -> None:
        """Announce a console error that belongs to what is tested, as a browser logs each refused request."""
        self.expected.append(pattern)

    @property
    def surprises(self) -> list[str]:
        """Console errors nobody announced."""
        return [said for said in self.troubles if not any(re.search(known, said) for known in self.expected)]

    @property
    def hosts(self) -> set[str]:
        """Every host and port that was asked for anything."""
        return {urlsplit(request.url).netloc for request in self.requests if request.url.startswith("http")}

    def to(self, base: str) -> list[Request]:
        """Requests to one origin."""
        return [request for request in self.requests if request.url.startswith(f"{base}/")]

    def posts(self, ending: str) -> list[Request]:
        """POSTs to paths with this ending."""
        return [
            request
            for request in self.requests
            if request.method == "POST" and urlsplit(request.url).path.endswith(ending)
        ]

    def cookies_sent_to(self, base: str) -> list[str]:
        """Cookie headers that reached one origin, as the network stack sent them."""
        headers = [request.header_value("cookie") for request in self.to(base) if request.failure is None]
        return [value for value in headers if value is not None]

    def _see(self, request: Request) -> None:
        self.requests.append(request)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"{message.text} ({message.location.get('url', '')})")
