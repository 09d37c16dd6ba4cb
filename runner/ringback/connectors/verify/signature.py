"""`hmac`: a keyed hash over the body, alone or with a timestamp and more.

Options: header, secret (one or several), algorithm (sha256), encoding (hex | base64), prefix, signed
("{timestamp}.{body}"; {body} alone where missing; also {nonce} {url} {method}), timestamp_header, nonce_header,
tolerance (5 minutes), key_encoding (text | hex | base64). A header may carry several signatures, separated by
commas or spaces.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringback import words
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.refused import Refused, secrets_of

ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
_DEFAULT_TOLERANCE_MS = 300_000
_PIECE = re.compile(r"(\{(?:body|timestamp|nonce|url|method)\})")


def configured(options: Mapping[str, Any]) -> bool:
    """A secret and a header are given."""
    return bool(secrets_of(options)) and bool(options.get("header"))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless one of the signatures in the header is one of a live secret."""
    header = str(options["header"])
    carried = request.headers.get(header.lower())
    if not carried:
        raise Refused(f"The callback has no {header} header, which should carry its signature.")
    _check_age(options, request, now_ms)
    signed = _signed(options, request)
    given = [_plain(one, options) for one in re.split(r"[,\s]+", carried) if one]
    good = False
    for secret in secrets_of(options):
        expected = _digest(options, secret, signed)
        for one in given:
            good |= hmac.compare_digest(expected.encode(), one.encode())
    if not good:
        raise Refused(
            f"The signature in {header} is not one that a secret of this connection makes "
            f"({_algorithm(options)}, {_encoding(options)}) over what arrived."
        )


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with its signature, and the timestamp and nonce that it covers."""
    headers = dict(request.headers)
    if options.get("timestamp_header"):
        headers[str(options["timestamp_header"]).lower()] = str(now_ms // 1000)
    if options.get("nonce_header"):
        headers[str(options["nonce_header"]).lower()] = f"n{now_ms}"
    request = replace(request, headers=headers)
    digest = _digest(options, secrets_of(options)[0], _signed(options, request))
    headers[str(options["header"]).lower()] = f"{options.get('prefix') or ''}{digest}"
    return replace(request, headers=headers)


def tolerance_ms(options: Mapping[str, Any]) -> int:
    """The tolerance in milliseconds, from words or from a number of milliseconds."""
    given = options.get("tolerance")
    if given is None:
        return _DEFAULT_TOLERANCE_MS
    return given if isinstance(given, int) else words.duration_ms(str(given))


def check_age(written: str | None, header: str, tolerance: int, now_ms: int) -> None:
    """Raise `Refused` unless the epoch seconds in a header are within the tolerance of now, both ways."""
    try:
        at_ms = int(written or "") * 1000
    except ValueError:
        raise Refused(f"The {header} header does not hold the time of signing.") from None
    if abs(now_ms - at_ms) > tolerance:
        apart = words.say_duration(abs(now_ms - at_ms))
        raise Refused(
            f"The callback was signed {apart} away from our clock; {words.say_duration(tolerance)} is allowed."
        )


def _check_age(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    header = options.get("timestamp_header")
    if header:
        written = request.headers.get(str(header).lower())
        check_age(written, str(header), tolerance_ms(options), now_ms)


def _signed(options: Mapping[str, Any], request: IncomingRequest) -> list[bytes]:
    """What is signed, in pieces: a large body is not copied to be joined with a few bytes."""

    def carried(key: str) -> bytes:
        return request.headers.get(str(options.get(key) or "").lower(), "").encode(
            "latin-1", "replace"
        )

    pieces = {
        "{body}": request.body,
        "{timestamp}": carried("timestamp_header"),
        "{nonce}": carried("nonce_header"),
        "{url}": request.url.encode(),
        "{method}": request.method.upper().encode(),
    }
    pattern = str(options.get("signed") or "{body}")
    return [pieces.get(one, one.encode()) for one in _PIECE.split(pattern)]


def _algorithm(options: Mapping[str, Any]) -> str:
    name = str(options.get("algorithm") or "sha256").lower()
    if name not in ALGORITHMS:
        raise Refused(f"The signature algorithm {name} is not one of {', '.join(ALGORITHMS)}.")
    return name


def _encoding(options: Mapping[str, Any]) -> str:
    return str(options.get("encoding") or "hex").lower()


def _key(options: Mapping[str, Any], secret: str) -> bytes:
    how = options.get("key_encoding") or "text"
    try:
        if how == "base64":
            return base64.b64decode(secret + "=" * (-len(secret) % 4), validate=True)
        return bytes.fromhex(secret) if how == "hex" else secret.encode()
    except (ValueError, binascii.Error):
        raise Refused(f"A secret of this connection is not {how}.") from None


def _digest(options: Mapping[str, Any], secret: str, signed: list[bytes]) -> str:
    hashed = hmac.new(_key(options, secret), digestmod=_algorithm(options))
    for piece in signed:
        hashed.update(piece)
    made = hashed.digest()
    return made.hex() if _encoding(options) == "hex" else base64.b64encode(made).decode()


def _plain(signature: str, options: Mapping[str, Any]) -> str:
    bare = signature.removeprefix(str(options.get("prefix") or ""))
    return bare.lower() if _encoding(options) == "hex" else bare
