"""The signature doctor names the change that would have let a refused callback in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.catalogue.manifests import gateway

from ringback.connectors import verify
from ringback.connectors.incoming import IncomingRequest, incoming
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import doctor, sns
from ringback.connectors.verify.guesses import read_signature

NOW_MS = 1_782_657_005_000
SETTINGS = {"secret": "s3cret-key"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BODY = urlencode({"MessageSid": "SM1", "To": "+447700900077"}).encode()
REPORT = "  report: { id: body.id, status: body.status, statuses: { delivered: delivered } }"
ADDRESS_SIGNED = '{ scheme: hmac, secret: "{{ settings.secret }}", header: X-S, algorithm: sha1, encoding: base64, signed: "{url}{fields}" }'  # fmt: skip
BODY_SIGNED = '{ scheme: hmac, secret: "{{ settings.secret }}", header: X-S }'
TIMED = '{ scheme: hmac, secret: "{{ settings.secret }}", header: X-S, timestamp_header: X-T, signed: "{timestamp}.{body}" }'  # fmt: skip
HOME = "https://school.example/callbacks/front-desk?ref=1"


def signed(manifest: Manifest, url: str, settings: Any = None, now_ms: int = NOW_MS) -> IncomingRequest:  # fmt: skip
    request = incoming("POST", url, FORM, BODY)
    return verify.sign(manifest, settings or SETTINGS, request, now_ms)


def asked(manifest: Manifest, request: IncomingRequest, **how: Any) -> list[doctor.Finding]:
    with pytest.raises(verify.Refused):
        verify.check(manifest, SETTINGS, request, "", NOW_MS)
    return doctor.diagnose(manifest, SETTINGS, request, NOW_MS, **how)


@pytest.mark.parametrize(
    ("gateway_signed", "arrived", "headers", "change", "sentence"),
    [
        (
            "https://school.example",
            "http://school.example:8080",
            {},
            "https://school.example",
            "Would verify with https and without the port: set `public_url` to https://school.example.",
        ),
        (
            "https://school.example:443",
            "https://school.example",
            {},
            "https://school.example:443",
            "Would verify with the port 443: set `public_url` to https://school.example:443.",
        ),
        (
            "https://texts.example",
            "http://127.0.0.1:8080",
            {"X-Forwarded-Host": "texts.example, inner.example", "X-Forwarded-Proto": "https"},
            "https://texts.example",
            "Would verify with https and with the host texts.example and without the port: set `public_url` to https://texts.example.",
        ),
        (
            "https://texts.example:8443",
            "http://127.0.0.1:8080",
            {"Forwarded": 'for=192.0.2.1;host="texts.example:8443";proto=https'},
            "https://texts.example:8443",
            "Would verify with https and with the host texts.example and with the port 8443: set `public_url` to https://texts.example:8443.",
        ),
        (
            "http://school.example:9000",
            "http://127.0.0.1:8080",
            {"Host": "school.example:9000"},
            "http://school.example:9000",
            "Would verify with the host school.example and with the port 9000: set `public_url` to http://school.example:9000.",
        ),
        (
            "https://school.example/sms",
            "https://school.example",
            {"X-Forwarded-Prefix": "/sms/"},
            "https://school.example/sms",
            "Would verify with /sms before the path: set `public_url` to https://school.example/sms.",
        ),
    ],
)  # fmt: skip
def test_another_address(
    gateway_signed: str, arrived: str, headers: dict[str, str], change: str, sentence: str
) -> None:
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    path = "/callbacks/front-desk?ref=1"
    theirs = signed(manifest, gateway_signed + path)
    ours = incoming("POST", arrived + path, {**theirs.headers, **headers}, BODY)
    found = asked(manifest, ours)
    assert found == [{"change": {"public_url": change}, "sentence": sentence}]
    verify.check(manifest, SETTINGS, ours, change, NOW_MS)


def test_once_the_setting_is_right_it_can_be_replayed() -> None:
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    ours = replace(signed(manifest, HOME), url=HOME.replace("https", "http"))
    assert asked(manifest, ours)[0]["change"] == {"public_url": "https://school.example"}
    found = doctor.diagnose(manifest, SETTINGS, ours, NOW_MS, public_url="https://school.example")
    assert [one["sentence"] for one in found] == [
        "Verifies with the settings as they are now: it can be replayed."
    ]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (HOME.replace("desk?", "desk/?"), "with a slash at the end of the path"),
        (HOME.partition("?")[0], "without its query"),
    ],
)
def test_a_path_or_query_that_changed_on_the_way(theirs: str, said: str) -> None:
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    arrived = incoming("POST", HOME, signed(manifest, theirs).headers, BODY)
    found = asked(manifest, arrived)
    assert found[0]["change"] == {"address": theirs.partition("?")[0]}
    assert found[0]["sentence"].startswith(f"Would verify {said}: the gateway signed {theirs.partition('?')[0]},")  # fmt: skip


def test_another_secret_of_the_project_is_named_and_never_shown() -> None:
    manifest = gateway(REPORT, BODY_SIGNED)
    request = signed(manifest, HOME, {"secret": "hidden-one"})
    found = asked(manifest, request, secrets={"api_key of backup": "x", "secret of backup": "hidden-one"})  # fmt: skip
    assert found == [
        {
            "change": {"secret": "secret of backup"},
            "sentence": "Would verify with another secret: secret of backup.",
        }
    ]


def test_the_projects_secrets_by_name() -> None:
    manifest = gateway(REPORT, BODY_SIGNED)
    named = doctor.secrets_by_name(
        {
            "desk": (manifest, {"secret": "s1", "key": "k1"}),
            "backup": (manifest, {"token": "t", "secret": ""}),
        }
    )
    assert named == {"key of desk": "k1", "secret of desk": "s1", "token of backup": "t"}
    found = asked(manifest, signed(manifest, HOME, {"secret": "k1"}), secrets=named)
    assert found[0]["change"] == {"secret": "key of desk"}


def test_a_secret_pasted_with_a_blank() -> None:
    manifest = gateway(REPORT, BODY_SIGNED)
    request = signed(manifest, HOME)
    found = doctor.diagnose(manifest, {"secret": "s3cret-key "}, request, NOW_MS)
    assert found[0]["sentence"] == "Would verify with the blanks around the secret taken away."


def test_a_secret_that_was_not_set() -> None:
    manifest = gateway(REPORT, BODY_SIGNED)
    request = signed(manifest, HOME)
    found = doctor.diagnose(manifest, {}, request, NOW_MS, secrets={"key of front-desk": "s3cret-key"})  # fmt: skip
    assert found[0]["change"] == {"secret": "key of front-desk"}
    assert "if the connection had a secret: key of front-desk" in found[0]["sentence"]


def test_a_clock_that_is_wrong() -> None:
    manifest = gateway(REPORT, TIMED)
    request = signed(manifest, HOME, now_ms=NOW_MS - 720_000)
    found = asked(manifest, request)
    assert found[0]["change"] == {"clock": True}
    assert "signed 12 minutes away from our clock; 5 minutes is allowed." in found[0]["sentence"]


def test_two_things_at_once() -> None:
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    theirs = signed(manifest, HOME, {"secret": "hidden-one"})
    found = asked(manifest, replace(theirs, url=HOME.replace("https", "http")), secrets={"the old one": "hidden-one"})  # fmt: skip
    assert found[0]["change"] == {"public_url": "https://school.example", "secret": "the old one"}
    assert found[0]["sentence"].endswith("to https://school.example, and use another secret: the old one.")  # fmt: skip


GUESSED: list[tuple[dict[str, Any], str]] = [
    ({"scheme": "hmac", "header": "x-signature", "algorithm": "sha256", "encoding": "hex", "signed": "{body}"}, "header: x-signature"),
    ({"scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex", "signed": "{body}"}, ""),
    ({"scheme": "hmac", "header": "x-hub-signature", "prefix": "sha1=", "algorithm": "sha1", "encoding": "hex", "signed": "{body}"}, "algorithm: sha1"),
    ({"scheme": "hmac", "header": "x-signature", "algorithm": "sha512", "encoding": "base64", "signed": "{timestamp}.{body}", "timestamp_header": "x-timestamp"}, 'signed: "{timestamp}.{body}"'),
    ({"scheme": "hmac", "header": "x-signature", "algorithm": "sha256", "encoding": "base64", "signed": "{address}{nonce}", "nonce_header": "x-nonce"}, 'signed: "{address}{nonce}"'),
    ({"scheme": "standard_webhooks", "header_prefix": "webhook"}, "scheme: standard_webhooks"),
    ({"scheme": "jwt", "header": "x-jwt", "algorithm": "HS512"}, "scheme: jwt, header: x-jwt, algorithm: HS512"),
    ({"scheme": "parameters", "parameter": "sig", "algorithm": "sha256"}, "scheme: parameters, parameter: sig, algorithm: sha256"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "said"), GUESSED, ids=str)
def test_another_scheme_that_the_request_looks_like(options: dict[str, Any], said: str) -> None:
    manifest = gateway(REPORT, BODY_SIGNED)
    secret = "c2VjcmV0LWtleQ=="
    bare = incoming("POST", HOME, FORM, BODY)
    request = verify.SCHEMES[options["scheme"]].sign({**options, "secret": secret}, bare, NOW_MS)
    found = doctor.diagnose(manifest, {"secret": secret}, request, NOW_MS)
    if options.get("header") == "x-s":
        assert found[0]["change"] == {}
        return
    assert found[0]["change"] == {"verify": options, "secret": "the secret of this connection"}
    assert said in found[0]["sentence"]
    assert secret not in json.dumps(found)


@pytest.mark.parametrize(
    ("body", "most"), [(BODY, 2 * doctor.MOST_TRIES), (b"a=b&" * 16_000, 2 * 15)]
)
def test_nothing_is_claimed_where_nothing_fits_and_the_work_has_a_bound(
    monkeypatch: pytest.MonkeyPatch, body: bytes, most: int
) -> None:
    manifest = gateway(REPORT, f"[{ADDRESS_SIGNED}, {TIMED}]")
    headers = {**FORM, "X-S": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "X-T": str(NOW_MS // 1000), "X-Signature": "0" * 64}  # fmt: skip
    tries = 0
    real = verify.SCHEMES["hmac"].check

    def counted(*given: Any) -> None:
        nonlocal tries
        tries += 1
        real(*given)

    monkeypatch.setattr("ringback.connectors.verify.signature.check", counted)
    many = {f"secret {number}": f"s{number}" for number in range(500)}
    found = doctor.diagnose(manifest, SETTINGS, incoming("POST", HOME, headers, body), NOW_MS, secrets=many)  # fmt: skip
    assert found == []
    assert 0 < tries <= most


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "a\x00b", "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "x" * 99},
        {"Forwarded": "host=" + "é" * 999, "Host": "[::1]:8080", "X-Forwarded-Prefix": "/../.."},
        {"X-Signature": "=" * 44, "Authorization": "Bearer eyJ.eyJ.eyJ"},
    ],
)
def test_a_strangers_headers_do_no_harm(headers: dict[str, str]) -> None:
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    for url in (HOME, "not an address", "", "https://[::1]/x"):
        request = incoming("POST", "https://x.example/", {**headers, "X-S": "aGk="}, BODY)
        assert doctor.diagnose(manifest, SETTINGS, replace(request, url=url), NOW_MS) == []


def test_what_was_not_kept_is_said() -> None:
    manifest = gateway(REPORT, '{ scheme: jwt, secret: "{{ settings.secret }}" }')
    masked = incoming("POST", HOME, {"Authorization": "•••"}, BODY)
    assert "was not kept" in asked(manifest, masked)[0]["sentence"]
    manifest = gateway(REPORT, ADDRESS_SIGNED)
    request = replace(signed(manifest, HOME), url=HOME.replace("ref=1", "token=•••"))
    assert "without its secret" in asked(manifest, request)[0]["sentence"]


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the doctor went to the network")

    monkeypatch.setattr("ringback.connectors.verify.certificates.Certificates.get", never)
    manifest = gateway(REPORT, "{ scheme: sns, topic: 'arn:1', certificate_hosts: '.*' }")
    options = {"topic": "arn:1", "certificate": "rehearsal"}
    request = sns.sign(options, incoming("POST", HOME, {}, b"x"), NOW_MS)
    body = request.body.replace(b'"rehearsal"', b'"https://x.example/a.pem"')
    assert doctor.diagnose(manifest, {}, replace(request, body=body), NOW_MS) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0" * 32, {"algorithm": "md5", "encoding": "hex"}),
        ("v1=" + "0" * 64, {"algorithm": "sha256", "encoding": "hex", "prefix": "v1="}),
        ("A" * 43 + "=", {"algorithm": "sha256", "encoding": "base64"}),
        ("z" * 64, {"algorithm": "sha384", "encoding": "base64"}),
        ("hello", None),
        ("", None),
    ],
)
def test_a_signature_is_told_by_its_looks(text: str, said: dict[str, str] | None) -> None:
    assert read_signature(text) == said
