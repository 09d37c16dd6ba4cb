"""`hmac`: a keyed hash over the body, the address, the form, a timestamp: whatever `signed` names.

Options: header (one, or several of which one must hold), secret (one or several), algorithm (sha256), encoding
(hex | base64), prefix, signed ("{timestamp}.{body}"; {body} alone where missing; `pieces` has the names),
timestamp_header, nonce_header, tolerance (5 minutes), key_encoding (text | hex | base64), url_variants (the
address counts in every spelling of `pieces.url_variants`), body_hash (the query parameter that holds the body's
hash in hex, in place of {fields}). A header may carry several signatures, separated by commas or spaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringback.connectors.incoming import IncomingRequest, with_query
from ringback.connectors.verify.ages import check_age, tolerance_ms
from ringback.connectors.verify.pieces import is_form, query_of, signed_bytes, url_variants
from ringback.connectors.verify.refused import Refused, secrets_of, texts_of

ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
_MOST_SIGNATURES = 20


def configured(options: Mapping[str, Any]) -> bool:
    """A secret and a header are given."""
    return bool(secrets_of(options)) and bool(texts_of(options, "header"))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless one of the signatures in the header is one of a live secret."""
    headers = texts_of(options, "header")
    carried = [text for name in headers if (text := request.headers.get(name.lower()))]
    if not carried:
        raise Refused(
            f"The callback has no {' or '.join(headers)} header, which should carry its signature.",
            "no_proof",
        )
    _check_signed_headers(options, request, now_ms)
    listed = [one for text in carried for one in re.split(r"[,\s]+", text) if one]
    given = [_plain(one, options).encode() for one in listed[:_MOST_SIGNATURES]]
    good = False
    for url in url_variants(request.url) if options.get("url_variants") else [request.url]:
        signed = signed_bytes(options, replace(request, url=url))
        for secret in secrets_of(options):
            expected = _digest(options, secret, signed).encode()
            for one in given:
                good |= hmac.compare_digest(expected, one)
    if not good:
        raise Refused(
            f"The signature in {' or '.join(headers)} is not one that a secret of this connection makes "
            f"({_algorithm(options)}, {_encoding(options)}) over what arrived."
        )


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with its signature, and the timestamp, nonce and hash that it covers."""
    headers = dict(request.headers)
    if options.get("timestamp_header"):
        headers[str(options["timestamp_header"]).lower()] = str(now_ms // 1000)
    if options.get("nonce_header"):
        headers[str(options["nonce_header"]).lower()] = f"n{now_ms}"
    request = _with_body_hash(options, replace(request, headers=headers))
    digest = _digest(options, secrets_of(options)[0], signed_bytes(options, request))
    name = texts_of(options, "header")[0].lower()
    headers[name] = f"{options.get('prefix') or ''}{digest}"
    return replace(request, headers=headers)


def _check_signed_headers(
    options: Mapping[str, Any], request: IncomingRequest, now_ms: int
) -> None:
    nonce = str(options.get("nonce_header") or "")
    if nonce and not request.headers.get(nonce.lower()):
        raise Refused(f"The callback has no {nonce} header, which its signature covers.")
    header = options.get("timestamp_header")
    if header:
        written = request.headers.get(str(header).lower())
        check_age(written, f"{header} header", tolerance_ms(options), now_ms)


def _with_body_hash(options: Mapping[str, Any], request: IncomingRequest) -> IncomingRequest:
    name = str(options.get("body_hash") or "")
    if not name or not request.body or is_form(request) or name in dict(query_of(request.url)):
        return request
    hashed = hashlib.sha256(request.body).hexdigest()
    url = with_query(request.url, **{name: hashed})
    return replace(request, url=url, query=[*request.query, (name, hashed)])


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
