"""How each provider words a refusal."""

from datetime import timedelta
from email.utils import format_datetime
from uuid import uuid4

from flask import Response, jsonify

from sandbox.providers.state import world

KLAVIYO_CODES = {
    400: "invalid", 401: "not_authenticated", 403: "permission_denied", 404: "not_found", 409: "conflict",
    415: "unsupported_media_type", 429: "throttled",
}  # fmt: skip
TWILIO_CODES = {401: 20003, 403: 20003, 404: 20404, 429: 20429}


def refusal(provider: str, status: int, words: str) -> dict[str, object]:
    """Word a refusal in the provider's own format."""
    if provider == "klaviyo":
        code = KLAVIYO_CODES.get(status, "error")
        error = klaviyo_error(status, code, words, words)
        del error["source"]  # it is about no part of the body
        return {"errors": [error]}
    if provider == "twilio":
        return twilio_error(TWILIO_CODES.get(status, 20500), words, status)
    if status == 429:
        return {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."}
    return {
        "type": f"https://tools.ietf.org/html/rfc7231#section-6.5.{1 if status == 400 else 4}",
        "title": words,
        "status": status,
        "traceId": f"00-{uuid4().hex}-{uuid4().hex[:16]}-01",
        "errors": {},
        "data": {},
    }


def klaviyo_error(
    status: int, code: str, title: str, detail: str, pointer: str = "/data"
) -> dict[str, object]:
    """Word one error object of Klaviyo."""
    return {
        "id": str(uuid4()), "status": status, "code": code, "title": title, "detail": detail,
        "source": {"pointer": pointer}, "links": {}, "meta": {},
    }  # fmt: skip


def twilio_error(code: int, words: str, status: int) -> dict[str, object]:
    """Word an error of Twilio in the format that is switched on."""
    info = f"https://www.twilio.com/docs/errors/{code}"
    if world().flags.word("twilio_errors") == "rfc9457":
        return {
            "type": info, "title": words, "status": status, "code": code, "detail": words,
            "instance": f"/sim/{uuid4().hex}", "errors": [],
        }  # fmt: skip
    return {"code": code, "message": words, "more_info": info, "status": status}


def too_many(provider: str, retry_after: int | str | None) -> Response:
    """Refuse for being called too often."""
    response = jsonify(refusal(provider, 429, "Too many requests"))
    response.status_code = 429
    return with_retry_after(response, retry_after)


def with_retry_after(response: Response, retry_after: int | str | None) -> Response:
    """Add the header: seconds as given, or `date:N` for a date N seconds ahead."""
    if retry_after is None:
        return response
    text = str(retry_after)
    if text.startswith("date:"):
        moment = world().now() + timedelta(seconds=int(text.removeprefix("date:")))
        text = format_datetime(moment, usegmt=True)
    response.headers["Retry-After"] = text
    return response
