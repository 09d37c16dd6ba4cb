"""Accounts and the sessions of those who have signed in."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ringback.journal.schema import accounts, sessions
from ringback.journal.statements import Row, Statement


class Account(NamedTuple):
    """Somebody who may sign in. `password` is what argon2 made of it; `name` is written small."""

    id: str
    name: str
    password: str
    role: str
    enabled: bool
    created_at: int
    updated_at: int
    last_login_at: int | None = None


class Session(NamedTuple):
    """One sign-in. `hash` is that of its token, `until` when it ends whatever happens."""

    hash: str
    account: str
    created_at: int
    seen_at: int
    until: int
    address: str


_ACCOUNT = [accounts.c[name] for name in Account._fields]
_SESSION = [sessions.c[name] for name in Session._fields]
_PUT = Statement(
    insert(accounts).values({name: bindparam(name) for name in Account._fields}),
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in Account._fields[2:]),
)
_GET = Statement(select(*_ACCOUNT).where(accounts.c.id == bindparam("account")))
_BY_NAME = Statement(select(*_ACCOUNT).where(accounts.c.name == bindparam("called")))
_ALL = Statement(select(*_ACCOUNT).order_by(accounts.c.name))
_LET_IN = Statement(
    update(accounts)
    .where(
        accounts.c.id == bindparam("account"),
        accounts.c.enabled == 1,
        accounts.c.password == bindparam("was"),
    )
    .values(last_login_at=bindparam("now"), password=bindparam("password_hash"))
)
_REMOVE = Statement(delete(accounts).where(accounts.c.id == bindparam("account")))

_BEGIN = Statement(insert(sessions).values({name: bindparam(name) for name in Session._fields}))
_SESSION_OF = Statement(select(*_SESSION).where(sessions.c.hash == bindparam("token_hash")))
_SEEN = Statement(
    update(sessions)
    .where(sessions.c.hash == bindparam("token_hash"))
    .values(seen_at=bindparam("now"))
)
_END = Statement(delete(sessions).where(sessions.c.hash == bindparam("token_hash")))
_END_ALL = Statement(
    delete(sessions).where(
        sessions.c.account == bindparam("of"), sessions.c.hash != bindparam("but")
    )
)
_OVER = Statement(delete(sessions).where(sessions.c.until < bindparam("now")))


def put_account(conn: Connection, account: Account) -> None:
    """Add an account, or write it over what it was; its name stays."""
    _PUT.run(conn, account._asdict() | {"enabled": int(account.enabled)})


def get_account(conn: Connection, account_id: str) -> Account | None:
    """One account by its id."""
    return _account(_GET.row(conn, {"account": account_id}))


def by_name(conn: Connection, name: str) -> Account | None:
    """One account by its name, written small."""
    return _account(_BY_NAME.row(conn, {"called": name}))


def list_accounts(conn: Connection) -> list[Account]:
    """Every account, in order of names."""
    return [Account(*row)._replace(enabled=bool(row[4])) for row in _ALL.rows(conn, {})]


def let_in(conn: Connection, account_id: str, was: str, password: str, now: int) -> bool:
    """Somebody signs in who knew the password that was kept as `was`, and is kept as `password` from now on.

    False where the account was changed, switched off or removed meanwhile.
    """
    values = {"account": account_id, "was": was, "password_hash": password, "now": now}
    return _LET_IN.run(conn, values) > 0


def remove_account(conn: Connection, account_id: str) -> None:
    """An account and its sessions go."""
    end_all(conn, account_id)
    _REMOVE.run(conn, {"account": account_id})


def begin(conn: Connection, session: Session) -> None:
    """Somebody has signed in; sessions whose time is up go on the way."""
    _OVER.run(conn, {"now": session.created_at})
    _BEGIN.run(conn, session._asdict())


def session_of(conn: Connection, token_hash: str) -> Session | None:
    """The session of a token, by the token's hash, whether its time is up or not."""
    row = _SESSION_OF.row(conn, {"token_hash": token_hash})
    return None if row is None else Session(*row)


def seen(conn: Connection, token_hash: str, now: int) -> None:
    """A session was used."""
    _SEEN.run(conn, {"token_hash": token_hash, "now": now})


def end(conn: Connection, token_hash: str) -> int:
    """A session ends; 1, or 0 where there was none."""
    return _END.run(conn, {"token_hash": token_hash})


def end_all(conn: Connection, account_id: str, but: str = "") -> int:
    """All sessions of an account end, perhaps all but one; how many."""
    return _END_ALL.run(conn, {"of": account_id, "but": but})


def _account(row: Row | None) -> Account | None:
    return None if row is None else Account(*row)._replace(enabled=bool(row[4]))
