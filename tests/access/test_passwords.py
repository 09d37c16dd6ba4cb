"""Which passwords are taken, how they are kept, and that looking at them has a bound."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.access.conftest import PASSWORD

from ringback.access import passwords
from ringback.problems import Failure


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("brief7", "shorter than 12"),
        ("x" * 257, "longer than 256"),
        ("password1234", "first to be tried"),
        ("passwordpassword", "Repeats"),
        ("123456789012", "first to be tried"),
        ("qwertyuiop123", "very common"),
        ("amina@school.example", "first to be tried"),
        ("aaaaaaaaaaaaaaaaaaaa", "first to be tried"),
    ],
)
def test_a_weak_password_is_refused_with_a_reason(password: str, why: str) -> None:
    with pytest.raises(Failure, match=why) as caught:
        passwords.check_new(password, "amina@school.example")
    assert caught.value.next
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", [PASSWORD, "lima-oscar-delta", "correct horse battery", "ü" * 3 + "Xk4!pq92mnTT"])  # fmt: skip
def test_words_are_enough(password: str) -> None:
    passwords.check_new(password, "amina@school.example")


def test_what_is_kept_is_argon2id_with_our_parameters(hashed: str) -> None:
    assert hashed.startswith("$argon2id$")
    kept = extract_parameters(hashed)
    assert (kept.memory_cost, kept.time_cost, kept.parallelism) == (19_456, 2, 1)
    assert passwords.verify(hashed, PASSWORD)
    assert not passwords.verify(hashed, PASSWORD + " ")
    assert not passwords.is_outdated(hashed)
    assert passwords.is_outdated(PasswordHasher(memory_cost=8192, time_cost=1, parallelism=1).hash("x"))  # fmt: skip


def test_nobody_has_no_password() -> None:
    assert not passwords.verify(None, "nobody has this password")
    assert not passwords.verify("no hash at all", "anything")


def test_letters_count_however_a_keyboard_composes_them() -> None:
    assert passwords.verify(passwords.hash_password("cafe\u0301 harbour 7"), "caf\u00e9 harbour 7")


def test_more_sign_ins_than_there_is_room_for_are_told_to_come_back() -> None:
    inside, leave = threading.Semaphore(0), threading.Event()
    refused = []

    def verify() -> None:
        try:
            with passwords.turn():
                inside.release()
                leave.wait(30)
        except Failure as failure:
            refused.append(failure)

    with ExitStack() as ending:
        ending.callback(leave.set)
        first = [threading.Thread(target=verify) for _ in range(passwords.AT_ONCE)]
        for one in first:
            one.start()
            assert inside.acquire(timeout=30)
        waiting = [threading.Thread(target=verify) for _ in range(passwords.WAITING)]
        for one in waiting:
            one.start()
        while passwords._places._value:
            pass
        verify()  # there is no place left: refused at once
        assert [one.code for one in refused] == ["throttled"]
        assert refused[0].retry_after
    for one in (*first, *waiting):
        one.join()
    with passwords.turn():
        pass
