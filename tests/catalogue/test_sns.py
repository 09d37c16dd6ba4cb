"""The notification service's envelopes: fixed key order, two hashes, a topic, and a certificate from its own host."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from tests.catalogue.manifests import GATEWAY

from ringback.connectors import verify
from ringback.connectors.incoming import incoming
from ringback.connectors.transport import Answer, Call
from ringback.connectors.verify import Refused, certificates, sns
from ringback.problems import Failure

NOW_MS = 1_782_657_005_000
URL = "https://ringback.example/callbacks/cloud"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:texts"
HOSTS = r"sns\.(?!s3)[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?"
PEM = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"
OWN = certificates.rehearsal()[1].public_bytes(serialization.Encoding.PEM)
OPTIONS = {"topic": TOPIC, "certificate": OWN.decode()}
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": TOPIC,
    "Subject": "Delivery",
    "Message": '{"eventType": "TEXT_DELIVERED", "text": "naïve\\nline"}',
    "Timestamp": "2026-06-28T14:30:00.000Z",
    "SignatureVersion": "1",
    "SigningCertURL": PEM,
}
HANDSHAKE = {
    **{name: value for name, value in NOTIFICATION.items() if name != "Subject"},
    "Type": "SubscriptionConfirmation",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t",
    "Token": "t",
}


def written(envelope: dict[str, Any], order: str) -> Any:
    """An envelope signed here by the order that the service documents, not by our own `sign`."""
    text = "".join(f"{name}\n{envelope[name]}\n" for name in order.split() if name in envelope)
    hashed = hashes.SHA1() if envelope["SignatureVersion"] == "1" else hashes.SHA256()
    made = certificates.rehearsal()[0].sign(text.encode(), padding.PKCS1v15(), hashed)
    signed = {**envelope, "Signature": base64.b64encode(made).decode()}
    return incoming("POST", URL, {"Content-Type": "text/plain"}, json.dumps(signed).encode())


PLAIN = "Message MessageId Subject Timestamp TopicArn Type"
SHAKEN = "Message MessageId SubscribeURL Timestamp Token TopicArn Type"


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(("envelope", "order"), [
    (NOTIFICATION, PLAIN),
    ({name: value for name, value in NOTIFICATION.items() if name != "Subject"}, PLAIN),
    (HANDSHAKE, SHAKEN),
    ({**HANDSHAKE, "Type": "UnsubscribeConfirmation"}, SHAKEN),
])  # fmt: skip
def test_an_envelope_signed_as_documented(envelope: dict[str, str], order: str, version: str) -> None:  # fmt: skip
    request = written({**envelope, "SignatureVersion": version}, order)
    sns.check(OPTIONS, request, NOW_MS)
    sns.check({**OPTIONS, "topic": ["arn:other", TOPIC]}, request, NOW_MS)
    said = json.loads(request.body)
    for name in order.split():
        if name in said and name != "Type":
            changed = json.dumps({**said, name: said[name] + "0"}).encode()
            with pytest.raises(Refused):
                sns.check(OPTIONS, replace(request, body=changed), NOW_MS)
        elif name == "Subject":
            with pytest.raises(Refused, match="does not fit"):
                sns.check(OPTIONS, replace(request, body=json.dumps({**said, name: "new"}).encode()), NOW_MS)  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), [
    ({"TopicArn": "arn:aws:sns:eu-west-1:999999999999:texts"}, "topic arn:aws:sns:eu-west-1:999999999999:texts"),
    ({"Timestamp": "2026-06-28T11:30:00.000Z"}, "away from our clock"),
    ({"Timestamp": "yesterday"}, "Timestamp"),
    ({"SignatureVersion": "3"}, "neither 1 nor 2"),
    ({"Signature": "é"}, "not base64"),
    ({"Message": 5}, "not a text"),
    ({"Type": ["Notification"]}, "not an envelope"),
    ({"Type": "Other"}, "not an envelope"),
])  # fmt: skip
def test_what_is_refused_says_why(changed: dict[str, Any], said: str) -> None:
    request = written(NOTIFICATION, PLAIN)
    body = json.dumps({**json.loads(request.body), **changed}).encode()
    with pytest.raises(Refused, match=said):
        sns.check(OPTIONS, replace(request, body=body), NOW_MS)


def test_without_a_topic_it_does_not_count() -> None:
    assert sns.configured(OPTIONS)
    assert not sns.configured({"certificate_hosts": HOSTS, "topic": ""})


@dataclass
class FakeCloud:
    """Gives one answer to every call and counts them."""

    answer: Answer | Failure
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if isinstance(self.answer, Failure):
            raise self.answer
        return self.answer


def test_the_certificate_is_fetched_once_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud(Answer(200, {}, OWN))
    monkeypatch.setattr(certificates, "_shared", certificates.Certificates(cloud))
    options = {"topic": TOPIC, "certificate_hosts": HOSTS}
    for _ in range(3):
        sns.check(options, written(NOTIFICATION, PLAIN), NOW_MS)
    assert [(call.url, call.guard, call.redirects) for call in cloud.calls] == [(PEM, True, 0)]


@pytest.mark.parametrize("url", [
    "http://sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com/a.txt",
    "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
    "https://user@sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
    "https://sns.eu-west-1.amazonaws.com\n.evil.example/a.pem",
    "https://bucket.s3.amazonaws.com/a.pem",
    "https://sns.s3-eu-west-1.amazonaws.com/a.pem",
    "https://[::1/a.pem", "file:///a.pem", "", "a.pem",
])  # fmt: skip
def test_no_other_host_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud(Answer(200, {}, OWN))
    monkeypatch.setattr(certificates, "_shared", certificates.Certificates(cloud))
    request = written({**NOTIFICATION, "SigningCertURL": url}, PLAIN)
    with pytest.raises(Refused, match="not the gateway's"):
        sns.check({"topic": TOPIC, "certificate_hosts": HOSTS}, request, NOW_MS)
    assert cloud.calls == []


@pytest.mark.parametrize("answer", [Failure("no_answer", "It is silent."), Answer(503, {}, b"")])
def test_a_certificate_that_cannot_be_had_now_is_no_refusal(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    cloud = FakeCloud(answer)
    monkeypatch.setattr(certificates, "_shared", certificates.Certificates(cloud))
    for _ in range(3):
        with pytest.raises(Failure) as raised:
            sns.check({"topic": TOPIC, "certificate_hosts": HOSTS}, written(NOTIFICATION, PLAIN), NOW_MS)  # fmt: skip
        assert raised.value.code == "unreachable"
    assert len(cloud.calls) == 1


def test_a_certificate_that_is_none_or_has_run_out_is_refused() -> None:
    request = written(NOTIFICATION, PLAIN)
    with pytest.raises(Refused, match="is none"):
        sns.check({**OPTIONS, "certificate": "hello"}, request, NOW_MS)
    with pytest.raises(Refused, match="not valid today"):
        sns.check({**OPTIONS, "tolerance": 10**13}, request, 4_200_000_000_000)


CLOUD = f"""
  topic: {{ type: text, title: Topic, description: The topic. }}
  public_key: {{ type: text, title: Key, description: A key. }}
  certificate: {{ type: text, title: Certificate, description: A certificate. }}
