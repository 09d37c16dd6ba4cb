"""The API's operations on kept secrets: their names, setting and removing them. None gives a value."""

from __future__ import annotations

from typing import Any

from ringback.access import shown, vault
from ringback.engine.runtime import Runtime
from ringback.journal import sealed
from ringback.problems import Failure
from ringback.web.api_accounts import change
from ringback.web.errors import Refusal
from ringback.web.operations import BASE, Asked


def list_secrets(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /secrets`."""
    del asked
    used = runtime.settings.locks.kept_secrets
    with runtime.journal.read() as conn:
        found = sealed.every(conn)
    missing = sorted(used - {one.name for one in found})
    return {"secrets": [shown.secret(one, used) for one in found], "missing": missing}, 200


def set_secret(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PUT /secrets/{secret}`."""
    name, locks, now = asked.path["secret"], runtime.settings.locks, runtime.clock.now_ms()
    by, value, where = asked.caller.actor, asked.body["value"], f"{BASE}/secrets/{name}"
    try:
        keys = vault.read_keys(locks.secret_keys)
    except Failure as failure:
        raise Refusal(409, "no_key", failure.message, failure.next, where) from failure
    made = change(
        runtime, asked.caller, where, lambda conn: vault.put(conn, keys, name, value, by, now)
    )
    return shown.secret(made, locks.kept_secrets), 200


def remove_secret(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /secrets/{secret}`."""
    name, caller, now = asked.path["secret"], asked.caller, runtime.clock.now_ms()
    where = f"{BASE}/secrets/{name}"
    change(runtime, caller, where, lambda conn: vault.remove(conn, name, caller.actor, now))
    return {"removed": name, "used": name in runtime.settings.locks.kept_secrets}, 200
