"""Sends what providers tell the application: to it or this machine only, written down with the answer it got."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox.providers.state import Told, World

WAIT_SECONDS = 15
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Callback:
    """One call to the application."""

    provider: str
    url: str
    body: bytes
    headers: dict[str, str]
    subject: str
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back; no status means that nobody answered."""

    status: int | None
    body: bytes = b""

    @property
    def is_taken(self) -> bool:
        """Tell whether the application took it."""
        return self.status is not None and 200 <= self.status < 300


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a provider does not, and a proxy of the machine has no part in it either."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Give the redirect back as the answer."""


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Straight)


def is_reachable(sim: World, url: str | None) -> bool:
    """Tell whether we may call this address: the application's own or one of this machine, nothing else."""
    parts, own = urlsplit(url or ""), urlsplit(sim.config.public_base_url).hostname
    return parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK | ({own} if own else set())


def send(sim: World, callback: Callback) -> Answer:
    """Post it and write down what came of it."""
    call = urllib.request.Request(callback.url, callback.body, callback.headers, method="POST")  # noqa: S310 checked below
    answer = Answer(None)
    if is_reachable(sim, callback.url):
        try:
            with _opener.open(call, timeout=WAIT_SECONDS) as response:
                answer = Answer(int(response.status), response.read(100_000))
        except urllib.error.HTTPError as error:
            with error:
                answer = Answer(error.code)
        except OSError:
            answer = Answer(None)
    with sim.lock:
        sim.told.append(
            Told(sim.stamp(), callback.provider, callback.url, callback.subject, answer.status, callback.note)
        )
    return answer
