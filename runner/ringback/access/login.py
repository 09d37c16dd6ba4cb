"""Signing in: a name and a password against a session's token, slowly for who guesses.

Unknown account, wrong password and switched-off account get the same answer after the same work. A try is counted
before the password is looked at and taken back when it was right, so tries made at the same time, in whichever
process, cannot pass the count.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import NamedTuple

from sqlalchemy import Connection

from ringback.access import passwords, tokens
from ringback.access.accounts import plain_name
from ringback.journal import accounts, audit, tries
from ringback.journal.accounts import Account, Session
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal
from ringback.journal.tries import Tries
from ringback.problems import Failure
from ringback.settings.model import Locks


class Rule(NamedTuple):
    """After `free` refusals each further one doubles the wait, from a second up to `longest_ms`."""

    what: str
    free: int
    longest_ms: int


RULES: dict[str, Rule] = {
    "pair": Rule("one account from one address", 5, 15 * 60_000),
    "address": Rule("one address, whatever the account", 20, 15 * 60_000),
    "account": Rule("one account, whatever the address", 50, 60_000),
}
"""What is counted. The last is mild, so that nobody can lock somebody else out by guessing."""

FORGOTTEN_MS = 3_600_000
"""A count starts anew this long after its last refusal."""


class SignedIn(NamedTuple):
    """The token, which is shown this once, and the session behind it."""

    token: str
    session: Session
    account: Account


class _Counted(NamedTuple):
    account: Account | None
    wait_ms: int
    """How long to wait before trying; 0 for go on."""
    blocked: list[tuple[str, int]]
    """The counts that this try has brought to a wait, and how long it is."""


def sign_in(journal: Journal, locks: Locks, name: str, password: str, address: str) -> SignedIn:
    """A session for whoever knows an account's password.

    Raises `Failure`: `unauthorized` where name and password do not fit, `throttled` with `retry_after` after too
    many refusals, or while too many passwords are being looked at.
    """
    name, clock = plain_name(name), journal.clock
    keys = _keys(name, address)
    with journal.read() as conn:
        _wait(max(_left(tries.look(conn, key), kind, clock.now_ms()) for kind, key in keys.items()))
    with passwords.turn():
        now = clock.now_ms()
        counted = journal.write(lambda conn: _count(conn, name, keys, now))
        _wait(counted.wait_ms)
        account = counted.account
        right = passwords.verify(account.password if account else None, password)
        fresh = account.password if account is not None else ""
        if right and passwords.is_outdated(fresh):
            fresh = passwords.hash_password(password)
    if account is None or not right or not account.enabled:
        why = "unknown account" if account is None else "switched off" if right else "wrong password"  # fmt: skip
        journal.write(lambda conn: _refused(conn, account, why, counted.blocked, address, now))
        raise _wrong()
    token = tokens.make(tokens.SESSION)
    session = Session(tokens.hash_of(token), account.id, now, now, now + locks.session_longest_ms, address)  # fmt: skip
    if not journal.write(lambda conn: _let_in(conn, account, fresh, session, keys)):
        raise _wrong()
    return SignedIn(token, session, account)


def _wrong() -> Failure:
    return Failure("unauthorized", "The name or the password is wrong.", "Check both; an owner can set a new password with: ringback accounts password NAME")  # fmt: skip


def _keys(name: str, address: str) -> dict[str, str]:
    """What each rule counts under. Names go in hashed: who mistypes may have put the password there."""
    hashed = hashlib.sha256(name.encode()).hexdigest()[:32]
    network = _network(address)
    return {
        "pair": f"pair:{hashed}:{network}",
        "address": f"address:{network}",
        "account": f"account:{hashed}",
    }


def _network(address: str) -> str:
    """An address as it is counted: of IPv6 the /64 that one customer has to themselves."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address or "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)


def _left(counted: Tries | None, kind: str, now: int) -> int:
    """How long a count still has to wait; one that lies further ahead than can be is of a clock that was wrong."""
    left = counted.until - now if counted is not None else 0
    return left if 0 < left <= RULES[kind].longest_ms else 0


def _wait(wait_ms: int) -> None:
    if wait_ms > 0:
        raise Failure(
            "throttled",
            "There were too many wrong passwords, so signing in has to wait.",
            "Try again when the time of Retry-After is over.",
            retry_after=-(-wait_ms // 1000),
        )


def _count(conn: Connection, name: str, keys: dict[str, str], now: int) -> _Counted:
    """Count a try under every rule, unless one says to wait."""
    held = {kind: tries.hold(conn, key, now) for kind, key in sorted(keys.items())}
    wait = max(_left(counted, kind, now) for kind, counted in held.items())
    if wait:
        return _Counted(None, wait, [])
    blocked = []
    for kind, was in held.items():
        failures = (0 if now - was.last_at > FORGOTTEN_MS else was.failures) + 1
        over = failures - RULES[kind].free
        pause = 0 if over < 0 else min(1000 << min(over, 30), RULES[kind].longest_ms)
        if pause:
            blocked.append((kind, pause))
        tries.put(conn, keys[kind], Tries(failures, now, now + pause))
    return _Counted(accounts.by_name(conn, name), 0, blocked)


def _refused(
    conn: Connection,
    account: Account | None,
    why: str,
    blocked: list[tuple[str, int]],
    address: str,
    now: int,
) -> None:
    """A name that is no account's is not written down: it may be a password in the wrong place."""
    by = Actor("account" if account else "system", account.name if account else "nobody", address)
    audit.add(conn, by, "session.refused", by.name, now, {"why": why})
    for kind, pause in blocked:
        facts = {"counted": RULES[kind].what, "wait_s": pause // 1000}
        audit.add(conn, by, "session.blocked", by.name, now, facts)
    tries.forget(conn, now - 24 * FORGOTTEN_MS)


def _let_in(
    conn: Connection, account: Account, fresh: str, session: Session, keys: dict[str, str]
) -> bool:
    """Begin the session, unless the account was changed while its password was looked at."""
    now = session.created_at
    if not accounts.let_in(conn, account.id, account.password, fresh, now):
        return False
    tries.clear(conn, keys["account"])
    tries.clear(conn, keys["pair"])
    held = tries.hold(conn, keys["address"], now)
    tries.put(conn, keys["address"], Tries(max(held.failures - 1, 0), held.last_at, 0))
    accounts.begin(conn, session)
    by = Actor("account", account.name, session.address)
    audit.add(conn, by, "session.began", account.name, now, {"role": account.role})
    return True
