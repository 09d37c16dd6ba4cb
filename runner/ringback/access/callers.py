"""Who is behind a bearer token, and what they may do."""

from __future__ import annotations

import hmac
from typing import NamedTuple

from sqlalchemy import Connection

from ringback.access import roles
from ringback.access.accounts import EVERYBODY
from ringback.access.tokens import PROGRAM, SESSION, hash_of, is_whole
from ringback.journal import accounts, locks, tokens
from ringback.journal.accounts import Account
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal
from ringback.problems import Failure
from ringback.settings import Settings

NOTED_EVERY_MS = 10 * 60_000
"""How often a token's last use is written; more often would make a write of every read."""
_STATIC = "ringback.yaml"


class Caller(NamedTuple):
    """Who asks. `account` and `session` (the hash of its token) are there for somebody who has signed in.

    `belongs_to` is the id of the account behind a session, or behind a token that an account made for itself.
    """

    actor: Actor
    scopes: frozenset[str]
    account: Account | None = None
    session: str = ""
    expires_at: int | None = None
    belongs_to: str | None = None


def nobody(address: str) -> Caller:
    """Somebody who is not known."""
    return Caller(Actor("system", "nobody", address), frozenset())


def identify(journal: Journal, settings: Settings, token: str, address: str) -> Caller | None:
    """Who shows this token; None where it is not, or no longer, one of ours."""
    if _is_static(token, settings.api_tokens):
        return Caller(Actor("token", _STATIC, address), roles.ALL)
    if not is_whole(token):
        return None
    now = journal.clock.now_ms()
    if token.startswith(SESSION):
        return _of_session(journal, settings.locks.session_idle_ms, hash_of(token), address, now)
    assert token.startswith(PROGRAM)
    return _of_token(journal, hash_of(token), address, now)


def anybody_may_come(journal: Journal, settings: Settings) -> bool:
    """Whether there is any token or account by which the API could be entered."""
    if settings.api_tokens:
        return True
    with journal.read() as conn:
        return bool(accounts.list_accounts(conn) or tokens.list_tokens(conn))


def still_may(conn: Connection, caller: Caller) -> None:
    """Inside a write that changes who may do what: whether the caller still may, which stays so until it is kept.

    Raises `Failure("unauthorized")` where they were signed out, switched off or given a lesser role meanwhile.
    """
    locks.hold(conn, EVERYBODY)
    if caller.belongs_to is None:
        return
    account = accounts.get_account(conn, caller.belongs_to)
    if caller.session:
        there = accounts.session_of(conn, caller.session) is not None
    else:
        token = tokens.by_name(conn, caller.actor.name)
        there = token is not None and token.account == caller.belongs_to
    stays = (
        account is not None and account.enabled and caller.scopes <= roles.scopes_of(account.role)
    )
    if not (there and stays):
        raise Failure("unauthorized", "What you may do has just been changed.", "Sign in again.")


def _of_session(
    journal: Journal, idle_ms: int, token_hash: str, address: str, now: int
) -> Caller | None:
    with journal.read() as conn:
        session = accounts.session_of(conn, token_hash)
        account = accounts.get_account(conn, session.account) if session else None
    if session is None or account is None or not account.enabled:
        return None
    if now >= session.until or now >= session.seen_at + idle_ms:
        return None
    if now > session.seen_at + idle_ms // 20:
        journal.submit(lambda conn: accounts.seen(conn, token_hash, now))
    actor = Actor("account", account.name, address)
    return Caller(
        actor, roles.scopes_of(account.role), account, token_hash, session.until, account.id
    )


def _of_token(journal: Journal, token_hash: str, address: str, now: int) -> Caller | None:
    with journal.read() as conn:
        token = tokens.by_hash(conn, token_hash)
    if token is None or (token.expires_at is not None and now >= token.expires_at):
        return None
    scopes = roles.ALL & set(token.scopes)
    if token.account is not None:
        with journal.read() as conn:
            account = accounts.get_account(conn, token.account)
        if account is None or not account.enabled:
            return None
        scopes &= roles.scopes_of(account.role)
    if token.last_used_at is None or now > token.last_used_at + NOTED_EVERY_MS:
        journal.submit(lambda conn: tokens.used(conn, token_hash, now))
    actor = Actor("token", token.name, address)
    return Caller(actor, scopes, expires_at=token.expires_at, belongs_to=token.account)


def _is_static(token: str, known: tuple[str, ...]) -> bool:
    """Compared in a time that does not tell how nearly it is one of them."""
    given, found = token.encode("utf-8", "surrogateescape"), False
    for one in known:
        found |= hmac.compare_digest(given, one.encode())
    return found and bool(token)
