"""Nobody gives more than they have, somebody is left to sign in as owner, and what an account has ends with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from tests.access.conftest import BY, NOW, PASSWORD
from tests.together import together

from ringback.access import accounts, roles
from ringback.access.accounts import Beyond, Owner
from ringback.access.callers import identify, still_may
from ringback.access.login import sign_in
from ringback.ids import new_id
from ringback.journal import accounts as kept
from ringback.journal import tokens as kept_tokens
from ringback.journal.accounts import Account
from ringback.journal.journal import Journal
from ringback.problems import Failure
from ringback.settings import Locks, Settings, load_settings

Add = Callable[..., Account]
SCOPES = st.frozensets(st.sampled_from(sorted(roles.SCOPES)))
ROLES = st.sampled_from(sorted(roles.ROLES))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "ringback.yaml").write_text("project: { name: Harbour School }\n")
    return load_settings(tmp_path, {})


def make(journal: Journal, name: str, scopes: Any = ("runs:read",), **more: Any) -> str:
    ends = more.pop("ends", None)
    return journal.write(
        lambda conn: accounts.create_token(conn, name, tuple(scopes), ends, BY, NOW, **more)
    )


def goes(journal: Journal, act: Any) -> str:
    """What becomes of a change: `done`, `beyond`, or what it was refused with."""
    try:
        journal.write(act)
    except Beyond:
        return "beyond"
    except Failure as failure:
        return failure.message
    return "done"


@given(may=SCOPES, role=ROLES, other=ROLES, scopes=SCOPES.filter(bool))
@how(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_gives_more_than_they_have(
    journal: Journal, hashed: str, may: frozenset[str], role: str, other: str, scopes: frozenset[str]
) -> None:  # fmt: skip
    name, more = new_id("x"), new_id("y")
    journal.write(lambda conn: accounts.add(conn, name, other, hashed, BY, NOW))
    given_, had = roles.scopes_of(role) <= may, roles.scopes_of(other) <= may
    keys: dict[str, Any] = {"by": BY, "now": NOW, "may": may}
    added = goes(journal, lambda conn: accounts.add(conn, more, role, hashed, **keys))
    assert added == ("done" if given_ else "beyond")
    changed = goes(journal, lambda conn: accounts.set_role(conn, name, role, **keys))
    assert (changed == "beyond") == (not (given_ and had))
    token = goes(journal, lambda conn: accounts.create_token(conn, new_id("t"), sorted(scopes), None, **keys))  # fmt: skip
    assert token == ("done" if scopes <= may else "beyond")
    now_has = roles.scopes_of(role if changed == "done" else other) <= may
    for act in (
        partial(accounts.set_password, name=name, password_hash=hashed, **keys),
        partial(accounts.set_enabled, name=name, enabled=False, **keys),
        partial(accounts.remove, name=name, **keys),
    ):
        assert (goes(journal, act) == "beyond") == (not now_has)


@pytest.mark.parametrize(
    "act",
    [
        partial(accounts.remove, name="amina", by=BY, now=NOW),
        partial(accounts.set_enabled, name="amina", enabled=False, by=BY, now=NOW),
        partial(accounts.set_role, name="amina", role="editor", by=BY, now=NOW),
    ],
    ids=["remove", "disable", "demote"],
)
def test_the_last_owner_who_can_sign_in_stays(journal: Journal, add: Add, act: Any) -> None:
    add("amina", "owner")
    add("away", "owner")
    add("tom", "editor")
    journal.write(lambda conn: accounts.set_enabled(conn, "away", False, BY, NOW))
    assert "amina is the last owner who can sign in" in goes(journal, act)
    with journal.read() as conn:
        still = kept.by_name(conn, "amina")
    assert still is not None
    assert (still.role, still.enabled) == ("owner", True)
    journal.write(lambda conn: accounts.set_enabled(conn, "away", True, BY, NOW))
    assert goes(journal, act) == "done"


def test_two_owners_who_remove_each_other_leave_one(journal: Journal, add: Add) -> None:
    for _ in range(10):
        add("amina", "owner")
        add("tom", "owner")
        done = together(
            lambda: goes(journal, lambda conn: accounts.remove(conn, "amina", BY, NOW)),
            lambda: goes(journal, lambda conn: accounts.set_role(conn, "tom", "viewer", BY, NOW)),
        )
        assert sorted(one == "done" for one in done) == [False, True], done
        with journal.read() as conn:
            left = kept.list_accounts(conn)
        assert [one.role for one in left if one.role == "owner"] == ["owner"]
        for one in left:  # without the rule, for the next round
            journal.write(lambda conn, one=one: kept.remove_account(conn, one.id))  # type: ignore[misc]


@pytest.mark.parametrize("how_", ["disable", "remove", "password"])
def test_what_an_account_has_ends_with_it(
    journal: Journal, settings: Settings, add: Add, hashed: str, how_: str
) -> None:
    add("root", "owner")
    amina = add("amina", "operator")
    session = sign_in(journal, Locks(), "amina", PASSWORD, "::1").token
    own, other = make(journal, "own", of=Owner(amina.id)), make(journal, "other")
    assert identify(journal, settings, own, "::1") is not None
    journal.write(
        {
            "disable": lambda conn: accounts.set_enabled(conn, "amina", False, BY, NOW),
            "remove": lambda conn: accounts.remove(conn, "amina", BY, NOW),
            "password": lambda conn: accounts.set_password(conn, "amina", hashed, BY, NOW),
        }[how_]
    )
    assert [identify(journal, settings, one, "::1") is None for one in (session, own, other)] == [
        True, True, False,
    ]  # fmt: skip
    with journal.read() as conn:
        assert [one.name for one in kept_tokens.list_tokens(conn)] == ["other"]
    if how_ == "disable":
        journal.write(lambda conn: accounts.set_enabled(conn, "amina", True, BY, NOW))
        assert identify(journal, settings, own, "::1") is None


def test_a_token_of_an_account_never_may_more_than_its_role(
    journal: Journal, settings: Settings, add: Add
) -> None:
    amina = add("amina", "operator")
    token = make(journal, "own", ["runs:read", "messages:send"], of=Owner(amina.id))
    journal.write(lambda conn: accounts.set_role(conn, "amina", "viewer", BY, NOW))
    found = identify(journal, settings, token, "::1")
    assert found is not None
    assert found.scopes == {"runs:read"}
    assert found.belongs_to == amina.id
    assert found.account is None


def test_a_token_ends_no_later_than_the_one_it_is_made_with(journal: Journal) -> None:
    until = Owner(None, NOW + 1000)
    for ends in (None, NOW + 1001):
        with pytest.raises(Beyond, match="cannot outlive"):
            make(journal, "late", ends=ends, of=until)
    make(journal, "in-time", ends=NOW + 1000, of=until)
    with pytest.raises(Failure, match="has to live for a while"):
        make(journal, "over", ends=NOW)


def test_who_was_changed_meanwhile_may_no_more(
    journal: Journal, settings: Settings, add: Add
) -> None:
    add("root", "owner")
    amina = add("amina", "owner")
    session = sign_in(journal, Locks(), "amina", PASSWORD, "::1").token
    token = make(journal, "own", of=Owner(amina.id))
    both = [identify(journal, settings, one, "::1") for one in (session, token)]
    for caller in both:
        assert caller is not None
        journal.write(lambda conn, caller=caller: still_may(conn, caller))  # type: ignore[misc]
    journal.write(lambda conn: accounts.set_enabled(conn, "amina", False, BY, NOW))
    journal.write(lambda conn: accounts.set_enabled(conn, "amina", True, BY, NOW))
    for caller in both:
        with pytest.raises(Failure, match="just been changed"):
            journal.write(lambda conn, caller=caller: still_may(conn, caller))  # type: ignore[misc]
