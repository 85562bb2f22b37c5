"""Our script and style: bundled, minified and compressed once at start, under names that carry their content's hash."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import brotli
import rcssmin
import rjsmin
from flask import Blueprint, Flask, Response, abort, request

STATIC = Path(__file__).parents[1] / "static"
HUE_MARK = "--hue:262"
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
THEME = tuple(f"css/{part}.css" for part in ("tokens", "base", "answers", "fields", "parts", "wide"))
BUNDLES = {"app.js": ("js/app.js",), "embed.js": ("js/embed.js",), "theme.css": THEME,
           "staff.css": ("css/tokens.css", "css/staff.css")}  # fmt: skip
YEAR = "public, max-age=31536000, immutable"

assets = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Asset:
    """One file as it goes over the wire."""

    body: bytes
    gzipped: bytes
    brotlied: bytes
    mimetype: str
    digest: str


def htmx_source() -> str:
    """Return htmx 2 from the installed package that carries it; no copy of it lives in this repository."""
    return (files("django_htmx") / "static" / "django_htmx" / "htmx-2.min.js").read_text()


@cache
def build(name: str, hue: int | None = None) -> Asset:
    """Put one asset together; `hue` replaces the brand's in the theme. Raise FileNotFoundError for an unknown name."""
    kind = name.rpartition(".")[2]
    sources = [STATIC / part for part in BUNDLES.get(name, (f"img/{name}",))]
    if kind == "css":
        text = rcssmin.cssmin("\n".join(path.read_text() for path in sources))
        body = text.replace(HUE_MARK, f"--hue:{hue}").encode() if hue is not None else text.encode()
    elif kind == "js":
        own = rjsmin.jsmin("\n".join(path.read_text() for path in sources))
        body = (f"{htmx_source()}\n{own}" if name == "app.js" else own).encode()
    else:
        body = sources[0].read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, gzip.compress(body, 9), brotli.compress(body, quality=11), TYPES[kind], digest)


def asset(name: str) -> str:
    """Return the address of an asset, with its hash."""
    stem, _, kind = name.rpartition(".")
    return f"/assets/{stem}-{build(name).digest}.{kind}"


def theme_css(hue: int) -> str:
    """Return the address of the style sheet in one brand's hue."""
    return f"/assets/theme-{hue}-{build('theme.css', hue).digest}.css"


@assets.get("/assets/<name>")
def serve(name: str) -> Response:
    """Serve an asset under its hashed name; an old hash gets today's content but is not kept."""
    stem, _, kind = name.rpartition(".")
    stem, _, digest = stem.rpartition("-")
    theme, _, hue = stem.partition("-")
    try:
        if theme == "theme" and hue.isdigit() and int(hue) < 360:
            found = build("theme.css", int(hue))
        else:
            found = build(f"{stem}.{kind}")
    except (OSError, KeyError, ValueError):  # also a name too long for a file, or a folder's
        abort(404)
    return answer(found, YEAR if digest == found.digest else "no-store")


@assets.get("/embed.js")
def loader() -> Response:
    """Serve the partners' loader at its stable address."""
    response = answer(build("embed.js"), "public, max-age=300, stale-while-revalidate=86400")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@assets.get("/favicon.ico")
def favicon() -> Response:
    """Serve the mark to browsers that ask without being told."""
    return answer(build("favicon.svg"), "public, max-age=86400")


def answer(found: Asset, caching: str) -> Response:
    """Answer with the smallest form the browser takes."""
    accepted = request.accept_encodings
    encoding, body = "", found.body
    if accepted["br"] > 0:
        encoding, body = "br", found.brotlied
    elif accepted["gzip"] > 0:
        encoding, body = "gzip", found.gzipped
    response = Response(body, mimetype=found.mimetype)
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.headers["Cache-Control"] = caching
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def init_app(app: Flask) -> None:
    """Serve the assets and let templates name them."""
    app.register_blueprint(assets)
    app.jinja_env.globals.update(asset=asset, theme_css=theme_css)
