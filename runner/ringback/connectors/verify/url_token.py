"""`token`: a long random text that only the gateway was told, in the address or in a header.

Options: secret (one or several), query (the parameter; `token` where missing) or header (a leading "Bearer " is
dropped). It proves less than a signature: addresses end up in logs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from ringback.connectors.incoming import IncomingRequest, with_query
from ringback.connectors.verify.refused import Refused, secrets_of


def configured(options: Mapping[str, Any]) -> bool:
    """A token is given."""
    return bool(secrets_of(options))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:  # noqa: ARG001
    """Raise `Refused` unless the request carries a live token."""
    header = options.get("header")
    if header:
        place = f"the {header} header"
        carried = request.headers.get(str(header).lower(), "").removeprefix("Bearer ").strip()
    else:
        name = str(options.get("query") or "token")
        place = f"its address as ?{name}="
        carried = dict(reversed(request.query)).get(name, "")
    if not carried:
        raise Refused(f"The callback carries no token in {place}.", "no_proof")
    good = False
    for secret in secrets_of(options):
        good |= hmac.compare_digest(secret.encode(), carried.encode())
    if not good:
        raise Refused(f"The token that the callback carries in {place} is not the connection's.")


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:  # noqa: ARG001
    """The request with the token in its place."""
    secret = secrets_of(options)[0]
    header = options.get("header")
    if header:
        return replace(request, headers={**request.headers, str(header).lower(): secret})
    name = str(options.get("query") or "token")
    others = [(key, value) for key, value in request.query if key != name]
    if len(others) != len(request.query):
        return request
    return replace(
        request, url=with_query(request.url, **{name: secret}), query=[*others, (name, secret)]
    )


def told(options: Mapping[str, Any], address: str) -> str:
    """The address with the token in it, unless its place is taken: what `sign` does to the address of a request."""
    return _told(address, str(options.get("query") or "token"), secrets_of(options)[0])


@lru_cache(maxsize=256)
def _told(address: str, name: str, secret: str) -> str:
    taken = any(
        key == name for key, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)
    )
    return address if taken else with_query(address, **{name: secret})


OWN = "•••token•••"
"""Stands in a kept address where the connection's own token stood."""


def hide(options: Mapping[str, Any], address: str) -> str:
    """An address to be kept: without the connection's token, but with the place where it stood."""
    for secret in sorted(secrets_of(options), key=len, reverse=True):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            address = address.replace(form, OWN)
    return address


def restore(options: Mapping[str, Any], address: str) -> str:
    """A kept address with the connection's present token where its own stood."""
    live = secrets_of(options)
    return address.replace(OWN, quote(live[0], safe="")) if live else address
