"""What is done to accounts and tokens; every change is in the audit trail in the same write.

`may` is what the one who asks may do: nobody gives more than that, or changes an account that has more. Who types at
the machine may do everything. One account at least stays that may sign in as owner.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set
from typing import NamedTuple

from sqlalchemy import Connection

from ringback.access import roles, tokens
from ringback.ids import new_id
from ringback.journal import accounts, audit, locks
from ringback.journal import tokens as kept_tokens
from ringback.journal.accounts import Account
from ringback.journal.audit import Actor
from ringback.journal.tokens import Token
from ringback.problems import Failure

_NAME = re.compile(r"[^\s/]{1,100}")
_TOKEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
EVERYBODY: locks.Lock = ("account", "all accounts")
"""Held by whatever changes an account that there is, before the account's own; no name has a space."""


class Beyond(Failure):
    """Somebody would give, or take over, more than they have."""


class Owner(NamedTuple):
    """Whose a new token is: the account's id, if an account's, and when whoever makes it ends themselves."""

    account: str | None = None
    until: int | None = None


def plain_name(name: str) -> str:
    """An account's name as it is kept and compared: one spelling, small letters, no spaces around."""
    return unicodedata.normalize("NFKC", name[:400]).strip().casefold()


def add(
    conn: Connection,
    name: str,
    role: str,
    password_hash: str,
    by: Actor,
    now: int,
    *,
    may: Set[str] = roles.ALL,
) -> Account:
    """Add an account. Raises `Failure` for a name that is taken or none, and for an unknown role; `Beyond`."""
    name = plain_name(name)
    if not _NAME.fullmatch(name):
        raise Failure("invalid_input", f"“{name}” is no name for an account.", "Take an e-mail address, or a word without spaces.")  # fmt: skip
    _may_give(role, may)
    locks.hold(conn, ("account", name))
    if accounts.by_name(conn, name) is not None:
        raise Failure("refused", f"There is an account {name} already.", "`ringback accounts` lists them.")  # fmt: skip
    made = Account(new_id("acc"), name, password_hash, role, True, now, now)
    accounts.put_account(conn, made)
    audit.add(conn, by, "account.added", name, now, {"role": role})
    return made


def set_role(
    conn: Connection, name: str, role: str, by: Actor, now: int, *, may: Set[str] = roles.ALL
) -> Account:
    """Give an account another role; what it is signed in to has it at once. Raises `Failure`, `Beyond`."""
    _may_give(role, may)
    account = _take(conn, name, may)
    if role != roles.OWNER:
        _keep_an_owner(conn, account)
    made = account._replace(role=role, updated_at=now)
    accounts.put_account(conn, made)
    audit.add(conn, by, "account.changed", account.name, now, {"role": role, "was": account.role})
    return made


def set_enabled(
    conn: Connection, name: str, enabled: bool, by: Actor, now: int, *, may: Set[str] = roles.ALL
) -> Account:
    """Switch an account off, which ends its sessions and tokens, or on again. Raises `Failure`, `Beyond`."""
    account = _take(conn, name, may)
    ended: dict[str, object] = {}
    if not enabled:
        _keep_an_owner(conn, account)
        ended = _end_all(conn, account)
    made = account._replace(enabled=enabled, updated_at=now)
    accounts.put_account(conn, made)
    audit.add(conn, by, "account.changed", account.name, now, {"enabled": enabled, **ended})
    return made


def set_password(
    conn: Connection,
    name: str,
    password_hash: str,
    by: Actor,
    now: int,
    stay: str = "",
    *,
    may: Set[str] = roles.ALL,
) -> Account:
    """Give an account a new password, and end its tokens and its sessions, but for the session `stay`.

    Raises `Failure`, `Beyond`.
    """
    account = _take(conn, name, may)
    made = account._replace(password=password_hash, updated_at=now)
    accounts.put_account(conn, made)
    audit.add(conn, by, "account.password", account.name, now, _end_all(conn, account, stay))
    return made


def remove(
    conn: Connection, name: str, by: Actor, now: int, *, may: Set[str] = roles.ALL
) -> Account:
    """Remove an account with its sessions and tokens; the audit trail keeps its name. Raises `Failure`, `Beyond`."""
    account = _take(conn, name, may)
    _keep_an_owner(conn, account)
    ended = _end_all(conn, account)
    accounts.remove_account(conn, account.id)
    audit.add(conn, by, "account.removed", account.name, now, {"role": account.role, **ended})
    return account


def find(conn: Connection, name: str) -> Account:
    """An account by its name. Raises `Failure("not_found")`."""
    found = accounts.by_name(conn, plain_name(name))
    if found is None:
        raise Failure("not_found", f"There is no account {plain_name(name)}.", "`ringback accounts` lists them.")  # fmt: skip
    return found


