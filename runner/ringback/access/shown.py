"""Accounts, tokens and secrets as programs see them: without password, hash or value."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection

from ringback.access import roles
from ringback.journal import accounts
from ringback.journal.accounts import Account
from ringback.journal.sealed import Sealed
from ringback.journal.tokens import Token


def account(one: Account) -> dict[str, Any]:
    """An account without its password, and by its name alone, which is what it is asked for by."""
    shown: dict[str, Any] = {name: value for name, value in one._asdict().items() if name not in ("id", "password")}  # fmt: skip
    scopes = roles.scopes_of(one.role)
    return {**shown, "scopes": [scope for scope in roles.SCOPES if scope in scopes]}


def tokens(conn: Connection, several: Iterable[Token]) -> list[dict[str, Any]]:
    """Tokens without their hashes, each with the name of the account that it belongs to."""
    names = {one.id: one.name for one in accounts.list_accounts(conn)}
    return [
        {
            **{name: value for name, value in one._asdict().items() if name != "hash"},
            "scopes": list(one.scopes),
            "account": names.get(one.account) if one.account is not None else None,
        }
        for one in several
    ]


def secret(one: Sealed, used: Collection[str]) -> dict[str, Any]:
    """What is known of a secret without opening it; `used` names those that ringback.yaml refers to."""
    return {
        "name": one.name,
        "key": one.key_id,
        "set_at": one.set_at,
        "set_by": one.set_by,
        "used": one.name in used,
    }
