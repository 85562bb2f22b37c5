"""Without a database people are told so, and what they typed is still there."""

import uuid

from app import create_app
from app.config import load_settings
from app.wizard import tokens
from tests.pages import HTMX, PageClient, check_html


def test_a_form_comes_back_with_what_was_typed(environ: dict[str, str]) -> None:
    away = environ | {"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    app = create_app(away)
    app.test_client_class = PageClient
    token = tokens.make(load_settings(away), uuid.uuid4(), "direct")
    typed = {"fs": "1.x", "first_name": "Ana", "email": "ana@example.com"}
    answer = app.test_client().post(f"/w/{token}/contact", data=typed)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert 'name="email" value="ana@example.com"' in answer.text
    assert f'action="/w/{token}/contact' in answer.text
    assert 'href="tel:+16025550142"' in answer.text
    check_html(answer.text, whole=True)
    assert app.test_client().post(f"/w/{token}/contact", data=typed, headers=HTMX).status_code == 503
    assert app.test_client().get("/book").status_code == 503
    assert app.test_client().get("/healthz").status_code == 200
    assert app.test_client().get("/readyz").status_code == 503