def _take(conn: Connection, name: str, may: Set[str]) -> Account:
    """An account that is about to be changed, which nobody else changes meanwhile."""
    locks.hold(conn, EVERYBODY)
    locks.hold(conn, ("account", plain_name(name)))
    account = find(conn, name)
    if not roles.scopes_of(account.role) <= may:
        raise Beyond("refused", f"The account {account.name} may do more than you.", "Ask an owner.")  # fmt: skip
    return account


def _keep_an_owner(conn: Connection, account: Account) -> None:
    """Whether somebody is left to sign in as owner without this account, if it is one who can. Held by `_take`."""
    if account.role != roles.OWNER or not account.enabled:
        return
    for other in accounts.list_accounts(conn):
        if other.id != account.id and other.role == roles.OWNER and other.enabled:
            return
    raise Failure("refused", f"{account.name} is the last owner who can sign in.", "Make another account owner first.")  # fmt: skip


def _end_all(conn: Connection, account: Account, stay: str = "") -> dict[str, object]:
    """End what an account is signed in to, but for the session `stay`, and its tokens: what the trail says of it."""
    return {
        "sessions_ended": accounts.end_all(conn, account.id, stay),
        "tokens_ended": kept_tokens.revoke_of(conn, account.id),
    }


def create_token(
    conn: Connection,
    name: str,
    scopes: Sequence[str],
    expires_at: int | None,
    by: Actor,
    now: int,
    *,
    may: Set[str] = roles.ALL,
    of: Owner = Owner(),  # noqa: B008  immutable
) -> str:
    """A new token, which is not kept and cannot be shown again.

    Raises `Failure` for a name that is taken or none, a time that is over, and naming every scope that there is
    not; `Beyond` where it would have more scopes, or last longer, than the token that it is made with.
    """
    if not _TOKEN_NAME.fullmatch(name):
        raise Failure("invalid_input", f"“{name}” is no name for a token.", "Take letters, digits, dots and dashes, such as ci or crm-sync.")  # fmt: skip
    strange = roles.unknown(scopes)
    if strange or not scopes:
        said = f"There is no scope {', '.join(strange)}." if strange else "A token needs a scope."
        raise Failure("invalid_input", said, f"There is: {', '.join(roles.SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise Failure("invalid_input", "A token has to live for a while.", "Give it an end that is still to come.")  # fmt: skip
    _may_make(scopes, expires_at, may, of)
    locks.hold(conn, ("account", f"token {name}"))
    if kept_tokens.by_name(conn, name) is not None:
        raise Failure("refused", f"There is a token {name} already.", "Take another name, or revoke that one first.")  # fmt: skip
    token = tokens.make(tokens.PROGRAM)
    listed = tuple(one for one in roles.SCOPES if one in set(scopes))
    kept_tokens.add_token(
        conn,
        Token(name, tokens.hash_of(token), tokens.hint_of(token), listed, now, by.name, expires_at, account=of.account),
    )  # fmt: skip
    facts = {"scopes": list(listed), "expires_at": expires_at}
    audit.add(conn, by, "token.created", name, now, facts)
    return token


def _may_make(scopes: Sequence[str], expires_at: int | None, may: Set[str], of: Owner) -> None:
    beyond = sorted(set(scopes) - may)
    if beyond:
        raise Beyond("refused", f"You cannot give what you do not have: {', '.join(beyond)}.", "Leave it out, or ask an owner.")  # fmt: skip
    if of.until is not None and (expires_at is None or expires_at > of.until):
        raise Beyond("refused", "A token cannot outlive the one that it is made with.", "Give it an earlier end, or sign in.")  # fmt: skip


def revoke_token(
    conn: Connection, name: str, by: Actor, now: int, *, of: str | None = None
) -> None:
    """A token counts no more, at once. With `of` only a token of this account. Raises `Failure("not_found")`."""
    known = kept_tokens.by_name(conn, name)
    if known is None or (of is not None and known.account != of) or not kept_tokens.revoke(conn, name):  # fmt: skip
        raise Failure("not_found", f"There is no token {name}.", "`ringback tokens` lists them.")
    audit.add(conn, by, "token.revoked", name, now)


def _may_give(role: str, may: Set[str]) -> None:
    if role not in roles.ROLES:
        raise Failure("invalid_input", f"There is no role {role}.", f"There is: {', '.join(roles.ROLES)}.")  # fmt: skip
    beyond = sorted(roles.scopes_of(role) - may)
    if beyond:
        raise Beyond("refused", f"You cannot make somebody {role} without having: {', '.join(beyond)}.", "Take a lesser role, or ask an owner.")  # fmt: skip
