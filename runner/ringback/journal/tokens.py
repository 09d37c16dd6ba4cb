"""Tokens of programs: a name, what it may do, until when. The token itself is not kept, only its hash."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ringback.journal import jsontext
from ringback.journal.schema import tokens
from ringback.journal.statements import Row, Statement


class Token(NamedTuple):
    """One token. `hint` is how it begins, so that it can be told from others; `expires_at` None is never.

    `account` is the id of the account that it belongs to, and ends with; None for one that belongs to nobody.
    """

    name: str
    hash: str
    hint: str
    scopes: tuple[str, ...]
    created_at: int
    created_by: str
    expires_at: int | None = None
    last_used_at: int | None = None
    account: str | None = None


_COLUMNS = [tokens.c[name] for name in Token._fields]
_ADD = Statement(insert(tokens).values({name: bindparam(name) for name in Token._fields}))
_BY_HASH = Statement(select(*_COLUMNS).where(tokens.c.hash == bindparam("token_hash")))
_BY_NAME = Statement(select(*_COLUMNS).where(tokens.c.name == bindparam("called")))
_ALL = Statement(select(*_COLUMNS).order_by(tokens.c.name))
_USED = Statement(
    update(tokens)
    .where(tokens.c.hash == bindparam("token_hash"))
    .values(last_used_at=bindparam("now"))
)
_OF_ACCOUNT = Statement(
    select(tokens.c.name).where(tokens.c.account == bindparam("of")).order_by(tokens.c.name)
)
_REVOKE = Statement(delete(tokens).where(tokens.c.name == bindparam("called")))


def add_token(conn: Connection, token: Token) -> None:
    """Keep a new token."""
    _ADD.run(conn, token._asdict() | {"scopes": jsontext.dump(token.scopes)})


def by_hash(conn: Connection, token_hash: str) -> Token | None:
    """The token that has this hash, expired or not."""
    return _token(_BY_HASH.row(conn, {"token_hash": token_hash}))


def by_name(conn: Connection, name: str) -> Token | None:
    """The token of this name."""
    return _token(_BY_NAME.row(conn, {"called": name}))


def list_tokens(conn: Connection) -> list[Token]:
    """Every token, in order of names."""
    return [made for row in _ALL.rows(conn, {}) if (made := _token(row)) is not None]


def used(conn: Connection, token_hash: str, now: int) -> None:
    """A token was used."""
    _USED.run(conn, {"token_hash": token_hash, "now": now})


def revoke(conn: Connection, name: str) -> bool:
    """A token counts no more; whether there was one."""
    return _REVOKE.run(conn, {"called": name}) > 0


def revoke_of(conn: Connection, account_id: str) -> list[str]:
    """Every token of an account counts no more; their names."""
    names = [str(row[0]) for row in _OF_ACCOUNT.rows(conn, {"of": account_id})]
    for name in names:
        revoke(conn, name)
    return names


def _token(row: Row | None) -> Token | None:
    return None if row is None else Token(*row)._replace(scopes=tuple(jsontext.load(row[3])))
