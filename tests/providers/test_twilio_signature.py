"""The seal on Twilio's callbacks, held to known vectors and to what proxies do to addresses."""

import hashlib

import pytest

from app.providers.twilio_signature import Call, is_genuine, signature

TOKEN = "test_auth_token_0123456789abcdef"
URL = "https://book.example.com/webhooks/twilio/status?b=42"
FIELDS = {
    "AccountSid": ["AC00000000000000000000000000000001"], "ApiVersion": ["2010-04-01"], "From": ["+16025550100"],
    "MessageSid": ["SM00000000000000000000000000000001"], "MessageStatus": ["delivered"],
    "SmsSid": ["SM00000000000000000000000000000001"], "SmsStatus": ["delivered"], "To": ["+16025550123"],
}  # fmt: skip
SHA1, SHA256 = "wPG1ZIKW94IOo3slaNa/8aBbv/k=", "+RobdjxQaDp4+YwKZ/lDr0tumCtOkr2nf2DPYidH1hs="
SETTING = "key=KY1,algorithm=HMAC_SHA256"


def test_the_signature_is_what_their_validator_computes() -> None:
    fields = {
        "CallSid": ["CA1234567890ABCDE"], "Caller": ["+14158675309"], "Digits": ["1234"], "From": ["+14158675309"],
        "To": ["+18005551212"],
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, fields) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_both_algorithms_fit_and_neither_passes_for_the_other() -> None:
    call = Call(URL, FIELDS)
    assert is_genuine(TOKEN, call, SHA1)
    assert is_genuine(TOKEN, call, SHA256, SETTING)
    assert not is_genuine(TOKEN, call, SHA1, SETTING)
    assert not is_genuine(TOKEN, call, SHA256)
    assert not is_genuine("another", call, SHA1)


@pytest.mark.parametrize(
    ("signed", "known"),
    [
        (URL, URL.replace(".com/", ".com:443/")),
        (URL.replace(".com/", ".com:443/"), URL),
        ("http://book.example.com/x", "http://book.example.com:80/x"),
        ("http://book.example.com:8000/x", "http://book.example.com:8000/x"),
        ("http://book.example.com/x", "http://book.example.com:8000/x"),
    ],
)
def test_an_address_fits_with_and_without_its_port(signed: str, known: str) -> None:
    assert is_genuine(TOKEN, Call(known, FIELDS), signature(TOKEN, signed, FIELDS))


def test_fields_count_in_any_order_once_each_and_also_when_empty() -> None:
    twice = {"B": ["2", "1", "2"], "A": [""]}
    assert signature(TOKEN, URL, twice) == signature(TOKEN, URL, {"A": [""], "B": ["1", "2"]})
    assert signature(TOKEN, URL, twice) != signature(TOKEN, URL, {"A": [""], "B": ["2"]})
    assert signature(TOKEN, URL, {"A": ["", "x"]}) == signature(TOKEN, URL, {"A": ["x", ""]})
    assert signature(TOKEN, URL, {"A": []}) != signature(TOKEN, URL, {"A": ["", "y"]})


def test_a_body_that_is_no_form_is_signed_through_its_hash() -> None:
    body = b'{"status": "delivered"}'
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    seal = signature(TOKEN, url, {})
    assert is_genuine(TOKEN, Call(url, {}, body), seal)
    assert not is_genuine(TOKEN, Call(url, {}, body + b" "), seal)
    assert not is_genuine(TOKEN, Call(URL, {}, body), signature(TOKEN, URL, {}))
