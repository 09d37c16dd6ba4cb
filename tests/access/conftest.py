from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringback.access import accounts, passwords
from ringback.clock import SimulatedClock
from ringback.journal.accounts import Account
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal

NOW = 1_782_657_000_000
BY = Actor("cli", "amina", "front-desk")
PASSWORD = "violet harbour otter 9"


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def journal(tmp_path: Path, clock: SimulatedClock) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.db", clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def add(journal: Journal, hashed: str) -> Callable[..., Account]:
    def add_account(name: str, role: str = "operator") -> Account:
        return journal.write(lambda conn: accounts.add(conn, name, role, hashed, BY, NOW))

    return add_account
