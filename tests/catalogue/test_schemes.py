"""Every scheme: what it signs it lets in, and once anything that it covers is changed it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ringback.connectors.incoming import IncomingRequest, incoming, with_query
from ringback.connectors.verify import SCHEMES, Refused

NOW_MS = 1_782_657_005_000
ADDRESS = "https://ringback.example/callbacks/front-desk"
FORM = "application/x-www-form-urlencoded"
KEY = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Row:
    """A scheme, what it covers (body, address, query, method), and which bodies its gateway sends."""

    name: str
    options: Mapping[str, Any]
    covers: str
    bodies: str = "none form json bytes"
    methods: str = "POST"

    def __str__(self) -> str:
        return self.name


def hmac_row(name: str, covers: str, bodies: str = "none form json bytes", methods: str = "POST", **options: Any) -> Row:  # fmt: skip
    return Row(name, {"scheme": "hmac", "secret": KEY, **options}, covers, bodies, methods)


def jwt_row(name: str, covers: str, **options: Any) -> Row:
    return Row(name, {"scheme": "jwt", "secret": KEY, **options}, covers)


def parameters_row(algorithm: str) -> Row:
    options = {"scheme": "parameters", "secret": KEY, "algorithm": algorithm}
    return Row(f"parameters, {algorithm}", options, "body", "form json")


ROWS = [
    hmac_row("body", "body", header="X-S"),
    hmac_row("body, base64, prefix", "body", header="X-S", encoding="base64", prefix="v=", algorithm="sha512"),
    hmac_row("body and time", "body time", header="X-S", timestamp_header="X-T", signed="{body}{timestamp}"),
    hmac_row("body, nonce, time", "body time nonce", header="X-S", timestamp_header="X-T", nonce_header="X-N", encoding="base64", signed="{body}.{nonce}.{timestamp}"),
    hmac_row("address and form", "body address query", "none form", header="X-S", algorithm="sha1", encoding="base64", signed="{url}{fields}"),
    hmac_row("address and form or hash", "body address query", header="X-S", algorithm="sha1", encoding="base64", signed="{url}{fields}", body_hash="bodySHA256", url_variants=True),
    hmac_row("address and nonce", "address nonce", header=["X-S", "X-Ma"], nonce_header="X-N", encoding="base64", signed="{address}{nonce}"),
    hmac_row("sorted request", "body address query nonce", "none form", header=["X-S", "X-Ma"], nonce_header="X-N", encoding="base64", signed="{sorted_request}.{nonce}"),
    hmac_row("sorted request, GET", "address query nonce", "none", "GET", header="X-S", nonce_header="X-N", signed="{sorted_request}.{nonce}"),
    hmac_row("lines, query", "body query time", header="X-S", timestamp_header="X-T", encoding="base64", signed="{timestamp}\n{query}\n{body_sha256}"),
    hmac_row("lines, address", "body address query time", header="X-S", timestamp_header="X-T", encoding="base64", signed="{timestamp}\n{url}\n{body_sha256}"),
    hmac_row("all of it", "body address query method", header="X-S", signed="{method} {url} {body}"),
    jwt_row("jwt, hashes", "body address query", header="X-JWT", algorithm=["HS256", "HS512"], issuer="It", url_hash="url_hash", body_hash="payload_hash"),
    jwt_row("jwt, body", "body", body_hash="payload_hash", algorithm="HS384"),
    jwt_row("jwt, audience", "address query", issuer="api.example", audience="{url}"),
    *map(parameters_row, ("md5hash", "md5", "sha1", "sha256", "sha512")),
    Row("parameters, query", {"scheme": "parameters", "secret": KEY}, "query", "none", "GET"),
    Row("ed25519", {"scheme": "ed25519", "public_key": "rehearsal:1", "header": "X-S", "timestamp_header": "X-T"}, "body time"),
    Row("ed25519, hex", {"scheme": "ed25519", "public_key": ["rehearsal:2"], "header": "X-S", "encoding": "hex", "signed": "{url}{body}"}, "body address query"),
    Row("sns", {"scheme": "sns", "topic": "arn:1", "certificate": "rehearsal"}, "body", "bytes"),
    Row("standard webhooks", {"scheme": "standard_webhooks", "secret": "whsec_" + KEY}, "body"),
]  # fmt: skip

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text("abcXYZ_.[]'&= ü", min_size=1, max_size=6)
pairs = st.lists(st.tuples(names, texts), max_size=5, unique_by=lambda pair: pair[0])


def bodies(kind: str) -> st.SearchStrategy[tuple[str, bytes]]:
    if kind == "form":
        return pairs.filter(bool).map(lambda one: (FORM, urlencode(one).encode()))
    if kind == "json":
        return pairs.map(lambda one: ("application/json", json.dumps(dict(one)).encode()))
    if kind == "bytes":
        return st.binary(min_size=1).map(lambda one: ("application/octet-stream", one))
    return st.just(("", b""))


@st.composite
def requests(draw: st.DrawFn, row: Row) -> IncomingRequest:
    kind, body = draw(st.sampled_from(row.bodies.split()).flatmap(bodies))
    query = urlencode(draw(pairs))
    url = f"{ADDRESS}/{draw(st.sampled_from(['', 'a%20b', 'x']))}" + (f"?{query}" if query else "")
    headers = {"Content-Type": kind} if kind else {}
    return incoming(draw(st.sampled_from(row.methods.split())), url, headers, body)


def check(row: Row, request: IncomingRequest, now_ms: int = NOW_MS, **changed: Any) -> None:
    SCHEMES[row.options["scheme"]].check({**row.options, **changed}, request, now_ms)


def again(request: IncomingRequest, **changed: Any) -> IncomingRequest:
    """The request as it would be read off the wire, with something changed."""
    one = replace(request, **changed)
    return incoming(one.method, one.url, one.headers, one.body)


@pytest.mark.parametrize("row", ROWS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_signed_is_let_in_and_what_is_changed_is_not(row: Row, data: st.DataObject) -> None:
    request = data.draw(requests(row))
    signed = again(SCHEMES[row.options["scheme"]].sign(row.options, request, NOW_MS))
    check(row, signed)
    for changed in tampered(row, signed, data):
        with pytest.raises(Refused):
            check(row, changed)
    with pytest.raises(Refused):
        check(row, signed, secret="c" * 32, public_key="rehearsal:other", topic="arn:other")


def tampered(row: Row, signed: IncomingRequest, data: st.DataObject) -> list[IncomingRequest]:
    found = []
    if "body" in row.covers and signed.body:
        found.append(again(signed, body=signed.body + b"&more=1"))
        at = data.draw(st.integers(0, len(signed.body) - 1))
        flipped = bytearray(signed.body)
        flipped[at] ^= 1
        if row.options["scheme"] not in ("parameters", "sns") and not _same_form(
            signed, bytes(flipped)
        ):
            found.append(again(signed, body=bytes(flipped)))
    if "body" in row.covers and not signed.body and row.options["scheme"] != "parameters":
        found.append(again(signed, body=b"a=1", headers={**signed.headers, "content-type": FORM}))
    if "query" in row.covers:
        found.append(again(signed, url=with_query(signed.url, more="1")))
    if "address" in row.covers:
        found.append(again(signed, url=signed.url.replace("/front-desk", "/other")))
        found.append(again(signed, url=signed.url.replace("https://", "http://")))
    if "method" in row.covers:
        found.append(again(signed, method="PUT"))
    for part, header in (("time", "x-t"), ("nonce", "x-n")):
        if part in row.covers:
            other = str(int(signed.headers[header].lstrip("n")) + 1)
            found.append(again(signed, headers={**signed.headers, header: other}))
    return found


def _same_form(signed: IncomingRequest, body: bytes) -> bool:
    """Whether a form of other bytes reads the same, or is about to be signed by its names and values only."""
    return signed.content_type == FORM and incoming("POST", "", signed.headers, body).sources["form"] == signed.sources["form"]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_request_without_proof_is_refused(row: Row) -> None:
    for method, kind, body in (("POST", "", b""), ("POST", FORM, b"a=1"), ("GET", "", b""), ("POST", "x/y", b"[]")):  # fmt: skip
        with pytest.raises(Refused):
            check(row, incoming(method, f"{ADDRESS}?a=1", {"Content-Type": kind}, body))


@pytest.mark.parametrize("row", [row for row in ROWS if "secret" in row.options], ids=str)
def test_an_old_secret_and_a_new_one_are_live_at_once(row: Row) -> None:
    scheme = SCHEMES[row.options["scheme"]]
    kind, body = (FORM, b"a=1") if "form" in row.bodies else ("", b"")
    request = incoming(row.methods, f"{ADDRESS}?b=2", {"Content-Type": kind}, body)
    both = {**row.options, "secret": ["b" * 32, str(row.options["secret"])]}
    scheme.check(both, again(scheme.sign(row.options, request, NOW_MS)), NOW_MS)
    scheme.check(both, again(scheme.sign(both, request, NOW_MS)), NOW_MS)
    assert scheme.configured(both)
    assert not scheme.configured({**row.options, "secret": ["", None]})


def test_half_a_surrogate_in_a_signature_is_refused_like_any_other() -> None:
    body = b'{"timestamp": "1782657005", "sig": "\\ud83d"}'
    request = incoming("POST", ADDRESS, {"content-type": "application/json"}, body)
    with pytest.raises(Refused):
        SCHEMES["parameters"].check({"scheme": "parameters", "secret": KEY}, request, NOW_MS)


TIMED = [row for row in ROWS if "time" in row.covers or row.options["scheme"] in ("jwt", "parameters", "sns")]  # fmt: skip


@pytest.mark.parametrize("row", TIMED, ids=str)
@pytest.mark.parametrize("apart_ms", [-8_000_000, 8_000_000])
def test_an_old_signature_is_refused_both_ways(row: Row, apart_ms: int) -> None:
    scheme = SCHEMES[row.options["scheme"]]
    kind, body = (FORM, b"a=1") if "form" in row.bodies else ("", b"")
    request = incoming(row.methods, ADDRESS, {"Content-Type": kind}, body)
    signed = again(scheme.sign(row.options, request, NOW_MS))
    check(row, signed, NOW_MS + 50_000)
    with pytest.raises(Refused, match=r"away from our clock|ran out|not valid before"):
        check(row, signed, NOW_MS + apart_ms)


@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json", ""]), st.text(st.characters(codec="latin-1"), max_size=80))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_wild_requests_are_refused_and_never_break(body: bytes, kind: str, header: str) -> None:
    wild = dict.fromkeys(("x-s", "x-ma", "x-t", "x-n", "x-jwt", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature"), header)  # fmt: skip
    for row in ROWS:
        assume(header != "rehearsal")
        request = incoming("POST", f"{ADDRESS}?sig=%ff&bodySHA256=0", {**wild, "content-type": kind}, body)  # fmt: skip
        with pytest.raises(Refused):
            check(row, request)
