"""Signing in: the same answer for every mistake, slower for who guesses, and all of it in the trail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from tests.access.conftest import BY, NOW, PASSWORD

from ringback.access import accounts, login, passwords, tokens
from ringback.access.login import sign_in
from ringback.clock import SimulatedClock
from ringback.journal import accounts as kept
from ringback.journal import audit, tries
from ringback.journal.accounts import Account
from ringback.journal.journal import Journal
from ringback.problems import Failure
from ringback.settings import Locks

Add = Callable[..., Account]
HERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 is slow on purpose; `test_passwords` looks at the real thing."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))  # fmt: skip
    passwords._nobody.cache_clear()


def fail(journal: Journal, name: str = "amina", address: str = HERE) -> Failure:
    with pytest.raises(Failure) as caught:
        sign_in(journal, Locks(), name, "wrong", address)
    return caught.value


def trail(journal: Journal, *actions: str) -> list[audit.Entry]:
    with journal.read() as conn:
        return audit.page(conn, actions=actions, limit=200)[0][::-1]


def test_the_right_password_gives_a_session(journal: Journal, add: Add) -> None:
    account = add("Amina@School.example")
    made = sign_in(journal, Locks(), " amina@school.EXAMPLE ", PASSWORD, HERE)
    assert tokens.is_whole(made.token)
    assert made.token.startswith("rbs_")
    with journal.read() as conn:
        session = kept.session_of(conn, tokens.hash_of(made.token))
        known = kept.get_account(conn, account.id)
    assert session is not None
    assert session.until == NOW + 12 * 3_600_000
    assert known is not None
    assert known.last_login_at == NOW
    (entry,) = trail(journal, "session.began")
    assert (entry.who, entry.address) == ("amina@school.example", HERE)


def test_every_mistake_gets_the_same_answer(journal: Journal, add: Add) -> None:
    add("amina")
    add("bao")
    journal.write(lambda conn: accounts.set_enabled(conn, "bao", False, BY, NOW))
    with pytest.raises(Failure) as off:
        sign_in(journal, Locks(), "bao", PASSWORD, HERE)
    said = {str(one) for one in (fail(journal), fail(journal, "nobody@x.example"), off.value)}
    assert len(said) == 1
    entries = trail(journal, "session.refused")
    assert [one.facts["why"] for one in entries] == ["switched off", "wrong password", "unknown account"]  # fmt: skip
    assert "nobody@x.example" not in repr(entries)  # it might be a password in the wrong field


def test_unknown_accounts_cost_the_same_work(journal: Journal, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    add("amina")
    real, seen = passwords._HASHER, list[str]()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def verify(self, hashed: str, password: str) -> bool:
            seen.append(hashed)
            return real.verify(hashed, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched())
    fail(journal, "amina")
    fail(journal, "nobody")
    assert len(seen) == 2


def test_a_password_hashed_with_less_is_hashed_anew(journal: Journal, add: Add) -> None:
    account = add("amina")  # with the real parameters, which are not those of `quick`
    sign_in(journal, Locks(), "amina", PASSWORD, HERE)
    with journal.read() as conn:
        known = kept.get_account(conn, account.id)
    assert known is not None
    assert known.password != account.password
    assert not passwords.is_outdated(known.password)
    assert passwords.verify(known.password, PASSWORD)


def test_a_change_while_the_password_is_looked_at_counts(
    journal: Journal, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("tom", "owner")
    account = add("amina", "owner")
    real = passwords.verify

    def meanwhile(kept_hash: str | None, password: str) -> bool:
        journal.write(lambda conn: accounts.set_role(conn, "amina", "viewer", BY, NOW))
        return real(kept_hash, password)

    monkeypatch.setattr(passwords, "verify", meanwhile)
    sign_in(journal, Locks(), "amina", PASSWORD, HERE)
    with journal.read() as conn:
        known = kept.get_account(conn, account.id)
    assert known is not None
    assert known.role == "viewer"

    def switched_off(kept_hash: str | None, password: str) -> bool:
        journal.write(lambda conn: accounts.set_enabled(conn, "amina", False, BY, NOW))
        return real(kept_hash, password)

    monkeypatch.setattr(passwords, "verify", switched_off)
    with pytest.raises(Failure, match="name or the password is wrong"):
        sign_in(journal, Locks(), "amina", PASSWORD, HERE)
    with journal.read() as conn:
        known = kept.get_account(conn, account.id)
    assert known is not None
    assert not known.enabled


def test_guessing_gets_slower(journal: Journal, add: Add, clock: SimulatedClock) -> None:
    add("amina")
    free = login.RULES["pair"].free
    assert {fail(journal).code for _ in range(free)} == {"unauthorized"}
    waits = []
    for _ in range(14):
        blocked = fail(journal)
        assert blocked.code == "throttled"
        assert blocked.retry_after
        waits.append(blocked.retry_after)
        with pytest.raises(Failure, match="has to wait"):  # the right one has to wait, too
            sign_in(journal, Locks(), "amina", PASSWORD, HERE)
        clock.advance_to(clock.now_ms() + int(blocked.retry_after * 1000))
        assert fail(journal).code == "unauthorized"
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert max(waits) == 900
    assert len(trail(journal, "session.blocked")) >= 14
    clock.advance_to(clock.now_ms() + login.FORGOTTEN_MS + 900_000)
    sign_in(journal, Locks(), "amina", PASSWORD, HERE)


def test_nobody_is_locked_out_by_somebody_elses_guesses(journal: Journal, add: Add) -> None:
    add("amina")
    for _ in range(login.RULES["pair"].free):
        fail(journal, address="198.51.100.1")
    assert fail(journal, address="198.51.100.1").code == "throttled"
    assert sign_in(journal, Locks(), "amina", PASSWORD, HERE).account.name == "amina"


def test_one_address_cannot_try_many_accounts(journal: Journal) -> None:
    codes = [fail(journal, f"name{n}").code for n in range(login.RULES["address"].free + 1)]
    assert codes[-2:] == ["unauthorized", "throttled"]
    assert fail(journal, "another", "198.51.100.1").code == "unauthorized"


def test_addresses_of_one_ipv6_customer_count_as_one(journal: Journal) -> None:
    codes = {fail(journal, f"n{n}", f"2001:db8:1:2::{n:x}").code for n in range(21)}
    assert "throttled" in codes
    assert fail(journal, "n", "2001:db8:1:3::1").code == "unauthorized"


def test_tries_at_the_same_time_in_two_processes_do_not_pass_the_count(
    tmp_path: Path, add: Add, journal: Journal, clock: SimulatedClock
) -> None:
    add("amina")
    other = Journal.open(tmp_path / "journal.db", clock)  # as another process would have it
    codes: list[str] = []

    def guess(at: int) -> None:
        codes.append(fail(journal if at % 2 else other).code)

    threads = [threading.Thread(target=guess, args=(at,)) for at in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    codes += [fail(other).code for _ in range(4)]
    assert codes.count("unauthorized") == login.RULES["pair"].free
    other.close()


def test_a_success_clears_the_count(journal: Journal, add: Add) -> None:
    add("amina")
    for _ in range(4):
        fail(journal)
    sign_in(journal, Locks(), "amina", PASSWORD, HERE)
    assert {fail(journal).code for _ in range(5)} == {"unauthorized"}


def test_a_clock_that_was_wrong_locks_nobody_out_for_years(journal: Journal, add: Add) -> None:
    add("amina")
    counted = tries.Tries(9, NOW, NOW + 10 * 365 * 86_400_000)
    for key in login._keys("amina", HERE).values():
        journal.write(partial(tries.hold, key=key, now=NOW))
        journal.write(partial(tries.put, key=key, counted=counted))
    assert sign_in(journal, Locks(), "amina", PASSWORD, HERE)
