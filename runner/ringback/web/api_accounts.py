"""The API's operations on accounts and tokens, by the rules of `ringback accounts` and `ringback tokens`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

from ringback.access import accounts as accountbook
from ringback.access import passwords, roles, shown
from ringback.access.accounts import Beyond, Owner
from ringback.access.callers import Caller, still_may
from ringback.engine.runtime import Runtime
from ringback.journal import accounts, tokens
from ringback.problems import Failure
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked

T = TypeVar("T")


def list_accounts(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /accounts`."""
    del asked
    with runtime.journal.read() as conn:
        found = accounts.list_accounts(conn)
    return {"accounts": [shown.account(one) for one in found]}, 200


def add_account(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /accounts`."""
    body, caller, now = asked.body, asked.caller, runtime.clock.now_ms()
    hashed = _hashed(body["password"], accountbook.plain_name(body["name"]))
    made = change(
        runtime,
        caller,
        f"POST {BASE}/accounts",
        lambda conn: accountbook.add(
            conn, body["name"], body["role"], hashed, caller.actor, now, may=caller.scopes
        ),
    )
    return shown.account(made), 201


def change_account(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PATCH /accounts/{account}`."""
    name, body, caller = asked.path["account"], asked.body, asked.caller
    by, may, now = caller.actor, caller.scopes, runtime.clock.now_ms()

    def write(conn: Connection) -> accounts.Account:
        if "role" in body:
            accountbook.set_role(conn, name, body["role"], by, now, may=may)
        if "enabled" in body:
            accountbook.set_enabled(conn, name, body["enabled"], by, now, may=may)
        return accountbook.find(conn, name)

    return shown.account(change(runtime, caller, f"{BASE}/accounts/{name}", write)), 200


def reset_password(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PUT /accounts/{account}/password`."""
    name, caller, now = asked.path["account"], asked.caller, runtime.clock.now_ms()
    where = f"{BASE}/accounts/{name}/password"
    with runtime.journal.read() as conn:
        known = accountbook.find(conn, name)
    if known.id == caller.belongs_to:
        raise Refusal(
            409, "own_password", "This is your own account.",
            f"Change its password with PUT {BASE}/me/password, which asks for the one that it has.", where,
        )  # fmt: skip
    hashed = _hashed(asked.body["password"], known.name)
    made = change(
        runtime,
        caller,
        where,
        lambda conn: accountbook.set_password(
            conn, name, hashed, caller.actor, now, may=caller.scopes
        ),
    )
    return shown.account(made), 200


def remove_account(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /accounts/{account}`."""
    name, caller, now = asked.path["account"], asked.caller, runtime.clock.now_ms()
    made = change(
        runtime,
        caller,
        f"{BASE}/accounts/{name}",
        lambda conn: accountbook.remove(conn, name, caller.actor, now, may=caller.scopes),
    )
    return {"removed": made.name}, 200


def list_tokens(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /tokens`."""
    own = _only_own(asked.caller)
    with runtime.journal.read() as conn:
        found = [one for one in tokens.list_tokens(conn) if own is None or one.account == own]
        return {"tokens": shown.tokens(conn, found)}, 200


def create_token(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /tokens`."""
    body, caller, now = asked.body, asked.caller, runtime.clock.now_ms()
    name, until = body["name"], None if caller.account is not None else caller.expires_at

    def write(conn: Connection) -> dict[str, Any]:
        token = accountbook.create_token(
            conn,
            name,
            body["scopes"],
            body["expires_at"],
            caller.actor,
            now,
            may=caller.scopes,
            of=Owner(caller.belongs_to, until),
        )
        made = tokens.by_name(conn, name)
        assert made is not None
        (listed,) = shown.tokens(conn, [made])
        return {**listed, "token": token}

    return change(runtime, caller, f"POST {BASE}/tokens", write), 201


def revoke_token(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /tokens/{token}`."""
    name, caller, now = asked.path["token"], asked.caller, runtime.clock.now_ms()
    own = _only_own(caller)
    change(
        runtime,
        caller,
        f"{BASE}/tokens/{name}",
        lambda conn: accountbook.revoke_token(conn, name, caller.actor, now, of=own),
    )
    return {"revoked": name}, 200


def change(runtime: Runtime, caller: Caller, where: str, write: Callable[[Connection], T]) -> T:
    """Write what changes who may do what, where the caller still may. Raises `Refusal` 403 where it is beyond them,
    409 where it cannot be as things stand."""

    def checked(conn: Connection) -> T:
        still_may(conn, caller)
        return write(conn)

    try:
        return runtime.journal.write(checked)
    except Failure as failure:
        if failure.code != "refused":
            raise
        status, code = (403, "forbidden") if isinstance(failure, Beyond) else (409, "refused")
        raise Refusal(status, code, failure.message, failure.next, where) from failure


def _only_own(caller: Caller) -> str | None:
    """The account whose tokens alone the caller sees and revokes; None for everybody's."""
    return None if roles.MANAGES in caller.scopes else caller.belongs_to


def _hashed(password: str, name: str) -> str:
    passwords.check_new(password, name)
    with passwords.turn():
        return passwords.hash_password(password)
