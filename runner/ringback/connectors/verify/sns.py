"""`sns`: the JSON envelope of a notification service, signed with RSA under a certificate that it names.

The fields of the envelope, in a fixed order and each as its name and its value on lines of their own, are signed
with SHA-1 (SignatureVersion 1) or SHA-256 (2). Anybody can have the service sign something, so the topic is what
tells whose envelope this is.

Options: topic (one or several: the TopicArn that may call), certificate_hosts (a pattern of the hosts whose
certificates count; it must match the whole name), certificate (PEM, so that nothing is fetched; or the word
rehearsal), tolerance (2 hours: a redelivery keeps the first one's Timestamp).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ringback.clock import from_ms
from ringback.connectors import timestamps
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify import certificates
from ringback.connectors.verify.ages import check_moment, tolerance_ms
from ringback.connectors.verify.refused import Refused, texts_of

_TOLERANCE_MS = 7_200_000
_COMMON = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": _COMMON,
    "SubscriptionConfirmation": _HANDSHAKE,
    "UnsubscribeConfirmation": _HANDSHAKE,
}
"""The fields that are signed, by the envelope's Type; one that an envelope does not have is left out."""
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303


def configured(options: Mapping[str, Any]) -> bool:
    """The topic is given: without it anybody's signed envelope would do."""
    return bool(texts_of(options, "topic"))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless the envelope is of the connection's topic, not too old, and signed.

    Raises `Failure` where the certificate cannot be fetched now: the same envelope may do later.
    """
    envelope = _envelope(request)
    topic = str(envelope.get("TopicArn") or "")
    if not any(hmac.compare_digest(one.encode(), topic.encode("utf-8", "replace")) for one in texts_of(options, "topic")):  # fmt: skip
        raise Refused(f"The callback is of the topic {topic or '(none)'}, not of the connection's.")
    at_ms = timestamps.parse(envelope.get("Timestamp"))
    if at_ms is None:
        raise Refused("The callback's Timestamp does not hold the time of signing.")
    check_moment(at_ms, tolerance_ms(options, _TOLERANCE_MS), now_ms)
    hashed = _HASHES.get(str(envelope.get("SignatureVersion")))
    if hashed is None:
        raise Refused("The callback's SignatureVersion is neither 1 nor 2.")
    try:
        signature = base64.b64decode(str(envelope.get("Signature") or ""), validate=True)
    except (ValueError, binascii.Error):
        raise Refused("The callback's Signature is not base64.") from None
    found = certificates.named(options, str(envelope.get("SigningCertURL") or ""), now_ms)
    key = found.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused("The certificate that the callback names does not hold an RSA key.")
    try:
        key.verify(signature, _signed(envelope), padding.PKCS1v15(), hashed)
    except InvalidSignature:
        raise Refused("The callback's Signature does not fit what it says.") from None


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The envelope as this process's rehearsal signs it; a bare body becomes an envelope's Message."""
    if texts_of(options, "certificate")[:1] != [certificates.REHEARSAL]:
        raise Refused(
            "Only the gateway can sign for this certificate; for a rehearsal set it to rehearsal."
        )
    text = request.body.decode("utf-8", "replace")
    try:
        envelope = _envelope(request)
    except Refused:
        envelope = {"Type": "Notification", "MessageId": f"m{now_ms}", "Message": text}
    envelope |= {
        "TopicArn": texts_of(options, "topic")[0],
        "Timestamp": from_ms(now_ms).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": str(envelope.get("SignatureVersion") or "2"),
        "SigningCertURL": str(envelope.get("SigningCertURL") or "rehearsal"),
    }
    key, _ = certificates.rehearsal()
    hashed = _HASHES[envelope["SignatureVersion"]]
    made = key.sign(_signed(envelope), padding.PKCS1v15(), hashed)
    envelope["Signature"] = base64.b64encode(made).decode()
    return replace(request, body=json.dumps(envelope).encode())


def _envelope(request: IncomingRequest) -> dict[str, Any]:
    try:
        found = json.loads(bytes(request.body))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or str(found.get("Type")) not in SIGNED:
        raise Refused("The callback is not an envelope of the notification service.")
    return found


def _signed(envelope: Mapping[str, Any]) -> bytes:
    lines = []
    for name in SIGNED[str(envelope["Type"])]:
        value = envelope.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise Refused(f"The callback's {name} is not a text.")
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")
