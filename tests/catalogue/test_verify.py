from __future__ import annotations

import json
import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.catalogue.manifests import gateway

from ringback.connectors import verify
from ringback.connectors.incoming import incoming
from ringback.connectors.verify import SCHEMES, Refused

CASES = json.loads((Path(__file__).parent / "cases/signatures.json").read_text("utf-8"))["cases"]
NOW_MS = 1_782_657_005_000
URL = "https://ringback.example/callbacks/front-desk"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_a_providers_own_signature(case: dict[str, Any]) -> None:
    request = incoming("POST", URL, case["headers"], case["body"].encode())
    scheme = SCHEMES[case["options"]["scheme"]]
    if case["valid"]:
        scheme.check(case["options"], request, case["now"] * 1000)
    else:
        with pytest.raises(Refused):
            scheme.check(case["options"], request, case["now"] * 1000)


OPTIONS: list[dict[str, Any]] = [
    {"scheme": "hmac", "secret": "s3cret-key", "header": "X-Signature"},
    {"scheme": "hmac", "secret": ["s3cret-key", "old"], "header": "X-S", "algorithm": "sha512", "encoding": "base64", "prefix": "v1="},
    {"scheme": "hmac", "secret": "6b6579", "header": "X-S", "key_encoding": "hex", "algorithm": "md5"},
    {"scheme": "hmac", "secret": "a2V5", "header": "X-S", "key_encoding": "base64", "signed": "{body}{timestamp}", "timestamp_header": "X-T"},
    {"scheme": "hmac", "secret": "s3cret-key", "header": "X-S", "signed": "{method}|{url}|{nonce}|{body}", "nonce_header": "X-N"},
    {"scheme": "standard_webhooks", "secret": "whsec_c2VjcmV0LWtleQ"},
    {"scheme": "standard_webhooks", "secret": "c2VjcmV0LWtleQ==", "header_prefix": "svix"},
    {"scheme": "basic", "secret": "pass:word", "username": "ü"},
    {"scheme": "token", "secret": "s3cret-key"},
    {"scheme": "token", "secret": "s3cret-key", "query": "t"},
    {"scheme": "token", "secret": "s3cret-key", "header": "Authorization"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_what_a_scheme_signs_it_lets_in_and_nothing_else(options: dict[str, Any]) -> None:
    scheme = SCHEMES[options["scheme"]]
    bare = incoming("POST", URL, {"Content-Type": "x/y"}, b'{"a": "\xff"}')
    signed = scheme.sign(options, bare, NOW_MS)
    scheme.check(options, signed, NOW_MS)
    with pytest.raises(Refused):
        scheme.check(options, bare, NOW_MS)
    other = {**options, "secret": "YW5vdGhlcg=="}
    if options.get("key_encoding") == "hex":
        other["secret"] = "ff"
    with pytest.raises(Refused):
        scheme.check(other, signed, NOW_MS)
    if options["scheme"] in ("hmac", "standard_webhooks"):
        with pytest.raises(Refused):
            scheme.check(options, replace(signed, body=signed.body + b" "), NOW_MS)


@pytest.mark.parametrize("options", [one for one in OPTIONS if "timestamp_header" in one or one["scheme"] == "standard_webhooks"], ids=str)  # fmt: skip
@pytest.mark.parametrize("apart_ms", [-301_000, 301_000, 10**15])
def test_an_old_signature_is_refused_both_ways(options: dict[str, Any], apart_ms: int) -> None:
    scheme = SCHEMES[options["scheme"]]
    signed = scheme.sign(options, incoming("POST", URL, {}, b"x"), NOW_MS)
    scheme.check(options, signed, NOW_MS + 290_000)
    with pytest.raises(Refused, match="away from our clock"):
        scheme.check(options, signed, NOW_MS + apart_ms)
    scheme.check({**options, "tolerance": "1 hour"}, signed, NOW_MS + 3_500_000)


def test_hex_does_not_mind_case_and_one_of_several_signatures_will_do() -> None:
    options = OPTIONS[0]
    signed = SCHEMES["hmac"].sign(options, incoming("POST", URL, {}, b"x"), NOW_MS)
    upper = {"x-signature": "00, " + signed.headers["x-signature"].upper()}
    SCHEMES["hmac"].check(options, replace(signed, headers=upper), NOW_MS)


@pytest.mark.parametrize("header", ["", "é" * 64, "\x00", "," * 99, "sha256=", "=" * 44])
def test_odd_headers_are_refused_and_never_break(header: str) -> None:
    for options in OPTIONS:
        names = [str(options.get("header", "")), "authorization", "webhook-signature", "svix-signature", "webhook-timestamp"]  # fmt: skip
        request = incoming("POST", f"{URL}?token={header}", dict.fromkeys(names, header), b"")
        with pytest.raises(Refused) as raised:
            SCHEMES[options["scheme"]].check(options, request, NOW_MS)
        assert "s3cret-key" not in raised.value.reason


def test_an_unknown_algorithm_is_refused_not_guessed() -> None:
    options = {**OPTIONS[0], "algorithm": "crc32"}
    request = incoming("POST", URL, {"X-Signature": "00"}, b"")
    with pytest.raises(Refused, match="crc32"):
        verify.SCHEMES["hmac"].check(options, request, NOW_MS)


def test_a_gateway_is_told_the_address_with_its_token() -> None:
    entry = '{ scheme: token, secret: "{{ settings.token }}" }'
    manifest = gateway("  inbound: { from: body.from, text: body.text }", verify=entry)
    told = verify.with_token(manifest, {"token": "a b"}, f"{URL}?x=1")
    assert told == f"{URL}?x=1&token=a+b"
    verify.check(manifest, {"token": "a b"}, incoming("POST", told, {}), "", NOW_MS)
    assert verify.with_token(manifest, {}, URL) == URL


def test_a_large_body_may_lie_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"x" * 10_000)
    for options in (OPTIONS[0], OPTIONS[5]):
        scheme = SCHEMES[options["scheme"]]
        signed = scheme.sign(options, incoming("POST", URL, {}, path.read_bytes()), NOW_MS)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            scheme.check(options, replace(signed, body=cast("bytes", body)), NOW_MS)
