"""Whether a webhook's sender is who the workflow expects."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

from ringback.web.errors import Refusal
from ringback.web.hookspec import Auth

NEVER_KEPT = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Headers that prove who somebody is; no event keeps them."""


def same(given: str, secrets: tuple[str, ...]) -> bool:
    """Whether the text is one of the secrets, in a time that does not tell how nearly."""
    encoded = given.encode("utf-8", "surrogateescape")
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(encoded, secret.encode())
    return found


def check_sender(
    auth: Auth, headers: Mapping[str, str], query: Mapping[str, Any], where: str
) -> None:
    """Check what can be checked before the body is read: token and basic. Raises `Refusal` 401."""
    if auth.type == "token":
        if not same(_token(auth, headers, query), auth.secrets):
            raise refuse(where, "The token is missing or wrong.", _token_help(auth), "Bearer")
    elif auth.type == "basic":
        name, password = basic_credentials(headers.get("authorization", ""))
        right_name = hmac.compare_digest(name.encode(), auth.username.encode()) or not auth.username
        if not (same(password, auth.secrets) and right_name):
            raise refuse(
                where,
                "The user name or the password is missing or wrong.",
                "Send them with basic authentication; with curl: -u name:password.",
                "Basic",
            )
    elif auth.type != "none" and not auth.signs_body:
        raise refuse(where, f"The authentication {auth.type} is not known.", "Check the workflow.")


def basic_credentials(authorization: str) -> tuple[str, str]:
    """User name and password of a basic Authorization header; empty where there is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    name, _, password = decoded.partition(":")
    return name, password


def bearer_token(authorization: str) -> str:
    """The token of a bearer Authorization header; empty where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refuse(where: str, message: str, next_step: str, scheme: str = "") -> Refusal:
    """The 401 of a door; `scheme` names what the sender should have used."""
    headers = {"WWW-Authenticate": f'{scheme} realm="ringback"'} if scheme else {}
    return Refusal(401, "unauthorized", message, next_step, where, headers)


def _token(auth: Auth, headers: Mapping[str, str], query: Mapping[str, Any]) -> str:
    if auth.header and auth.header in headers:
        given = headers[auth.header]
        return (bearer_token(given) or given) if auth.header == "authorization" else given
    if auth.query and auth.query in query:
        return str(query[auth.query])
    return "" if auth.header else bearer_token(headers.get("authorization", ""))


def _token_help(auth: Auth) -> str:
    ways = [f"the header {auth.header}" if auth.header else "Authorization: Bearer <token>"]
    if auth.query:
        ways.append(f"?{auth.query}=<token>")
    return f"Send it as {' or '.join(ways)}."
