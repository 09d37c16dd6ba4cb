"""`ed25519`: a signature that a published key verifies; there is no secret on our side.

Options: public_key (base64 of 32 bytes, one or several), header, timestamp_header, signed ("{timestamp}|{body}"
where missing; `pieces` has the names), encoding (base64 | hex), tolerance (5 minutes). A public key that reads
`rehearsal:` and anything is one whose private half everybody can make: a rehearsal gateway signs with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.ages import check_age, tolerance_ms
from ringback.connectors.verify.pieces import signed_bytes
from ringback.connectors.verify.refused import Refused, texts_of

REHEARSAL = "rehearsal:"
_SIGNED = "{timestamp}|{body}"


def configured(options: Mapping[str, Any]) -> bool:
    """A public key and a header are given."""
    return bool(texts_of(options, "public_key")) and bool(options.get("header"))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless a public key of the connection verifies the signature."""
    header = str(options["header"])
    carried = request.headers.get(header.lower(), "").strip()
    if not carried:
        raise Refused(
            f"The callback has no {header} header, which should carry its signature.", "no_proof"
        )
    moment = options.get("timestamp_header")
    if moment:
        written = request.headers.get(str(moment).lower())
        check_age(written, f"{moment} header", tolerance_ms(options), now_ms)
    try:
        signature = _bytes(carried, options)
    except ValueError:
        raise Refused(f"The signature in {header} is not {_encoding(options)}.") from None
    signed = b"".join(signed_bytes(options, request, _SIGNED))
    if not any(_verifies(_public(text), signature, signed) for text in _keys(options)):
        raise Refused(
            f"The signature in {header} is not one that the connection's public key verifies."
        )


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with its signature. Raises `Refused` unless the public key is a rehearsal's."""
    text = next((one for one in _keys(options) if one.startswith(REHEARSAL)), None)
    if text is None:
        raise Refused(
            f"Only the gateway can sign for this public key; for a rehearsal set it to {REHEARSAL}1."
        )
    headers = dict(request.headers)
    if options.get("timestamp_header"):
        headers[str(options["timestamp_header"]).lower()] = str(now_ms // 1000)
    request = replace(request, headers=headers)
    made = _rehearsal(text).sign(b"".join(signed_bytes(options, request, _SIGNED)))
    shown = made.hex() if _encoding(options) == "hex" else base64.b64encode(made).decode()
    return replace(request, headers={**headers, str(options["header"]).lower(): shown})


def _keys(options: Mapping[str, Any]) -> list[str]:
    return texts_of(options, "public_key")


def _public(text: str) -> Ed25519PublicKey:
    if text.startswith(REHEARSAL):
        return _rehearsal(text).public_key()
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise Refused("The connection's public key is not base64 of 32 bytes.") from None


def _rehearsal(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(text.encode()).digest())


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _encoding(options: Mapping[str, Any]) -> str:
    return str(options.get("encoding") or "base64").lower()


def _bytes(text: str, options: Mapping[str, Any]) -> bytes:
    if _encoding(options) == "hex":
        return bytes.fromhex(text)
    return base64.b64decode(text, validate=True)
