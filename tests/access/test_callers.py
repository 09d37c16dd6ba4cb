"""Who is behind a token, until when, and with what scopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.access.conftest import BY, NOW, PASSWORD

from ringback.access import accounts, roles, tokens
from ringback.access.callers import Caller, anybody_may_come, identify
from ringback.access.login import sign_in
from ringback.clock import SimulatedClock
from ringback.journal import tokens as kept
from ringback.journal.accounts import Account
from ringback.journal.journal import Journal
from ringback.problems import Failure
from ringback.settings import Locks, Settings, load_settings

Add = Callable[..., Account]
LOCKS = Locks()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "ringback.yaml").write_text('api: { tokens: ["static-token-0123456789"] }\n')
    return load_settings(tmp_path, {})


def test_a_static_token_may_do_everything(journal: Journal, settings: Settings) -> None:
    found = identify(journal, settings, "static-token-0123456789", "::1")
    assert found is not None
    assert found == Caller(found.actor, roles.ALL)
    assert found.actor.name == "ringback.yaml"
    assert identify(journal, settings, "static-token-012345678", "::1") is None
    assert identify(journal, replace(settings, api_tokens=()), "", "::1") is None


def test_a_session_ends_by_rest_and_in_the_end(
    journal: Journal, settings: Settings, add: Add, clock: SimulatedClock
) -> None:
    add("amina", "operator")
    token = sign_in(journal, LOCKS, "amina", PASSWORD, "::1").token
    for _ in range(30):  # in use all the time
        found = identify(journal, settings, token, "::1")
        assert found is not None
        assert found.scopes == roles.scopes_of("operator")
        clock.advance_to(clock.now_ms() + LOCKS.session_idle_ms - 1)
        journal.write(lambda _conn: None)  # what was submitted is written
        if clock.now_ms() >= NOW + LOCKS.session_longest_ms:
            break
    assert clock.now_ms() >= NOW + LOCKS.session_longest_ms
    assert identify(journal, settings, token, "::1") is None
    rested = sign_in(journal, LOCKS, "amina", PASSWORD, "::1").token
    clock.advance_to(clock.now_ms() + LOCKS.session_idle_ms)
    assert identify(journal, settings, rested, "::1") is None


def test_changes_to_an_account_count_at_once(
    journal: Journal, settings: Settings, add: Add, hashed: str
) -> None:
    add("tom", "owner")
    add("amina", "owner")
    token = sign_in(journal, LOCKS, "amina", PASSWORD, "::1").token
    journal.write(lambda conn: accounts.set_role(conn, "amina", "viewer", BY, NOW))
    found = identify(journal, settings, token, "::1")
    assert found is not None
    assert found.scopes == roles.scopes_of("viewer")
    journal.write(lambda conn: accounts.set_enabled(conn, "amina", False, BY, NOW))
    assert identify(journal, settings, token, "::1") is None
    journal.write(lambda conn: accounts.set_enabled(conn, "amina", True, BY, NOW))
    assert identify(journal, settings, token, "::1") is None  # it was signed out
    token = sign_in(journal, LOCKS, "amina", PASSWORD, "::1").token
    journal.write(lambda conn: accounts.set_password(conn, "amina", hashed, BY, NOW))
    assert identify(journal, settings, token, "::1") is None
    journal.write(lambda conn: accounts.remove(conn, "amina", BY, NOW))
    with pytest.raises(Failure, match="There is no account amina"):
        journal.write(lambda conn: accounts.set_role(conn, "amina", "viewer", BY, NOW))


def test_a_token_has_its_scopes_until_it_expires_or_is_revoked(
    journal: Journal, settings: Settings, clock: SimulatedClock
) -> None:
    def make(name: str, expires: int | None) -> str:
        return journal.write(
            lambda conn: accounts.create_token(conn, name, ["runs:read"], expires, BY, NOW)
        )

    ci, ever = make("ci", NOW + 1000), make("ever", None)
    found = identify(journal, settings, ci, "::1")
    assert found is not None
    assert (found.actor.kind, found.actor.name, found.scopes) == (
        "token",
        "ci",
        frozenset({"runs:read"}),
    )
    clock.advance_to(NOW + 1000)
    assert identify(journal, settings, ci, "::1") is None
    assert identify(journal, settings, ever, "::1") is not None
    journal.write(lambda _conn: None)
    with journal.read() as conn:
        row = kept.by_name(conn, "ever")
    assert row is not None
    assert row.last_used_at == NOW + 1000
    assert ever not in repr(row)
    journal.write(lambda conn: accounts.revoke_token(conn, "ever", BY, NOW))
    assert identify(journal, settings, ever, "::1") is None


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("ci", ["runs:read", "runs:raed"], "There is no scope runs:raed"),
        ("ci", [], "needs a scope"),
        ("c i", ["runs:read"], "no name for a token"),
        ("taken", ["runs:read"], "There is a token taken already"),
    ],
)
def test_a_token_that_cannot_be(journal: Journal, name: str, scopes: list[str], said: str) -> None:
    journal.write(lambda conn: accounts.create_token(conn, "taken", ["runs:read"], None, BY, NOW))
    with pytest.raises(Failure, match=said):
        journal.write(lambda conn: accounts.create_token(conn, name, scopes, None, BY, NOW))


def test_an_open_door_is_known(journal: Journal, settings: Settings, add: Add) -> None:
    assert anybody_may_come(journal, settings)
    closed = replace(settings, api_tokens=())
    assert not anybody_may_come(journal, closed)
    add("amina")
    assert anybody_may_come(journal, closed)


def test_roles_grow() -> None:
    had: frozenset[str] = frozenset()
    for name in roles.ROLES:
        has = roles.scopes_of(name)
        assert had < has <= roles.ALL
        had = has
    assert had == roles.ALL
    assert tokens.PROGRAM != tokens.SESSION