callbacks:
  verify:
    - {{ scheme: sns, topic: "{{{{ settings.topic }}}}", certificate: "{{{{ settings.certificate }}}}", certificate_hosts: '{HOSTS}' }}
    - {{ scheme: ed25519, public_key: "{{{{ settings.public_key }}}}", header: X-S, timestamp_header: X-T }}
    - {{ scheme: hmac, header: [X-A, X-B], nonce_header: X-N, body_hash: hash, secret: "{{{{ settings.secret }}}}" }}
    - {{ scheme: parameters, secret: "{{{{ settings.token }}}}" }}
  inbound: {{ from: body.from, text: body.text }}
"""


def test_a_rehearsal_signs_with_keys_of_its_own() -> None:
    from pathlib import Path

    from ringback.connectors.reading import read_manifest

    text = GATEWAY.replace("stand-in", "standin").rstrip() + CLOUD
    manifest, problems = read_manifest(text, Path("/nowhere/standin"), "connector.yaml", "project")
    assert manifest is not None, problems
    settings = {"topic": TOPIC, **verify.stand_ins(manifest)}
    assert settings == {"topic": TOPIC, "certificate": "rehearsal", "public_key": "rehearsal:1"}
    bare = incoming("POST", URL, {"Content-Type": "text/plain"}, b'{"from": "1", "text": "x"}')
    verify.check(manifest, settings, verify.sign(manifest, settings, bare, NOW_MS), "", NOW_MS)
    assert verify.proof_headers(manifest) == {"x-s", "x-t", "x-a", "x-b", "x-n"}
    assert verify.proof_parameters(manifest) == {"hash", "sig"}
    with pytest.raises(Refused, match="set topic or public_key or secret or token"):
        verify.check(manifest, {}, bare, "", NOW_MS)
    with pytest.raises(Refused, match="Only the gateway can sign"):
        verify.sign(manifest, {"topic": TOPIC}, bare, NOW_MS)
