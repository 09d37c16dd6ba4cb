"""`basic`: a user name and a password in the Authorization header. Options: username, secret (one or several)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.refused import Refused, secrets_of


def configured(options: Mapping[str, Any]) -> bool:
    """A password is given."""
    return bool(secrets_of(options))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:  # noqa: ARG001
    """Raise `Refused` unless user name and password are the connection's."""
    scheme, _, carried = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Refused("The callback carries no user name and password.", "no_proof")
    good = False
    for secret in secrets_of(options):
        good |= hmac.compare_digest(_encoded(options, secret).encode(), carried.strip().encode())
    if not good:
        raise Refused(
            "The user name or password that the callback carries is not the connection's."
        )


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:  # noqa: ARG001
    """The request with the Authorization header."""
    value = f"Basic {_encoded(options, secrets_of(options)[0])}"
    return replace(request, headers={**request.headers, "authorization": value})


def _encoded(options: Mapping[str, Any], secret: str) -> str:
    return base64.b64encode(f"{options.get('username') or ''}:{secret}".encode()).decode()
