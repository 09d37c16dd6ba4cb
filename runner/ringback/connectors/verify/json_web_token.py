"""`jwt`: a JSON Web Token signed with a shared secret, which may carry hashes of the address and of the body.

Options: header (Authorization; a leading "Bearer " is dropped), secret (one or several), algorithm (HS256; one or
several of HS256, HS384, HS512: a token with another, `none` above all, is refused), issuer, audience ("{url}" is
the public address), url_hash and body_hash (the claims that hold a SHA-256 in hex), url_variants (see `hmac`),
leeway (1 second: how far clocks may differ for `nbf` and `exp`), tolerance (5 minutes: how far `iat` may be from
now). A token without `exp` and without `iat` never ages, and is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS

from ringback import words
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.ages import check_moment, tolerance_ms
from ringback.connectors.verify.pieces import url_variants
from ringback.connectors.verify.refused import Refused, secrets_of, texts_of

ALGORITHMS = ("HS256", "HS384", "HS512")
_LIFE_S = 60


class _GivenKey(HMACAlgorithm):
    """The gateway chose the secret: its length is nothing an operator could be warned about."""

    def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002
        return None


_JWS = PyJWS(algorithms=[])
for _name in ALGORITHMS:
    _JWS.register_algorithm(_name, _GivenKey(getattr(hashlib, f"sha{_name[2:]}")))


def configured(options: Mapping[str, Any]) -> bool:
    """A secret is given."""
    return bool(secrets_of(options))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless the token is one of a live secret, is not too old, and is about this request."""
    header = str(options.get("header") or "Authorization")
    token = request.headers.get(header.lower(), "").removeprefix("Bearer ").strip()
    if not token:
        raise Refused(
            f"The callback has no {header} header, which should carry its token.", "no_proof"
        )
    claims = _claims(options, token, header)
    _check_times(options, claims, now_ms)
    _check_party(options, claims, request)
    _check_hashes(options, claims, request)


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with its token."""
    now = now_ms // 1000
    claims: dict[str, Any] = {"iat": now, "nbf": now, "exp": now + _LIFE_S, "jti": f"j{now_ms}"}
    if options.get("issuer"):
        claims["iss"] = str(options["issuer"])
    if options.get("audience"):
        claims["aud"] = [str(options["audience"]).replace("{url}", request.url)]
    if options.get("url_hash"):
        claims[str(options["url_hash"])] = _sha256(request.url.encode())
    if options.get("body_hash") and request.body:
        claims[str(options["body_hash"])] = _sha256(request.body)
    payload = json.dumps(claims).encode()
    token = _JWS.encode(payload, secrets_of(options)[0], algorithm=_algorithms(options)[0])
    name = str(options.get("header") or "Authorization")
    value = f"Bearer {token}" if name.lower() == "authorization" else token
    return replace(request, headers={**request.headers, name.lower(): value})


def _claims(options: Mapping[str, Any], token: str, header: str) -> dict[str, Any]:
    allowed = _algorithms(options)
    try:
        said = jwt.get_unverified_header(token).get("alg")
    except jwt.PyJWTError:
        raise Refused(f"What {header} carries is not a JSON Web Token.") from None
    if said not in allowed:
        raise Refused(
            f"The token in {header} is signed by {said}; {' or '.join(allowed)} is expected."
        )
    payload: bytes | None = None
    for secret in secrets_of(options):
        try:
            payload = _JWS.decode(token, secret, algorithms=list(allowed))
        except jwt.PyJWTError:
            continue
    if payload is None:
        raise Refused(f"The token in {header} is not one that a secret of this connection signed.")
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Refused(f"The token in {header} holds no claims.")
    return claims


def _check_times(options: Mapping[str, Any], claims: Mapping[str, Any], now_ms: int) -> None:
    leeway = words.duration_ms(str(options.get("leeway") or "1 second"))
    begins, ends, issued = (_moment(claims, name) for name in ("nbf", "exp", "iat"))
    if begins is not None and begins - leeway > now_ms:
        apart = words.say_duration(begins - now_ms)
        raise Refused(f"The token is not valid before {apart} from now by our clock.", "too_old")
    if ends is not None and ends + leeway <= now_ms:
        raise Refused(
            f"The token ran out {words.say_duration(now_ms - ends)} ago by our clock.", "too_old"
        )
    if issued is not None:
        check_moment(issued, tolerance_ms(options), now_ms)
    elif ends is None:
        raise Refused("The token says neither when it was issued nor when it runs out.")


def _moment(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"The token's {name} is not a moment in epoch seconds.")
    return int(value * 1000)


def _check_party(
    options: Mapping[str, Any], claims: Mapping[str, Any], request: IncomingRequest
) -> None:
    issuer, audience = options.get("issuer"), options.get("audience")
    if issuer and claims.get("iss") != str(issuer):
        raise Refused(f"The token does not say that {issuer} issued it.")
    if audience:
        said = claims.get("aud")
        named = said if isinstance(said, list) else [said]
        wanted = [str(audience).replace("{url}", url) for url in _urls(options, request)]
        if not any(one in named for one in wanted):
            raise Refused(f"The token is not meant for {wanted[0]}.")


def _check_hashes(
    options: Mapping[str, Any], claims: Mapping[str, Any], request: IncomingRequest
) -> None:
    if options.get("url_hash"):
        hashes = [_sha256(url.encode("utf-8", "replace")) for url in _urls(options, request)]
        _check_hash(claims, str(options["url_hash"]), hashes, f"the address {request.url}")
    if options.get("body_hash"):
        name = str(options["body_hash"])
        if request.body or claims.get(name) is not None:
            _check_hash(claims, name, [_sha256(request.body)], "the body that arrived")


def _check_hash(claims: Mapping[str, Any], name: str, hashes: list[str], of: str) -> None:
    carried = str(claims.get(name) or "").lower().encode()
    good = False
    for one in hashes:
        good |= hmac.compare_digest(one.encode(), carried)
    if not good:
        raise Refused(f"The token's {name} is not the hash of {of}.")


def _urls(options: Mapping[str, Any], request: IncomingRequest) -> list[str]:
    return url_variants(request.url) if options.get("url_variants") else [request.url]


def _algorithms(options: Mapping[str, Any]) -> list[str]:
    names = [one.upper() for one in texts_of(options, "algorithm")] or ["HS256"]
    unknown = [one for one in names if one not in ALGORITHMS]
    if unknown:
        raise Refused(f"The token algorithm {unknown[0]} is not one of {', '.join(ALGORITHMS)}.")
    return names


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
