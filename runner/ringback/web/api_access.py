"""The API's operations on sessions, and on the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ringback.access import accounts as accountbook
from ringback.access import passwords, roles
from ringback.access.callers import Caller
from ringback.access.login import sign_in
from ringback.engine.runtime import Runtime
from ringback.journal import accounts, audit
from ringback.problems import Failure
from ringback.web.errors import Refusal
from ringback.web.hook_auth import refuse
from ringback.web.operations import BASE, Asked

_SESSIONS = f"POST {BASE}/sessions"


def begin_session(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /sessions`."""
    locks, address = runtime.settings.locks, asked.caller.actor.address
    try:
        made = sign_in(runtime.journal, locks, asked.body["name"], asked.body["password"], address)
    except Failure as failure:
        if failure.code != "unauthorized":
            raise
        raise refuse(_SESSIONS, failure.message, failure.next, "Bearer") from failure
    return {
        "token": made.token,
        "expires_at": made.session.until,
        "idle_ms": locks.session_idle_ms,
        "account": _account(made.account),
    }, 201


def show_me(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /me`."""
    del runtime
    caller = asked.caller
    return {
        "kind": caller.actor.kind,
        "name": caller.actor.name,
        "role": caller.account.role if caller.account else None,
        "scopes": [one for one in roles.SCOPES if one in caller.scopes],
        "address": caller.actor.address,
        "expires_at": caller.expires_at,
    }, 200


def end_session(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /sessions/current`."""
    return _end(runtime, asked, everywhere=False)


def end_sessions(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /sessions`."""
    return _end(runtime, asked, everywhere=True)


def set_password(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PUT /me/password`."""
    caller = asked.caller
    account, where = _signed_in(caller), f"PUT {BASE}/me/password"
    old, new = asked.body["current"], asked.body["new"]
    with passwords.turn():
        right = passwords.verify(account.password, old)
    if not right:
        raise Refusal(422, "invalid_body", "The current password is wrong.", "Check it.", where)
    passwords.check_new(new, account.name)
    with passwords.turn():
        hashed = passwords.hash_password(new)
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> None:
        accountbook.set_password(conn, account.name, hashed, caller.actor, now, caller.session)

    runtime.journal.write(write)
    return {"name": account.name}, 200


def list_audit(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /audit`."""
    query = asked.query
    with runtime.journal.read() as conn:
        found, more = audit.page(
            conn,
            who=query["who"],
            actions=tuple(query["action"]),
            object=query["object"],
            since=query["since"],
            before=query["before"],
            limit=query["limit"],
        )
    return {"entries": [show_entry(one) for one in found], "next": more}, 200


def show_entry(entry: audit.Entry) -> dict[str, Any]:
    """An entry of the trail as programs see it."""
    return {**entry._asdict(), "facts": dict(entry.facts)}


def _end(runtime: Runtime, asked: Asked, *, everywhere: bool) -> tuple[Any, int]:
    caller = asked.caller
    account, now = _signed_in(caller), runtime.clock.now_ms()

    def write(conn: Connection) -> int:
        if everywhere:
            ended = accounts.end_all(conn, account.id)
        else:
            ended = accounts.end(conn, caller.session)
        facts = {"sessions": ended}
        audit.add(conn, caller.actor, "session.ended", account.name, now, facts)
        return ended

    return {"ended": runtime.journal.write(write)}, 200


def _signed_in(caller: Caller) -> accounts.Account:
    if caller.account is None:
        raise Refusal(
            409,
            "no_session",
            "This is a token of a program, not somebody's who has signed in.",
            "Revoke it with: ringback tokens revoke NAME",
            BASE,
        )
    return caller.account


def _account(account: accounts.Account) -> dict[str, Any]:
    scopes = roles.scopes_of(account.role)
    return {
        "name": account.name,
        "role": account.role,
        "scopes": [one for one in roles.SCOPES if one in scopes],
    }
