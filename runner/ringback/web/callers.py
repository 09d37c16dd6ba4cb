"""Who asks something of the API, and whether they may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback.access import roles
from ringback.access.callers import Caller, anybody_may_come, identify, nobody
from ringback.engine.runtime import Runtime
from ringback.web.address import client_address
from ringback.web.errors import Refusal
from ringback.web.hook_auth import bearer_token
from ringback.web.operations import BASE, Operation
from ringback.web.requests import env_headers

_REALM = 'Bearer realm="ringback"'


def admit(runtime: Runtime, environ: Mapping[str, Any], operation: Operation) -> Caller:
    """Who asks, where they may do what the operation does.

    Raises `Refusal`: 401 without a token that counts, 403 with one whose scopes do not cover it (RFC 6750, 3.1).
    """
    address = client_address(environ, runtime.settings.locks.trusted_proxies)
    if operation.scope == roles.NONE:
        return nobody(address)
    token = bearer_token(env_headers(environ).get("authorization", ""))
    caller = identify(runtime.journal, runtime.settings, token, address) if token else None
    if caller is None:
        raise _unknown(runtime, token)
    if operation.scope == roles.OWN:
        if caller.account is None and roles.MANAGES not in caller.scopes:
            raise _may_not(caller, operation, roles.MANAGES)
    elif operation.scope not in (roles.ANYBODY, *caller.scopes):
        raise _may_not(caller, operation, operation.scope)
    return caller


def _unknown(runtime: Runtime, token: str) -> Refusal:
    if not anybody_may_come(runtime.journal, runtime.settings):
        return Refusal(
            403,
            "api_closed",
            "The API is closed: this project has no account and no API token.",
            "Add one with `ringback accounts add` or `ringback tokens create`, or set `api: tokens:` in ringback.yaml.",
            BASE,
        )
    said = "counts no longer, or never did" if token else "is missing"
    return Refusal(
        401,
        "unauthorized",
        f"The token {said}.",
        f"Send one as Authorization: Bearer <token>; POST {BASE}/sessions gives one for a name and a password.",
        BASE,
        {"WWW-Authenticate": f'{_REALM}, error="invalid_token"' if token else _REALM},
    )


def _may_not(caller: Caller, operation: Operation, scope: str) -> Refusal:
    who = "Your role" if caller.account is not None else f"The token {caller.actor.name}"
    return Refusal(
        403,
        "forbidden",
        f"{who} does not cover {scope}.",
        "An owner can change the role, or create a token with this scope.",
        operation.where,
        {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'},
    )
