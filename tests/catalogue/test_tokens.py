"""What a signature covers, told apart in the places where gateways are easily misread."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from ringback.connectors.incoming import incoming
from ringback.connectors.verify import SCHEMES, Refused
from ringback.connectors.verify.pieces import signed_bytes, url_variants

NOW_MS = 1_782_657_005_000
NOW = NOW_MS // 1000
URL = "https://ringback.example/callbacks/front-desk"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
KEY = "short"


def token(claims: Any, *, alg: str = "HS256", key: str = KEY) -> str:
    def part(value: Any) -> str:
        said = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(said).decode().rstrip("=")

    head = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims)}"
    made = hmac.new(key.encode(), head.encode(), "sha256").digest()
    return f"{head}.{'' if alg == 'none' else part(made)}"


def check(carried: str, body: bytes = b"", **options: Any) -> None:
    request = incoming("POST", URL, {"Authorization": f"Bearer {carried}"}, body)
    SCHEMES["jwt"].check({"secret": KEY, **options}, request, NOW_MS)


def test_a_token_by_the_wire() -> None:
    check(token({"iat": NOW}))
    check(token({"exp": NOW + 600, "nbf": NOW - 600, "aud": [URL], "iss": "it"}), issuer="it", audience="{url}")  # fmt: skip
    check(token({"exp": NOW + 600, "aud": URL}), audience="{url}")
    check(token({"iat": NOW, "h": hashlib.sha256(b"x").hexdigest().upper()}), b"x", body_hash="h")


@pytest.mark.parametrize(("carried", "said"), [
    (token({"iat": NOW}, alg="none"), "signed by none; HS256 is expected"),
    (token({"iat": NOW}, alg="HS512"), "signed by HS512; HS256 is expected"),
    (token({"iat": NOW}, alg="RS256"), "signed by RS256"),
    (token({"iat": NOW}, key="other"), "not one that a secret"),
    (token({"iat": NOW}) + "x", "not one that a secret"),
    (token({}), "neither when it was issued nor when it runs out"),
    (token({"iat": NOW - 301}), "away from our clock"),
    (token({"iat": NOW + 301}), "away from our clock"),
    (token({"exp": NOW - 2}), "ran out"),
    (token({"exp": NOW + 9, "nbf": NOW + 2}), "not valid before"),
    (token({"exp": "soon"}), "exp is not a moment"),
    (token({"exp": True}), "exp is not a moment"),
    (token({"exp": float("inf")}), "exp is not a moment"),
    (token([1]), "no claims"),
    (token(b"\xff"), "no claims"),
    ("a.b.c", "not a JSON Web Token"),
    ("", "no Authorization header"),
])  # fmt: skip
def test_a_token_is_refused(carried: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check(carried)


def test_a_token_for_another_request_is_refused() -> None:
    good = {"exp": NOW + 60}
    with pytest.raises(Refused, match="that it issued"):
        check(token({**good, "iss": "other"}), issuer="it")
    with pytest.raises(Refused, match="not meant for https:"):
        check(token({**good, "aud": ["https://other.example"]}), audience="{url}")
    for claims in ({}, {"u": None}, {"u": hashlib.sha256(b"other").hexdigest()}):
        with pytest.raises(Refused, match="u is not the hash of the address"):
            check(token({**good, **claims}), url_hash="u")
    for body, claims in ((b"x", {}), (b"x", {"h": "0" * 64}), (b"", {"h": hashlib.sha256(b"x").hexdigest()})):  # fmt: skip
        with pytest.raises(Refused, match="h is not the hash of the body"):
            check(token({**good, **claims}), body, body_hash="h")
    with pytest.raises(Refused, match="RS256"):
        check(token(good), algorithm="RS256")


def test_the_spellings_of_an_address() -> None:
    assert url_variants("https://a.example:1234/x?q='") == [
        "https://a.example:1234/x?q='", "https://a.example:1234/x?q=%27",
        "https://a.example/x?q='", "https://a.example/x?q=%27",
    ]  # fmt: skip
    assert url_variants("http://u:p@a.example") == ["http://u:p@a.example", "http://u:p@a.example:80"]  # fmt: skip
    assert url_variants("https://[::1]/") == ["https://[::1]/", "https://[::1]:443/"]
    assert url_variants("nothing") == ["nothing"]
    assert len(url_variants("https://a.example:8443/?a='&b=%27")) == 6


LIKE_TWILIO = {"scheme": "hmac", "secret": KEY, "header": "X-S", "algorithm": "sha1", "encoding": "base64", "signed": "{url}{fields}", "body_hash": "bodySHA256", "url_variants": True}  # fmt: skip


@pytest.mark.parametrize(("signed", "arrived"), [
    (f"{URL}?q='", f"{URL}?q=%27"), (f"{URL}?q=%27", f"{URL}?q='"),
    (URL.replace("example/", "example:443/"), URL), (URL, URL.replace("example/", "example:8443/")),
])  # fmt: skip
def test_an_address_in_another_spelling(signed: str, arrived: str) -> None:
    made = SCHEMES["hmac"].sign(LIKE_TWILIO, incoming("POST", signed, FORM, b"b=2&a=1&a="), NOW_MS)
    there = incoming("POST", arrived, made.headers, made.body)
    SCHEMES["hmac"].check(LIKE_TWILIO, there, NOW_MS)
    with pytest.raises(Refused):
        SCHEMES["hmac"].check({**LIKE_TWILIO, "url_variants": False}, there, NOW_MS)


def test_fields_are_sorted_by_name_each_value_once() -> None:
    request = incoming(
        "POST", URL, FORM, b"Reason=b&ReasonMore=x&Reason=a&Reason=b&empty=&u=%FF%C3%BC"
    )
    signed = b"".join(signed_bytes({"signed": "{fields}"}, request))
    assert signed == b"ReasonaReasonbReasonMorexemptyu\xff\xc3\xbc"


def test_a_body_that_nothing_covers_is_refused() -> None:
    """A signature over an address alone must not carry a body in with it."""
    made = SCHEMES["hmac"].sign(LIKE_TWILIO, incoming("POST", URL, {}), NOW_MS)
    for kind in ("application/json", "", "text/plain"):
        smuggled = incoming("POST", made.url, {**made.headers, "content-type": kind}, b'{"a": 1}')
        with pytest.raises(Refused, match="would not cover"):
            SCHEMES["hmac"].check(LIKE_TWILIO, smuggled, NOW_MS)


def test_two_headers_of_which_one_must_hold() -> None:
    options = {"scheme": "hmac", "secret": ["sub", "main"], "header": ["X-S", "X-Ma"], "nonce_header": "X-N", "encoding": "base64", "signed": "{address}{nonce}"}  # fmt: skip
    made = base64.b64encode(hmac.digest(b"main", f"{URL}12345".encode(), "sha256")).decode()
    for headers in ({"X-Ma": made}, {"X-S": "AAAA", "X-Ma": made}, {"X-S": f"AAAA,{made}"}):
        request = incoming("POST", f"{URL}?x=1", {**headers, "X-N": "12345"}, b"y")
        SCHEMES["hmac"].check(options, request, NOW_MS)
        with pytest.raises(Refused, match="no X-N header"):
            SCHEMES["hmac"].check(options, incoming("POST", URL, headers), NOW_MS)
    with pytest.raises(Refused, match="no X-S or X-Ma header"):
        SCHEMES["hmac"].check(options, incoming("POST", URL, {"X-N": "1"}), NOW_MS)


@pytest.mark.parametrize(("method", "query", "form", "said"), [
    ("GET", "?c=d&a=b", b"", "?a=b&c=d"),
    ("GET", "", b"", ""),
    ("POST", "", b"", ""),
    ("POST", "?c=d&a=b", b"", "?a=b&c=d"),
    ("POST", "", b"b=2&a=1", "?a1b2"),
    ("POST", "?c=d", b"b=2&a=1&a=0", "?c=d.a0a1b2"),
])  # fmt: skip
def test_the_sorted_request(method: str, query: str, form: bytes, said: str) -> None:
    request = incoming(method, URL + query, FORM, form)
    assert b"".join(signed_bytes({"signed": "{sorted_request}"}, request)).decode() == URL + said


def test_parameters_are_the_first_of_each_name_and_only_the_signed_ones() -> None:
    scheme, options = SCHEMES["parameters"], {"secret": KEY}
    made = scheme.sign(options, incoming("POST", URL, FORM, b"status=failed&a=x%26y%3Dz"), NOW_MS)
    text = f"&a=x_y_z&status=failed&timestamp={NOW}{KEY}"
    assert hashlib.md5(text.encode()).hexdigest().encode() in made.body
    scheme.check(options, incoming("POST", URL, FORM, made.body), NOW_MS)
    scheme.check(options, incoming("POST", URL, FORM, made.body + b"&status=delivered"), NOW_MS)
    with pytest.raises(Refused):
        scheme.check(options, incoming("POST", URL, FORM, b"status=delivered&" + made.body), NOW_MS)
    asked = scheme.sign(options, incoming("GET", f"{URL}?status=failed", {}), NOW_MS)
    with pytest.raises(Refused):
        scheme.check(options, incoming("POST", asked.url, FORM, b"status=delivered"), NOW_MS)


def test_a_piece_that_there_is_not_is_refused_not_signed_as_it_stands() -> None:
    with pytest.raises(Refused, match=r"names \{bod\}, which is not one of \{body\}"):
        signed_bytes({"signed": "{timestamp}.{bod}"}, incoming("POST", URL, {}))
